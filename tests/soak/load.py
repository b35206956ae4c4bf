"""Producers that behave: they retry what was not acknowledged, with the same ids, and remember what was."""

import json
import threading
import time
from types import TracebackType
from typing import Any, Self

import httpx

from tests.server import ADMIN_TOKEN, Server, event

HEADERS = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/cloudevents-batch+json"}


class Load:
    """Threads that send batches until the block ends. `acknowledged` holds the ids that got a 200.

    One event in `act_every` has the type that the policy of the test acts on. Ids begin with `name`. Each thread waits
    `pause_s` after a batch.
    """

    def __init__(
        self, server: Server, *, threads: int = 4, batch: int = 20, act_every: int = 50, name: str = "",
        pause_s: float = 0.0,
    ) -> None:  # fmt: skip
        self._server = server
        self._batch = batch
        self._act_every = act_every
        self._name = name
        self._pause_s = pause_s
        self._stopping = threading.Event()
        self.paused = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(threads)]
        self.acknowledged: set[str] = set()
        self.acting: set[str] = set()
        self.statuses: dict[int, int] = {}
        self.surprises: list[str] = []
        """Answers that no producer should ever get."""
        self.slowest_s = 0.0
        """The longest that a 200 took."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, worker: int) -> None:
        number = 0
        with httpx.Client(base_url=self._server.url, headers=HEADERS, timeout=20.0, trust_env=False) as client:
            while not self._stopping.is_set():
                members = [self._event(worker, number + n) for n in range(self._batch)]
                number += self._batch
                while not self._send(client, members) and not self._stopping.wait(0.05):
                    pass
                self._stopping.wait(self._pause_s)

    def _event(self, worker: int, number: int) -> dict[str, Any]:
        name = f"{self._name}{worker}-{number}"
        acts = number % self._act_every == 0
        kind = "org.example.soak.act" if acts else "org.example.soak.noise"
        severity = None if acts else "clear" if number % 3 == 0 else "major"  # a repeat of an alert acts but once
        return event(id=name, type=kind, resource=f"host-{number % 97}", subject=name, severity=severity)

    def _send(self, client: httpx.Client, members: list[dict[str, Any]]) -> bool:
        began = time.monotonic()
        try:
            response = client.post("/api/v1/events", content=json.dumps(members))
        except httpx.TransportError:
            return False
        status = response.status_code
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 200:
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            answer = response.json()
            if answer["accepted"] + answer["duplicates"] != len(members):
                self.surprises.append(response.text)
            self.acknowledged.update(member["id"] for member in members)
            self.acting.update(member["id"] for member in members if member["type"].endswith(".act"))
            return True
        if status not in {429, 503}:
            self.surprises.append(f"{status}: {response.text}")
        elif "retry-after" not in response.headers:
            self.surprises.append(f"{status} without Retry-After")
        return False

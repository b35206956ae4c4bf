"""`python -m bench.storm`: 100,000 alerts within a minute, over a landscape of 50,000 resources, on a real server.

Racks carry hosts, hosts carry applications, applications provide services that need each other: what fails is drawn at random,
so that most of the landscape fails, each place by about two checks. Measured are the time until all of it is durable and
decided, and how long the incident with the most alerts takes to be shown meanwhile: the requests that its page makes.
Ends with 1 if a bar is missed.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from bench import load, machine, page
from tests.server import ADMIN_TOKEN, Server

RESOURCES: Final = 50_000
ALERTS: Final = 100_000
WITHIN_S: Final = 60.0
SHOWN_MS: Final = 300.0
BATCH: Final = 500
APPLIED: Final = 1_000
"""Manifests in one request."""
PAGE: Final = ("", "/alerts", "/memberships", "/timeline", "/suspects", "/comments", "/escalations")
"""What the incident's page asks for, after `/api/v1/incidents/ID`."""


def landscape(chance: random.Random, size: int) -> Iterator[dict[str, Any]]:
    """Manifests of so many resources, and of a hundredth as many services."""
    services, hosts, racks = size // 100, size // 10, size // 500
    for number in range(services):
        yield _manifest("Service", f"svc-{number}", {"depends_on": [f"svc-{chance.randrange(services)}"]})
    for number in range(racks):
        yield _manifest("Resource", f"rack-{number}", {})
    for number in range(hosts):
        yield _manifest("Resource", f"host-{number}", {"part_of": [f"rack-{chance.randrange(racks)}"]})
    for number in range(size - hosts - racks):
        spec = {"runs_on": [f"host-{chance.randrange(hosts)}"], "service": f"svc-{chance.randrange(services)}"}
        yield _manifest("Resource", f"app-{number}", spec)


def _manifest(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "oncue/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def alerts(chance: random.Random, size: int, count: int) -> Iterator[dict[str, Any]]:
    """So many problems, each of a place and check of its own."""
    hosts, racks = size // 10, size // 500
    apps = size - hosts - racks
    seen: set[tuple[str, int]] = set()
    while len(seen) < count:
        name = f"app-{chance.randrange(apps)}" if chance.random() < 0.9 else f"host-{chance.randrange(hosts)}"
        which = (name, chance.randrange(20))
        if which not in seen:
            seen.add(which)
            yield {
                "specversion": "1.0", "id": f"storm-{len(seen)}", "source": "/bench", "type": "check.failed",
                "severity": "major", "resource": name, "check": f"check-{which[1]}",
            }  # fmt: skip


class Reader(threading.Thread):
    """Looks at the largest incident again and again, as its page does."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._over = threading.Event()
        self.took_ms: dict[str, list[float]] = {part: [] for part in PAGE}
        self.failed: list[str] = []

    def run(self) -> None:
        """Until it is stopped."""
        with httpx.Client(
            base_url=self._server.url, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}, timeout=60, trust_env=False
        ) as client:
            while not self._over.wait(0.2):
                items = client.get("/api/v1/incidents?limit=100").json()["items"]
                if not items:
                    continue
                largest = max(items, key=lambda one: one["alerts_firing"])["id"]
                for part in PAGE:
                    began = time.perf_counter()
                    answer = client.get(f"/api/v1/incidents/{largest}{part}")
                    self.took_ms[part].append((time.perf_counter() - began) * 1000)
                    if answer.status_code != 200:
                        self.failed.append(f"{part}: {answer.status_code} {answer.text[:200]}")

    def stop(self) -> None:
        """Stop looking."""
        self._over.set()
        self.join()


def measured(resources: int, count: int) -> tuple[float, float, Reader, dict[str, Any]]:
    """Seconds of the apply and of the storm, what the reader saw, and the largest incident at the end."""
    chance = random.Random(4)
    with tempfile.TemporaryDirectory() as folder:
        with Server(Path(folder) / "data") as server:
            found = _driven(server, chance, resources, count)
        server.verify()
    return found


def _driven(
    server: Server, chance: random.Random, resources: int, count: int
) -> tuple[float, float, Reader, dict[str, Any]]:
    began = time.perf_counter()
    waiting: list[dict[str, Any]] = []
    for one in [*landscape(chance, resources), None]:
        if one is not None:
            waiting.append(one)
        if waiting and (one is None or len(waiting) == APPLIED):
            answer = server.client.post("/api/v1/manifests", json=waiting, timeout=120)
            answer.raise_for_status()
            waiting = []
    applied_s = time.perf_counter() - began
    events = list(alerts(chance, resources, count))
    kind = "application/cloudevents-batch+json"
    requests = [
        load.request("127.0.0.1", server.port, "/api/v1/events", kind, msgspec.json.encode(events[i : i + BATCH]),
                     ADMIN_TOKEN)
        for i in range(0, len(events), BATCH)
    ]  # fmt: skip
    reader = Reader(server)
    reader.start()
    result = load.run(server.port, requests, connections=4)
    reader.stop()
    assert not result.failures, result.refusals
    largest = max(server.items("incidents", limit=200), key=lambda one: one["alerts_firing"])
    stats = server.client.get("/api/v1/stats/now").json()
    return applied_s, result.seconds, reader, {**largest, "stats": stats}


def main() -> int:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=ALERTS)
    parser.add_argument("--resources", type=int, default=RESOURCES)
    parser.add_argument("--page", type=Path, default=None, help="write the page there")
    chosen = parser.parse_args()
    applied_s, storm_s, reader, largest = measured(chosen.resources, chosen.alerts)
    rows = []
    for part, took in reader.took_ms.items():
        ordered = sorted(took) or [0.0]
        rows.append((part or "the incident", len(took), ordered[len(ordered) // 2], ordered[-1]))
    lines = [
        f"{chosen.alerts:,} alerts over {chosen.resources:,} resources: {storm_s:.1f} s "
        f"({chosen.alerts / storm_s:,.0f} a second; bar {WITHIN_S:g} s); the landscape was applied in {applied_s:.1f} s; "
        f"the largest incident has {largest['alerts_firing']:,} alerts that fire.",
        "",
        "| of the incident's page, meanwhile | looked at | median ms | slowest ms |",
        "|---|---|---|---|",
        *(f"| {part} | {count} | {middle:.0f} | {slowest:.0f} |" for part, count, middle, slowest in rows),
    ]
    print("\n".join(lines))
    for failure in reader.failed[:5]:
        print("failed:", failure)
    if chosen.page is not None:
        page.put(chosen.page, "\n".join([*lines, "", page.description(machine.describe(Path(tempfile.gettempdir())))]))
    shown = max(middle for _, _, middle, _ in rows)
    missed = storm_s > WITHIN_S or shown > SHOWN_MS or bool(reader.failed)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

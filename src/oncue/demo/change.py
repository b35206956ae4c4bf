"""The demonstration `change`: a version is released to a fleet in waves, fails in the second, and is undone; then another change
succeeds.

The fleet is real: processes, configuration files, restarts by its own control endpoint. What must have happened is checked at
the files and the processes. What OnCue says of itself is checked as well, and is never enough.
"""

import json
import os
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

import msgspec

from oncue.core.errors import Refusal
from oncue.demo import mail
from oncue.demo.fleet import BEGIN, Fleet, versions
from oncue.demo.telling import Api, Missing, Telling

SERVICES: Final = ("shop-1", "shop-2", "shop-3", "shop-4", "shop-5", "shop-6")
OUTDATED: Final = "shop-3"
"""Whose runtime is too old for the version; it is in the second wave."""
VERSION: Final = "2.0"
WORKERS: Final = 8
ROLLED_WITHIN_S: Final = 60.0
OVER: Final = frozenset({"review", "closed", "cancelled"})
"""States of a change in which nothing of it runs any more."""
DELETED_FIRST: Final = (
    "ChangeTemplate", "Resource", "Service", "Lookup", "Team", "Channel", "OutboundAllow",
)  # fmt: skip


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How it is told."""

    namespace: str = "demo"
    to: str = "operator@localhost"
    keep: bool = False


class Story(Telling):
    """One telling."""

    def __init__(self, api: Api, options: Options, tell: Callable[[str], None]) -> None:
        super().__init__(api, options.namespace, tell)
        self._options = options
        self.name = f"demo-fleet-{secrets.token_hex(2)}"
        """Of the manifests; each telling has its own."""
        self._seen = 0

    def run(self) -> None:
        """Tell it. Raises `Missing`, and what the API raises."""
        self._alone()
        with ExitStack() as stack:
            fleet = stack.enter_context(Fleet(SERVICES, outdated=[OUTDATED]))
            stack.callback(self._call_off)  # once more: what was asked for in the very moment, and its answer lost
            stack.callback(self._tidy)
            stack.callback(self._call_off)
            self._set_up(fleet)
            self._release(fleet)
            self._more_workers(fleet)
        self.tell("Everything happened, and was seen from outside: in the files, the processes and the mail.")

    def _alone(self) -> None:
        """Both would have services of the same names. Raises `Missing`."""
        for one in self.items("changes"):
            if one["state"] == "implement":
                raise Missing(
                    f"a namespace in which nothing is changed: {one['id']} ({one['title']}) runs in {self.namespace};"
                    f" wait for its end, cancel it (`oncue change cancel {one['id']}`), or name another with --namespace"
                )

    def _set_up(self, fleet: Fleet) -> None:
        pids = ", ".join(f"{name} {service.process.pid}" for name, service in fleet.services.items() if service.process)
        self.tell(f"A fleet of {len(SERVICES)} services runs version {BEGIN['version']}; processes: {pids}.")
        self.tell(f"Their files are in {fleet.folder}.")
        self.secret(f"{self.name}-mail", "mailbox:")
        self.secret(f"{self.name}-control", fleet.token)
        ports = [{"name": name, "port": str(service.port)} for name, service in fleet.services.items()]
        given = {"NAME": self.name, "TO": self._options.to, "CONTROL": str(fleet.port), "PORTS": json.dumps(ports)}
        found = self.documents("change.yaml", given)
        for name, service in fleet.services.items():
            known = {"type": "process", "service": self.name, "labels": {"fleet": self.name}}
            found.append(_manifest("Resource", name, known))
            allowed = {"host": "127.0.0.1", "port": service.port, "reason": f"The demonstration's fleet: {name}"}
            found.append(_manifest("OutboundAllow", f"{self.name}-{name}", allowed))
        self.apply(found)
        self.tell(f"Applied into the namespace {self.namespace}: {self.said('ChangeTemplate')}.")

    def _tidy(self) -> None:
        self.tidy(("OutboundAllow",) if self._options.keep else DELETED_FIRST, secrets=not self._options.keep)

    def _call_off(self) -> None:
        """What was interrupted is undone while there is a fleet: what runs on would be in the way of the next telling."""
        for change in self.items("changes"):
            id = change["id"]
            if change["state"] in OVER or not (change["template"] or "").startswith(f"{self.name}-"):
                continue
            try:
                self.api.send("POST", f"{self.api.path('changes', id)}/cancel", json={"reason": "The telling was left"})
            except Refusal as refusal:
                if refusal.code != "change.state":  # it is being undone already, or over by now
                    raise
            state = self.wait(partial(self._how_over, id), f"the end of {id}", ROLLED_WITHIN_S)
            self.tell(f"{id} is called off: {state}.")

    def _how_over(self, id: str) -> str | None:
        state = str(self.api.get(self.api.path("changes", id))["state"])
        return state if state in OVER else None

    # the first change

    def _release(self, fleet: Fleet) -> None:
        change = self._wanted("release", {"version": VERSION}, f"Version {VERSION} has the new basket")
        self._waves(change)
        over = self._over(change["id"])
        if over["close_code"] != "backed_out" or over["state"] != "review":
            raise Missing(
                f"{change['id']} was backed out and waits for its review; it is {over['state']}: {over['said']}"
            )
        self._outside(fleet, {**BEGIN})
        restored = sorted(call.split()[1].partition("/")[0] for call in fleet.calls if call.endswith("/restore"))
        if restored != ["shop-1", "shop-2", OUTDATED]:
            raise Missing(f"the control endpoint was asked to restore what was changed; it was asked for {restored}")
        untouched = [name for name in SERVICES if name not in restored]
        if any(fleet.services[name].restarts != 1 for name in untouched):
            raise Missing(f"{', '.join(untouched)}, of later waves, were never touched")
        self.tell(
            f"Undone and validated: {', '.join(restored)} run {BEGIN['version']} again; the others were never touched."
        )
        self._trail(
            over, "canary, shop-1: succeeded", f"wave-1, {OUTDATED}: failed", "Paused", "Rollback of", "backed out"
        )
        self._mailed(f"{change['id']} backed out")
        self.api.send("POST", f"{self.api.path('changes', over['id'])}/review", json={
            "code": "backed_out", "note": f"{OUTDATED} needs the runtime 2 first",
        })  # fmt: skip

    def _waves(self, change: dict[str, Any]) -> None:
        waves = "; ".join(f"{wave['name']}: {', '.join(wave['targets'])}" for wave in change["plan"]["waves"])
        self.tell(f"  {waves}")
        self.tell(f"  live: {self.link('changes', change['id'])}")

    # the second change

    def _more_workers(self, fleet: Fleet) -> None:
        for service in fleet.services.values():
            service.settle()
        change = self._wanted("workers", {"workers": WORKERS}, "The queue grows at noon")
        self._waves(change)
        over = self._over(change["id"])
        if over["close_code"] != "successful" or over["state"] != "closed":
            raise Missing(f"{change['id']} was successful and closed; it is {over['state']}: {over['said']}")
        self._outside(fleet, {**BEGIN, "workers": WORKERS})
        self.tell(f"All {len(SERVICES)} services run with {WORKERS} workers.")
        self._trail(over, "canary", "Bake of all targets: succeeded", "Done: successful")

    # what both do

    def _wanted(self, template: str, inputs: dict[str, Any], reason: str) -> dict[str, Any]:
        made: dict[str, Any] = self.api.send("POST", "/changes", json={
            "template": f"{self.name}-{template}", "with": inputs, "reason": reason, "namespace": self.namespace,
        })  # fmt: skip
        self.tell(f"{made['id']}: {made['title']}. {reason}.")
        self.api.send("POST", f"{self.api.path('changes', made['id'])}/start")
        self._seen = 0
        return made

    def _over(self, id: str) -> dict[str, Any]:
        """The change once it is over; what its ticket says meanwhile is told."""

        def look() -> dict[str, Any] | None:
            change: dict[str, Any] = self.api.get(self.api.path("changes", id))
            self._told(change)
            return change if change["state"] in OVER else None

        found = self.wait(look, f"the end of {id}", ROLLED_WITHIN_S)
        self._told(found)
        return found

    def _told(self, change: dict[str, Any]) -> None:
        notes = self._notes(change)
        for text in notes[self._seen :]:
            self.tell(f"  {text.splitlines()[0]}")
        self._seen = len(notes)

    def _notes(self, change: dict[str, Any]) -> list[str]:
        """What the ticket says, the oldest first."""
        found = self.api.get(self.api.path("tickets", change["ticket"], "comments"))["items"]
        return [str(one["text"]) for one in reversed(found)]

    def _outside(self, fleet: Fleet, expected: dict[str, Any]) -> None:
        """What the files and the processes say. Raises `Missing`."""
        for name, in_file, running in versions(fleet):
            service = fleet.services[name]
            said = service.health() or {}
            if service.config != expected or {key: said.get(key) for key in expected} != expected:
                raise Missing(
                    f"{name} has {expected} in its file and its process; they have {service.config} and {said}"
                )
            if service.process is None or not _lives(service.process.pid):
                raise Missing(f"the process of {name} lives")
            if (in_file, running) != (expected["version"], expected["version"]):
                raise Missing(f"{name} runs {expected['version']}; its file has {in_file}, its process {running}")

    def _trail(self, change: dict[str, Any], *wanted: str) -> None:
        notes = "\n".join(self._notes(change))
        for words in wanted:
            if words not in notes:
                raise Missing(f"the ticket {change['ticket']} says {words!r}; it says:\n{notes}")
        self.tell(f"Ticket {change['ticket']} holds the trail: {self.link('tickets', change['ticket'])}")

    def _mailed(self, subject: str) -> None:
        def look() -> str | None:
            for listed in self.api.get("/mailbox")["items"]:
                if subject in listed["subject"]:
                    return str(listed["id"])
            return None

        id = self.wait(look, f"a mail that says {subject!r}")
        content = mail.on_disk(id)
        if content is None or subject.encode() not in content.replace(b"\r\n ", b" "):
            raise Missing(f"the bytes of the mail {id} on this machine: run this where the server runs, as its user")
        self.tell(f"Mail, {len(content)} bytes in the mailbox: {subject}")


def _manifest(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "oncue/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def told(api: Api, options: Options, tell: Callable[[str], None]) -> str | None:
    """Tell the story; gives what is missing, None if nothing is. Raises what the API raises."""
    try:
        Story(api, options, tell).run()
    except Missing as missing:
        return str(missing)
    return None

"""The demonstration `threshold`: a SAP system's dialog response time rises through its limit, and falls again.

Everything is real but the SAP system's load: the server's monitors and workflow ask the simulated system over SOAP, and
its mail is mail. What must have happened outside is checked outside: in the calls that the system received, and in the
bytes of the mails. What OnCue says of itself is checked as well, and is never enough.
"""

import email
import email.policy
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any, Final

import msgspec

from oncue.demo import mail
from oncue.demo.sap_system import Call, SapSystem
from oncue.demo.telling import Api, Missing, Telling

LIMIT_MS: Final = 2000
NORMAL_MS: Final = 620
RISE_MS: Final = (900, 1400, 1900, 2600, 3400, 4200)
FALL_MS: Final = (2900, 1500, NORMAL_MS)
DIAGNOSIS: Final = ("ABAPGetWPTable", "GetQueueStatistic", "ABAPReadSyslog", "EnqGetLockTable")
"""What the workflow asks, by this demonstration's manifests."""
STEP_S: Final = 1.5
DELETED_FIRST: Final = ("Monitor", "SAPSystem", "Policy", "Workflow", "Service", "Team", "Channel", "OutboundAllow")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How it is told."""

    namespace: str = "demo"
    smtp: tuple[str, int] | None = None
    to: str = "operator@localhost"
    keep: bool = False


class Mailed(msgspec.Struct, frozen=True):
    """A mail, by its bytes, and where they were seen."""

    message: EmailMessage
    size: int
    where: str

    @property
    def subject(self) -> str:
        """Its subject on one line."""
        return " ".join(str(self.message["Subject"]).split())

    @property
    def text(self) -> str:
        """Its plain text."""
        part = self.message.get_body(preferencelist=("plain",))
        return str(part.get_content()) if part is not None else ""


class Story(Telling):
    """One telling."""

    def __init__(self, api: Api, options: Options, tell: Callable[[str], None]) -> None:
        super().__init__(api, options.namespace, tell)
        self._options = options
        self._sid = f"D{secrets.token_hex(1).upper()}"
        self.name = f"demo-threshold-{self._sid.lower()}"
        """Of the manifests; each telling has its own, and its own SAP system."""
        self._tap: mail.Tap | None = None

    def run(self) -> None:
        """Tell it. Raises `Missing`, and what the API raises."""
        with ExitStack() as stack:
            system = stack.enter_context(SapSystem(self._sid))
            system.response_ms = NORMAL_MS
            if self._options.smtp is not None:
                self._tap = stack.enter_context(self._opened_tap(self._options.smtp))
            stack.callback(self._tidy)
            self._set_up(system)
            self._watch(system)
            incident = self._rise(system)
            self._respond(system, incident)
            self._fall(system, incident)
        self.tell("Everything happened, and was seen from outside.")

    def _opened_tap(self, smtp: tuple[str, int]) -> mail.Tap:
        tap = mail.Tap(*smtp)
        try:
            tap.reach()
        except OSError as error:
            raise Missing(f"no SMTP server answers at {smtp[0]}:{smtp[1]}: {error}") from error
        return tap

    # what is set up, and what is taken away again

    def _set_up(self, system: SapSystem) -> None:
        ascs, primary = system.instances[1], system.primary
        said = ", ".join(f"{one.host} {one.number} ({one.kind}) on port {one.port}" for one in system.instances)
        self.tell(f"A simulated SAP system {system.sid} speaks SAPControl: {said}.")
        relay = f"smtp://127.0.0.1:{self._tap.port}" if self._tap is not None else "mailbox:"
        self.secret(self.name, relay)
        given = {
            "NAME": self.name,
            "SID": system.sid,
            "TO": self._options.to,
            "LIMIT": str(LIMIT_MS),
            "PAS_PORT": str(primary.port),
            "PAS_NUMBER": primary.number,
            "PAS_HOST": primary.host,
            "ASCS_PORT": str(ascs.port),
            "ASCS_NUMBER": ascs.number,
            "SYSTEM": system.sid.lower(),
            "INSTANCES": json.dumps([{"host": one.host, "number": one.number} for one in system.instances]),
        }
        self.apply(self._documents(given))
        kinds = self.said("Monitor", "Policy", "Workflow")
        self.tell(f"Applied into the namespace {self._options.namespace}: {kinds}.")
        if self._options.smtp is not None:
            self.tell(f"Mail goes to {self._options.to} at {self._options.smtp[0]}:{self._options.smtp[1]}.")
        else:
            self.tell(
                f"Mail to {self._options.to} goes into OnCue's own mailbox: {self.link('integrations', 'mailbox')}"
            )

    def _documents(self, given: dict[str, str]) -> list[dict[str, Any]]:
        found = self.documents("threshold.yaml", given)
        if self._tap is not None:
            found.insert(0, {
                "apiVersion": "oncue/v1",
                "kind": "OutboundAllow",
                "metadata": {"name": f"{self.name}-mail"},
                "spec": {"host": "127.0.0.1", "port": self._tap.port, "reason": "The demonstration's mail"},
            })  # fmt: skip
        return found

    def _tidy(self) -> None:
        """Take away what was applied: with `keep`, only what watches a system that is no longer there."""
        gone = ("Monitor", "OutboundAllow") if self._options.keep else DELETED_FIRST
        self.tidy(gone, secrets=not self._options.keep)

    # the story

    def _watch(self, system: SapSystem) -> None:
        def watched() -> bool:
            asked = {call.method for call in _ours(system)}
            return {"GetAlertTree", "GetSystemInstanceList"} <= asked

        self.wait(
            watched,
            "SOAP calls of the monitors at the SAP system, on this machine's loopback where the server must run, too",
        )
        self.tell(f"The monitors ask the system: response time {NORMAL_MS} ms, limit {LIMIT_MS} ms.")

    def _rise(self, system: SapSystem) -> dict[str, Any]:
        system.enqueue("VBAK", "100000004711", "CLERK-1", datetime.now().astimezone())
        crossed_at = None
        for step in RISE_MS:
            system.response_ms = step
            if step > LIMIT_MS and crossed_at is None:
                crossed_at = datetime.now(UTC)
            self.tell(f"Dialog response time {step} ms" + (" - above its limit" if step > LIMIT_MS else "") + ".")
            if step > LIMIT_MS and step - 800 <= LIMIT_MS:
                system.log("R49", "RED", "Work processes are all busy with Z_OPEN_ORDERS")
            time.sleep(STEP_S)
        alert = self.wait(self._alert, "an alert on the response time")
        crossing = alert.get("crossing") or {}
        value, limit, since = crossing.get("value"), crossing.get("limit"), crossing.get("since")
        if not (value and limit == LIMIT_MS and value > limit and since and crossing.get("unit") == "ms"):
            raise Missing(f"the alert says what crossed, by how much and since when; it says {crossing}")
        if value not in RISE_MS or crossed_at is None or not _soon(crossed_at, datetime.fromisoformat(since)):
            raise Missing(f"the alert says what the system did: above the limit since {crossed_at}; it says {crossing}")
        self.tell(f"Alert: {alert['title']}")
        self.tell(f"  crossed by {value - limit:g} ms, since {since}: {self.link('alerts', alert['id'])}")
        incident = self.wait(self._incident, "an incident of the service")
        self.tell(f"Incident {incident['id']} {incident['priority']}: {self.link('incidents', incident['id'])}")
        return incident

    def _respond(self, system: SapSystem, incident: dict[str, Any]) -> None:
        def diagnosed() -> list[Call]:
            calls = [call for call in _ours(system) if call.method in DIAGNOSIS and not call.refused]
            return calls if {call.method for call in calls} >= set(DIAGNOSIS) else []

        calls = self.wait(diagnosed, f"SOAP calls of the diagnosis ({', '.join(DIAGNOSIS)}) at the SAP system")
        self.tell("The SAP system was asked: " + ", ".join(f"{call.method} at {call.instance}" for call in calls) + ".")
        run = self.wait(lambda: self._run("look"), "a run of the diagnostic workflow that succeeded")
        remark = self.wait(lambda: self._remark(incident), "what the run found, on the incident")
        self.tell(f"Diagnosis ({self.link('runs', run['id'])}):")
        self.tell(f"  {remark}")
        if "Z_OPEN_ORDERS" not in remark or "locks held: 1" not in remark:
            raise Missing(f"the diagnosis says what the system said; it says {remark!r}")
        ticket = self.wait(lambda: self._ticket(incident), "a ticket")
        self.tell(f"Ticket {ticket['id']}: {ticket['title']}: {self.link('tickets', ticket['id'])}")
        sent = self.wait(lambda: self._mail(incident, resolved=False), "a mail about the incident")
        self.tell(f"Mail, {sent.size} bytes {sent.where}: {sent.subject}")
        for part in (f"limit {LIMIT_MS} ms", "Since:", system.primary.host, self.name):
            if part not in sent.text:
                raise Missing(f"the mail says {part!r}; it says:\n{sent.text}")
        for line in sent.text.splitlines():
            if line.startswith(("Value:", "Since:", "Service:", "Resource:")):
                self.tell(f"  {line}")

    def _fall(self, system: SapSystem, incident: dict[str, Any]) -> None:
        for step in FALL_MS:
            system.response_ms = step
            self.tell(f"Dialog response time {step} ms.")
            time.sleep(STEP_S)
        self.wait(lambda: self._alert("resolved"), "the end of the alert")
        over = self.wait(lambda: self._incident("resolved"), "the end of the incident")
        self.tell(f"Alert and incident {over['id']} are resolved.")
        ticket = self.wait(lambda: self._ticket(incident, "resolved"), "the end of the ticket")
        self.tell(f"Ticket {ticket['id']} is resolved.")
        sent = self.wait(lambda: self._mail(incident, resolved=True), "a mail about the end")
        self.tell(f"Mail, {sent.size} bytes {sent.where}: {sent.subject}")
        total = _ours(system)
        self.tell(
            f"The SAP system received {len(total)} SOAP calls of OnCue, {sum(one.refused for one in total)} refused."
        )

    # what is looked at

    def _alert(self, state: str = "firing") -> dict[str, Any] | None:
        mine = (one for one in self.items("alerts") if one["service"] == self.name)
        return next(
            (
                one
                for one in mine
                if one["state"] == state and (one.get("crossing") or {}).get("metric") == "sap.dialog.response_time"
            ),
            None,
        )

    def _incident(self, state: str = "open") -> dict[str, Any] | None:
        mine = (one for one in self.items("incidents") if one["service"] == self.name)
        return next((one for one in mine if one["state"] == state), None)

    def _run(self, workflow: str) -> dict[str, Any] | None:
        mine = (one for one in self.items("runs") if one["workflow"] == f"{self.name}-{workflow}")
        return next((one for one in mine if one["state"] == "succeeded"), None)

    def _ticket(self, incident: dict[str, Any], state: str = "new") -> dict[str, Any] | None:
        mine = (one for one in self.items("tickets") if one["incident"] == incident["id"])
        return next((one for one in mine if one["state"] == state), None)

    def _remark(self, incident: dict[str, Any]) -> str | None:
        found = self.api.get(self.api.path("incidents", incident["id"], "comments"))["items"]
        texts = [str(one["text"]) for one in found if str(one["by"]).startswith("run:")]
        return texts[0] if texts else None

    def _mail(self, incident: dict[str, Any], *, resolved: bool) -> Mailed | None:
        for found in self._tapped() if self._tap is not None else self._kept(incident):
            if f"({incident['id']})" in found.subject and found.subject.startswith("[Resolved]") == resolved:
                return found
        return None

    def _tapped(self) -> Iterator[Mailed]:
        assert self._tap is not None
        for seen in self._tap.seen:
            if not seen.accepted:
                raise Missing(f"the SMTP server takes the mail; it answers: {seen.answer}")
            yield Mailed(_parsed(seen.content), len(seen.content), f"taken by the SMTP server ({seen.answer})")

    def _kept(self, incident: dict[str, Any]) -> Iterator[Mailed]:
        for listed in self.api.get("/mailbox")["items"]:
            if f"({incident['id']})" in listed["subject"]:
                content = mail.on_disk(listed["id"])
                if content is None:
                    raise Missing(
                        f"the bytes of the mail {listed['id']} on this machine: run this where the server runs, as its user"
                    )
                yield Mailed(_parsed(content), len(content), "in the mailbox")


def _ours(system: SapSystem) -> list[Call]:
    """Calls by which something was asked: the story itself asks nothing, so that they are the server's."""
    return [call for call in system.calls if call.method]


def _soon(happened: datetime, noticed: datetime) -> bool:
    """Whether it was noticed after it happened, and within the time that each step may take."""
    return 0 <= (noticed - happened).total_seconds() <= Telling.WITHIN_S


def _parsed(content: bytes) -> EmailMessage:
    found = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def told(api: Api, options: Options, tell: Callable[[str], None]) -> str | None:
    """Tell the story; gives what is missing, None if nothing is. Raises what the API raises."""
    try:
        Story(api, options, tell).run()
    except Missing as missing:
        return str(missing)
    return None

"""PagerDuty's Events v2: requests to events, the routing key that is never kept, answers that clients understand."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncue.core import event as events
from oncue.core.alert import Alert
from oncue.plugins.sources import cloudevents
from oncue.plugins.sources.pagerduty import (
    BODY_LIMIT,
    Invalid,
    PagerDutyEndpoint,
    PagerDutySource,
    Sender,
    enqueue,
    opened,
)
from oncue.sdk.source import Message, Parsed, Refusal, Reply, Request

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = "0123456789abcdef0123456789ABCDEF"
SENDER = Sender(name="shop", namespace="team-a", service="orders", labels={"env": "prod"})
TRIGGER: dict[str, Any] = {
    "routing_key": KEY,
    "event_action": "trigger",
    "dedup_key": "srv01/mysql",
    "payload": {
        "summary": "Disk at 99 %",
        "source": "srv01",
        "severity": "error",
        "timestamp": "2026-03-01T11:00:00.5+0000",
        "component": "mysql",
        "group": "prod",
        "class": "disk",
        "custom_details": {"free space": "1%", "load": 0.75},
    },
    "client": "monitor",
    "links": [{"href": "https://example.com/", "text": "more"}],
}


class Host:
    """What the endpoint is given: it notes what it is asked, and answers in the engine's forms."""

    def __init__(self) -> None:
        self.taken: list[tuple[Parsed, str, str]] = []
        self.commands: list[tuple[str, dict[str, Any], str, str | None]] = []
        self.reply: dict[str, Any] = {"code": None, "detail": "", "data": {}}
        self.open: dict[tuple[str, str], Alert] = {}
        self.endpoint = PagerDutyEndpoint(
            ingest=self.ingest,
            command=self.command,
            resolve_key=self.resolve_key,
            find_alert=self.find_alert,
            clock=lambda: NOW,
        )

    async def ingest(
        self, parsed: Parsed, *, namespace: str, origin: str, actor: str | None, person: str | None = None
    ) -> object:
        self.taken.append((parsed, namespace, origin))
        return None

    async def command(
        self, type: str, data: dict[str, Any], *, namespace: str, actor: str | None, person: str | None = None
    ) -> dict[str, Any]:
        self.commands.append((type, data, namespace, actor))
        return self.reply

    async def resolve_key(self, key: str) -> Sender | None:
        return SENDER if key == KEY else None

    async def find_alert(self, namespace: str, fingerprint: str) -> Alert | None:
        return self.open.get((namespace, fingerprint))

    async def post(self, body: Any, path: str = "/v2/enqueue", **headers: str) -> Reply:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        return await self.endpoint(Request(method="POST", path=path, headers=named, body=raw))

    @property
    def event(self) -> events.Event:
        ((parsed, namespace, origin),) = self.taken
        assert (namespace, origin) == ("team-a", "source:shop")
        (document,) = parsed.events
        cloudevents.vet(document)
        return events.decode(document)


@pytest.fixture
def host() -> Host:
    return Host()


async def test_a_trigger_becomes_a_problem_with_all_that_it_says(host: Host) -> None:
    reply = await host.post(TRIGGER)
    assert reply.status == 202
    assert json.loads(reply.body) == {"status": "success", "message": "Event processed", "dedup_key": "srv01/mysql"}
    event = host.event
    assert (event.type, event.source, event.severity) == ("pagerduty.trigger", "/pagerduty/shop", "major")
    assert (event.resource, event.service, event.check) == ("srv01", "orders", "disk")
    assert (event.title, event.fingerprint) == ("Disk at 99 %", "shop:srv01/mysql")
    assert events.instant(event.startsat) == datetime(2026, 3, 1, 11, 0, 0, 500_000, tzinfo=UTC)
    assert events.labels_of(event) == {
        "env": "prod", "component": "mysql", "group": "prod", "class": "disk", "client": "monitor",
    }  # fmt: skip
    assert events.data_of(event) == {name: value for name, value in TRIGGER.items() if name != "routing_key"}


@pytest.mark.parametrize(
    ("severity", "ours"), [("critical", "critical"), ("error", "major"), ("warning", "warning"), ("info", "info")]
)
async def test_severities_map(host: Host, severity: str, ours: str) -> None:
    await host.post({**TRIGGER, "payload": {"summary": "s", "source": "h", "severity": severity}})
    assert host.event.severity == ours


async def test_the_routing_key_is_kept_nowhere(host: Host) -> None:
    await host.post({**TRIGGER, "payload": {**TRIGGER["payload"], "custom_details": {"url": f"https://x/{KEY}/y"}}})
    await host.post({**TRIGGER, "event_action": KEY})
    kept = [*host.taken[0][0].events, *(letter[3] for letter in host.taken[1][0].rejected)]
    assert len(kept) == 2
    assert all(KEY.encode() not in document for document in kept)
    assert b'"url":"https://x/********/y"' in kept[0].replace(b": ", b":")


async def test_without_a_dedup_key_one_is_made(host: Host) -> None:
    reply = await host.post({name: value for name, value in TRIGGER.items() if name != "dedup_key"})
    made = json.loads(reply.body)["dedup_key"]
    assert len(made) == 32
    assert host.event.fingerprint == f"shop:{made}"


async def test_resolve_is_the_recovery_of_the_same_fingerprint(host: Host) -> None:
    reply = await host.post({"routing_key": KEY, "dedup_key": "srv01/mysql", "event_action": "resolve"})
    assert reply.status == 202
    assert (host.event.severity, host.event.fingerprint) == ("clear", "shop:srv01/mysql")
    assert host.commands == []


def alert(**more: Any) -> Alert:
    return Alert(
        id="al-1", fingerprint="shop:k", namespace="team-a", title="t", severity="major", category="exception",
        state="firing", resource="r", service=None, check=None, labels={}, count=1, first_seen_at=NOW,
        last_seen_at=NOW, updated_at=NOW, **more,
    )  # fmt: skip


ACKNOWLEDGE = {"routing_key": KEY, "dedup_key": "k", "event_action": "acknowledge"}


async def test_acknowledge_acknowledges_the_open_alert(host: Host) -> None:
    host.open["team-a", "shop:k"] = alert()
    assert (await host.post(ACKNOWLEDGE)).status == 202
    assert host.event.severity is None
    assert host.commands == [("oncue.command.alert.acknowledge", {"alert": "al-1"}, "team-a", "source:shop")]


@pytest.mark.parametrize("known", [None, alert(acknowledged_by="user:operator-1")])
async def test_acknowledge_without_need_is_recorded_and_does_nothing(host: Host, known: Alert | None) -> None:
    if known is not None:
        host.open["team-a", "shop:k"] = known
    assert (await host.post(ACKNOWLEDGE)).status == 202
    assert host.event.type == "pagerduty.acknowledge"
    assert host.commands == []


async def test_an_alert_that_resolved_meanwhile_is_no_error(host: Host) -> None:
    host.open["team-a", "shop:k"] = alert()
    host.reply = {"code": "alert.resolved", "detail": "", "data": None}
    assert (await host.post(ACKNOWLEDGE)).status == 202


async def test_a_refusal_of_the_engine_is_raised(host: Host) -> None:
    host.open["team-a", "shop:k"] = alert()
    host.reply = {"code": "store.unavailable", "detail": "", "data": None}
    with pytest.raises(Refusal):
        await host.post(ACKNOWLEDGE)


async def test_a_change_is_recorded_without_severity(host: Host) -> None:
    change = {"routing_key": KEY, "payload": {"summary": "Deployed 1.2", "source": "ci"}}
    reply = await host.post(change, "/v2/change/enqueue")
    assert reply.status == 202
    assert json.loads(reply.body) == {"status": "success", "message": "Change event processed"}
    assert (host.event.type, host.event.severity, host.event.fingerprint) == ("pagerduty.change", None, None)


async def test_the_key_may_come_in_a_header(host: Host) -> None:
    body = {name: value for name, value in TRIGGER.items() if name != "routing_key"}
    assert (await host.post(body, X_Routing_Key=KEY)).status == 202


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no key": ({"routing_key": None}, "'routing_key' is missing or blank"),
    "short key": ({"routing_key": "abc"}, "Length of 'routing_key' is incorrect (should be 32 characters)"),
    "odd key": ({"routing_key": "-" * 32}, "'routing_key' cannot contain non-alphanumeric characters."),
    "other key": ({"routing_key": "f" * 32}, "Invalid routing key"),
    "number as key": ({"routing_key": 5}, "'routing_key' is not a string"),
    "no action": ({"event_action": None}, "'event_action' is invalid"),
    "object as action": ({"event_action": {}}, "'event_action' is invalid"),
    "change as action": ({"event_action": "change"}, "'event_action' is invalid"),
    "no payload": ({"payload": None}, "'payload' is missing or blank"),
    "text as payload": ({"payload": "x"}, "'payload' is not an object"),
    "no summary": ({"payload": {"source": "h", "severity": "info"}}, "'payload.summary' is missing or blank"),
    "long summary": ({"payload": {"summary": "x" * 1025, "source": "h", "severity": "info"}}, "Length of 'payload.summary'"),
    "number as source": ({"payload": {"summary": "x", "source": 1, "severity": "info"}}, "'payload.source' is not a string"),
    "severity": ({"payload": {"summary": "x", "source": "h", "severity": "major"}}, "'payload.severity' is invalid"),
    "list as severity": ({"payload": {"summary": "x", "source": "h", "severity": []}}, "'payload.severity' is invalid"),
    "long dedup key": ({"dedup_key": "x" * 256}, "Length of 'dedup_key' is incorrect"),
    "number as dedup key": ({"dedup_key": 5}, "'dedup_key' is not a string"),
    "resolve without key": ({"event_action": "resolve", "dedup_key": ""}, "'dedup_key' is missing or blank"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "said"), WRONG.values(), ids=WRONG.keys())
async def test_what_breaks_a_rule_is_answered_400_and_not_journaled(
    host: Host, change: dict[str, Any], said: str
) -> None:
    reply = await host.post({**TRIGGER, **change})
    assert reply.status == 400
    answer = json.loads(reply.body)
    assert (answer["status"], answer["message"]) == ("invalid event", "Event object is invalid")
    assert any(error.startswith(said) for error in answer["errors"])
    assert all(parsed.events == [] for parsed, *_ in host.taken)


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[]", b"5", b'{"a":"\xff"}', b'{"a":1e999}', b"[" * 100_000, b'{"a":' + b"[" * 70 + b"]" * 70 + b"}"]
)  # fmt: skip
async def test_what_cannot_be_read_is_answered_400(host: Host, body: bytes) -> None:
    assert (await host.post(body)).status == 400
    assert host.taken == []


async def test_an_oversized_request_is_refused(host: Host) -> None:
    with pytest.raises(Refusal) as refused:
        await host.post(b" " * (BODY_LIMIT + 1))
    assert refused.value.code == "request.too_large"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v2/enqueue", 405), ("POST", "/v1/x", 404)])
async def test_what_is_not_there_is_said(host: Host, method: str, path: str, status: int) -> None:
    assert (await host.endpoint(Request(method=method, path=path))).status == status


# Configured sources


def test_a_configured_source_needs_no_key() -> None:
    body = json.dumps({**TRIGGER, "routing_key": None}).encode()
    (document,) = PagerDutySource().parse(Message(name="shop", headers=[], body=body, now=NOW)).events
    assert events.decode(document).fingerprint == "shop:srv01/mysql"


@pytest.mark.parametrize("tail", [b"}", b"", b',"payload":{}}', b"," + b" " * BODY_LIMIT + b"}"])
def test_a_configured_source_keeps_no_key_of_what_it_refuses(tail: bytes) -> None:
    body = b'{"routing_key": "' + KEY.encode() + b'"' + tail
    parsed = PagerDutySource().parse(Message(name="shop", headers=[], body=body, now=NOW))
    assert parsed.events == []
    ((_, _, _, kept),) = parsed.rejected
    assert KEY.encode() not in kept


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["trigger", "acknowledge", "resolve"]),
    st.text(max_size=12) | st.none(),
    st.dictionaries(st.sampled_from(["summary", "source", "timestamp", "class", "group", "component"]), JSON),
    st.dictionaries(st.sampled_from(["client", "links", "x"]), JSON),
)
def test_whatever_is_sent_gives_a_valid_event_or_a_reason(
    action: str, dedup_key: str | None, payload: dict[str, Any], more: dict[str, Any]
) -> None:
    request = {**more, "event_action": action, "dedup_key": dedup_key, "payload": {"severity": "info", **payload}}
    try:
        fields, data, _ = opened(json.dumps(request).encode(), KEY)
        enqueued = enqueue(fields, data, SENDER, "alert", NOW)
    except Invalid:
        return
    cloudevents.vet(enqueued.document)


def samples() -> list[Any]:
    root = os.environ.get("ONCUE_CORPUS")
    if not root:
        return [pytest.param(None, marks=pytest.mark.skip("ONCUE_CORPUS is not set"))]
    paths = sorted(Path(root, "vendors", "pagerduty").glob("*events_v2*.json"))
    assert paths
    return [pytest.param(path, id=path.stem) for path in paths]


@pytest.mark.parametrize("path", samples())
async def test_published_samples_are_taken(host: Host, path: Path) -> None:
    sample = {**json.loads(path.read_text()), "routing_key": KEY}
    change = "event_action" not in sample
    reply = await host.post(sample, "/v2/change/enqueue" if change else "/v2/enqueue")
    assert reply.status == 202
    assert host.event.resource

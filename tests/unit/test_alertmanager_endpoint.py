"""Alertmanager's API v2 over OnCue's alerts and silences: filters, forms, errors."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oncue.core.alert import Alert, Quiet
from oncue.core.silence import Matcher, Silence
from oncue.plugins.sources.alertmanager_endpoint import AlertmanagerEndpoint, permission
from oncue.sdk.source import Parsed, Refusal, Reply, Request

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ID = "8d2f6e3a-0000-4000-8000-000000000001"
GONE = "8d2f6e3a-0000-4000-8000-000000000002"


def alert(name: str, **more: Any) -> Alert:
    fields: dict[str, Any] = {
        "id": f"al-{name}", "fingerprint": f"f-{name}", "namespace": "team-a", "title": f"{name} is bad",
        "severity": "major", "category": "exception", "state": "firing", "resource": "host-1", "service": "orders",
        "check": name, "labels": {"alertname": name, "severity": "page"}, "count": 3, "first_seen_at": NOW,
        "last_seen_at": NOW + timedelta(seconds=30), "updated_at": NOW, "deadline_at": NOW + timedelta(minutes=4),
        "annotations": {"summary": "s", "generator_url": "http://prometheus/graph"},
    }  # fmt: skip
    return Alert(**{**fields, **more})


def silence(id: str, state: Any, **more: Any) -> Silence:
    fields: dict[str, Any] = {
        "namespace": "team-a", "matchers": (Matcher("alertname", "A"),), "starts_at": NOW,
        "ends_at": NOW + timedelta(hours=1), "created_by": "operator-1", "comment": "c", "updated_at": NOW,
    }  # fmt: skip
    return Silence(id=id, state=state, **{**fields, **more})


ALERTS = [
    alert("B", quiet=(Quiet("silenced", ID, NOW),)),
    alert("A"),
    alert("C", quiet=(Quiet("inhibited", "al-A", NOW),)),
    alert("D", labels={"env": "prod"}, check="host.cpu"),
]


class Host:
    """What the endpoint is given: it notes what it is asked, and answers in the engine's forms."""

    def __init__(self) -> None:
        self.taken: list[tuple[Parsed, str, str]] = []
        self.commands: list[tuple[str, dict[str, Any], str, str | None]] = []
        self.reply: dict[str, Any] = {"code": None, "detail": "", "data": {"id": ID}}
        self.endpoint = AlertmanagerEndpoint(
            ingest=self.ingest,
            command=self.command,
            query_alerts=self.query_alerts,
            query_silences=self.query_silences,
            version="1.2.3",
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

    async def query_alerts(self, namespace: str) -> list[Alert]:
        return [one for one in ALERTS if one.namespace == namespace]

    async def query_silences(self, namespace: str) -> list[Silence]:
        return [silence(GONE, "expired"), silence(ID, "active", matchers=(Matcher("env", "prod", is_regex=True),))]

    async def ask(
        self, method: str, path: str, query: str = "", body: Any = None, media: str = "application/json"
    ) -> Reply:
        return await self.endpoint(
            Request(
                method=method,
                path=path,
                query=query.encode(),
                headers=[(b"content-type", media.encode())] if media else [],
                body=body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode(),
                namespace="team-a",
                actor="token:t",
            )
        )

    async def get(self, path: str, query: str = "") -> Any:
        reply = await self.ask("GET", path, query)
        assert reply.status == 200
        assert reply.content_type == "application/json"
        return json.loads(reply.body)


@pytest.fixture
def host() -> Host:
    return Host()


async def names(host: Host, query: str) -> list[str]:
    return [row["labels"]["alertname"] for row in await host.get("/api/v2/alerts", query)]


async def test_an_alert_has_the_form_of_the_api(host: Host) -> None:
    (row,) = await host.get("/api/v2/alerts", "filter=alertname%3DA")
    assert row == {
        "annotations": {"summary": "s"},
        "endsAt": "2026-03-01T12:04:00.000Z",
        "fingerprint": "f-A",
        "generatorURL": "http://prometheus/graph",
        "labels": {"alertname": "A", "severity": "page"},
        "receivers": [{"name": "oncue"}],
        "startsAt": "2026-03-01T12:00:00.000Z",
        "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": "2026-03-01T12:00:30.000Z",
    }


async def test_what_inhibits_an_alert_is_named_by_its_fingerprint(host: Host) -> None:
    (row,) = await host.get("/api/v2/alerts", "filter=alertname%3DC")
    assert row["status"] == {"inhibitedBy": ["f-A"], "silencedBy": [], "state": "suppressed"}


async def test_an_alert_of_another_source_is_listed_under_its_check(host: Host) -> None:
    (row,) = await host.get("/api/v2/alerts", "filter=env%3Dprod")
    assert row["labels"] == {
        "alertname": "host.cpu", "env": "prod", "resource": "host-1", "service": "orders", "severity": "major",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["A", "B", "C", "host.cpu"]),
        ("silenced=false", ["A", "C", "host.cpu"]),
        ("inhibited=false", ["A", "B", "host.cpu"]),
        ("active=false", ["B", "C"]),
        ("active=maybe", ["B", "C"]),
        ("active=", ["A", "B", "C", "host.cpu"]),
        ("filter=alertname%3D~%22A%7CB%22", ["A", "B"]),
        ("filter=alertname!%3DA&filter=severity%3Dpage", ["B", "C"]),
        ("filter=alertname!~%22A.*%22", ["B", "C", "host.cpu"]),
        ("filter=env%3D%22%22", ["A", "B", "C"]),
        ("filter=env!%3D%22%22", ["host.cpu"]),
        ("receiver=on.*", ["A", "B", "C", "host.cpu"]),
        ("receiver=on", []),
    ],
)
async def test_alerts_are_filtered(host: Host, query: str, found: list[str]) -> None:
    assert await names(host, query) == found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("filter=%7Bx", "bad matcher format: {x"),
        ("filter=", "bad matcher format: "),
        ("filter=a%3D%22b", "matcher value contains unescaped double quote: b"),
        ("filter=a%3D~%28", "'(' is not a regular expression"),
        ("receiver=%5B", "failed to parse receiver param: "),
    ],
)
async def test_a_bad_filter_is_named(host: Host, query: str, said: str) -> None:
    reply = await host.ask("GET", "/api/v2/alerts", query)
    assert reply.status == 400
    assert json.loads(reply.body).startswith(said)


async def test_alerts_are_grouped_by_name(host: Host) -> None:
    groups = await host.get("/api/v2/alerts/groups", "silenced=false")
    assert [group["labels"] for group in groups] == [{"alertname": name} for name in ("A", "C", "host.cpu")]
    assert all(group["receiver"] == {"name": "oncue"} and len(group["alerts"]) == 1 for group in groups)


async def test_status_and_receivers_have_what_clients_require(host: Host) -> None:
    status = await host.get("/api/v2/status")
    assert status["cluster"]["status"] == "ready"
    assert len(status["cluster"]["peers"]) == 1
    assert status["config"]["original"].startswith("route:\n  receiver: oncue\n")
    assert status["versionInfo"]["revision"] == "oncue-1.2.3"
    assert status["uptime"] == "2026-03-01T12:00:00.000Z"
    assert await host.get("/api/v2/receivers") == [{"name": "oncue"}]


async def test_posted_alerts_are_journaled_in_the_senders_namespace(host: Host) -> None:
    reply = await host.ask("POST", "/api/v2/alerts", body=[{"labels": {"alertname": "A"}}])
    assert (reply.status, reply.body) == (200, b"")
    ((parsed, namespace, origin),) = host.taken
    assert len(parsed.events) == 1
    assert (namespace, origin) == ("team-a", "alertmanager")


async def test_valid_alerts_are_journaled_even_when_the_answer_is_400(host: Host) -> None:
    reply = await host.ask("POST", "/api/v2/alerts", body=[{"labels": {"alertname": "A"}}, {"labels": {"b-d": "x"}}])
    assert reply.status == 400
    assert json.loads(reply.body) == 'invalid label set: invalid name "b-d"'
    assert len(host.taken[0][0].events) == len(host.taken[0][0].rejected) == 1


async def test_nothing_is_journaled_when_the_message_breaks_the_schema(host: Host) -> None:
    reply = await host.ask("POST", "/api/v2/alerts", body=[{"labels": {"alertname": "A"}}, {}])
    assert reply.status == 422
    assert json.loads(reply.body) == {"code": 602, "message": "1.labels in body is required"}
    assert host.taken == []


@pytest.mark.parametrize("media", ["text/plain", "", "application/x-www-form-urlencoded"])
async def test_only_json_is_taken(host: Host, media: str) -> None:
    for path in ("/api/v2/alerts", "/api/v2/silences"):
        reply = await host.ask("POST", path, body=[], media=media)
        assert reply.status == 415
        named = media or "application/octet-stream"
        message = f'unsupported media type "{named}", only [application/json] are allowed'
        assert json.loads(reply.body) == {"code": 415, "message": message}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v2/nope", 404), ("GET", "/", 404), ("PUT", "/api/v2/alerts", 405), ("POST", "/-/ready", 405),
     ("GET", "/api/v2/silence/", 404), ("POST", f"/api/v2/silence/{ID}", 405)],
)  # fmt: skip
async def test_what_is_not_there_is_said(host: Host, method: str, path: str, status: int) -> None:
    reply = await host.ask(method, path)
    assert reply.status == status
    assert json.loads(reply.body)["code"] == status
    assert ("allow" in reply.headers) is (status == 405)


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
async def test_health_is_ok(host: Host, path: str) -> None:
    reply = await host.ask("GET", path)
    assert (reply.status, reply.body, reply.content_type) == (200, b"OK", "text/plain; charset=utf-8")


# Silences

WANTED: dict[str, Any] = {
    "matchers": [{"name": "alertname", "value": "A", "isRegex": False}],
    "startsAt": "2026-03-01T11:00:00Z",
    "endsAt": "2026-03-01T14:00:00+01:00",
    "createdBy": "operator-1",
    "comment": "c",
}


async def test_a_posted_silence_becomes_a_command(host: Host) -> None:
    reply = await host.ask("POST", "/api/v2/silences", body=WANTED)
    assert (reply.status, json.loads(reply.body)) == (200, {"silenceID": ID})
    assert host.commands == [
        (
            "oncue.command.silence.set",
            {
                "matchers": [{"name": "alertname", "value": "A", "is_regex": False, "is_equal": True}],
                "starts_at": "2026-03-01T12:00:00.000Z",
                "ends_at": "2026-03-01T13:00:00.000Z",
                "comment": "c",
                "created_by": "operator-1",
            },
            "team-a",
            "token:t",
        )
    ]


async def test_an_edited_silence_keeps_its_id_and_an_ended_one_does_not(host: Host) -> None:
    await host.ask("POST", "/api/v2/silences", body={**WANTED, "id": ID})
    await host.ask("POST", "/api/v2/silences", body={**WANTED, "id": GONE})
    assert [data.get("id") for _, data, *_ in host.commands] == [ID, None]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"matchers": []}, 422, {"code": 612, "message": "matchers in body should have at least 1 items"}),
        ({"matchers": None}, 422, {"code": 602, "message": "matchers in body is required"}),
        ({"matchers": [{"name": "a", "value": "b"}]}, 422, {"code": 602, "message": "matchers.0.isRegex in body is required"}),
        ({"createdBy": None}, 422, {"code": 602, "message": "createdBy in body is required"}),
        ({"comment": None}, 422, {"code": 602, "message": "comment in body is required"}),
        ({"endsAt": "2026-03-01T10:00:00Z"}, 400, "Failed to create silence: start time must be before end time"),
        ({"startsAt": "2025-01-01T00:00:00Z", "endsAt": "2025-02-01T00:00:00Z"}, 400, "Failed to create silence: end time can't be in the past"),
    ],
)  # fmt: skip
async def test_a_silence_that_breaks_a_rule_is_refused(host: Host, change: Any, status: int, said: Any) -> None:
    reply = await host.ask("POST", "/api/v2/silences", body={**WANTED, **change})
    assert (reply.status, json.loads(reply.body)) == (status, said)
    assert host.commands == []


@pytest.mark.parametrize(
    "body", [b"[", b"[]", b"5", b'{"comment":5}', json.dumps({**WANTED, "startsAt": "x"}).encode()]
)
async def test_a_silence_that_is_none_is_refused(host: Host, body: bytes) -> None:
    reply = await host.ask("POST", "/api/v2/silences", body=body)
    assert reply.status in (400, 422)
    assert json.loads(reply.body)["code"] in (400, 602)


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("silence.not_found", 404, "silence not found"),
        ("silence.invalid", 400, "silence invalid: at least one matcher must not match the empty string"),
    ],
)
async def test_the_engines_refusal_has_alertmanagers_form(host: Host, code: str, status: int, said: str) -> None:
    host.reply = {"code": code, "detail": "at least one matcher must not match the empty string", "data": None}
    reply = await host.ask("POST", "/api/v2/silences", body=WANTED)
    assert (reply.status, json.loads(reply.body)) == (status, said)


async def test_a_refusal_that_alertmanager_does_not_know_is_raised(host: Host) -> None:
    host.reply = {"code": "store.unavailable", "detail": "", "data": None}
    with pytest.raises(Refusal) as refused:
        await host.ask("POST", "/api/v2/silences", body=WANTED)
    assert refused.value.code == "store.unavailable"


async def test_silences_are_listed_active_first_and_filtered(host: Host) -> None:
    rows = await host.get("/api/v2/silences")
    assert [(row["id"], row["status"]["state"]) for row in rows] == [(ID, "active"), (GONE, "expired")]
    assert [row["id"] for row in await host.get("/api/v2/silences", "filter=env%3Dprod")] == [ID]
    assert rows[1] == {
        "id": GONE,
        "status": {"state": "expired"},
        "updatedAt": "2026-03-01T12:00:00.000Z",
        "comment": "c",
        "createdBy": "operator-1",
        "endsAt": "2026-03-01T13:00:00.000Z",
        "matchers": [{"isEqual": True, "isRegex": False, "name": "alertname", "value": "A"}],
        "startsAt": "2026-03-01T12:00:00.000Z",
    }


async def test_one_silence_is_read_and_expired_by_its_id(host: Host) -> None:
    assert (await host.get(f"/api/v2/silence/{ID}"))["id"] == ID
    reply = await host.ask("DELETE", f"/api/v2/silence/{ID}")
    assert (reply.status, reply.body) == (200, b"")
    assert host.commands == [("oncue.command.silence.expire", {"silence": ID}, "team-a", "token:t")]


async def test_expiring_what_has_ended_is_fine_and_what_never_was_is_not(host: Host) -> None:
    host.reply = {"code": "silence.not_found", "detail": "", "data": None}
    assert (await host.ask("DELETE", f"/api/v2/silence/{GONE}")).status == 200
    unknown = GONE.replace("2", "3")
    assert (await host.ask("DELETE", f"/api/v2/silence/{unknown}")).status == 404
    assert (await host.ask("GET", f"/api/v2/silence/{unknown}")).status == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_an_id_that_is_no_uuid_is_refused(host: Host, method: str) -> None:
    reply = await host.ask(method, "/api/v2/silence/xyz")
    assert reply.status == 422
    assert json.loads(reply.body) == {"code": 601, "message": 'silenceID in path must be of type uuid: "xyz"'}


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", "/api/v2/alerts", "event:write"),
        ("GET", "/api/v2/alerts", "alert:read"),
        ("GET", "/api/v2/alerts/groups", "alert:read"),
        ("GET", "/api/v2/status", "alert:read"),
        ("GET", "/api/v2/silences", "silence:read"),
        ("POST", "/api/v2/silences", "silence:write"),
        ("DELETE", f"/api/v2/silence/{ID}", "silence:write"),
        ("PUT", f"/api/v2/silence/{ID}", "silence:write"),
        ("GET", "/-/healthy", None),
        ("GET", "/nope", "alert:read"),
    ],
)
def test_each_route_says_what_it_needs(method: str, path: str, needed: str | None) -> None:
    assert permission(method, path) == needed

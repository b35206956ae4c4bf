"""The promises that other programs rely on, seen from outside: HTTP in, JSON out."""

import json
from typing import Any

import httpx
import pytest

from tests.server import ADMIN_TOKEN, Server, event, eventually

BATCH = {"Content-Type": "application/cloudevents-batch+json"}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
LISTS = ("alerts", "incidents", "events", "runs", "tickets", "policies", "decisions", "dead-letters")


def post(server: Server, body: Any, headers: dict[str, str], path: str = "/api/v1/events") -> httpx.Response:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    return server.client.post(path, content=content, headers=headers)


def alert_of(server: Server, resource: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        alerts = server.items("alerts", resource=resource)
        return alerts[0] if alerts else None

    return eventually(found, what=f"an alert on {resource}")


def assert_problem(response: httpx.Response, status: int, code: str | None = None) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    problem = response.json()
    assert problem["status"] == status
    assert {"type", "title", "code", "detail", "hint"} <= problem.keys()
    assert problem["type"].endswith(problem["code"])
    if code is not None:
        assert problem["code"] == code


# Taking events


def test_a_structured_event_is_accepted_and_counted(oncue_server: Server) -> None:
    response = post(oncue_server, event(resource="structured-1"), STRUCTURED)
    assert response.status_code == 200
    assert response.json() == {"accepted": 1, "duplicates": 0, "rejected": []}


def test_a_binary_event_is_accepted_with_attributes_from_headers(oncue_server: Server) -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "binary-1",
        "ce-source": "/test/binary",
        "ce-type": "org.example.binary",
        "ce-severity": "major",
        "ce-resource": "binary-1",
        "ce-title": "Euro%20%E2%82%AC",
        "Content-Type": "application/json",
    }
    response = post(oncue_server, {"summary": "in binary mode"}, headers)
    assert response.status_code == 200, response.text
    assert response.json()["accepted"] == 1
    assert alert_of(oncue_server, "binary-1")["title"] == "Euro €"


def test_an_empty_batch_is_accepted_and_changes_nothing(oncue_server: Server) -> None:
    response = post(oncue_server, [], BATCH)
    assert response.status_code == 200
    assert response.json() == {"accepted": 0, "duplicates": 0, "rejected": []}


def test_in_a_batch_the_valid_are_kept_and_the_refused_are_named_and_kept_as_dead_letters(oncue_server: Server) -> None:
    before = len(oncue_server.items("dead-letters"))
    members = [event(resource="mixed-1"), event(id=None), event(type="oncue.alert.fired"), event(resource="mixed-2"), 7]
    response = post(oncue_server, members, BATCH)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["accepted"] == 2
    assert [refused["index"] for refused in answer["rejected"]] == [1, 2, 4]
    assert [refused["code"] for refused in answer["rejected"]][1] == "event.type_reserved"
    assert all(refused["detail"] for refused in answer["rejected"])
    assert alert_of(oncue_server, "mixed-1")["state"] == "firing"
    assert alert_of(oncue_server, "mixed-2")["state"] == "firing"
    assert len(oncue_server.items("dead-letters")) == before + 3


def test_the_same_event_again_is_a_duplicate_and_raises_nothing(oncue_server: Server) -> None:
    sent = event(resource="again-1")
    assert oncue_server.emit(sent)["accepted"] == 1
    assert oncue_server.emit(sent, sent) == {"accepted": 0, "duplicates": 2, "rejected": []}
    assert alert_of(oncue_server, "again-1")["count"] == 1


def test_the_same_id_with_other_content_counts_as_a_duplicate(oncue_server: Server) -> None:
    sent = event(resource="conflict-1")
    assert oncue_server.emit(sent)["accepted"] == 1
    assert oncue_server.emit({**sent, "severity": "critical"}) == {"accepted": 0, "duplicates": 1, "rejected": []}
    assert alert_of(oncue_server, "conflict-1")["severity"] == "major"


def test_the_same_id_from_another_source_is_another_event(oncue_server: Server) -> None:
    sent = event(resource="two-sources")
    answer = oncue_server.emit(sent, {**sent, "source": "/test/other"})
    assert answer == {"accepted": 2, "duplicates": 0, "rejected": []}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(event(id=None), STRUCTURED, id="no id"),
        pytest.param(event(specversion="0.3"), STRUCTURED, id="other version"),
        pytest.param(event(time="yesterday"), STRUCTURED, id="time is no instant"),
        pytest.param(event(severity="terrible"), STRUCTURED, id="unknown severity"),
        pytest.param(event(labels='{"a": 1}'), STRUCTURED, id="labels not strings"),
        pytest.param(event(labels={"a": "b"}), STRUCTURED, id="labels not a string"),
        pytest.param(event(type=5), STRUCTURED, id="type is a number"),
        pytest.param(b"{", STRUCTURED, id="cut off"),
        pytest.param(b"\xff\xfe", STRUCTURED, id="not UTF-8"),
        pytest.param(b"", STRUCTURED, id="empty"),
        pytest.param(b"[" * 5000 + b"]" * 5000, STRUCTURED, id="deep"),
        pytest.param(b"{}", BATCH, id="batch is no array"),
        pytest.param(b"[1, 2", BATCH, id="batch cut off"),
        pytest.param(b'"text"', STRUCTURED, id="not an object"),
    ],
)
def test_what_cannot_be_an_event_is_a_400_problem(oncue_server: Server, body: Any, headers: dict[str, str]) -> None:
    assert_problem(post(oncue_server, body, headers), 400)


def test_reserved_types_are_refused_by_name(oncue_server: Server) -> None:
    assert_problem(
        post(oncue_server, event(type="oncue.command.alert.resolve"), STRUCTURED), 400, "event.type_reserved"
    )


def test_a_deeply_nested_event_is_refused_and_a_shallow_one_kept(oncue_server: Server) -> None:
    nested: Any = 1
    for _ in range(100):
        nested = [nested]
    assert_problem(post(oncue_server, event(data=nested), STRUCTURED), 400, "event.too_deep")


def test_an_event_above_the_limit_is_refused(oncue_server: Server) -> None:
    response = post(oncue_server, event(data="x" * 300_000), STRUCTURED)
    assert response.status_code in {400, 413}
    assert response.json()["code"] == "event.too_large"


def test_a_body_above_the_limit_is_cut_short(oncue_server: Server) -> None:
    response = post(oncue_server, b"[" + b" " * (17 * 1024 * 1024) + b"]", BATCH)
    assert_problem(response, 413, "request.too_large")


def test_a_content_type_that_is_no_event_is_refused(oncue_server: Server) -> None:
    response = post(oncue_server, b"<event/>", {"Content-Type": "text/xml"})
    assert response.status_code in {400, 415}
    assert response.headers["content-type"].startswith("application/problem+json")


# Who may


@pytest.mark.parametrize("path", [f"/api/v1/{name}" for name in LISTS])
def test_lists_need_a_token(oncue_server: Server, path: str) -> None:
    assert_problem(httpx.get(oncue_server.url + path, trust_env=False), 401)


@pytest.mark.parametrize("token", ["x", "wrong", ADMIN_TOKEN[:-1], ADMIN_TOKEN + "x", "a" * 10_000])
def test_a_wrong_token_is_refused(oncue_server: Server, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}", **STRUCTURED}
    response = httpx.post(
        f"{oncue_server.url}/api/v1/events", headers=headers, content=json.dumps(event()), trust_env=False
    )
    assert response.status_code in {400, 401, 431}, response.text


def test_health_needs_no_token(oncue_server: Server) -> None:
    for path in ("/healthz", "/readyz"):
        assert httpx.get(oncue_server.url + path, trust_env=False).status_code == 200


def test_the_root_serves_the_console(oncue_server: Server) -> None:
    response = httpx.get(oncue_server.url + "/", trust_env=False, follow_redirects=True)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert (
        "script-src" in response.headers["content-security-policy"]
        or "default-src" in response.headers["content-security-policy"]
    )


def test_the_namespace_is_default_for_an_administrator_and_another_where_it_is_named(oncue_server: Server) -> None:
    oncue_server.emit(event(resource="ns-default"), event(resource="ns-other", namespace="team-a"))
    assert alert_of(oncue_server, "ns-default")["namespace"] == "default"
    assert alert_of(oncue_server, "ns-other")["namespace"] == "team-a"
    resources = {alert["resource"] for alert in oncue_server.items("alerts", namespace="team-a")}
    assert resources == {"ns-other"}


# Lists


@pytest.mark.parametrize("name", LISTS)
def test_every_list_has_items_and_next(oncue_server: Server, name: str) -> None:
    response = oncue_server.client.get(f"/api/v1/{name}")
    assert response.status_code == 200, response.text
    page = response.json()
    assert page.keys() >= {"items", "next"}
    assert isinstance(page["items"], list)
    assert page["next"] is None or isinstance(page["next"], str)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "cursor=not-ours", "since=yesterday"])
def test_queries_that_make_no_sense_are_400_problems(oncue_server: Server, name: str, query: str) -> None:
    assert_problem(oncue_server.client.get(f"/api/v1/{name}?{query}"), 400)


def test_alerts_have_the_members_that_were_promised(oncue_server: Server) -> None:
    oncue_server.emit(event(resource="members-1", service="shop", labels='{"team": "a"}'))
    alert = alert_of(oncue_server, "members-1")
    promised = "id fingerprint namespace title severity category state resource service labels count first_seen_at last_seen_at"
    assert set(promised.split()) <= alert.keys()
    assert alert["quiet"] == []
    assert alert["severity"] == "major"
    assert alert["category"] == "exception"
    assert alert["state"] == "firing"
    assert alert["service"] == "shop"
    assert alert["labels"]["team"] == "a"
    assert alert["count"] == 1
    assert alert["first_seen_at"].endswith("Z") or "+" in alert["first_seen_at"]


def test_repeats_count_and_recovery_resolves_and_the_resolved_stay_listed(oncue_server: Server) -> None:
    for _ in range(3):
        oncue_server.emit(event(resource="recovers-1"))
    assert alert_of(oncue_server, "recovers-1")["count"] == 3
    oncue_server.emit(event(resource="recovers-1", severity="clear"))
    eventually(lambda: alert_of(oncue_server, "recovers-1")["state"] == "resolved", what="the alert resolves")
    assert oncue_server.items("alerts", resource="recovers-1", state="firing") == []
    assert len(oncue_server.items("alerts", resource="recovers-1", state="resolved")) == 1


def test_a_recovery_without_a_problem_raises_nothing(oncue_server: Server) -> None:
    oncue_server.emit(event(resource="never-bad", severity="clear"), event(resource="never-bad-2"))
    alert_of(oncue_server, "never-bad-2")
    assert oncue_server.items("alerts", resource="never-bad") == []


def test_events_are_listed_whether_indexed_or_not(oncue_server: Server) -> None:
    sent = [event(type="org.example.listed", severity=None, resource=None, id=f"listed-{n}") for n in range(7)]
    oncue_server.emit(*sent)
    listed = oncue_server.items("events", type="org.example.listed")
    assert [item["id"] for item in listed] == [f"listed-{n}" for n in reversed(range(7))]
    for item in listed:
        assert item["type"] == item["event"]["type"] == "org.example.listed"
        assert item["event"]["source"] == "/test/probe"
        assert item["position"]
        assert item["recorded_at"]


def test_pages_join_without_gap_or_overlap(oncue_server: Server) -> None:
    sent = [event(type="org.example.paged", id=f"paged-{n:03}") for n in range(25)]
    oncue_server.emit(*sent)
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": 10, "type": "org.example.paged", **({"cursor": cursor} if cursor else {})}
        page = oncue_server.client.get("/api/v1/events", params=query).json()
        assert len(page["items"]) <= 10
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"paged-{n:03}" for n in reversed(range(25))]


def test_alerts_are_filtered_by_severity_resource_service_and_time(oncue_server: Server) -> None:
    oncue_server.emit(
        event(resource="filter-1", service="filter", severity="critical"),
        event(resource="filter-2", service="filter", severity="warning"),
    )
    alert_of(oncue_server, "filter-2")

    def resources(**query: Any) -> set[str]:
        return {alert["resource"] for alert in oncue_server.items("alerts", **query)}

    assert resources(service="filter") == {"filter-1", "filter-2"}
    assert resources(service="filter", severity="critical") == {"filter-1"}
    assert resources(service="filter", since="2100-01-01T00:00:00Z") == set()
    assert resources(service="filter", until="2000-01-01T00:00:00Z") == set()
    assert resources(service="filter", since="2000-01-01T00:00:00Z", until="2100-01-01T00:00:00Z") == {
        "filter-1",
        "filter-2",
    }


# Every other address


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/alerts/none", "/api/v1/events/0-999999999"])
def test_what_is_not_there_is_a_404_problem(oncue_server: Server, path: str) -> None:
    assert_problem(oncue_server.client.get(path), 404)


def test_a_method_that_is_not_taken_is_a_405_problem(oncue_server: Server) -> None:
    assert_problem(oncue_server.client.delete("/api/v1/alerts"), 405)


def test_alertmanager_health_answers(oncue_server: Server) -> None:
    for path in ("/alertmanager/-/healthy", "/alertmanager/-/ready"):
        assert oncue_server.client.get(path).status_code == 200


def test_an_alert_in_alertmanagers_form_fires_and_resolves(oncue_server: Server) -> None:
    alert = {
        "labels": {"alertname": "NodeDown", "instance": "node-7:9100", "severity": "critical"},
        "annotations": {"summary": "node-7 is down"},
        "startsAt": "2026-01-01T00:00:00Z",
    }
    response = oncue_server.client.post("/alertmanager/api/v2/alerts", json=[alert])
    assert response.status_code == 200, response.text
    fired = eventually(
        lambda: [alert for alert in oncue_server.items("alerts") if alert["labels"].get("alertname") == "NodeDown"]
    )
    assert fired[0]["severity"] == "critical"
    resolved = {**alert, "endsAt": "2026-01-01T00:05:00Z"}
    assert oncue_server.client.post("/alertmanager/api/v2/alerts", json=[resolved]).status_code == 200
    eventually(
        lambda: [
            alert
            for alert in oncue_server.items("alerts", state="resolved")
            if alert["labels"].get("alertname") == "NodeDown"
        ]
    )


def test_an_unknown_source_is_refused(oncue_server: Server) -> None:
    response = post(oncue_server, event(), STRUCTURED, path="/in/no-such-source")
    assert response.status_code in {403, 404}
    assert response.headers["content-type"].startswith("application/problem+json")


def test_the_api_describes_itself(oncue_server: Server) -> None:
    document = oncue_server.client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for name in LISTS:
        assert f"/api/v1/{name}" in document["paths"], name

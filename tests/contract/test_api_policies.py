"""The API on policies: tried on an event, changed by two people at once, and taken back to what they were."""

from typing import Any

import pytest

from tests.server import Server, event, eventually

POLICY = """
apiVersion: oncue/v1
kind: Policy
metadata: {name: flap}
spec:
  match: {types: [net.flap], where: "event.data.members < LIMIT"}
  alert: {title: "Flap of ${event.resource}"}
"""


def apply(server: Server, limit: int, **query: Any) -> Any:
    text = POLICY.replace("LIMIT", str(limit))
    return server.client.post("/api/v1/manifests", content=text, params=query)


@pytest.fixture(scope="module")
def server(oncue_server: Server) -> Server:
    assert apply(oncue_server, 2).status_code == 200
    oncue_server.emit(event(type="net.flap", resource="sw-1", data={"members": 3}))
    eventually(lambda: oncue_server.items("events", type="net.flap"), what="the event")
    return oncue_server


def test_an_edited_policy_is_tried_beside_the_one_in_force_and_nothing_changes(server: Server) -> None:
    position = server.items("events", type="net.flap")[0]["position"]
    before = server.client.get("/api/v1/policies/default/flap").json()
    answer = server.client.post(
        "/api/v1/policies/try", json={"position": position, "policy": POLICY.replace("LIMIT", "4")}
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [(one["outcome"], one["reason"]) for one in found["in_force"]["policies"]] == [("not_taken", "where_false")]
    assert found["edited_policy"] == "default/flap"
    assert [(one["outcome"], one["reason"]) for one in found["edited"]["policies"]] == [("fires", "matched")]
    assert [alert["title"] for alert in found["edited"]["alerts"]] == ["Flap of sw-1"]
    assert server.client.get("/api/v1/policies/default/flap").json() == before
    assert [alert["title"] for alert in server.items("alerts")] == ["net.flap on sw-1"]


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({}, 400, "request.invalid"),
        ({"position": "0-99999999"}, 404, "event.not_found"),
        ({"event": {"severity": "minor"}}, 400, "event.malformed"),
        ({"event": {"type": "net.flap"}, "policy": "kind: Policy"}, 400, "manifest.invalid"),
    ],
)
def test_what_cannot_be_tried_is_refused(server: Server, asked: dict[str, Any], status: int, code: str) -> None:
    answer = server.client.post("/api/v1/policies/try", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_two_people_do_not_overwrite_each_other_and_versions_are_kept(server: Server) -> None:
    generation = server.client.get("/api/v1/policies/default/flap").json()["generation"]
    assert apply(server, 5, based_on=generation).status_code == 200
    late = apply(server, 6, based_on=generation)
    assert (late.status_code, late.json()["code"]) == (409, "manifest.changed_meanwhile"), late.text
    versions = server.client.get("/api/v1/manifests/Policy/default/flap/versions").json()["items"]
    assert [one["generation"] for one in versions] == [generation + 1, generation]
    assert [one["manifest"]["spec"]["match"]["where"] for one in versions] == [
        "event.data.members < 5", "event.data.members < 2",
    ]  # fmt: skip
    absent = server.client.get("/api/v1/manifests/Policy/default/nothing/versions")
    assert (absent.status_code, absent.json()["code"]) == (404, "manifest.not_found")

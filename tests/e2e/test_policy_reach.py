"""Overrides, exports and the stage shape on a real server: what people see of them, across a crash, and replayed."""

from typing import Any

import httpx

from tests.server import Server, event

MANIFESTS = """
apiVersion: oncue/v1
kind: Policy
metadata: {name: disks}
spec:
  match: {types: [disk.full]}
  alert: {severity: minor, title: "Disk of ${event.resource}"}
  overrides:
    - {name: everyone, match: {resources: ["db-*"]}, alert: {severity: warning}}
    - {name: gold, match: {resources: [db-1]}, alert: {severity: critical}}
---
apiVersion: oncue/v1
kind: Policy
metadata: {name: test-systems}
spec:
  stage: shape
  description: nobody is called for a test system
  match: {resources: ["test-*"]}
  set: {severity: warning, labels: {env: test}, quiet: true, links: [{title: Wiki, url: "https://wiki.example/${event.resource}"}]}
---
apiVersion: oncue/v1
kind: Export
metadata: {name: disks}
spec: {to: [shop], match: {types: [disk.full]}}
---
apiVersion: oncue/v1
kind: Policy
metadata: {name: look, namespace: shop}
spec:
  match: {types: [disk.full], resources: [db-1]}
  alert: {title: "The shop may slow down"}
"""


def ran(server: Server, *arguments: str, stdin: str = "") -> str:
    done = server.cli(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alerts(server: Server, **query: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["namespace"], one["resource"]): one for one in server.items("alerts", **query)}


def test_policies_reach_as_far_as_they_say_and_people_see_what_is_theirs(fresh_server: Server) -> None:
    server = fresh_server
    ran(server, "apply", "-f", "-", stdin=MANIFESTS)
    problems = [event(type="disk.full", severity="major", resource=name) for name in ("db-1", "test-1")]
    server.emit(*problems)
    for _ in range(20):  # repeats, of which the short path takes none that is shaped or shared
        server.emit(*[{**one, "id": f"{one['id']}-{_}"} for one in problems])
    _readers(server)
    server.kill()
    server.restart()
    found = alerts(server)
    home, shop, test = found["default", "db-1"], found["shop", "db-1"], found["default", "test-1"]
    assert (home["severity"], home["count"], shop["title"], shop["count"]) == (
        "critical",
        21,
        "The shop may slow down",
        21,
    )
    assert (test["severity"], test["labels"], [one["reason"] for one in test["quiet"]]) == (
        "minor", {"env": "test"}, ["suppressed"],
    )  # fmt: skip
    assert [link["url"] for link in test["links"]] == ["https://wiki.example/test-1"]
    (decision,) = [one for one in server.items("decisions", policy="default/disks") if one["alert"] == home["id"]]
    assert (decision["override"], decision["also_fitted"]) == ("gold", ["everyone"])

    said = ran(server, "explain", "alert", test["id"])
    assert "It calls no one: suppressed by default/test-systems" in said
    assert "Its severity was set to warning by the policy default/test-systems@1; it was major." in said
    assert "by its override gold, and before everyone, which fitted too" in ran(server, "explain", "policy", "disks")
    assert "about an event that the namespace default shares" in ran(server, "explain", "policy", "shop/look")
    assert "at home in the namespace default, which shares it" in ran(server, "explain", "alert", shop["id"])

    server.emit(*[event(type="disk.full", severity="clear", resource=name) for name in ("db-1", "test-1")])
    assert {one["state"] for one in alerts(server, state="resolved").values()} == {"resolved"} and not alerts(
        server, state="firing"
    )


def _readers(server: Server) -> None:
    """People of one namespace see nothing of the other's."""
    asked = {"event": {"type": "disk.full", "severity": "major", "resource": "db-1"}}

    def tried(client: httpx.Client) -> list[str]:
        answer = client.post("/api/v1/policies/try", json={**asked, "namespace": "default"})
        assert answer.status_code == 200, answer.text
        return sorted(one["policy"] for one in answer.json()["in_force"]["policies"])

    assert tried(server.client) == ["default/disks", "default/test-systems", "shop/look"]
    for namespace, sees in (("default", ["default/disks", "default/test-systems"]), ("shop", None)):
        body = {"name": namespace, "role": "viewer", "namespaces": [namespace]}
        token = server.client.post("/api/v1/tokens", json=body)
        assert token.status_code in (200, 201), token.text
        headers = {"Authorization": f"Bearer {token.json()['token']}"}
        with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as client:
            assert {one["namespace"] for one in client.get("/api/v1/alerts").json()["items"]} == {namespace}
            if sees is not None:
                assert tried(client) == sees
            else:
                assert client.post("/api/v1/policies/try", json={**asked, "namespace": "default"}).status_code == 403
                assert client.get("/api/v1/events", params={"type": "disk.full"}).json()["items"] == []

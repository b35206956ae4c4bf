"""Facets of alerts: counted over all that filters find, whatever a page of them holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.server import Server, event, eventually

NAMESPACE = "faceted"


def facets(server: Server, **filters: Any) -> dict[str, dict[str, int]]:
    answer = server.client.get("/api/v1/alerts/facets", params={"namespace": NAMESPACE, **filters})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    total = {"total": {"": found.pop("total")}}
    return total | {name: {one["value"]: one["count"] for one in values} for name, values in found.items()}


def test_each_alert_that_filters_find_is_counted_with_its_values(oncue_server: Server) -> None:
    def fire(resource: str, **attributes: Any) -> str:
        oncue_server.emit(event(namespace=NAMESPACE, resource=resource, **attributes))
        found = eventually(lambda: oncue_server.items("alerts", resource=resource), what=f"an alert of {resource}")
        return str(found[0]["id"])

    def act(alert: str, verb: str, **asked: Any) -> None:
        answer = oncue_server.client.post(f"/api/v1/alerts/{alert}/{verb}", json=asked)
        assert answer.status_code == 200, answer.text

    silence = {"matchers": [{"name": "service", "value": "hushed"}], "comment": "work", "namespace": NAMESPACE}
    times = {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"}
    made = oncue_server.client.post("/api/v1/silences", json={**silence, **times})
    assert made.status_code in (200, 201), made.text

    fire("loud-1", severity="critical", service="shop")
    act(fire("taken-1", severity="major", service="shop"), "acknowledge")
    twice = fire("hushed-1", severity="minor", service="hushed", labels='{"reason": "flapping"}')
    act(twice, "snooze", until=(datetime.now(UTC) + timedelta(days=1)).isoformat())
    act(twice, "acknowledge")
    act(fire("gone-1", severity="minor"), "resolve")

    every = facets(oncue_server)
    assert every["total"] == {"": 4}
    assert every["state"] == {"firing": 1, "acknowledged": 1, "quiet": 1, "resolved": 1}
    assert every["severity"] == {"critical": 1, "major": 1, "minor": 2}
    assert every["service"] == {"shop": 2, "hushed": 1}
    assert every["namespace"] == {NAMESPACE: 4}
    assert every["resource"] == {"loud-1": 1, "taken-1": 1, "hushed-1": 1, "gone-1": 1}
    assert every["quiet"] == {"silenced": 1, "snoozed": 1}, "for each of its reasons; a label is none"

    firing = facets(oncue_server, state="firing", service="shop")
    assert (firing["total"], firing["quiet"], firing["state"]) == ({"": 2}, {}, {"firing": 1, "acknowledged": 1})
    snoozed = facets(oncue_server, quiet_reason="snoozed")
    assert (snoozed["total"], snoozed["state"]) == ({"": 1}, {"quiet": 1})
    assert facets(oncue_server, since="2099-01-01T00:00:00Z")["total"] == {"": 0}

    def listed(**filters: Any) -> list[str]:
        return [one["resource"] for one in oncue_server.items("alerts", namespace=NAMESPACE, **filters)]

    assert listed(quiet_reason=["inhibited", "silenced"]) == ["hushed-1"]
    assert listed(quiet_reason="flapping") == []
    assert listed(state="firing", quiet=False, acknowledged=True) == ["taken-1"]

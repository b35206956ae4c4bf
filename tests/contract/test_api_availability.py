"""The API on availability, over a real server."""

from typing import Any

import pytest

from tests.server import Server, event, eventually

SERVICE = {
    "apiVersion": "oncue/v1",
    "kind": "Service",
    "metadata": {"name": "till", "namespace": "shops"},
    "spec": {"objective": {"availability": 99.5, "window": "7d"}},
}
PATH = "/api/v1/services/shops/till/availability"


@pytest.fixture(scope="module")
def declared(oncue_server: Server) -> Server:
    answer = oncue_server.client.post("/api/v1/manifests", json=[SERVICE])
    assert answer.status_code == 200, answer.text
    return oncue_server


def availability(server: Server, **asked: Any) -> Any:
    answer = server.client.get(PATH, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_outage_shows_at_once_and_ends(declared: Server) -> None:
    found = availability(declared)
    assert (found["counts"], found["outages"], found["down"], found["latest"]) == ("major", 0, False, [])
    assert found["budget"]["total_s"] == pytest.approx(0.005 * 7 * 86400)
    about: dict[str, Any] = {"namespace": "shops", "resource": "till-1", "check": "power", "service": "till"}
    declared.emit(event(severity="critical", **about))
    found = eventually(lambda: (one := availability(declared))["down"] and one)
    (outage,) = found["latest"]
    assert outage["ended_at"] is None
    assert found["down_s"] > 0
    assert (
        declared.client.get(f"/api/v1/{outage['began_with'].replace('alert/', 'alerts/')}").json()["service"] == "till"
    )
    declared.emit(event(severity="clear", **about))
    found = eventually(lambda: (one := availability(declared))["mttr_s"] is not None and one)
    assert (found["outages"], found["down"]) == (1, False)
    assert found["budget"]["used_s"] == found["down_s"] == found["mttr_s"]
    assert sum(day["down_s"] for day in found["days"]) == pytest.approx(found["down_s"])


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "from is to lie before"),
        ({"from": "2020-01-01T00:00:00Z", "to": "2022-01-01T00:00:00Z"}, "400 days"),
        ({"from": "2999-01-01T00:00:00Z"}, "from is to lie before"),
        ({"from": "yesterday"}, "from"),
        ({"counts": "info"}, "counts"),
    ],
)
def test_a_time_that_is_none_is_refused(declared: Server, asked: dict[str, str], detail: str) -> None:
    answer = declared.client.get(PATH, params=asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.invalid")
    assert detail in answer.json()["detail"]


def test_a_time_before_the_service_is_unknown(declared: Server) -> None:
    found = availability(declared, **{"from": "2026-01-01T00:00:00Z", "to": "2026-01-03T12:00:00Z"})
    assert (found["availability"], found["known_s"], found["unknown_s"]) == (None, 0.0, 2.5 * 86400)
    assert [day["availability"] for day in found["days"]] == [None, None, None]


def test_an_objective_that_cannot_be_met_or_reckoned_is_refused(declared: Server) -> None:
    for objective in (
        {"availability": 100},
        {"availability": 99, "window": "5m"},
        {"availability": 99, "counts": "info"},
    ):
        answer = declared.client.post("/api/v1/manifests", json=[{**SERVICE, "spec": {"objective": objective}}])
        assert answer.status_code == 422 or answer.status_code == 400, answer.text
        assert "objective" in answer.text

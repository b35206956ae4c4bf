"""Change records in lists and in handovers."""

from typing import Any

from tests.server import Server


def change(server: Server, **asked: Any) -> str:
    answer = server.client.post("/api/v1/change-records", json={"title": "New disks", **asked})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_change_records_are_found_by_what_they_changed_and_by_what_reported_them(oncue_server: Server) -> None:
    disks = change(oncue_server, resources=["store-1", "store-2"])
    shop = change(oncue_server, services=["shop"], resources=["store-3"])

    def found(**filters: Any) -> set[str]:
        return {item["id"] for item in oncue_server.items("change-records", **filters)} & {disks, shop}

    assert found() == {disks, shop}
    assert found(resource="store-2") == {disks}
    assert found(resource=["store-2", "store-3"]) == {disks, shop}
    assert found(service="shop") == {shop}
    assert found(service="shop", resource="store-2") == set()
    assert found(resource="store") == set(), "names are whole"
    source = oncue_server.client.get(f"/api/v1/change-records/{disks}").json()["source"]
    assert (found(source=source), found(source="pagerduty.change")) == ({disks, shop}, set())


def test_a_handover_names_changes_that_run_and_those_that_ended_since_the_shift_began(oncue_server: Server) -> None:
    long_ago = {"started_at": "2020-01-01T00:00:00Z", "ended_at": "2020-01-01T01:00:00Z"}
    over = change(oncue_server, resources=["hand-1"], **long_ago)
    running = change(oncue_server, resources=["hand-1"], services=["shop"])
    ended = change(oncue_server, resources=["hand-2"])
    assert oncue_server.client.post(f"/api/v1/change-records/{ended}/finish", json={}).status_code == 200
    drawn = oncue_server.client.get("/api/v1/handovers/preview").json()["changes"]
    lines = {line["id"]: line for line in drawn["items"]}
    assert over not in lines
    assert lines[running]["until"] is None
    assert lines[running]["note"] == "shop, hand-1"
    assert lines[ended]["state"] == "succeeded"
    assert list(lines).index(running) < list(lines).index(ended)

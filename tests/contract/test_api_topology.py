"""The API on the topology, over a real server."""

from pathlib import Path
from typing import Any

import pytest

from tests.server import Server, event, eventually

MANIFESTS = """
apiVersion: oncue/v1
kind: Team
metadata: {name: shop, namespace: land}
spec: {members: [basis-1]}
---
apiVersion: oncue/v1
kind: Service
metadata: {name: shop, namespace: land}
spec: {criticality: critical, owner: "team:shop", depends_on: [orders]}
---
apiVersion: oncue/v1
kind: Resource
metadata: {name: orders, namespace: land}
spec: {type: application, depends_on: [db], runs_on: [host-1]}
---
apiVersion: oncue/v1
kind: Resource
metadata: {name: db, namespace: land}
spec: {type: database, aliases: ["db.example.com:5432"], depends_on: [storage]}
---
apiVersion: oncue/v1
kind: Resource
metadata: {name: host-1, namespace: land}
spec: {type: host}
---
apiVersion: oncue/v1
kind: Resource
metadata: {name: ring-a, namespace: land}
spec: {depends_on: [ring-b]}
---
apiVersion: oncue/v1
kind: Resource
metadata: {name: ring-b, namespace: land}
spec: {depends_on: [ring-a]}
"""


def get(server: Server, path: str, **query: Any) -> Any:
    answer = server.client.get(f"/api/v1/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def server(oncue_server: Server) -> Server:
    applied = oncue_server.client.post("/api/v1/manifests", content=MANIFESTS)
    assert applied.status_code == 200, applied.text
    oncue_server.emit(
        event(namespace="land", resource="db.example.com:5432", severity="critical"),
        event(namespace="land", resource="shop-web", service="shop", severity="minor"),
    )
    eventually(lambda: get(oncue_server, "topology", namespace="land")["total"] == 6, what="the topology")
    return oncue_server


def test_a_node_is_shown_with_what_it_needs_and_what_needs_it_and_how_all_of_it_is(server: Server) -> None:
    found = get(server, "topology/land/orders")
    assert found["place"]["id"] == "resource:orders"
    assert [(one["place"]["id"], one["hops"]) for one in found["needs"]] == [("resource:db", 1), ("resource:host-1", 1)]
    db = found["needs"][0]
    assert (db["place"]["severity"], db["place"]["alerts_firing"], db["place"]["type"]) == ("critical", 1, "database")
    assert db["way"] == "orders depends on db"
    (shop,) = found["needed_by"]
    assert (shop["place"]["kind"], shop["place"]["criticality"], shop["place"]["owner"], shop["place"]["severity"]) == (
        "Service", "critical", "team:shop", "minor",
    )  # fmt: skip
    assert {(one["of"], one["relation"], one["on"]) for one in found["edges"]} == {
        ("service:shop", "depends_on", "resource:orders"),
        ("resource:orders", "depends_on", "resource:db"),
        ("resource:orders", "runs_on", "resource:host-1"),
    }
    assert found["truncated"] is False


def test_one_is_found_by_its_alias_and_says_what_is_missing(server: Server) -> None:
    found = get(server, "topology/land/db.example.com:5432", hops=1)
    assert found["place"]["name"] == "db"
    assert found["missing"] == [{"of": "resource:db", "relation": "depends_on", "target": "storage"}]
    absent = server.client.get("/api/v1/topology/land/nothing")
    assert (absent.status_code, absent.json()["code"]) == (404, "topology.not_found")


def test_the_list_is_paged_and_narrowed_and_counts_what_leads_nowhere(server: Server) -> None:
    first = get(server, "topology", namespace="land", limit=4)
    rest = get(server, "topology", namespace="land", limit=4, cursor=first["next"])
    names = [one["name"] for one in (*first["items"], *rest["items"])]
    assert names == ["db", "host-1", "orders", "ring-a", "ring-b", "shop"]
    assert (first["total"], first["missing"], rest["next"]) == (6, 1, None)
    narrowed = get(server, "topology", namespace="land", type="database", q="EXAMPLE")
    assert [one["name"] for one in narrowed["items"]] == ["db"]
    assert [one["name"] for one in get(server, "topology", namespace="land", kind="Service")["items"]] == ["shop"]
    assert get(server, "topology", namespace="elsewhere")["items"] == []


def test_the_command_line_shows_a_node_and_checks_the_whole(server: Server) -> None:
    shown = server.cli("topology", "show", "land/db")
    assert shown.returncode == 0, shown.stderr
    assert "resource:orders" in shown.stdout and "which is not there" in shown.stderr
    checked = server.cli("topology", "check", "-n", "land")
    assert checked.returncode == 0, checked.stderr
    assert "resource:ring-a -> resource:ring-b -> resource:ring-a" in checked.stdout
    assert "6 nodes" in checked.stderr and "1 lead nowhere, 1 circles" in checked.stderr


def test_what_is_deleted_is_gone_and_what_comes_is_there(server: Server) -> None:
    applied = server.client.post(
        "/api/v1/manifests",
        content="apiVersion: oncue/v1\nkind: Resource\nmetadata: {name: brief, namespace: other}\nspec: {}\n",
    )
    assert applied.status_code == 200, applied.text
    eventually(lambda: get(server, "topology", namespace="other")["total"] == 1, what="the new one")
    server.client.delete("/api/v1/manifests/Resource/other/brief")
    eventually(lambda: get(server, "topology", namespace="other")["total"] == 0, what="its end")


def test_an_incident_names_its_suspects_what_is_affected_and_a_piece_of_the_topology(server: Server) -> None:
    server.emit(
        event(namespace="land", resource="orders", severity="major"),
        event(namespace="land", resource="shop-web", service="shop", severity="major"),
    )
    (incident,) = server.items("incidents", namespace="land")
    found = get(server, f"incidents/{incident['id']}/suspects")
    first = found["suspects"][0]
    assert (first["name"], first["place"]["severity"], found["alerts"]) == ("db", "critical", 3)
    assert [part["kind"] for part in first["parts"]][:2] == ["explains", "deepest"]
    assert first["parts"][0]["reason"].startswith("It explains 2 of 2 other places: db is needed by orders")
    assert [(one["place"]["name"], one["place"]["criticality"], one["fails"]) for one in found["affected"]] == [
        ("shop", "critical", True)
    ]
    assert {one["place"]["id"]: (one["rank"], one["fails"]) for one in found["nodes"]} == {
        "resource:db": (1, True), "resource:orders": (2, True), "service:shop": (3, True),
    }  # fmt: skip
    assert {(one["of"], one["on"]) for one in found["edges"]} == {
        ("resource:orders", "resource:db"), ("service:shop", "resource:orders"),
    }  # fmt: skip
    shown = server.cli("incident", "suspects", incident["id"])
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[1].split("\t")[1] == "db"
    assert "affected: shop (critical)" in shown.stderr


def test_an_inventory_is_applied_in_batches_and_a_refusal_says_what_is_in_force(server: Server, tmp_path: Path) -> None:
    rows = [f"host {number},host,,rack-1" for number in range(700)]
    file = tmp_path / "land.csv"
    file.write_text("\n".join(["name,type,owner,part_of", "rack-1,rack,,", *rows]))
    done = server.cli("topology", "import", str(file), "-n", "bulk", "--apply")
    assert (done.returncode, done.stdout) == (0, "701 created\n"), done.stderr
    eventually(lambda: get(server, "topology", namespace="bulk")["total"] == 701, what="all of them")
    assert get(server, "topology/bulk/host 5", hops=1)["needs"][0]["place"]["name"] == "rack-1"
    assert "701 unchanged" in server.cli("topology", "import", str(file), "-n", "bulk", "--apply").stdout
    file.write_text("\n".join(["name,type,owner,part_of", "rack-2,rack,,", *rows, "late,host,nobody,"]))
    refused = server.cli("topology", "import", str(file), "-n", "bulk", "--apply")
    assert refused.returncode == 1
    assert "there is no Team nobody" in refused.stderr
    assert f"applied 500 of 702; those from {file}:502 to {file}:703 were refused" in refused.stderr


def test_an_alert_that_names_a_service_as_its_resource_counts_once_there(server: Server) -> None:
    content = "apiVersion: oncue/v1\nkind: Service\nmetadata: {name: billing, namespace: bills}\nspec: {}\n"
    assert server.client.post("/api/v1/manifests", content=content).status_code == 200
    server.emit(
        event(namespace="bills", resource="billing", severity="major"),
        event(namespace="bills", resource="billing", service="billing", check="other", severity="minor"),
        event(namespace="bills", resource="bill-1", service="billing", severity="minor"),
    )
    place = eventually(lambda: get(server, "topology", namespace="bills")["items"], what="the service")[0]
    assert (place["alerts_firing"], place["severity"]) == (3, "major")


def _mapped(server: Server, **query: Any) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    found = get(server, "topology/map", **query)
    return found, {one["place"]["id"]: one for one in found["nodes"]}


def test_the_map_draws_a_small_landscape_as_it_is(server: Server) -> None:
    found, nodes = _mapped(server, namespace="land")
    assert (found["fold"], found["total"], found["not_shown"], len(nodes)) == ("none", 6, 0, 6)
    assert next(iter(nodes)) == "resource:db", "what fails worst comes first"
    assert (nodes["resource:db"]["place"]["severity"], nodes["resource:db"]["failing"]) == ("critical", 1)
    assert {(line["of"], line["on"]) for line in found["edges"]} >= {
        ("service:shop", "resource:orders"), ("resource:orders", "resource:db"), ("resource:ring-a", "resource:ring-b"),
    }  # fmt: skip
    top, _ = _mapped(server, namespace="land", depth=1)
    assert {one["place"]["id"] for one in top["nodes"]} == {"service:shop", "resource:ring-a"}
    assert top["not_shown"] == 4


def test_the_map_folds_parts_into_wholes_and_opens_them_again(server: Server) -> None:
    rack = "apiVersion: oncue/v1\nkind: Resource\nmetadata: {name: rack, namespace: fold}\nspec: {type: rack, depends_on: [net]}\n"
    parts = "---\n".join(
        f"apiVersion: oncue/v1\nkind: Resource\nmetadata: {{name: h{n}, namespace: fold}}\nspec: {{type: host, part_of: [rack]}}\n"
        for n in range(5)
    )
    net = "apiVersion: oncue/v1\nkind: Resource\nmetadata: {name: net, namespace: fold}\nspec: {type: network}\n"
    app = "apiVersion: oncue/v1\nkind: Resource\nmetadata: {name: app, namespace: fold}\nspec: {runs_on: [h1, h2]}\n"
    content = "---\n".join((rack, parts, net, app))
    assert server.client.post("/api/v1/manifests", content=content).status_code == 200
    server.emit(event(namespace="fold", resource="h3", severity="minor"), event(namespace="fold", resource="stranger"))
    eventually(lambda: get(server, "topology", namespace="fold")["total"] == 8, what="the racks")
    found, nodes = eventually(
        lambda: (seen := _mapped(server, namespace="fold", fold="whole"))[0]["elsewhere"] == 1 and seen,
        what="the alerts",
    )
    assert set(nodes) == {"resource:rack", "resource:net", "resource:app"}
    folded = nodes["resource:rack"]
    assert (folded["folded"], folded["failing"], folded["place"]["severity"], folded["opens"]) == (5, 1, "minor", False)
    assert {(line["of"], line["on"], line["count"]) for line in found["edges"]} == {
        ("resource:rack", "resource:net", 1), ("resource:app", "resource:rack", 2),
    }  # fmt: skip
    found, nodes = _mapped(server, namespace="fold", fold="whole", open="resource:rack")
    assert (len(nodes), nodes["resource:rack"]["opens"], nodes["resource:h3"]["place"]["severity"]) == (
        8,
        True,
        "minor",
    )
    assert found["not_shown"] == 0
    _, nodes = _mapped(server, namespace="fold", fold="type")
    assert (nodes["type:host"]["folded"], nodes["type:host"]["failing"], "resource:h1" in nodes) == (5, 1, False)
    found, nodes = _mapped(server, namespace="fold", fold="none", limit=2)
    assert (len(nodes), found["not_shown"], next(iter(nodes))) == (2, 6, "resource:h3")

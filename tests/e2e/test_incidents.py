"""People give incidents their shape, on a real server, from the command line and the API."""

import json
from typing import Any

from tests.server import Server, event


def ran(server: Server, *arguments: str, stdin: str = "") -> str:
    done = server.cli(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fire(server: Server, *resources: str) -> list[dict[str, Any]]:
    """One alert on each of these, which no other test has; gives them in this order."""
    server.emit(*(event(resource=resource) for resource in resources))
    found = {one["resource"]: one for one in server.items("alerts")}
    return [found[resource] for resource in resources]


def test_incidents_are_merged_and_split_and_each_membership_says_why(oncue_server: Server) -> None:
    server = oncue_server
    one, two, three = fire(server, "apple", "brick", "cloud")
    first, second, third = (alert["incident"] for alert in (one, two, three))
    assert len({first, second, third}) == 3

    said = ran(server, "incident", "merge", first, second, third, "--reason", "the same switch")
    assert said.startswith(f"{first} ") and "3 of 3 alerts firing" in said
    merged = server.client.get(f"/api/v1/incidents/{second}").json()
    assert (merged["state"], merged["merged_into"]) == ("closed", first)
    ids = {alert["id"] for alert in (one, two, three)}
    assert {alert["id"] for alert in server.items(f"incidents/{first}/alerts")} == ids
    assert [alert["id"] for alert in server.items(f"incidents/{second}/alerts")] == [two["id"]], "it shows what it had"

    said = ran(server, "incident", "split", first, three["id"])
    new = said.split()[0]
    assert new not in (first, second, third) and "1 of 1 alerts firing" in said
    assert {alert["id"] for alert in server.items(f"incidents/{first}/alerts")} == {one["id"], two["id"]}
    ran(server, "incident", "move", first, two["id"], "--to", new, "-r", "a wire, not the switch")
    assert {alert["id"] for alert in server.items(f"incidents/{new}/alerts")} == {two["id"], three["id"]}

    members = {one["alert"]: one for one in server.items(f"incidents/{first}/memberships")}
    assert set(members) == ids
    assert members[one["id"]]["left_at"] is None
    assert (members[two["id"]]["left_for"], members[two["id"]]["reason"]) == (new, "a wire, not the switch")
    (joined,) = [member for member in server.items(f"incidents/{new}/memberships") if member["alert"] == two["id"]]
    assert (joined["rule"], joined["by"], joined["left_at"]) == ("manual", members[two["id"]]["by"], None)
    assert joined["by"] != "system"
    table = ran(server, "incident", "members", first).splitlines()
    assert table[0].split("\t") == ["ALERT", "ROLE", "RULE", "REASON", "BY", "AT", "LEFT"]
    assert len(table) == 4


def test_what_makes_no_sense_is_refused_and_changes_nothing(oncue_server: Server) -> None:
    server = oncue_server
    one, two = fire(server, "dune", "elm")
    before = server.items("incidents")
    for arguments, code in (
        (("merge", one["incident"], one["incident"]), "request.invalid"),
        (("merge", one["incident"], "INC-99"), "incident.not_found"),
        (("split", one["incident"], one["id"]), "request.invalid"),
        (("move", one["incident"], two["id"]), "incident.not_member"),
        (("move", one["incident"], one["id"], "--to", one["incident"]), "request.invalid"),
    ):
        done = server.cli("incident", *arguments)
        assert done.returncode == 1 and f"error {code}:" in done.stderr, (arguments, done.stderr)
    assert server.items("incidents") == before
    empty = server.client.post(f"/api/v1/incidents/{one['incident']}/merge", json={"incidents": []})
    assert empty.status_code == 400, empty.text


def test_the_life_of_an_incident_from_the_command_line(oncue_server: Server) -> None:
    server = oncue_server
    (alert,) = fire(server, "fern")
    id = alert["incident"]
    assert "acknowledged by" in ran(server, "incident", "acknowledge", id)
    assert "assigned to basis-1" in ran(server, "incident", "assign", id, "basis-1")
    assert "assigned" not in ran(server, "incident", "assign", id, "")
    ran(server, "incident", "comment", id, "looking at it")
    assert [one["text"] for one in server.items(f"incidents/{id}/comments")] == ["looking at it"]
    assert "resolved" in ran(server, "incident", "resolve", id)
    assert " open" in ran(server, "incident", "reopen", id)
    assert json.loads(ran(server, "get", "incidents", id, "-o", "json"))["id"] == id

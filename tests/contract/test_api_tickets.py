"""Tickets over HTTP and on the command line: found by what people remember of them, linked, ended, reopened."""

import secrets
from typing import Any

import pytest

from tests.server import Server


def made(server: Server, title: str, **more: Any) -> str:
    answer = server.client.post("/api/v1/tickets", json={"title": title, **more})
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    return id


@pytest.fixture(scope="module", autouse=True)
def desk(oncue_server: Server) -> None:
    """A team, and a person of it."""
    team = {"apiVersion": "oncue/v1", "kind": "Team", "metadata": {"name": "desk"}, "spec": {"members": ["basis-1"]}}
    assert oncue_server.client.post("/api/v1/manifests", json=team).status_code == 200


@pytest.fixture(scope="module")
def word(oncue_server: Server) -> str:
    """A word that only the tickets of this module have, four of them."""
    word = f"w{secrets.token_hex(4)}"
    made(oncue_server, f"{word} one", type="change", change="CHG-7", service="shop")
    two = made(oncue_server, f"{word} two", description="Buy BIGGER disks")
    three = made(oncue_server, f"{word} three", type="problem")
    oncue_server.client.post(f"/api/v1/tickets/{two}/assign", json={"assignee": "basis-1"})
    end = {"state": "resolved", "close_code": "solved", "resolution": "Replaced the controller."}
    oncue_server.client.post(f"/api/v1/tickets/{three}/transition", json=end)
    incident = oncue_server.client.post("/api/v1/incidents", json={"title": word}).json()["id"]
    made(oncue_server, f"{word} four", incident=incident, priority="P1")
    return word


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["four", "three", "two", "one"]),
        ({"state": "resolved"}, ["three"]),
        ({"type": "change"}, ["one"]),
        ({"service": "shop"}, ["one"]),
        ({"change": "CHG-7"}, ["one"]),
        ({"assignee": "basis-1"}, ["two"]),
        ({"assignee": ""}, ["four", "three", "one"]),
        ({"assignee": "nobody-1"}, []),
        ({"type": "change", "assignee": "basis-1"}, []),
    ],
)
def test_tickets_are_found(oncue_server: Server, word: str, asked: dict[str, str], found: list[str]) -> None:
    answer = oncue_server.client.get("/api/v1/tickets", params={"text": word.upper(), **asked})
    assert [one["title"].split()[1] for one in answer.json()["items"]] == found


@pytest.mark.parametrize(("text", "title"), [("bigger disk", "two"), ("the controller", "three"), ("100%", None)])
def test_a_part_of_any_of_its_texts_finds_it(oncue_server: Server, word: str, text: str, title: str | None) -> None:
    items = oncue_server.client.get("/api/v1/tickets", params={"text": text}).json()["items"]
    assert [one["title"] for one in items if word in one["title"]] == ([f"{word} {title}"] if title else [])


def test_the_tickets_of_an_incident_are_found_by_it(oncue_server: Server, word: str) -> None:
    (four,) = oncue_server.client.get("/api/v1/tickets", params={"text": f"{word} four"}).json()["items"]
    items = oncue_server.client.get("/api/v1/tickets", params={"incident": four["incident"]}).json()["items"]
    assert [one["id"] for one in items] == [four["id"]]


def test_it_is_linked_and_unlinked(oncue_server: Server) -> None:
    one, other = made(oncue_server, "One"), made(oncue_server, "Other")
    path = f"/api/v1/tickets/{one}/links"
    linked = oncue_server.client.post(path, json={"target": other, "title": "the same rack"})
    assert [(link["target"], link["title"]) for link in linked.json()["links"]] == [(other, "the same rack")]
    back = oncue_server.client.get(f"/api/v1/tickets/{other}").json()["links"]
    assert [link["target"] for link in back] == [one]
    assert oncue_server.client.post(path, json={"target": "javascript:alert(1)"}).status_code == 400
    assert oncue_server.client.delete(path, params={"target": other}).json()["links"] == []
    assert oncue_server.client.delete(path, params={"target": other}).json()["code"] == "request.invalid"


@pytest.mark.parametrize("who", ["basis-1", "user:basis-1", "team:desk", "", None])
def test_it_is_given_to_whoever_is_there(oncue_server: Server, who: str | None) -> None:
    path = f"/api/v1/tickets/{made(oncue_server, 'Given')}/assign"
    assert oncue_server.client.post(path, json={"assignee": who}).json()["assignee"] == (who or None)


@pytest.mark.parametrize(
    ("who", "near"),
    [("basis-11", "basis-1"), ("team:desks", "team:desk"), ("user:basis-2", "user:basis-1"), ("zzz", None)],
)
def test_it_is_given_to_nobody_whom_nothing_names(oncue_server: Server, who: str, near: str | None) -> None:
    id = made(oncue_server, "Kept")
    refused = oncue_server.client.post(f"/api/v1/tickets/{id}/assign", json={"assignee": who})
    assert (refused.status_code, refused.json()["code"]) == (409, "ticket.assignee")
    assert refused.json()["detail"] == f"{who} in default" + (f"; did you mean {near}?" if near else "")
    assert oncue_server.client.get(f"/api/v1/tickets/{id}").json()["assignee"] is None


@pytest.mark.parametrize(
    ("target", "code"),
    [("INC-99999", "incident.not_found"), ("CHG-99999", "change.not_found"), ("run-none", "run.not_found"),
     ("TCK-99999", "ticket.not_found"), ("PRB-99999", "problem.not_found"), ("al-none", "alert.not_found")],
)  # fmt: skip
def test_it_is_linked_to_nothing_that_is_not_there(oncue_server: Server, target: str, code: str) -> None:
    id = made(oncue_server, "Alone")
    refused = oncue_server.client.post(f"/api/v1/tickets/{id}/links", json={"target": target})
    assert (refused.status_code, refused.json()["code"]) == (404, code)
    assert oncue_server.client.get(f"/api/v1/tickets/{id}").json()["links"] == []


def test_what_is_linked_may_be_another_systems_and_its_letters_count(oncue_server: Server) -> None:
    one, other = made(oncue_server, "One"), made(oncue_server, "Other")
    path = f"/api/v1/tickets/{one}/links"
    assert oncue_server.client.post(path, json={"target": "OPS-12"}).status_code == 200
    refused = oncue_server.client.post(path, json={"target": other.lower()}).json()
    assert (refused["code"], refused["detail"]) == ("ticket.not_found", f"{other.lower()}; did you mean {other}?")


def test_how_it_ended_is_for_what_is_over(oncue_server: Server) -> None:
    id = made(oncue_server, "Ends")
    path = f"/api/v1/tickets/{id}/transition"
    refused = oncue_server.client.post(path, json={"state": "in_progress", "resolution": "Done."})
    assert refused.json()["code"] == "request.invalid"
    ended = oncue_server.client.post(path, json={"state": "resolved", "close_code": "workaround"}).json()
    assert (ended["close_code"], ended["reopened"]) == ("workaround", 0)
    again = oncue_server.client.post(path, json={"state": "in_progress"}).json()
    assert (again["close_code"], again["reopened"]) == (None, 1)


def test_the_command_line_does_the_same(oncue_server: Server) -> None:
    def run(*arguments: str) -> str:
        done = oncue_server.cli("ticket", *arguments)
        assert done.returncode == 0, done.stderr
        return str(done.stdout + done.stderr)

    word = f"w{secrets.token_hex(4)}"
    id = run("create", f"{word} disks", "--priority", "P3").split()[0]
    assert run("assign", id, "basis-1") == f"{id} new: {word} disks; basis-1 has it\n"
    run("comment", id, "Ordered.")
    run("link", id, "https://shop.example.com/1", "--title", "the order")
    run("move", id, "resolved", "--code", "solved", "--resolution", "Two disks were added.")
    shown = run("show", id)
    for part in ("solved", "Two disks were added.", "the order", "Ordered."):
        assert part in shown
    assert id in run("find", word, "--state", "resolved", "--assignee", "basis-1")
    assert run("find", word, "--assignee", "").endswith("There are no such tickets.\n")
    run("unlink", id, "https://shop.example.com/1")
    assert "the order" not in run("show", id)


def test_a_ticket_that_is_mirrored_nowhere_says_so(oncue_server: Server) -> None:
    id = made(oncue_server, "Here alone")
    assert oncue_server.client.get(f"/api/v1/tickets/{id}/mirrors").json() == {"items": [], "next": None}
    assert oncue_server.client.get("/api/v1/tickets/TCK-0/mirrors").status_code == 404
    refused = oncue_server.client.post("/api/v1/ticket-mirrors/retry", json={"ticket": id})
    assert refused.json()["code"] == "mirror.not_found"
    assert oncue_server.cli("mirror", "retry", "nothing").returncode == 1

"""What a list can be narrowed to: a state or severity that there is not is refused, and those that there are, are named."""

from typing import get_type_hints

import pytest

from oncue.api.app import HANDLERS
from oncue.api.params import states_of
from tests.server import Server

LISTS = {handler for handler in HANDLERS if "narrowing" in get_type_hints(handler.fn)}
STATES = {
    path: states_of(handler)
    for handler in LISTS
    for path in handler.paths
    if "{" not in path and states_of(handler)
}  # fmt: skip


def test_every_list_of_what_has_states_knows_them() -> None:
    assert len(STATES) > 15
    assert STATES["/alerts"] == ("firing", "resolved")
    assert STATES["/decisions"] == ("fired", "blocked", "failed")
    assert {"succeeded", "failed", "rolled_back"} <= set(STATES["/runs"])


@pytest.mark.parametrize("path", sorted(STATES))
def test_a_state_that_there_is_not_is_refused_with_those_that_there_are(oncue_server: Server, path: str) -> None:
    refused = oncue_server.client.get(f"/api/v1{path}", params={"state": f"{STATES[path][0]},faild"})
    assert (refused.status_code, refused.json()["code"]) == (400, "request.invalid"), refused.text
    assert refused.json()["detail"].startswith(f"state: 'faild' is none of {', '.join(STATES[path])}")
    given = oncue_server.client.get(f"/api/v1{path}", params={"state": ",".join(STATES[path])})
    assert given.status_code == 200, given.text


def test_steps_are_narrowed_to_the_states_of_steps(oncue_server: Server) -> None:
    refused = oncue_server.client.get("/api/v1/runs/run-none/steps", params={"state": "rolled_back"})
    assert refused.status_code == 400
    assert "failed_validation" in refused.json()["detail"]


def test_a_severity_that_there_is_not_is_refused(oncue_server: Server) -> None:
    for path in ("/alerts", "/incidents", "/events"):
        refused = oncue_server.client.get(f"/api/v1{path}", params={"severity": "kritical"})
        assert (refused.status_code, refused.json()["code"]) == (400, "request.invalid")
        assert (
            "none of clear, info, warning, minor, major, critical; did you mean critical?" in refused.json()["detail"]
        )


def test_the_command_line_says_the_same(oncue_server: Server) -> None:
    ran = oncue_server.cli("get", "runs", "--state", "faild")
    assert ran.returncode == 1
    assert "error request.invalid" in ran.stderr
    assert "did you mean failed?" in ran.stderr

"""What schemathesis checks of every answer beside its own checks; loaded by it as its hooks."""

from typing import Any

import schemathesis

from oncue.core.errors import CODES

OTHERS = ("/alertmanager", "/pagerduty")
"""Protocols of others, which refuse in their own words."""


@schemathesis.check
def refusals_are_problems(ctx: schemathesis.CheckContext, response: schemathesis.Response, case: Any) -> None:
    """A refusal is a problem document (RFC 9457) with a code of the table, whose status is the answer's."""
    if response.status_code < 400 or case.path.startswith(OTHERS) or case.path == "/readyz":
        return
    media = (response.headers.get("content-type") or [""])[0]
    assert media == "application/problem+json", f"{response.status_code} is {media}"
    problem = response.json()
    known = CODES.get(problem["code"])
    assert known is not None, f"{problem['code']} is no code"
    assert problem["status"] == response.status_code == known.status, f"{problem} with {response.status_code}"
    assert problem["title"] == known.title and problem["hint"] == known.hint and problem["code"] != "internal"

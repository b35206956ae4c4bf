"""What any ticket system may do wrong, and the code that says so: one table for all of them."""

from typing import Any, Final

HTML: Final = "<!doctype html><html><body>Please sign in</body></html>"
FAILURES: Final[list[tuple[int, Any, dict[str, str], str, bool, float | None]]] = [
    (401, {"error": "who"}, {}, "itsm.unauthorised", False, None),
    (403, {"error": "no"}, {}, "itsm.forbidden", False, None),
    (403, {"message": "secondary rate limit"}, {"Retry-After": "60"}, "itsm.busy", True, 60.0),
    (404, {"error": "nothing"}, {}, "itsm.not_found", False, None),
    (409, {"error": "changed"}, {}, "itsm.conflict", True, None),
    (422, {"error": "state"}, {}, "itsm.refused", False, None),
    (429, {"error": "slowly"}, {"Retry-After": "17"}, "itsm.busy", True, 17.0),
    (429, "", {}, "itsm.busy", True, None),
    (500, HTML, {}, "itsm.unavailable", True, None),
    (503, HTML, {}, "itsm.unavailable", True, None),
    (503, HTML, {"Retry-After": "120"}, "itsm.busy", True, 120.0),
    (302, "", {"Location": "https://sign-in.example.com/"}, "itsm.nonsense", True, None),
    (200, HTML, {}, "itsm.nonsense", True, None),
    (200, {"surprise": 1}, {}, "itsm.nonsense", True, None),
    (200, [1], {}, "itsm.nonsense", True, None),
]
"""Status, body and headers of the answer; code, whether another try may help, and the pause asked for."""

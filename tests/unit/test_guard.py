"""What a request shows of who sends it."""

import pytest

from oncue.access.store import AccessStore
from oncue.api.guard import authenticate
from oncue.core.errors import Refusal


@pytest.mark.parametrize("credentials", [b"\xff", b"\xc3\xa9", b"!", b"/w=="])
def test_basic_credentials_that_are_none_are_refused(credentials: bytes) -> None:
    scope = {"headers": [(b"authorization", b"Basic " + credentials)], "method": "POST", "query_string": b""}
    with pytest.raises(Refusal) as refused:
        authenticate(scope, AccessStore.__new__(AccessStore))
    assert refused.value.code == "auth.invalid"

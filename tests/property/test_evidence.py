"""Whatever is changed in a bundle of evidence is found; and one that an earlier version made is told as it was then."""

import base64
import json
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncue.evidence.check import read, verify
from oncue.evidence.html import page
from tests.bending import bent, kinds, without

CONTENT: Final = Path(__file__).with_name("evidence-1.json").read_bytes()
"""Of a change that was undone. It stays as it is: whoever kept a bundle must be able to verify it with any later version."""
KEY: Final = "iEgmJxlAroNoBITWmI/RuMpbMAQHODRYIWtUd0/g0Fs="
DOCUMENT: Final = json.loads(CONTENT)


def test_a_bundle_of_the_first_form_verifies() -> None:
    found = verify(CONTENT, base64.b64decode(KEY))
    assert (found.result, found.origin, found.subject) == ("intact", True, "CHG-1"), found
    assert "backed out" in page(read(CONTENT)[1])


@pytest.mark.parametrize("path", kinds(DOCUMENT), ids=repr)
def test_whatever_is_changed_in_a_bundle_is_found(path: tuple[str | int, ...]) -> None:
    for make in (bent, None):
        found = verify(json.dumps(without(DOCUMENT, path, make)).encode())
        assert found.result == "tampered" or path in {("evidence",), ("evidence", "form")}, found
        assert found.exit_code != 0


@settings(max_examples=150)
@given(at=st.integers(0, len(CONTENT) - 1), left_out=st.integers(0, 2), put=st.binary(max_size=2))
def test_bytes_that_are_changed_are_found(at: int, left_out: int, put: bytes) -> None:
    other = CONTENT[:at] + put + CONTENT[at + left_out :]
    if verify(other).result == "intact":
        assert json.loads(other) == DOCUMENT, "it says the same"

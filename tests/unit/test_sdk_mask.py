"""Masking: a secret is found in every form that it takes on the way out."""

import base64
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncue.sdk.mask import MASK, Mask
from oncue.sdk.testing import QuietLog, context

SECRET = 'p@ss "wörd"/+&='


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
    ],
)
def test_each_form_is_masked(form: str) -> None:
    masked = Mask([SECRET]).text(f"before {form} after")
    assert form.rstrip("=") not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


@given(user=st.text(min_size=0, max_size=12), secret=st.text(alphabet="abcXYZ0189_-", min_size=8, max_size=40))
def test_no_third_of_it_remains_in_basic_credentials(user: str, secret: str) -> None:
    token = base64.b64encode(f"{user}:{secret}".encode()).decode()
    masked = Mask([secret]).text(token)
    assert MASK in masked
    for part in masked.split(MASK):
        padded = part[: len(part) - len(part) % 4]
        assert secret not in base64.b64decode(padded, validate=False).decode("utf-8", "replace")


def test_keys_and_nested_strings_are_masked() -> None:
    masked = Mask(["hunter22"]).value({"a hunter22": [1, None, {"b": "xhunter22x"}]})
    assert masked == {f"a {MASK}": [1, None, {"b": f"x{MASK}x"}]}


def test_each_line_of_a_key_is_masked() -> None:
    masked = Mask(["-----BEGIN-----\nabcdefgh\nijklmnop\n-----END-----"]).text("a line: ijklmnop")
    assert masked == f"a line: {MASK}"


def test_values_too_short_to_hide_leave_the_text_readable() -> None:
    assert Mask(["a", ""]).text("banana") == "banana"


def test_a_plugins_log_is_masked(tmp_path: Path) -> None:
    kept = QuietLog()
    surroundings = context(tmp_path, secrets={"a": "hunter22"}, log=kept)
    surroundings.log.info("before", value="hunter22")
    surroundings.secret("secret://a")
    surroundings.log.warning("after", value=["x hunter22"])
    assert kept.lines == [("before", {"value": "hunter22"}), ("after", {"value": [f"x {MASK}"]})]


def test_without_values_nothing_changes() -> None:
    value = {"a": [1, "b"]}
    assert Mask().value(value) is value

"""What is kept and told of a program's output, however it comes."""

from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from oncue.plugins.output import TOLD_LIMIT, Ended, Output, ended, last_words
from oncue.sdk import Told
from oncue.sdk.telling import LINE_LIMIT
from oncue.sdk.testing import context

KEEP = 200


@given(st.lists(st.binary(max_size=300) | st.text(max_size=100).map(str.encode), max_size=8))
def test_the_end_is_kept_and_fits_whatever_comes(chunks: list[bytes]) -> None:
    output = Output("out", keep=KEEP)
    for chunk in chunks:
        output.feed(chunk)
    text, truncated = output.kept()
    whole = b"".join(chunks).decode("utf-8", "replace")
    assert len(msgspec.json.encode(text)) <= KEEP
    if truncated:
        assert len(msgspec.json.encode(whole)) > KEEP
        # A character that the cut went through is replaced, which is as many as it has bytes at most.
        assert whole.endswith(text.lstrip("�"))
    else:
        assert text == whole


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=12))
def test_lines_are_told_whole_however_they_are_cut(chunks: list[bytes]) -> None:
    told: list[Told] = []
    output = Output("err", context(Path(), tell=told.append))
    for chunk in chunks:
        output.feed(chunk)
    output.end()
    lines = b"".join(chunks).decode("utf-8", "replace").splitlines()
    assert [one.text for one in told] == [line for line in lines if line], "empty lines are not told"
    assert {one.stream for one in told} <= {"err"}


def test_what_is_told_is_bounded() -> None:
    told: list[Told] = []
    output = Output("out", context(Path(), tell=told.append))
    for _ in range(100):
        output.feed(b"x\r" * 5_000 + b"\n" * 100)
    assert len(told) == TOLD_LIMIT + 1
    told.clear()
    endless = Output("out", context(Path(), tell=told.append))
    for _ in range(10):
        endless.feed(b"x" * 60_000)
    assert told
    assert all(len(one.text) <= LINE_LIMIT for one in told)


def test_half_a_secret_does_not_begin_what_is_kept() -> None:
    output = Output("out", keep=KEEP)
    output.feed(b"token: correct-horse-battery\n" + b"y" * (KEEP - 15) + b"\n")
    text, truncated = output.kept()
    assert truncated
    assert "battery" not in text
    assert text == "y" * (KEEP - 15) + "\n"


def test_last_words_are_masked_before_they_are_cut(tmp_path: Path) -> None:
    surroundings = context(tmp_path, secrets={"token": "t" * 400})
    surroundings.secret("secret://token")
    said = last_words(Ended(exit_code=1, stdout="", stderr="t" * 400 + "z" * 300), surroundings)
    assert said == "[secret]" + "z" * 300
    assert last_words(Ended(exit_code=1, stdout="out", stderr=" \n"), surroundings) == "out"
    assert last_words(ended(1, Output("out"), Output("err")), surroundings) == "it said nothing"

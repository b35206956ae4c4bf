"""What is said of expressions that cannot be read: what is missing or too much, and where."""

import pytest

from oncue.core import expression
from oncue.core.errors import Refusal


def said(text: str) -> str:
    with pytest.raises(Refusal) as refused:
        expression.compiled(text)
    assert refused.value.code == "expression.invalid"
    place, _, words = refused.value.detail.partition(f" of {text!r}: ")
    assert place == f"line {refused.value.more['line']}, column {refused.value.more['column']}"
    return f"{refused.value.more['line']}:{refused.value.more['column']} {words}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "1:1 it is empty: write what is to be told, as event.severity == 'critical'"),
        ("event.count >", "1:14 it is not finished: a value is missing after >"),
        ("event.count == 1 &&  ", "1:22 it is not finished: a value is missing after &&"),
        ("event.count in", "1:15 it is not finished: a value is missing after in"),
        ("event.", "1:7 it is not finished: a name is missing after ."),
        ("event. == 1", "1:8 a name is missing after the . before this"),
        ("true ? 1", "1:9 it is not finished: a : and a second value are missing at its end"),
        ("event.type == 'abc", "1:15 the text that begins here is not closed: ' is missing at its end"),
        ('event.type == "abc', '1:15 the text that begins here is not closed: " is missing at its end'),
        ("event.type == '''abc'", "1:15 the text that begins here is not closed: ''' is missing at its end"),
        ("true &&\n(event.type == 'a\n)", "2:16 the text that begins here is not closed: ' is missing at its end"),
        (r"event.type == 'a\d'", r"1:15 \d means nothing in a text: write \\ for a backslash"),
        (r"event.type == r'a\d' +", "1:23 it is not finished: a value is missing after +"),
        ("(event.type == ')'", "1:19 it is not finished: ) is missing, for the ( at line 1, column 1"),
        ("size([1, 2", "1:11 it is not finished: ] is missing, for the [ at line 1, column 6"),
        ("{'a': 1", "1:8 it is not finished: } is missing, for the { at line 1, column 1"),
        ("event.count == 1)", "1:17 nothing is open that this ) closes: leave it out"),
        ("(event.count == 1]", "1:18 this ] stands where the ( at line 1, column 1 is still open: write ) first"),
        ("event.count == 1 2", "1:18 2 does not belong here: an operator is missing before it, or it is too much"),
        ("== 1", "1:1 a value is missing before =="),
        ("event.count & 1", "1:13 a single & means nothing in CEL; write &&"),
        ("event.count == #", "1:16 # means nothing in CEL"),
    ],
)  # fmt: skip
def test_what_is_missing_or_too_much_is_said_with_its_place(text: str, words: str) -> None:
    found = said(text)
    assert found == words
    assert "Syntax error" not in found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("n ${event.count", "the ${ at column 3 of 'n ${event.count' is not closed: write } at the end of its expression"),
        ("n ${event.type == 'a}", "is not closed: the text that begins with ' at column 19 is not, and takes its } for a part of itself"),
    ],
)  # fmt: skip
def test_a_place_in_a_string_that_is_not_closed_says_why(text: str, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        expression.template(text)
    assert words in refused.value.detail

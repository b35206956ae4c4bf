"""Properties of the CloudEvents codec over generated documents: the two decoders agree, and nothing is invented."""

import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from oncue.core import event as events
from oncue.core.normalise import Outline, outline_of
from oncue.plugins.sources import cloudevents
from oncue.plugins.sources.cloudevents import parse_batch, parse_structured
from oncue.sdk.source import Refusal

NASTY = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "1.0", "clear", "critical", "oncue.x", "/a", "a b", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+0000",
         "2026-01-01 00:00:00z", "9999-12-31T23:59:59-01:00", "{}", '{"a":"b"}', '{"a":1}', "TWE=", "text/plain",
         "\x00", "\x85", "\uffff", "\u00ad", "default", "urn:x:y", "x" * 2049]
    ),
    st.none(), st.booleans(), st.integers(-(2**33), 2**33), st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
NAMES = st.sampled_from(
    [*events.Event.__struct_fields__, "dataschema", "sequence", "Upper", "with-dash", "data", "data_base64", "1"]
)
DOCUMENTS = st.builds(
    lambda base, more: {**base, **more},
    st.fixed_dictionaries(
        {"specversion": st.just("1.0"), "id": st.just("i"), "source": st.just("/s"), "type": st.just("t")}
    ),
    st.dictionaries(NAMES, NASTY, max_size=5),
)


# The first draw of a text builds Hypothesis' tables of Unicode, which takes seconds on a slow machine.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def verdict(vet: Any, document: bytes) -> tuple[str | None, Outline | None]:
    try:
        return None, vet(document)
    except Refusal as refusal:
        return refusal.code, None


@patient
@given(DOCUMENTS, st.booleans())
@example({"specversion": "1.0", "id": "\u00ad", "source": "/s", "type": "t"}, False)
@example({"specversion": "1.0", "id": "i", "source": "/\ufffe", "type": "t"}, False)
def test_the_fast_path_and_the_explained_one_take_the_same_documents(event: dict[str, Any], ascii: bool) -> None:
    document = json.dumps(event, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
    assert verdict(cloudevents.vet, document) == verdict(cloudevents._explain, document)


@patient
@given(DOCUMENTS)
def test_the_engine_can_read_whatever_is_accepted(event: dict[str, Any]) -> None:
    document = json.dumps(event).encode()
    parsed = parse_structured(document)
    assert parsed.outlines == [outline_of(accepted) for accepted in parsed.events]
    for accepted in parsed.events:
        assert accepted == document
        decoded = events.decode(accepted)
        events.labels_of(decoded)
        events.data_of(decoded)
        for instant in (decoded.time, decoded.startsat, decoded.endsat):
            events.instant(instant)


@patient
@given(st.lists(DOCUMENTS, max_size=6))
def test_a_batch_says_of_each_member_what_it_says_of_it_alone(batch: list[dict[str, Any]]) -> None:
    members = [json.dumps(event).encode() for event in batch]
    parsed = parse_batch(b"[" + b",".join(members) + b"]")
    alone = [parse_structured(member) for member in members]
    assert parsed.events == [event for one in alone for event in one.events]
    assert [letter[0] for letter in parsed.rejected] == [index for index, one in enumerate(alone) if one.rejected]
    assert [members[parsed.index(number)] for number in range(len(parsed.events))] == parsed.events


@patient
@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(document: bytes) -> None:
    parsed = parse_structured(document)
    assert len(parsed.events) + len(parsed.rejected) == 1


@patient
@given(st.text(max_size=60), st.binary(max_size=40))
def test_any_binary_message_gets_an_answer(value: str, payload: bytes) -> None:
    headers = [(b"ce-specversion", b"1.0"), (b"ce-id", value.encode("utf-8", "surrogatepass")), (b"ce-type", b"t")]
    parsed = cloudevents.parse_binary([*headers, (b"ce-source", b"/s")], payload)
    assert len(parsed.events) + len(parsed.rejected) == 1

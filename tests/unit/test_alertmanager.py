"""Alertmanager's alerts as events: the mapping, the fingerprint, what is refused and in which words."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncue.core import event as events
from oncue.plugins.sources import cloudevents
from oncue.plugins.sources.alertmanager import AlertmanagerSource, Unacceptable, fnv1a, parse_alerts
from oncue.sdk.source import BATCH_LIMIT, Message, Parsed, Refusal

NOW = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)


def parsed(*alerts: Any) -> tuple[Parsed, list[str]]:
    found, faults = parse_alerts(json.dumps(alerts).encode(), NOW)
    assert found.outlines == [cloudevents.vet(document) for document in found.events]
    assert all(outline.namespace is None for outline in found.outlines)
    return found, faults


def event(labels: dict[str, str], **more: Any) -> events.Event:
    found, faults = parsed({"labels": labels, **more})
    assert faults == []
    (document,) = found.events
    return events.decode(document)


def test_the_fingerprint_is_alertmanagers() -> None:
    # Read off Alertmanager 0.25 for this label set.
    assert fnv1a({"severity": "warning", "alertname": "foo"}) == "317018deed6de497"


def test_an_alert_becomes_an_event_with_all_that_prometheus_says() -> None:
    labels = {"alertname": "DiskFull", "severity": "critical", "instance": "db-1:9100", "job": "node", "service": "db"}
    posted = {
        "labels": labels,
        "annotations": {"summary": "Disk is full", "description": "99 %"},
        "startsAt": "2026-03-01T11:00:00.5Z",
        "endsAt": "2026-03-01T13:04:00+01:00",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
    }
    found = event(**posted)
    assert found.type == "prometheus.alert"
    assert found.source == "/alertmanager"
    assert found.time == "2026-03-01T12:00:00.123Z"
    assert (found.severity, found.resource, found.service, found.check) == ("critical", "db-1:9100", "db", "DiskFull")
    assert found.fingerprint == fnv1a(labels)
    assert found.title == "Disk is full"
    assert events.labels_of(found) == labels
    assert found.startsat == "2026-03-01T11:00:00.500Z"
    assert found.endsat == "2026-03-01T12:04:00.000Z"
    assert events.data_of(found) == posted


def test_without_an_end_the_alert_holds_for_the_resolve_timeout() -> None:
    document = json.dumps([{"labels": {"alertname": "a"}}]).encode()
    found, _ = parse_alerts(document, NOW, timedelta(minutes=7))
    assert events.decode(found.events[0]).endsat == "2026-03-01T12:07:00.123Z"
    assert events.decode(found.events[0]).startsat == "2026-03-01T12:00:00.123Z"


def test_what_an_instant_means_depends_neither_on_its_zone_nor_on_its_neighbours() -> None:
    same = ["0001-12-31T23:30:00-01:00", "0002-01-01T00:30:00Z", "0002-01-01T01:30:00+01:00"]
    for order in (same, same[::-1]):
        alerts = [{"labels": {"alertname": f"a{n}"}, "startsAt": text} for n, text in enumerate(order)]
        parsed, faults = parse_alerts(json.dumps(alerts).encode(), NOW)
        assert not faults
        assert {json.loads(event)["startsat"] for event in parsed.events} == {"0002-01-01T00:30:00.000Z"}


@pytest.mark.parametrize("zero", ["0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00Z", "", None])
def test_gos_zero_time_means_that_none_is_set(zero: str | None) -> None:
    found = event({"alertname": "a"}, startsAt=zero, endsAt=zero)
    assert found.severity == "warning"
    assert found.startsat == "2026-03-01T12:00:00.123Z"
    assert found.endsat == "2026-03-01T12:05:00.123Z"


def test_an_end_that_has_passed_is_the_recovery() -> None:
    found = event({"alertname": "a", "severity": "critical"}, endsAt="2026-03-01T11:59:00Z")
    assert found.severity == "clear"
    assert found.endsat is None
    assert found.startsat == "2026-03-01T11:59:00.000Z"


@pytest.mark.parametrize(
    ("label", "severity"),
    [("critical", "critical"), ("CRITICAL", "critical"), ("page", "major"), ("error", "major"), ("warning", "warning"),
     ("info", "info"), ("none", "info"), ("sev2", "warning"), (None, "warning")],
)  # fmt: skip
def test_the_label_severity_maps_to_oncues(label: str | None, severity: str) -> None:
    labels = {"alertname": "a"} if label is None else {"alertname": "a", "severity": label}
    assert event(labels).severity == severity


@pytest.mark.parametrize(
    ("labels", "resource"),
    [({"instance": "i", "pod": "p"}, "i"), ({"pod": "p", "node": "n"}, "p"), ({"host": "h"}, "h"), ({"job": "j"}, "j"),
     ({}, "a"), ({"instance": "\n"}, "a")],
)  # fmt: skip
def test_the_resource_is_the_first_label_that_names_one(labels: dict[str, str], resource: str) -> None:
    assert event({"alertname": "a", **labels}).resource == resource


def test_empty_labels_count_for_nothing() -> None:
    found = event({"alertname": "foo", "severity": "warning", "empty": ""})
    assert found.fingerprint == "317018deed6de497"
    assert events.labels_of(found) == {"alertname": "foo", "severity": "warning"}


def test_a_title_is_one_line_whatever_the_annotation_holds() -> None:
    assert event({"alertname": "a"}, annotations={"summary": "one\n two\x00"}).title == "one  two"
    assert event({"alertname": "a", "instance": "i"}, annotations={"summary": "\n"}).title == "a on i"
    assert len(event({"alertname": "a"}, annotations={"summary": "x" * 9000}).title or "") == 1024


def test_a_repeat_is_an_event_of_its_own_with_the_same_fingerprint() -> None:
    first, again = event({"alertname": "a"}), event({"alertname": "a"})
    assert first.id != again.id
    assert first.fingerprint == again.fingerprint


def test_valid_alerts_are_kept_beside_the_others() -> None:
    found, faults = parsed(
        {"labels": {"alertname": "a"}},
        {"labels": {"bad-name": "x"}},
        {"labels": {"alertname": ""}},
        {"labels": {"alertname": "b"}, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"},
        {"labels": {"alertname": "c"}},
    )
    assert [events.decode(document).check for document in found.events] == ["a", "c"]
    assert found.indexes == [0, 4]
    assert faults == [
        'invalid label set: invalid name "bad-name"',
        "at least one label pair required",
        "start time must be before end time",
    ]
    assert [(index, code) for index, code, *_ in found.rejected] == [(n, "event.malformed") for n in (1, 2, 3)]


def test_members_that_the_api_does_not_know_are_dropped() -> None:
    found = event({"alertname": "a"}, extra={"deep": [[[]]]}, annotations={"summary": "s"})
    assert events.data_of(found) == {"labels": {"alertname": "a"}, "annotations": {"summary": "s"}}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 422, 602), ("[{", 400, 400), ("{}", 400, 400), ("[1]", 400, 400), ("[null]", 400, 400),
        ('[{"annotations":{}}]', 422, 602), ('[{"labels":null}]', 422, 602), ('[{"labels":{"a":1}}]', 400, 400),
        ('[{"labels":[]}]', 400, 400), ('[{"labels":{"a":"b"},"annotations":{"a":1}}]', 400, 400),
        ('[{"labels":{"a":"b"},"startsAt":"lunch"}]', 400, 400), ('[{"labels":{"a":"b"},"startsAt":5}]', 400, 400),
        ('[{"labels":{"a":"b"},"generatorURL":"not a uri"}]', 422, 601),
        ('[{"labels":{"a":"b"},"generatorURL":5}]', 400, 400),
        ("[" * 100_000, 400, 400), ('[{"labels":{"a":"\\ud800"}}]', 400, 400), ('[{"x":1e999,"labels":{}}]', 400, 400),
    ],
)  # fmt: skip
def test_what_breaks_the_schema_is_refused_as_a_whole(body: str, status: int, code: int) -> None:
    with pytest.raises(Unacceptable) as refused:
        parse_alerts(body.encode(), NOW)
    assert refused.value.status == status
    assert refused.value.body["code"] == code


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(Unacceptable):
        parse_alerts(b'[{"labels":{"a":"\xff"}}]', NOW)


@pytest.mark.parametrize("body", [b"[]", b"null"])
def test_no_alerts_are_fine(body: bytes) -> None:
    assert parse_alerts(body, NOW) == (Parsed([], [], [], []), [])


def test_there_are_bounds() -> None:
    with pytest.raises(Refusal) as refused:
        parse_alerts(b"[" + b",".join([b"{}"] * (BATCH_LIMIT + 1)) + b"]", NOW)
    assert refused.value.code == "request.too_large"
    _, faults = parsed(
        {"labels": {f"l{n}": "v" for n in range(65)}},
        {"labels": {"a": "v" * 3000}},
        {"labels": {f"l{n}": "v" * 1000 for n in range(20)}},
        {"labels": {"a": "\0"}},
        {"labels": {"a": "b"}, "annotations": {"a": "b" * 250_000}},
        {"labels": {"a": "b"}, "endsAt": "9999-12-31T23:59:59-05:00"},
    )
    assert len(faults) == 6


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=10), max_size=4),
    st.dictionaries(st.text(max_size=5) | st.just("summary"), st.text(max_size=20), max_size=3),
    st.one_of(st.none(), st.datetimes().map(lambda at: at.isoformat() + "Z"), st.text(max_size=5)),
)
def test_whatever_is_posted_gives_valid_events_or_a_reason(
    labels: dict[str, str], annotations: dict[str, str], starts_at: str | None
) -> None:
    body = json.dumps([{"labels": {"alertname": "a", **labels}, "annotations": annotations, "startsAt": starts_at}])
    try:
        found, faults = parse_alerts(body.encode(), NOW)
    except Unacceptable:
        return
    assert len(found.events) + len(faults) == 1
    for document in found.events:
        cloudevents.vet(document)


def test_a_configured_source_takes_the_same_messages() -> None:
    message = Message(
        name="prom-a",
        headers=[],
        body=b'[{"labels":{"alertname":"a"}}]',
        now=NOW,
        service="orders",
        labels={"dc": "1"},
    )
    (document,) = AlertmanagerSource().parse(message).events
    found = events.decode(document)
    assert (found.source, found.service) == ("/in/prom-a", "orders")
    assert events.labels_of(found) == {"alertname": "a", "dc": "1"}
    with pytest.raises(Refusal) as refused:
        AlertmanagerSource().parse(Message(name="prom-a", headers=[], body=b"[{", now=NOW))
    assert refused.value.code == "request.malformed"

"""Whatever is posted to a source becomes valid events, dead letters, or a refusal: never another exception.

Beside any JSON and any bytes, real messages are bent: a value somewhere inside becomes another one, of another type,
which is how senders differ from their documentation.
"""

import copy
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncue.core.errors import CODES
from oncue.plugins.sources.cloudevents import vet
from oncue.sdk import registry
from oncue.sdk.source import EVENT_LIMIT, Answering, Checked, Parsed, Refusal
from tests.sources import FORM, message
from tests.unit import (
    test_source_alertmanager_webhook,
    test_source_aws_sns,
    test_source_azure_monitor,
    test_source_gcp_monitoring,
    test_source_github,
    test_source_grafana,
    test_source_json,
    test_source_kubernetes,
    test_source_nagios,
    test_source_otlp_logs,
    test_source_sap_alert_notification,
    test_source_zabbix,
)

TYPES = sorted(set(registry.names(registry.SOURCES)))
SETTINGS: dict[str, dict[str, Any]] = {"json": test_source_json.SETTINGS}
HEADERS: dict[str, dict[str, str]] = {"github": {"X-GitHub-Event": "workflow_run"}, "json": test_source_json.AGENT}
SAMPLES: dict[str, list[Any]] = {
    "alertmanager_webhook": [test_source_alertmanager_webhook.group(test_source_alertmanager_webhook.alert())],
    "aws_sns": [
        test_source_aws_sns.alarm(),
        {"Type": "Notification", "TopicArn": "a:b", "Message": json.dumps(test_source_aws_sns.alarm()), "MessageId": "m"},
        test_source_aws_sns.bridge("AWS Health Event", {"eventTypeCategory": "issue", "eventDescription": [{"latestDescription": "x"}]}, "a:b"),
        test_source_aws_sns.bridge("GuardDuty Finding", {"id": "f", "severity": 8, "service": {"archived": False}}),
    ],
    "azure_monitor": [test_source_azure_monitor.common(), test_source_azure_monitor.metric("Activated"),
                      {"AlertRuleName": "a", "SearchQuery": "q", "SearchIntervalInSeconds": 60}],
    "gcp_monitoring": [test_source_gcp_monitoring.incident()],
    "github": [test_source_github.run(), test_source_github.deployment("failure"), test_source_github.dependabot("open")],
    "grafana": [test_source_grafana.unified(), test_source_grafana.legacy()],
    "json": [test_source_json.BACKUP],
    "kubernetes": [test_source_kubernetes.core(), {"type": "ADDED", "object": test_source_kubernetes.core()}],
    "nagios": [test_source_nagios.JSON, test_source_nagios.icinga(2.0)],
    "otlp_logs": [test_source_otlp_logs.export()],
    "sap_alert_notification": [test_source_sap_alert_notification.ans()],
    "zabbix": [test_source_zabbix.PROBLEM],
}  # fmt: skip

text = st.text(max_size=40) | st.sampled_from(
    ["\0", "\ud7ff\u2028", "a" * 3_000, "1e400", "2026-99-99T00:00:00Z", "9" * 25, "é" * 200]
)
scalar = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | text
)
value = st.recursive(
    scalar, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
)
quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def take(type: str, body: bytes, headers: dict[str, str] | None = None) -> Parsed | None:
    """Parse; whatever comes of it is as promised."""
    source = registry.source(type)
    given = message(
        body, headers or HEADERS.get(type), settings=SETTINGS.get(type, {}), labels={"site": "x" * 40}, service="shop"
    )
    try:
        parsed = source.parse(given)
    except Refusal as refusal:
        promised = refusal.code in CODES and bool(refusal.detail)
        assert promised, refusal  # noqa: PT017 - a refusal is as right as events are
        return None
    assert len(parsed.indexes or parsed.events) == len(parsed.events)
    assert parsed.outlines == [vet(event) for event in parsed.events]
    assert all(len(event) <= EVENT_LIMIT for event in parsed.events)
    for _, code, detail, raw in parsed.rejected:
        assert code in CODES and detail and len(raw) <= EVENT_LIMIT
    if isinstance(source, Answering):
        rejected = [(index, code, detail) for index, code, detail, _ in parsed.rejected]
        reply = source.answer(given, len(parsed.events), 0, rejected)
        assert reply.status == 200
    return parsed


def paths(inner: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every value inside."""
    found = [path] if path else []
    if isinstance(inner, dict):
        found += [deeper for key in inner for deeper in paths(inner[key], (*path, key))]
    elif isinstance(inner, list):
        found += [deeper for index in range(len(inner)) for deeper in paths(inner[index], (*path, index))]
    return found


@pytest.mark.parametrize("type", TYPES)
@quick
@given(body=value)
def test_any_json(type: str, body: Any) -> None:
    take(type, json.dumps(body).encode())


@pytest.mark.parametrize("type", TYPES)
@quick
@given(body=st.binary(max_size=200))
def test_any_bytes(type: str, body: bytes) -> None:
    take(type, body)


@pytest.mark.parametrize("type", sorted(SAMPLES))
@quick
@given(data=st.data())
def test_messages_that_are_bent(type: str, data: st.DataObject) -> None:
    body = copy.deepcopy(data.draw(st.sampled_from(SAMPLES[type])))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths(body)))
        inner = body
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = data.draw(value)
        if not paths(body):
            break
    take(type, json.dumps(body).encode())


@quick
@given(body=st.binary(max_size=60) | st.builds(lambda cut: test_source_otlp_logs.protobuf()[:cut], st.integers(0, 400)))
def test_any_protobuf(body: bytes) -> None:
    take("otlp_logs", body, test_source_otlp_logs.PROTOBUF)


@quick
@given(at=st.integers(0, 300), byte=st.integers(0, 255))
def test_protobuf_with_a_byte_that_is_another(at: int, byte: int) -> None:
    body = bytearray(test_source_otlp_logs.protobuf())
    body[at % len(body)] = byte
    take("otlp_logs", bytes(body), test_source_otlp_logs.PROTOBUF)


@quick
@given(
    fields=st.dictionaries(st.sampled_from(["cmd", "token", "xml", "json", "XMLDATA", "x"]), text, max_size=5),
    lines=text,
)
def test_any_form_and_any_line(fields: dict[str, str], lines: str) -> None:
    take("nagios", urlencode({"cmd": "submitcheck", **fields}, errors="replace").encode(), FORM)
    take("nagios", ("h\t" + lines).encode("utf-8", "replace"))
    take("nagios", f"<checkresult><hostname>{lines}</hostname></checkresult>".encode("utf-8", "replace"))


@pytest.mark.parametrize("type", sorted(SAMPLES))
def test_what_is_too_much_is_refused(type: str) -> None:
    for body in (
        b"[" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"a":"' + b"x" * 300_000 + b'"}',
        b"[" + b"{}," * 100_000 + b"{}]",
        b'{"a":"\\ud800"}',
    ):
        parsed = take(type, body)
        assert parsed is None or not parsed.events


@quick
@given(body=value)
def test_any_settings_of_a_mapping(body: Any) -> None:
    source = registry.source("json")
    assert isinstance(source, Checked)
    expressions = {"title": "body.x", "labels": "body", "time": "body", "severity": "body.y"}
    given = message(json.dumps(body).encode(), settings={"mapping": expressions})
    try:
        parsed = source.parse(given)
    except Refusal:
        return
    assert len(parsed.events) + len(parsed.rejected) == 1

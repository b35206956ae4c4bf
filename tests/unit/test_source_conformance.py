"""Every source fulfils the kit that third parties' sources are held to."""

import json
from typing import Any

import pytest

from oncue.sdk import registry, testing
from oncue.sdk.source import Message
from tests.sources import NOW, message
from tests.unit import (
    test_source_alertmanager_webhook,
    test_source_argocd,
    test_source_aws_sns,
    test_source_azure_monitor,
    test_source_flux,
    test_source_gcp_monitoring,
    test_source_github,
    test_source_gitlab,
    test_source_grafana,
    test_source_jenkins,
    test_source_jira,
    test_source_json,
    test_source_kubernetes,
    test_source_nagios,
    test_source_otlp_logs,
    test_source_sap_alert_notification,
    test_source_zabbix,
)

EVENT = {"specversion": "1.0", "id": "1", "source": "/x", "type": "x"}
TRIGGER = {"event_action": "trigger", "payload": {"summary": "s", "source": "h", "severity": "error"}}
EXAMPLES: dict[str, tuple[dict[str, Any], Message]] = {
    "alertmanager": ({}, message([{"labels": {"alertname": "x"}}])),
    "alertmanager_webhook": (
        {},
        message(test_source_alertmanager_webhook.group(test_source_alertmanager_webhook.alert())),
    ),
    "aws_sns": ({"confirm": True}, message(test_source_aws_sns.alarm())),
    "azure_monitor": ({}, message(test_source_azure_monitor.common())),
    "cloudevents": ({}, message(EVENT, {"content-type": "application/cloudevents+json"})),
    "gcp_monitoring": ({}, message(test_source_gcp_monitoring.incident())),
    "github": ({"branches": ["main"]}, message(test_source_github.run(), test_source_github.head("workflow_run"))),
    "gitlab": ({"branches": ["main"]}, message(test_source_gitlab.deployment("failed"))),
    "argocd": ({}, message(test_source_argocd.posted("Failed"))),
    "jenkins": ({"deploys": ["*"]}, message(test_source_jenkins.build("COMPLETED", "FAILURE"))),
    "flux": ({}, message(test_source_flux.said("error"))),
    "grafana": ({}, message(test_source_grafana.unified())),
    "jira": ({}, message(test_source_jira.BODY)),
    "json": (test_source_json.SETTINGS, message(test_source_json.BACKUP)),
    "kubernetes": ({"expire_after": "1h"}, message(test_source_kubernetes.core())),
    "nagios": ({}, message(test_source_nagios.JSON)),
    "otlp_logs": ({"alert_from": "warning"}, message(test_source_otlp_logs.export())),
    "pagerduty": ({}, message(TRIGGER)),
    "sap_alert_notification": ({}, message(test_source_sap_alert_notification.ans())),
    "syslog": ({"listen": "127.0.0.1:5514"}, message(b"<34>Oct 11 22:14:15 web-1 su: 'su root' failed on /dev/pts/8")),
    "zabbix": ({}, message(test_source_zabbix.PROBLEM)),
}


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_sources_are_whole(name: str) -> None:
    settings, example = EXAMPLES[name]
    testing.check_source(registry.source(name), settings, example)
    assert registry.source(name).name == name


def test_every_source_is_held_to_it() -> None:
    assert set(registry.names(registry.SOURCES)) == set(EXAMPLES)


class Broken:
    """A source that stumbles."""

    name = "broken"

    def parse(self, message: Message) -> Any:
        """Stumbles over what is no object."""
        return json.loads(message.body)["x"]


def test_a_source_that_stumbles_does_not_pass() -> None:
    with pytest.raises((AssertionError, AttributeError)):
        testing.check_source(Broken(), {}, Message(name="x", headers=[], body=b'{"x": 1}', now=NOW))

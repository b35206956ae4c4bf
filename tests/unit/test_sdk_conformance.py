"""Every plugin that is installed fulfils the kit, and the engine and the plugins agree on what a crash means."""

from typing import Any

import pytest

from oncue.core.effect_classes import effect_class
from oncue.sdk import ActionError, registry, testing

SSH: dict[str, Any] = {
    "host": "app.example",
    "user": "oncue",
    "key": "secret://key",
    "known_hosts": ["ssh-ed25519 AAAA"],
}
CLUSTER = {"server": "https://k8s.example:6443", "token": "secret://k8s"}
ACTIONS: dict[str, dict[str, Any]] = {
    "ansible.playbook": {"playbook": "site.yml", "inventory": {"all": {"hosts": {"db-1": {}}}}},
    "email.send": {"to": ["a@example.com"], "subject": "s", "text": "t"},
    "http.request": {"url": "https://example.com/"},
    "python.script": {"script": "def main(inputs):\n    return inputs\n", "inputs": {"host": "db-1"}},
    "kubernetes.apply": {**CLUSTER, "object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}},
    "kubernetes.delete": {**CLUSTER, "kind": "Pod", "name": "web-1"},
    "kubernetes.get": {**CLUSTER, "kind": "Pod"},
    "kubernetes.logs": {**CLUSTER, "pod": "web-1"},
    "kubernetes.patch": {**CLUSTER, "kind": "Pod", "name": "web-1", "patch": {}},
    "kubernetes.restart": {**CLUSTER, "name": "web"},
    "kubernetes.scale": {**CLUSTER, "kind": "Deployment", "name": "web", "replicas": 2},
    "prometheus.query": {"url": "http://prometheus.example:9090", "query": "up"},
    "sapcontrol.query": {"host": "sap.example", "instance": "00", "method": "GetProcessList"},
    "sapcontrol.restart": {"host": "sap.example", "instance": "00"},
    "sapcontrol.start": {"host": "sap.example", "instance": "00"},
    "sapcontrol.stop": {"host": "sap.example", "instance": "00"},
    "shell.command": {"argv": ["/bin/true"]},
    "ssh.command": {**SSH, "argv": ["uptime"]},
    "ssh.script": {**SSH, "script": "uptime\n"},
    "sql.query": {"url": "secret://database", "query": "SELECT 1"},
}
NOTIFIERS: dict[str, dict[str, Any]] = {
    "apprise": {"urls": ["secret://chat"]},
    "email": {"to": ["a@example.com"]},
    "webhook": {"url": "https://example.com/"},
}
MONITORS: dict[str, dict[str, Any]] = {
    "dns": {"name": "www.example.com"},
    "file": {"path": "/srv/outbox/*.xml"},
    "heartbeat": {},
    "host.cpu": {},
    "host.disk": {"mounts": ["/"]},
    "host.load": {},
    "host.memory": {},
    "host.process": {"name": "init"},
    "http": {"url": "https://example.com/"},
    "icmp": {"host": "gateway.example"},
    "oncue": {},
    "log": {"path": "/var/log/app.log", "pattern": "ERROR"},
    "prometheus": {"url": "http://prometheus.example:9090", "query": "up"},
    "sap.alerts": {"host": "sap.example", "instance": "00"},
    "sap.hana": {"host": "hana.example", "port": 30015, "user": "MONITOR", "password": "secret://hana"},
    "sap.locks": {"host": "sap.example", "instance": "00"},
    "sap.processes": {"host": "sap.example", "instance": "00"},
    "sap.queues": {"host": "sap.example", "instance": "00"},
    "sap.syslog": {"host": "sap.example", "instance": "00"},
    "sap.system": {"host": "sap.example", "instance": "00"},
    "sap.workprocesses": {"host": "sap.example", "instance": "00"},
    "script": {"argv": ["/usr/lib/nagios/plugins/check_load", "-w", "5", "-c", "9"]},
    "service.objective": {"service": "shop"},
    "sql": {"url": "secret://database", "query": "SELECT 1"},
    "ssh": {**SSH, "command": "uptime"},
    "tcp": {"host": "mail.example", "port": 25, "expect": "^220 "},
    "tls": {"host": "www.example.com"},
    "unit": {"name": "nginx.service"},
}
TABLED = ("kubernetes", "prometheus", "sapcontrol", "sql")


def test_the_built_in_plugins_come_by_the_same_door_as_everyones() -> None:
    assert set(registry.names(registry.ACTIONS)) >= set(ACTIONS)
    assert set(registry.names(registry.NOTIFIERS)) >= set(NOTIFIERS)
    assert set(registry.names(registry.MONITORS)) >= set(MONITORS)


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_actions_are_whole(name: str) -> None:
    testing.check_action(registry.action(name), ACTIONS[name])
    assert registry.action(name).name == name


@pytest.mark.parametrize("name", sorted(NOTIFIERS))
def test_notifiers_are_whole(name: str) -> None:
    testing.check_notifier(registry.notifier(name), NOTIFIERS[name])
    assert registry.notifier(name).name == name


@pytest.mark.parametrize("name", sorted(MONITORS))
def test_monitors_are_whole(name: str) -> None:
    testing.check_monitor(registry.monitor(name), MONITORS[name])
    assert registry.monitor(name).name == name


def test_each_manifest_has_a_monitor_of_its_own() -> None:
    assert registry.monitor("host.cpu") is not registry.monitor("host.cpu")


@pytest.mark.parametrize(
    ("uses", "inputs"),
    [
        *[("http.request", {"url": "https://example.com/", "method": method})
          for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")],
        ("http.request", {"url": "https://example.com/", "method": "POST", "effect_class": "idempotent"}),
        ("shell.command", {"argv": ["/bin/true"]}),
        ("shell.command", {"argv": ["/bin/true"], "effect_class": "pure"}),
        ("email.send", ACTIONS["email.send"]),
        *[(name, inputs) for name, inputs in ACTIONS.items() if name.partition(".")[0] in TABLED],
        ("kubernetes.apply", {**ACTIONS["kubernetes.apply"], "dry_run": True}),
        ("kubernetes.patch", {**ACTIONS["kubernetes.patch"], "type": "json", "patch": []}),
        ("kubernetes.patch", {**ACTIONS["kubernetes.patch"], "effect_class": "at-most-once"}),
        ("sql.query", {**ACTIONS["sql.query"], "write": True}),
        ("sql.query", {**ACTIONS["sql.query"], "write": True, "effect_class": "idempotent"}),
        *[(name, {**ACTIONS[name], **more}) for name in ("ansible.playbook", "python.script", "ssh.command", "ssh.script")
          for more in ({}, {"effect_class": "idempotent"})],
    ],
)  # fmt: skip
def test_engine_and_action_agree_on_what_a_crash_means(uses: str, inputs: dict[str, Any]) -> None:
    assert effect_class(uses, inputs) == registry.effect_class(uses, inputs)


def test_an_unknown_plugin_is_refused_with_what_is_meant_or_what_to_do() -> None:
    with pytest.raises(ActionError, match=r"there is no action 'http\.reqest' here; did you mean http\.request\?$"):
        registry.action("http.reqest")
    with pytest.raises(
        ActionError, match=r"'disk\.fill' here; install the package that brings it, and start OnCue again$"
    ):
        registry.action("disk.fill")

"""`oncue sap`: what a SAP system consists of, as manifests."""

import asyncio
from pathlib import Path
from typing import Any, Final

import msgspec
import typer

from oncue.cli import show
from oncue.cli.get import as_document
from oncue.cli.server import Server
from oncue.core.errors import Refusal
from oncue.core.manifest import SAPInstance, SAPSystemSpec
from oncue.plugins.sap.control import SapControl, Target
from oncue.plugins.sap.discovery import Discovered
from oncue.plugins.sap.discovery import discover as ask
from oncue.plugins.sap.landscape import declared, drift, named
from oncue.plugins.sap.rows import Instance
from oncue.sdk import ActionError, Allow, Context, Guard, Mailer

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Look at a SAP system.")

_EVERYWHERE = (Allow("0.0.0.0/0"), Allow("::/0"))
"""A person at a command line may connect to what they can reach."""
HOST_LIMIT: Final = 44
"""Characters of a host in a monitor's name: what follows it tells the monitors of one instance apart."""
_METHODS: Final = {
    "sap.system": "GetSystemInstanceList",
    "sap.processes": "GetProcessList",
    "sap.alerts": "GetAlertTree",
    "sap.workprocesses": "ABAPGetWPTable",
    "sap.queues": "GetQueueStatistic",
    "sap.syslog": "ABAPReadSyslog",
    "sap.locks": "EnqGetLockTable",
}
"""What each monitor asks."""


@app.callback()
def _group() -> None:
    """Keeps `discover` a subcommand."""


@app.command()
def discover(
    host: str = typer.Argument(help="A host of the system, from where OnCue's server can reach it by the same name."),
    instance: str = typer.Option("00", "--instance", "-i", help="The number of an instance there."),
    port: int | None = typer.Option(None, "--port", help="Its start service's port. [default: 5NN13, with TLS 5NN14]"),
    tls: bool = typer.Option(False, "--tls", help="Use HTTPS."),
    tier: str | None = typer.Option(None, "--tier", help="Of the system, and a label of everything: production, ..."),
    role: str | None = typer.Option(None, "--role", help="What the system is for: erp, bw, ..."),
    owner: str | None = typer.Option(None, "--owner", help="Who answers for it: team:NAME or user:NAME."),
    user: str | None = typer.Option(None, "--user", help="For methods that are protected; asks for the password."),
    update: bool = typer.Option(False, "--update", help="Print only what differs from the SAPSystem on the server."),
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="Of that SAPSystem. [default: default]"),
    timeout: float = typer.Option(30.0, "--timeout", min=1.0, help="Seconds."),
) -> None:
    """Ask one instance for all of its system, and print manifests that describe and watch it: for `oncue apply -f -`.

    With `--update` the system is on the server already: what people wrote into its SAPSystem is kept, and only it and what
    watches new instances is printed; nothing, if nothing has changed.
    """
    if not (len(instance) == 2 and instance.isdigit()):
        raise typer.BadParameter("write two digits, as 00", param_hint="--instance")
    secret = "secret://discover" if user is not None else None
    target = Target(host=host, instance=instance, port=port, tls=tls, user=user, password=secret)
    password = show.password("Password") if user is not None else ""
    try:
        found = asyncio.run(_asked(target, password, timeout))
    except ActionError as error:
        raise Refusal("request.invalid", f"{error.code}: {error.detail}") from error
    known = _known(found.sid, namespace or "default") if update else None
    spec = _system(found, known.spec if known is not None else {}, {"tier": tier, "role": role, "owner": owner})
    labels = {"sid": found.sid, **({"tier": spec["tier"]} if "tier" in spec else {})}
    system = _document("SAPSystem", found.sid.lower(), spec, labels)
    if known is not None:
        system["metadata"] = {**known.metadata, "labels": {**known.metadata.get("labels", {}), **labels}}
        made = _changed(found, known, system, target, labels)
    else:
        made = [system, *_landscape(found, target, spec, labels), *_monitors(found, target, spec, labels)]
    names = ", ".join(f"{one.hostname} {one.instance_nr:02} ({one.features})" for one in found.instances)
    show.note(f"{found.sid}: {len(found.instances)} instances: {names}")
    if found.database is not None:
        show.note(f"{found.sid}: database: {_said(msgspec.to_builtins(found.database))}")
    elif "database" in spec:
        show.note(f"{found.sid}: the database is not told, and stays as it was declared")
    else:
        show.note(f"{found.sid}: {found.untold}")
    if user is None:
        _warn_of_protection(found.protected, made)
    elif made:
        show.note(f"{found.sid}: store the password for the monitors: oncue secret set {_secret(found.sid)}")
    print("---\n".join(show.as_yaml(one) for one in made), end="")


async def _asked(target: Target, password: str, timeout_s: float) -> Discovered:
    context = Context(
        namespace="default",
        key="discover",
        attempt=1,
        timeout_s=timeout_s,
        guard=Guard(_EVERYWHERE),
        mailer=Mailer("mailbox:", "oncue@localhost", Path()),
        log=_NoLog(),
        resolve=lambda reference, namespace: password,
        base_url="",
    )
    try:
        return await ask(SapControl(target, context), int(target.instance))
    except ActionError as error:
        raise ActionError(error.code, context.mask.text(error.detail)) from error


class _Known(msgspec.Struct, frozen=True):
    """What the server has of the system."""

    metadata: dict[str, Any]
    spec: dict[str, Any]
    monitors: list[dict[str, Any]]
    """All of the namespace."""

    @property
    def system(self) -> SAPSystemSpec:
        """What is declared, without the ports that go without saying."""
        found = msgspec.convert(self.spec, SAPSystemSpec)
        return msgspec.structs.replace(found, instances=[_plainly(one) for one in found.instances])


def _known(sid: str, namespace: str) -> _Known:
    """Raises `Refusal` manifest.not_found."""
    with Server() as server:
        kept = as_document(server.get(server.path("manifests", "SAPSystem", namespace, sid.lower())))
        monitors = server.get("/manifests/Monitor")["items"]
    return _Known(kept["metadata"], kept["spec"], [one for one in monitors if one["namespace"] == namespace])


def _system(found: Discovered, kept: dict[str, Any], given: dict[str, str | None]) -> dict[str, Any]:
    """The spec of the SAPSystem: what people say of it from the command line or as it is kept, and what was found.

    Instances that are kept stay in their place, with their host as it was written.
    """
    said = {name: given.get(name) or kept.get(name) for name in ("description", "tier", "role", "owner", "service")}
    if not kept:
        said["service"] = f"sap-{found.sid.lower()}"
    written = {one.key: one.host for one in msgspec.convert(kept.get("instances", []), list[SAPInstance])}
    instances = {one.key: _plainly(one) for one in map(declared, found.instances)}
    ordered = [key for key in written if key in instances] + [key for key in instances if key not in written]
    shown = [msgspec.structs.replace(instances[key], host=written.get(key, instances[key].host)) for key in ordered]
    told = msgspec.to_builtins(found.database) if found.database is not None else {}
    database = {**(kept.get("database") or {}), **told}
    return {
        "sid": found.sid,
        **{name: value for name, value in said.items() if value is not None},
        "instances": msgspec.to_builtins(shown),
        **({"database": database} if database else {}),
    }


def _plainly(instance: SAPInstance) -> SAPInstance:
    """Without the ports that its number gives."""
    first = 50013 + int(instance.number) * 100
    return msgspec.structs.replace(
        instance,
        http_port=instance.http_port if instance.http_port != first else None,
        https_port=instance.https_port if instance.https_port != first + 1 else None,
    )


def _changed(
    found: Discovered, known: _Known, system: dict[str, Any], target: Target, labels: dict[str, str]
) -> list[dict[str, Any]]:
    """What is to be applied if something has changed, and notes of what has. All of it is of the system's namespace.

    Raises `Refusal` request.invalid if the system says of itself what cannot be declared.
    """
    spec, sid, before = system["spec"], found.sid, known.system
    try:
        after = msgspec.convert(spec, SAPSystemSpec)
    except msgspec.ValidationError as error:
        raise Refusal(
            "request.invalid", f"sap.answer: what {sid} says of itself cannot be declared: {error}"
        ) from error
    if after == before:
        show.note(f"{sid}: nothing has changed")
        return []
    changes = drift(before, found.instances)
    added = {one.key for one in changes.undeclared}
    new = [one for one in found.instances if declared(one).key in added]
    for word, instances in (("new", changes.undeclared), ("no longer there", changes.missing)):
        if instances:
            show.note(f"{sid}: {word}: {named(instances)}")
    for one in known.monitors:
        if _watches(one["spec"].get("with") or {}, sid, changes.missing):
            show.note(
                f"{sid}: it watches what is no longer there: oncue delete monitor {one['namespace']}/{one['name']}"
            )
    for part in ("tier", "role", "owner", "database"):
        if getattr(after, part) != getattr(before, part):
            show.note(f"{sid}: {part} was {_said(known.spec.get(part))}, is {_said(spec.get(part))}")
    hosts = {one.hostname for one in new} - {one.host for one in before.instances}
    made = [*_allows(sid, hosts), *_of_instances(found, new, target, spec, labels)]
    for one in made:
        one["metadata"]["namespace"] = known.metadata["namespace"]
    return [system, *made]


def _watches(given: dict[str, Any], sid: str, instances: list[SAPInstance]) -> bool:
    if given.get("sid") != sid or not isinstance(given.get("host"), str):
        return False
    asked = SAPInstance(host=given.get("hostname") or given["host"], number=str(given.get("instance", ""))).key
    return asked in {one.key for one in instances}


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(str(one) for one in value.values())
    return "not told" if value is None else str(value)


def _warn_of_protection(protected: frozenset[str], made: list[dict[str, Any]]) -> None:
    """Monitors that will fail without a user are told, with the methods that they call."""
    uses = {one["spec"]["uses"] for one in made if one["kind"] == "Monitor"}
    found = sorted(f"{name} ({method})" for name, method in _METHODS.items() if name in uses and method in protected)
    if found:
        show.warning(
            f"without a user these will fail, as the instance protects what they ask: {', '.join(found)}; give --user"
        )


class _NoLog:
    """Nothing is logged at a command line."""

    def info(self, event: str, **data: Any) -> None:
        """Nothing."""

    def warning(self, event: str, **data: Any) -> None:
        """Nothing."""


def _landscape(
    found: Discovered, asked: Target, system: dict[str, Any], labels: dict[str, str]
) -> list[dict[str, Any]]:
    """The system as a service, and the hosts that may be asked."""
    sid = found.sid
    spec: dict[str, Any] = {
        "description": f"The SAP system {sid}",
        "criticality": "high" if system.get("tier") == "production" else "medium",
        "resources": [sid, f"{sid}/*", f"*_{sid}_*"],
    }
    service = _document("Service", f"sap-{sid.lower()}", spec | _part(system, "owner"), labels)
    return [service, *_allows(sid, {one.hostname for one in found.instances} | {asked.host})]


def _allows(sid: str, hosts: set[str]) -> list[dict[str, Any]]:
    return [
        _document(
            "OutboundAllow", f"sap-{sid.lower()}-{_plain(host)}", {"host": host, "reason": f"SAPControl of {sid}"}
        )
        for host in sorted(hosts)
    ]


def _monitors(found: Discovered, asked: Target, system: dict[str, Any], labels: dict[str, str]) -> list[dict[str, Any]]:
    """One for the system as a whole, and those of the instances."""
    given = _where(asked.host, asked.instance, found.sid, asked.port, asked.tls)
    whole = _Making(found, system.get("service"), labels, given, asked.user)
    name = f"{found.sid.lower()}-system"
    return [
        whole.monitor(name, "sap.system", "30s", severity="critical"),
        *_of_instances(found, found.instances, asked, system, labels),
    ]


def _of_instances(
    found: Discovered, instances: list[Instance], asked: Target, system: dict[str, Any], labels: dict[str, str]
) -> list[dict[str, Any]]:
    """Of each instance what fits its features."""
    made = []
    for one in instances:
        number = f"{one.instance_nr:02}"
        standard = (50014 if asked.tls else 50013) + one.instance_nr * 100
        port = one.https_port if asked.tls else one.http_port
        given = _where(one.hostname, number, found.sid, port if port not in (0, standard) else None, asked.tls)
        name = f"{found.sid.lower()}-{number}-{_plain(one.hostname)[:HOST_LIMIT].rstrip('-')}"
        making = _Making(found, system.get("service"), labels, given, asked.user)
        features = set(one.features.split("|"))
        made.append(making.monitor(f"{name}-processes", "sap.processes", "30s"))
        if "ABAP" in features:
            made.append(making.monitor(f"{name}-performance", "sap.alerts", "1m", thresholds=[
                {"metric": "sap.dialog.response_time", "warning": 1500, "major": 3000, "readings": 3, "hysteresis": 200},
            ]))  # fmt: skip
            made.append(making.monitor(f"{name}-work", "sap.workprocesses", "30s", thresholds=[
                {"metric": "sap.wp.used", "warning": 80, "major": 95, "readings": 4, "hysteresis": 5},
            ]))  # fmt: skip
            made.append(making.monitor(f"{name}-queues", "sap.queues", "30s", thresholds=[
                {"metric": "sap.queue.length", "warning": 50, "major": 500, "readings": 2},
            ]))  # fmt: skip
            made.append(making.monitor(f"{name}-syslog", "sap.syslog", "1m", severity="warning"))
        if "ENQUE" in features:
            made.append(making.monitor(f"{name}-locks", "sap.locks", "5m", thresholds=[
                {"metric": "sap.locks.oldest", "warning": 14400, "major": 43200},
            ]))  # fmt: skip
    return made


class _Making(msgspec.Struct, frozen=True):
    """What the monitors of one start service have in common."""

    found: Discovered
    service: str | None
    labels: dict[str, str]
    given: dict[str, Any]
    user: str | None

    def monitor(self, name: str, uses: str, every: str, **more: Any) -> dict[str, Any]:
        """A manifest; with the user only where the method wants one."""
        spec: dict[str, Any] = {"uses": uses, "every": every, "retries": 1}
        if self.service is not None:
            spec["service"] = self.service
        if "tier" in self.labels:
            spec["labels"] = {"tier": self.labels["tier"]}
        spec["with"] = self.given
        if self.user is not None and _METHODS[uses] in self.found.protected:
            spec["with"] = {**self.given, "user": self.user, "password": f"secret://{_secret(self.found.sid)}"}
        return _document("Monitor", name, spec | more, self.labels)


def _where(host: str, number: str, sid: str, port: int | None, tls: bool) -> dict[str, Any]:
    given: dict[str, Any] = {"host": host, "instance": number, "sid": sid}
    return {**given, **({"port": port} if port is not None else {}), **({"tls": True} if tls else {})}


def _document(kind: str, name: str, spec: dict[str, Any], labels: dict[str, str] | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name[:63].rstrip(".-")}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": "oncue/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _plain(host: str) -> str:
    """A host as part of a manifest's name."""
    return "".join(mark if mark.isascii() and mark.isalnum() else "-" for mark in host.lower()).strip("-") or "host"


def _part(spec: dict[str, Any], name: str) -> dict[str, Any]:
    return {name: spec[name]} if name in spec else {}


def _secret(sid: str) -> str:
    return f"sap-{sid.lower()}"

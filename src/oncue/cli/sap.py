"""`oncue sap`: what a SAP system consists of, as manifests."""

import asyncio
from pathlib import Path
from typing import Any

import typer

from oncue.cli import show
from oncue.core.errors import Refusal
from oncue.plugins.sap.control import SapControl, Target
from oncue.plugins.sap.rows import Instance, Property
from oncue.sdk import ActionError, Allow, Context, Guard, Mailer

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Look at a SAP system.")

_EVERYWHERE = (Allow("0.0.0.0/0"), Allow("::/0"))
"""A person at a command line may connect to what they can reach."""
_SID = "SAPSYSTEMNAME"


@app.callback()
def _group() -> None:
    """Keeps `discover` a subcommand."""


@app.command()
def discover(
    host: str = typer.Argument(help="A host of the system, from where OnCue's server can reach it by the same name."),
    instance: str = typer.Option("00", "--instance", "-i", help="The number of an instance there."),
    port: int | None = typer.Option(None, "--port", help="Its start service's port. [default: 5NN13, with TLS 5NN14]"),
    tls: bool = typer.Option(False, "--tls", help="Use HTTPS."),
    tier: str | None = typer.Option(None, "--tier", help="A label of everything: production, test, ..."),
    owner: str | None = typer.Option(None, "--owner", help="Who answers for it: team:NAME or user:NAME."),
    user: str | None = typer.Option(None, "--user", help="If reading is protected; asks for the password."),
    timeout: float = typer.Option(30.0, "--timeout", min=1.0, help="Seconds."),
) -> None:
    """Ask one instance for all of its system, and print manifests that watch it: for `oncue apply -f -`."""
    if not (len(instance) == 2 and instance.isdigit()):
        raise typer.BadParameter("write two digits, as 00", param_hint="--instance")
    secret = "secret://discover" if user is not None else None
    target = Target(host=host, instance=instance, port=port, tls=tls, user=user, password=secret)
    password = show.password("Password") if user is not None else ""
    try:
        sid, instances = asyncio.run(_asked(target, password, timeout))
    except ActionError as error:
        raise Refusal("request.invalid", f"{error.code}: {error.detail}") from error
    documents = _manifests(sid, instances, target, tier, owner)
    print("---\n".join(show.as_yaml(one) for one in documents), end="")
    names = ", ".join(f"{one.hostname} {one.instance_nr:02} ({one.features})" for one in instances)
    show.note(f"{sid}: {len(instances)} instances: {names}")


async def _asked(target: Target, password: str, timeout_s: float) -> tuple[str, list[Instance]]:
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
    client = SapControl(target, context)
    properties = await client.rows("GetInstanceProperties", Property)
    sid = next((one.value for one in properties if one.property == _SID), "")
    instances = await client.rows("GetSystemInstanceList", Instance)
    if not sid or not instances:
        raise ActionError("sap.answer", "the instance names no system, or lists no instances")
    return sid, sorted(instances, key=lambda one: (one.start_priority, one.instance_nr, one.hostname))


class _NoLog:
    """Nothing is logged at a command line."""

    def info(self, event: str, **data: Any) -> None:
        """Nothing."""

    def warning(self, event: str, **data: Any) -> None:
        """Nothing."""


def _manifests(
    sid: str, instances: list[Instance], asked: Target, tier: str | None, owner: str | None
) -> list[dict[str, Any]]:
    low = sid.lower()
    service = f"sap-{low}"
    labels = {"sid": sid, **({"tier": tier} if tier else {})}
    spec: dict[str, Any] = {
        "description": f"The SAP system {sid}",
        "criticality": "high" if tier == "production" else "medium",
        "resources": [sid, f"{sid}/*", f"*_{sid}_*"],
    }
    made = [_document("Service", service, spec | ({"owner": owner} if owner else {}), labels)]
    made += [
        _document("OutboundAllow", f"sap-{low}-{_plain(host)}", {"host": host, "reason": f"SAPControl of {sid}"})
        for host in sorted({one.hostname for one in instances} | {asked.host})
    ]
    given = _where(asked.host, asked.instance, sid, asked.port, asked.tls)
    made.append(_monitor(f"{low}-system", "sap.system", "30s", service, labels, given, severity="critical"))
    for one in instances:
        number = f"{one.instance_nr:02}"
        standard = (50014 if asked.tls else 50013) + one.instance_nr * 100
        port = one.https_port if asked.tls else one.http_port
        given = _where(one.hostname, number, sid, port if port not in (0, standard) else None, asked.tls)
        name = f"{low}-{number}-{_plain(one.hostname)}"
        features = set(one.features.split("|"))
        made.append(_monitor(f"{name}-processes", "sap.processes", "30s", service, labels, given))
        if "ABAP" in features:
            made.append(_monitor(f"{name}-performance", "sap.alerts", "1m", service, labels, given, thresholds=[
                {"metric": "sap.dialog.response_time", "warning": 1500, "major": 3000, "readings": 3, "hysteresis": 200},
            ]))  # fmt: skip
            made.append(_monitor(f"{name}-work", "sap.workprocesses", "30s", service, labels, given, thresholds=[
                {"metric": "sap.wp.used", "warning": 80, "major": 95, "readings": 4, "hysteresis": 5},
            ]))  # fmt: skip
            made.append(_monitor(f"{name}-queues", "sap.queues", "30s", service, labels, given, thresholds=[
                {"metric": "sap.queue.length", "warning": 50, "major": 500, "readings": 2},
            ]))  # fmt: skip
            made.append(_monitor(f"{name}-syslog", "sap.syslog", "1m", service, labels, given, severity="warning"))
        if "ENQUE" in features:
            made.append(_monitor(f"{name}-locks", "sap.locks", "5m", service, labels, given, thresholds=[
                {"metric": "sap.locks.oldest", "warning": 14400, "major": 43200},
            ]))  # fmt: skip
    return made


def _monitor(
    name: str, uses: str, every: str, service: str, labels: dict[str, str], given: dict[str, Any], **more: Any
) -> dict[str, Any]:
    tier = {"labels": {"tier": labels["tier"]}} if "tier" in labels else {}
    spec = {"uses": uses, "every": every, "retries": 1, "service": service, **tier, "with": given, **more}
    return _document("Monitor", name, spec, labels)


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

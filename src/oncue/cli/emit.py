"""`oncue emit`: sends events."""

import json
import socket
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import typer

from oncue.cli import show
from oncue.cli.server import Server
from oncue.core.errors import Refusal

ONE: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
CHUNK: Final = 1_000
"""Events in one request."""


def emit(
    file: Path | None = typer.Argument(
        None, help="CloudEvents in JSON: one, an array, or one a line; - is standard input."
    ),
    type: str | None = typer.Option(None, "--type", help="The event's type, as com.example.backup.failed."),
    source: str | None = typer.Option(
        None, "--source", help="Who says so, a URI reference. [default: /oncue/cli/HOST]"
    ),
    id: str | None = typer.Option(
        None, "--id", help="The event's id; an event sent twice counts once. [default: random]"
    ),
    subject: str | None = typer.Option(None, "--subject", help="What within the source it is about."),
    severity: str | None = typer.Option(None, "--severity", help="clear, info, warning, minor, major or critical."),
    resource: str | None = typer.Option(None, "--resource", help="What it is about: a host, a database, a job."),
    service: str | None = typer.Option(None, "--service", help="The service that is affected."),
    check: str | None = typer.Option(
        None, "--check", help="Which condition of the resource, so that x.down and x.up pair."
    ),
    fingerprint: str | None = typer.Option(
        None, "--fingerprint", help="The alert's key. [default: of resource and check]"
    ),
    title: str | None = typer.Option(None, "--title", help="A line for people."),
    label: list[str] = typer.Option([], "--label", "-l", help="NAME=VALUE; may be given again."),
    data: str | None = typer.Option(None, "--data", help="The payload: JSON, or text that does not look like it."),
    text: bool = typer.Option(False, "--text", help="Send --data as text, whatever it looks like."),
    namespace: str | None = typer.Option(
        None, "--namespace", "-n", help="Where it belongs. [default: the token's own]"
    ),
    time: str | None = typer.Option(None, "--time", help="When it happened, as 2027-05-01T12:00:00Z. [default: now]"),
    endsat: str | None = typer.Option(None, "--ends-at", help="Until when the alert holds unless it is repeated."),
) -> None:
    """Send an event made of the options, or events from a file. Returns when they are in the journal."""
    options = {
        "type": type, "source": source, "id": id, "subject": subject, "severity": severity, "resource": resource,
        "service": service, "check": check, "fingerprint": fingerprint, "title": title, "time": time,
        "endsat": endsat, "namespace": namespace,
    }  # fmt: skip
    given = {name: value for name, value in options.items() if value is not None}
    if file is None:
        if type is None:
            raise typer.BadParameter("give --type, or a file of events", param_hint="--type")
        bodies = [(ONE, msgspec.json.encode(_event(given, label, _payload(data, text))))]
    elif given or label or text or data is not None:
        raise typer.BadParameter("events in a file carry their own attributes", param_hint=sorted(given) or "--label")
    else:
        bodies = _bodies(file)
    total = {"accepted": 0, "duplicates": 0}
    rejected: list[dict[str, Any]] = []
    with Server() as server:
        for number, (content_type, body) in enumerate(bodies):
            answer = server.send("POST", "/events", body=body, content_type=content_type)
            total = {name: count + answer[name] for name, count in total.items()}
            rejected += [{**one, "index": one["index"] + number * CHUNK} for one in answer["rejected"]]
    show.done(f"{total['accepted']} accepted, {total['duplicates']} duplicates, {len(rejected)} rejected")
    for one in rejected:
        show.warning(f"event {one['index']} was rejected: {one['code']}: {one['detail']}")
    if rejected:
        raise typer.Exit(1)


def _payload(data: str | None, text: bool) -> dict[str, Any]:
    """The attributes that carry `--data`. Raises `Refusal` for what begins as JSON and is none: it would be lost as text
    on whoever reads its members."""
    if data is None:
        return {}
    plain = {"data": data, "datacontenttype": "text/plain"}
    if text:
        return plain
    try:
        return {"data": msgspec.json.decode(data), "datacontenttype": "application/json"}
    except RecursionError as error:
        raise Refusal("event.too_deep", "--data") from error
    except msgspec.DecodeError as error:
        if not data.lstrip().startswith(("{", "[", '"')):
            return plain
        hint = "Mend it, with single quotes around it for the shell; or add --text to send it as text."
        raise Refusal("request.malformed", f"--data looks like JSON, but {_misfit(data, error)}", hint=hint) from error


def _misfit(data: str, error: msgspec.DecodeError) -> str:
    try:
        json.loads(data)
    except json.JSONDecodeError as found:
        return f"line {found.lineno}, column {found.colno}: {found.msg[:1].lower()}{found.msg[1:]}"
    except RecursionError:
        return "it is nested too deeply"
    return str(error)


def _event(given: dict[str, str], labels: list[str], payload: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "source": f"/oncue/cli/{socket.gethostname()}",
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        **given,
    }
    if labels:
        pairs = [label.partition("=") for label in labels]
        if not all(name and equals for name, equals, _ in pairs):
            raise typer.BadParameter("write NAME=VALUE", param_hint="--label")
        event["labels"] = msgspec.json.encode({name: value for name, _, value in pairs}).decode()
    return {**event, **payload}


def _bodies(file: Path) -> list[tuple[str, bytes]]:
    """The requests that send a file: members of arrays and lines go in chunks, each verbatim."""
    try:
        content = typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise Refusal("request.malformed", f"{file}: {error.strerror or error}") from error
    content = content.strip()
    if not content:
        raise Refusal("request.malformed", f"{file} is empty")
    try:
        if content.startswith(b"["):
            members = [bytes(member) for member in msgspec.json.decode(content, type=list[msgspec.Raw])]
        else:
            members = [bytes(msgspec.json.decode(content, type=msgspec.Raw))]
    except RecursionError as error:
        raise Refusal("event.too_deep", f"{file}: nested too deeply") from error
    except msgspec.DecodeError as error:
        members = [line.strip() for line in content.splitlines() if line.strip()]
        if len(members) == 1 or not all(line.startswith(b"{") for line in members):
            raise Refusal("request.malformed", f"{file}: {error}") from error
        for number, line in enumerate(members, 1):
            try:
                msgspec.json.decode(line, type=msgspec.Raw)
            except (msgspec.DecodeError, RecursionError) as inner:
                raise Refusal("request.malformed", f"{file}, line {number}: {inner}") from inner
    if len(members) == 1 and not content.startswith(b"["):
        return [(ONE, members[0])]
    chunks = [members[start : start + CHUNK] for start in range(0, len(members), CHUNK)] or [[]]
    return [(BATCH, b"[" + b",".join(chunk) + b"]") for chunk in chunks]

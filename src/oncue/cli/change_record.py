"""`oncue change-record`: what is changed in the landscape, said by whoever changes it. Lists are `oncue get change-records`."""

import subprocess
from typing import Any

import typer

from oncue.cli import show
from oncue.cli.problem import matchers
from oncue.cli.server import Server
from oncue.core.errors import Refusal

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Say what is changed in the landscape, so that what fails after it can be explained, and what it causes is quiet.",
)

Title = typer.Argument(help="What is changed.")
Resources = typer.Option([], "--resource", "-r", help="A resource that is changed; may be repeated.")
Services = typer.Option([], "--service", help="A service that is changed; may be repeated.")
Kind = typer.Option("change", "--kind", help="deployment, configuration, transport, ...")
Key = typer.Option(None, "--key", help="What you call it, as a build's number; it can be ended by that.")
Expects = typer.Option(
    [], "--expect", "-e",
    help="NAME=VALUE, or =~ with a regular expression, != or !~: alerts for which all hold call nobody meanwhile.",
)  # fmt: skip
Grace = typer.Option("5m", "--grace", help="For how long after its end they still call nobody.")
Lasts = typer.Option("1h", "--lasts", help="When it is taken for over if nobody says so before.")
Link = typer.Option([], "--link", help="An address where more can be read; may be repeated.")
Namespace = typer.Option(None, "--namespace", "-n", help="In this namespace.")


@app.command()
def start(
    title: str = Title, resource: list[str] = Resources, service: list[str] = Services, kind: str = Kind,
    key: str | None = Key, expect: list[str] = Expects, grace: str = Grace, lasts: str = Lasts,
    link: list[str] = Link, namespace: str | None = Namespace,
) -> None:  # fmt: skip
    """Say that a change begins."""
    with Server() as server:
        _told(server.send("POST", "/change-records", json=_wanted(
            title, resource, service, kind, key, expect, grace, lasts, link, namespace
        )))  # fmt: skip


@app.command()
def finish(
    change: str = typer.Argument(help="Its id, or its key."),
    outcome: str = typer.Option("succeeded", "--outcome", help="succeeded, failed or cancelled."),
    namespace: str | None = Namespace,
) -> None:
    """Say that it is over."""
    with Server() as server:
        _told(_finish(server, change, outcome, namespace))


@app.command(context_settings={"ignore_unknown_options": True})
def run(
    title: str = Title,
    command: list[str] = typer.Argument(help="What makes the change, after --."),
    resource: list[str] = Resources, service: list[str] = Services, kind: str = Kind,
    key: str | None = Key, expect: list[str] = Expects, grace: str = Grace, lasts: str = Lasts,
    link: list[str] = Link, namespace: str | None = Namespace,
) -> None:  # fmt: skip
    """Run a command as a change: it begins before, and ends with it. The command runs even if the server cannot be told; the
    exit code is the command's."""
    wanted = _wanted(title, resource, service, kind, key, expect, grace, lasts, link, namespace)
    id: str | None = None
    with Server() as server:
        try:
            id = server.send("POST", "/change-records", json=wanted)["id"]
        except Refusal as refusal:
            show.err.print(f"the change is not on record: {refusal.detail}", markup=False)
        code = subprocess.run(command, check=False).returncode  # noqa: S603 - the caller's own command
        try:
            if id is not None:
                _told(_finish(server, id, "succeeded" if code == 0 else "failed", namespace))
        except Refusal as refusal:
            show.err.print(f"the end of {id} is not on record: {refusal.detail}", markup=False)
    raise typer.Exit(code)


def _wanted(
    title: str, resource: list[str], service: list[str], kind: str, key: str | None, expect: list[str], grace: str,
    lasts: str, link: list[str], namespace: str | None,
) -> dict[str, Any]:  # fmt: skip
    given = {
        "title": title, "resources": resource, "services": service, "kind": kind, "key": key,
        "expects": matchers(expect), "grace": grace, "lasts": lasts, "links": [{"url": url} for url in link],
        "namespace": namespace,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value is not None}


def _finish(server: Server, change: str, outcome: str, namespace: str | None) -> dict[str, Any]:
    given: dict[str, Any] = {"outcome": outcome}
    if change.startswith("CR-") and change[3:].isdigit():
        path = server.path("change-records", change, "finish")
    else:
        path = "/change-records/finish"
        given |= {"key": change} | ({"namespace": namespace} if namespace is not None else {})
    ended: dict[str, Any] = server.send("POST", path, json=given)
    return ended


def _told(record: dict[str, Any]) -> None:
    show.done(f"{record['id']} {record['state']}: {record['title']}")

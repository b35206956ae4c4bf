"""`oncue token`: credentials for programs."""

import typer

from oncue.cli import show
from oncue.cli.server import Server
from oncue.core.errors import Refusal

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Make, list and revoke API tokens."
)


@app.command()
def create(
    name: str = typer.Argument(help="What it is for, as ci or backup-host."),
    role: str | None = typer.Option(
        None,
        "--role",
        help="ROLE, or ROLE@NAMESPACE: viewer, responder, operator, approver, editor or admin. Without @ it holds where --namespace "
        "says. (The role of a user that is given alone is in every namespace.)",
    ),
    scope: str = typer.Option(
        "role", "--scope", help="role; source: may only send events; worker: may only do effects."
    ),
    namespace: list[str] = typer.Option(
        [], "--namespace", "-n", help="Where it reaches; may be given again; * is all. [default: default]"
    ),
    user: str | None = typer.Option(None, "--user", help="Whose it is: it can do no more than they may."),
    expires_in_days: int | None = typer.Option(None, "--expires-in-days", min=1, help="[default: never]"),
    output: show.Format = show.Output,
) -> None:
    """Make a token, and print its text, this once."""
    held, at, place = (role or "").partition("@")
    if at and (namespace or not place):
        raise Refusal("request.invalid", "role: say the namespace once, as ROLE@NAMESPACE or by --namespace")
    wanted = {
        "name": name, "scope": scope, "role": held or None, "namespaces": [place] if at else namespace or ["default"], "user": user,
        "expires_in_days": expires_in_days,
    }  # fmt: skip
    body = {key: value for key, value in wanted.items() if value is not None}
    with Server() as server:
        issued = server.send("POST", "/tokens", json=body)
    if output is show.Format.table:
        what = f"{issued['role'] or issued['scope']} {show.within(issued['namespaces'])}"
        show.note(f"Token {issued['id']}, {what}. Keep its text, it is not shown again:")
        show.done(issued["token"])
    else:
        show.document(issued, output)


@app.command("list")
def list_(output: show.Format = show.Output) -> None:
    """List tokens; their texts are not kept."""
    with Server() as server:
        items = server.get("/tokens")["items"]
    if output is not show.Format.table:
        show.document(items, output)
        return
    rows = [
        (one["id"], one["name"], one["role"] or one["scope"], one["namespaces"], one["user"],
         show.ago(one["last_used_at"]), show.instant(one["expires_at"]) or "never")
        for one in items
    ]  # fmt: skip
    show.table(rows, ("id", "name", "role", "namespaces", "user", "used", "expires"))


@app.command()
def revoke(id: str = typer.Argument(help="The token's id, as `oncue token list` shows it.")) -> None:
    """Revoke a token; it stops working at once."""
    with Server() as server:
        server.send("DELETE", server.path("tokens", id))
    show.done(f"{id} revoked")

"""`oncue user`: people and service accounts."""

from typing import Any

import typer

from oncue.cli import show
from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Manage people and service accounts."
)

Roles = typer.Option(
    [], "--role",
    help="ROLE@NAMESPACE, or ROLE alone, which is in every namespace. May be given again. (The role of a token is in `default` "
    "if it is given alone.)",
)  # fmt: skip


@app.command()
def create(
    name: str = typer.Argument(help="The name to sign in with."),
    role: list[str] = Roles,
    display_name: str | None = typer.Option(None, "--display-name", help="The name to show."),
    email: str | None = typer.Option(None, "--email"),
    service: bool = typer.Option(False, "--service", help="A service account: it owns tokens and cannot sign in."),
) -> None:
    """Add someone, and print a link with which they set their password."""
    body: dict[str, Any] = {
        "name": name,
        "kind": "service" if service else "person",
        "display_name": display_name,
        "email": email,
        "bindings": [_grant(one) for one in role],
    }
    with Server() as server:
        server.send("POST", "/users", json=body)
        show.note(f"{name} created: {_said(role)}")
        if not service:
            show.done(server.send("POST", server.path("users", name, "link"))["url"])


@app.command("list")
def list_(output: show.Format = show.Output) -> None:
    """List people and service accounts."""
    with Server() as server:
        items = server.get("/users")["items"]
    if output is not show.Format.table:
        show.document(items, output)
        return
    rows = [
        (one["name"], one["kind"], one["display_name"], one["email"],
         [f"{grant['role']}@{grant['namespace']}" for grant in one["bindings"]], one["has_password"], one["disabled"])
        for one in items
    ]  # fmt: skip
    show.table(rows, ("name", "kind", "display name", "email", "roles", "password", "disabled"))


@app.command()
def link(name: str = typer.Argument(help="Whose.")) -> None:
    """Print a link with which someone sets a new password and signs in: once, within a day."""
    with Server() as server:
        made = server.send("POST", server.path("users", name, "link"))
    show.note(f"Works once, until {show.instant(made['expires_at'])}:")
    show.done(made["url"])


@app.command()
def passwd(name: str = typer.Argument(help="Whose.")) -> None:
    """Set someone's password: asked for on a terminal, else read from standard input. Ends their sessions."""
    password = show.password("New password", confirm=True)
    with Server() as server:
        server.send("PATCH", server.path("users", name), json={"password": password})
    show.done(f"The password of {name} is set")


@app.command()
def grant(
    name: str = typer.Argument(help="Whose."),
    role: list[str] = Roles,
) -> None:
    """Set someone's roles to exactly these; without --role they have none."""
    with Server() as server:
        server.send("PATCH", server.path("users", name), json={"bindings": [_grant(one) for one in role]})
    show.done(f"{name}: {_said(role)}")


@app.command()
def disable(name: str = typer.Argument(help="Whom.")) -> None:
    """Keep someone out: their sessions and tokens stop working."""
    with Server() as server:
        server.send("PATCH", server.path("users", name), json={"disabled": True})
    show.done(f"{name} disabled")


@app.command()
def enable(name: str = typer.Argument(help="Whom.")) -> None:
    """Let someone in again."""
    with Server() as server:
        server.send("PATCH", server.path("users", name), json={"disabled": False})
    show.done(f"{name} enabled")


def _grant(text: str) -> dict[str, str]:
    role, _, namespace = text.partition("@")
    return {"role": role, "namespace": namespace or "*"}


def _said(roles: list[str]) -> str:
    """Each role, and where it holds."""
    grants = [_grant(one) for one in roles]
    return ", ".join(f"{one['role']} {show.within([one['namespace']])}" for one in grants) or "no roles"

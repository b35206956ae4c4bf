"""`oncue change plan --diff`: what differs between two plans of a change, in lines that one reads from top to bottom."""

import json
from typing import Any, Final

import typer

from oncue.cli import show

_MARKS: Final = {"added": "+", "removed": "-", "changed": "~"}
_ORDER: Final = "(their order)"


def shown(found: dict[str, Any], output: show.Format) -> None:
    """Show what the server says that differs."""
    if output is not show.Format.table:
        show.document(found, output)
        return
    before, after = found["before"], found["after"]
    if before is None:
        typer.echo(f"Plan {after['hash'][:12]}: no other one is known.")
        return
    typer.echo(f"Plan {_named(before)}, then {_named(after)}:")
    parts: dict[str, list[dict[str, Any]]] = {}
    for one in found["differences"]:
        parts.setdefault(one["part"], []).append(one)
    for part, many in parts.items():
        beside = "" if many[0]["agreed"] else " (not part of the plan)"
        typer.echo(f"  {part.replace('_', ' ')}{beside}")
        for one in many:
            for line in _lines(one):
                typer.echo(f"    {line}")
    if not parts:
        typer.echo("  Nothing is otherwise.")


def _named(plan: dict[str, Any]) -> str:
    agreed = "agreed to" if plan["agreed"] else "not agreed to"
    return f"{plan['hash'][:12]} ({agreed}, {show.instant(plan['at'])})"


def _lines(one: dict[str, Any]) -> list[str]:
    """One difference: its mark and name, and its values under it where there are any."""
    name = one["name"] or (_ORDER if one["part"] == "steps" else "")
    mark = _MARKS[one["what"]]
    if one["what"] == "changed":
        head = [f"{mark} {name}"] if name else []
        return [
            *head,
            f"{'  ' if head else ''}- {_text(one['before'])}",
            f"{'  ' if head else ''}+ {_text(one['after'])}",
        ]
    value = one["before"] if one["what"] == "removed" else one["after"]
    return [f"{mark} {name}{f': {_text(value)}' if value is not None else ''}"]


def _text(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

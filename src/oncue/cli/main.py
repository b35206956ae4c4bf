"""`oncue`: finds the command, runs it, and turns a refusal into words and an exit code.

A command's module is imported only when it is needed, so that `oncue emit` in a script starts fast. Exit codes: 0 done,
1 refused or something is wrong, 2 wrong usage, 3 the server does not answer; `diff`, `journal verify` and `replay` have
codes of their own.
"""

import sys
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from oncue.core.errors import Refusal

REFUSED: Final = 1
UNREACHABLE: Final = 3

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "up": ("oncue.cli.up", "up"),
    "check": ("oncue.cli.check", "check"),
    "doctor": ("oncue.cli.doctor", "doctor"),
    "apply": ("oncue.cli.apply", "apply"),
    "diff": ("oncue.cli.apply", "diff"),
    "validate": ("oncue.cli.validate", "validate"),
    "test": ("oncue.cli.rehearse", "rehearse"),
    "get": ("oncue.cli.get", "get"),
    "delete": ("oncue.cli.delete", "delete"),
    "alert": ("oncue.cli.alert", "app"),
    "incident": ("oncue.cli.work", "app"),
    "task": ("oncue.cli.work", "tasks"),
    "ticket": ("oncue.cli.ticket", "app"),
    "mirror": ("oncue.cli.mirror", "app"),
    "problem": ("oncue.cli.problem", "app"),
    "change": ("oncue.cli.change", "app"),
    "change-record": ("oncue.cli.change_record", "app"),
    "evidence": ("oncue.cli.evidence", "app"),
    "handover": ("oncue.cli.handover", "app"),
    "bulk": ("oncue.cli.bulk", "app"),
    "channel": ("oncue.cli.channel", "app"),
    "escalation": ("oncue.cli.escalation", "app"),
    "service": ("oncue.cli.service", "app"),
    "topology": ("oncue.cli.topology", "app"),
    "lookup": ("oncue.cli.lookup", "app"),
    "silence": ("oncue.cli.silence", "app"),
    "quiet": ("oncue.cli.quiet", "app"),
    "import": ("oncue.cli.importing", "app"),
    "subscription": ("oncue.cli.subscription", "app"),
    "emit": ("oncue.cli.emit", "emit"),
    "tail": ("oncue.cli.tail", "tail"),
    "explain": ("oncue.cli.explain", "explain"),
    "run": ("oncue.cli.run", "run"),
    "runs": ("oncue.cli.runs", "app"),
    "approval": ("oncue.cli.approval", "app"),
    "request": ("oncue.cli.request", "app"),
    "logs": ("oncue.cli.logs", "logs"),
    "plugin": ("oncue.cli.plugin", "app"),
    "pause": ("oncue.cli.pause", "pause"),
    "resume": ("oncue.cli.pause", "resume"),
    "token": ("oncue.cli.token", "app"),
    "user": ("oncue.cli.user", "app"),
    "secret": ("oncue.cli.secret", "app"),
    "journal": ("oncue.cli.journal", "app"),
    "replay": ("oncue.cli.replay", "replay"),
    "sap": ("oncue.cli.sap", "app"),
    "demo": ("oncue.cli.demo", "app"),
    "version": ("oncue.cli.version", "version"),
}
"""Command to (module, function or group of commands in it), in the order of the help."""

EPILOG: Final = (
    "Commands that talk to a server find it by ONCUE_SERVER (default http://127.0.0.1:8480) and ONCUE_TOKEN. "
    "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the server does not answer. Times are UTC, marked Z."
)


class Commands(TyperGroup):
    """The top level: commands are loaded when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, None if there is no such."""
        return load(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments name; a mistyped one is refused with the nearest."""
        if args and args[0] not in COMMANDS:
            from oncue.manifests.shape import near

            ctx.fail(f"There is no command {args[0]!r}{near(args[0], list(COMMANDS))}")
        return super().resolve_command(ctx, args)


def load(name: str) -> Any:
    """The command of this name, ready to be run or described."""
    module, attribute = COMMANDS[name]
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name)(found)
        found = app
    command = get_command(found)
    command.name = name
    command.context_settings.setdefault("max_content_width", 120)
    return command


def root() -> Commands:
    """The whole command line."""
    return Commands(
        name="oncue",
        help="OnCue: event-driven IT operations. Senses, decides by policy, responds.",
        epilog=EPILOG,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    )


def _refuse_undecodable(arguments: list[str]) -> None:
    """Arguments are text. Python hands bytes that are none over as surrogates, which would fail somewhere deep."""
    for number, argument in enumerate(arguments, 1):
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise Refusal("request.malformed", f"argument {number} is not UTF-8") from error


def main() -> None:
    """Run the command line; ends the process with the exit code."""
    try:
        _refuse_undecodable(sys.argv[1:])
        root().main(prog_name="oncue")
    except Refusal as refusal:
        from oncue.cli.show import refused

        refused(refusal)
        sys.exit(UNREACHABLE if refusal.code == "server.unreachable" else REFUSED)

"""The conformance kit: what every plugin must fulfil, for plugin authors' own tests.

`check_action(MyAction(), example)`, `check_notifier(...)`, `check_monitor(...)` and `check_source(...)` raise `AssertionError` with
what is missing. `run_action(...)` runs an action as the worker does, and sees whether it keeps its word; `check_cancellation`
whether it stops. `context(...)` gives a plugin real surroundings: a guard, a mailbox in a directory, secrets from a mapping.
"""

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from oncue.core.objective import Budget
from oncue.sdk.action import Action
from oncue.sdk.context import NO_ANSIBLE, NO_PYTHON, NO_SHELL, AnsibleRules, Context, Log, PythonRules, ShellRules
from oncue.sdk.errors import COMMON, ActionError, ErrorDoc
from oncue.sdk.itself import Itself
from oncue.sdk.itsm import System
from oncue.sdk.mail import Mailer
from oncue.sdk.monitor import Monitor
from oncue.sdk.notifier import Notifier
from oncue.sdk.outbound import Allow, Guard
from oncue.sdk.source import SEVERITIES, Listening, Message, NoSettings, Received, Refusal, Source, decode_document
from oncue.sdk.telling import Tell, Told
from oncue.sdk.touching import untouched

_NAME: Final = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")
_METRIC: Final = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$")
_CODE: Final = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")
_CLASSES: Final = ("pure", "idempotent", "check-first", "at-most-once")


class QuietLog:
    """A log that keeps what it is told in `lines`."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **data: Any) -> None:
        """Keep the line."""
        self.lines.append((event, data))

    def warning(self, event: str, **data: Any) -> None:
        """Keep the line."""
        self.lines.append((event, data))


def context(
    data: Path,
    *,
    secrets: Mapping[str, str] | None = None,
    allows: Sequence[Allow] = (),
    smtp_url: str = "mailbox:",
    shell: ShellRules = NO_SHELL,
    python: PythonRules = NO_PYTHON,
    ansible: AnsibleRules = NO_ANSIBLE,
    timeout_s: float = 10.0,
    attempt: int = 1,
    key: str = "ef-1",
    log: Log | None = None,
    asked_at: datetime | None = None,
    redelivered: bool = False,
    itself: Callable[[float], Awaitable[Itself]] | None = None,
    declared: Mapping[tuple[str, str], dict[str, Any]] | None = None,
    budget: Callable[[str, str], Awaitable[Budget]] | None = None,
    tell: Tell | None = None,
) -> Context:
    """Real surroundings in a directory; `secrets` maps names to values, `declared` kinds and names to specs."""

    def resolve(reference: str, namespace: str) -> str:
        name = reference.removeprefix("secret://")
        if name not in (secrets or {}):
            raise ActionError("secret.not_found", f"there is no secret {name!r} in {namespace}")
        return (secrets or {})[name]

    return Context(
        namespace="default",
        key=key,
        attempt=attempt,
        timeout_s=timeout_s,
        guard=Guard(allows),
        mailer=Mailer(smtp_url, "oncue@localhost", data),
        log=log or QuietLog(),
        resolve=resolve,
        base_url="https://oncue.example",
        shell=shell,
        python=python,
        ansible=ansible,
        asked_at=asked_at,
        redelivered=redelivered,
        itself=itself,
        declared=lambda namespace, kind, name: (declared or {}).get((kind, name)),
        budget=budget,
        tell=tell,
    )


def check_action(action: Action, example: Mapping[str, Any]) -> None:
    """The action is whole; `example` are inputs that fit."""
    _check_common(action, action.errors)
    assert isinstance(action, Action), f"{action.name}: it lacks a member of Action"
    _check_schema(action.name, action.inputs)
    _check_schema(action.name, action.outputs)
    inputs = msgspec.convert(dict(example), action.inputs)
    with untouched() as touched:
        found, plan = action.effect_class(inputs), action.plan(inputs)
    assert not touched, f"{action.name}: plan or effect_class touches something: {touched[0]}"
    assert found in _CLASSES, f"{action.name}: effect_class is not one of {_CLASSES}"
    assert plan, f"{action.name}: plan is empty"
    assert "\n" not in plan, f"{action.name}: plan is more than a line"
    assert inspect.iscoroutinefunction(action.run), f"{action.name}: run is not a coroutine function"


class Ran(msgspec.Struct, kw_only=True):
    """What became of an action."""

    result: Any = None
    """An object of its `outputs`; None if it failed."""
    error: ActionError | None = None
    told: list[Told] = []
    """All that it told, in order; secrets are masked."""

    @property
    def lines(self) -> list[str]:
        """The lines that it said."""
        return [one.text for one in self.told if one.done is None]

    @property
    def progress(self) -> list[float]:
        """How far it said that it was."""
        return [one.done for one in self.told if one.done is not None]


async def run_action(action: Action, inputs: Mapping[str, Any], data: Path, **surroundings: Any) -> Ran:
    """Run an action on what a step's `with` would be; `data` and `surroundings` are those of `context`.

    Raises `AssertionError` if it does not keep its word: an error that it does not declare, a result that is not of its
    outputs or cannot be kept, a secret in result, error or lines. What else it raises is a defect, and comes out as it is.
    """
    ran = Ran()
    secrets = [value for value in (surroundings.get("secrets") or {}).values() if value]
    made = context(data, **{**surroundings, "tell": ran.told.append})
    try:
        ran.result = await action.run(msgspec.convert(dict(inputs), action.inputs), made)
    except ActionError as error:
        ran.error = error
    left = _checked_error(action, ran.error) if ran.error is not None else _checked_result(action, ran.result)
    for secret in secrets:
        assert secret not in left, f"{action.name}: a secret is in its result or error"
        assert not any(secret in line for line in ran.lines), f"{action.name}: a secret is in what it says"
    return ran


def _checked_error(action: Action, error: ActionError) -> str:
    declared = {doc.code for doc in (*action.errors, *COMMON)}
    assert error.code in declared, f"{action.name}: {error.code} is not among its errors"
    assert error.detail, f"{action.name}: {error.code} has no detail"
    assert not (error.unknown and error.nothing_done), (
        f"{action.name}: {error.code} says that nothing was done, and that it may be"
    )
    return error.detail


def _checked_result(action: Action, result: Any) -> str:
    assert isinstance(result, action.outputs), f"{action.name}: the result is not of {action.outputs.__name__}"
    kept = msgspec.json.encode(result)
    try:
        msgspec.json.decode(kept, type=action.outputs)
    except msgspec.ValidationError as error:
        raise AssertionError(f"{action.name}: the result does not fit its own schema: {error}") from error
    return kept.decode()


async def check_cancellation(
    action: Action, inputs: Mapping[str, Any], data: Path, *, begun: asyncio.Event | None = None,
    within_s: float = 5.0, **surroundings: Any,
) -> None:  # fmt: skip
    """The action stops when it is no longer wanted: once it has told something, or `begun` is set, it is cancelled, and ends.

    Raises `AssertionError` if it goes on, or ends by another error than the cancellation. One that is done before is fine.
    """
    cue = begun or asyncio.Event()
    made = context(data, **{**surroundings, "tell": lambda told: None if begun is not None else cue.set()})
    task = asyncio.ensure_future(action.run(msgspec.convert(dict(inputs), action.inputs), made))
    waiting = asyncio.ensure_future(cue.wait())
    done, _ = await asyncio.wait([task, waiting], timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    task.cancel()
    assert done, f"{action.name}: it did not begin within {within_s:g} s"
    await asyncio.wait([task], timeout=within_s)
    assert task.done(), f"{action.name}: it goes on for {within_s:g} s after it was cancelled"
    error = None if task.cancelled() else task.exception()
    assert error is None, f"{action.name}: cancelled, it ends with {type(error).__name__}: {error}"


def check_plugin(plugin: Any) -> None:
    """A plugin of any kind is whole, by what can be seen without inputs that fit."""
    _check_common(plugin, getattr(plugin, "errors", ()))
    kinds = (Action, Notifier, Monitor, Source, System)
    assert isinstance(plugin, kinds), f"{plugin.name}: it lacks a member of what it should be"
    for member in ("inputs", "outputs", "settings"):
        struct = getattr(plugin, member, None)
        if struct is not None:
            _check_schema(plugin.name, struct)
    for member in ("run", "send", "probe", "push", "pull"):
        does = getattr(plugin, member, None)
        assert does is None or inspect.iscoroutinefunction(does), f"{plugin.name}: {member} is not a coroutine function"


def check_notifier(notifier: Notifier, example: Mapping[str, Any]) -> None:
    """The notifier is whole; `example` is a channel's `with` that fits."""
    _check_common(notifier, notifier.errors)
    assert isinstance(notifier, Notifier), f"{notifier.name}: it lacks a member of Notifier"
    _check_schema(notifier.name, notifier.settings)
    msgspec.convert(dict(example), notifier.settings)
    assert inspect.iscoroutinefunction(notifier.send), f"{notifier.name}: send is not a coroutine function"


def check_monitor(monitor: Monitor, example: Mapping[str, Any]) -> None:
    """The monitor is whole; `example` is a manifest's `with` that fits."""
    _check_common(monitor, monitor.errors)
    assert isinstance(monitor, Monitor), f"{monitor.name}: it lacks a member of Monitor"
    _check_schema(monitor.name, monitor.settings)
    settings = msgspec.convert(dict(example), monitor.settings)
    assert isinstance(monitor.subject(settings), str), f"{monitor.name}: subject is not text"
    metrics = [doc.metric for doc in monitor.metrics]
    assert len(set(metrics)) == len(metrics), f"{monitor.name}: a metric is described twice"
    assert not monitor.primary or monitor.primary in metrics, f"{monitor.name}: primary is not one of its metrics"
    for doc in monitor.metrics:
        assert _METRIC.match(doc.metric), f"{monitor.name}: {doc.metric} is not a dotted metric"
        assert doc.label, f"{monitor.name}: {doc.metric} has no label"
        assert doc.meaning, f"{monitor.name}: {doc.metric} has no meaning"
    assert inspect.iscoroutinefunction(monitor.probe), f"{monitor.name}: probe is not a coroutine function"


def check_source(source: Source, example: Mapping[str, Any], message: Message) -> None:
    """The source is whole; `example` is a manifest's `with` that fits, `message` one that gives at least an event.

    Whatever else is posted becomes events or a `Refusal`: `GARBAGE` is tried.
    """
    _check_common(source, ())
    assert isinstance(source, Source), f"{source.name}: it lacks a member of Source"
    settings: type[msgspec.Struct] = getattr(source, "settings", NoSettings)
    _check_schema(source.name, settings)
    msgspec.convert(dict(example), settings)
    assert not inspect.iscoroutinefunction(source.parse), (
        f"{source.name}: parse is a coroutine function; it must not wait"
    )
    parsed = source.parse(message)
    assert parsed.events, f"{source.name}: the message gives no event"
    for document in parsed.events:
        event = decode_document(document)
        assert event.specversion == "1.0", f"{source.name}: {event.specversion!r} is not CloudEvents 1.0"
        assert all((event.id, event.source, event.type)), f"{source.name}: an event lacks id, source or type"
        assert event.severity in (None, *SEVERITIES), f"{source.name}: {event.severity!r} is not a severity"
    if isinstance(source, Listening):
        assert inspect.iscoroutinefunction(source.listen), f"{source.name}: listen is not a coroutine function"
        address = source.listens(dict(example))
        assert address is None or "://" in address, f"{source.name}: {address!r} is not PROTOCOL://ADDRESS"
        received = [Received(body, peer="192.0.2.1", cut=cut) for body in GARBAGE for cut in (False, True)]
        found = source.gathered(msgspec.structs.replace(message, body=b""), received)
        indexes = [*map(found.index, range(len(found.events))), *(letter[0] for letter in found.rejected)]
        assert all(0 <= index < len(received) for index in indexes), f"{source.name}: an index is none of a member"
    for body in GARBAGE:
        try:
            source.parse(msgspec.structs.replace(message, body=body))
        except Refusal as refusal:
            if not refusal.detail:
                raise AssertionError(f"{source.name}: {refusal.code} does not say why") from refusal


GARBAGE: Final = (
    b"",
    b"\xff\xfe",
    b"hello",
    b"null",
    b"17",
    b"[]",
    b"{}",
    b'[1, "a", null]',
    b'{"a": {"b": [{}]}}',
    b"[" * 10_000,
)
"""What no source should stumble over."""


def _check_common(plugin: Any, errors: tuple[ErrorDoc, ...]) -> None:
    assert _NAME.match(plugin.name), f"{plugin.name!r} is not a dotted lower-case name"
    assert type(plugin).__doc__, f"{plugin.name}: its class has no docstring"
    codes = [doc.code for doc in errors]
    assert len(set(codes)) == len(codes), f"{plugin.name}: an error is described twice"
    for doc in errors:
        assert _CODE.match(doc.code), f"{plugin.name}: {doc.code!r} is not a dotted code"
        assert doc.meaning, f"{plugin.name}: {doc.code} has no meaning"


def _check_schema(name: str, struct: type[msgspec.Struct]) -> None:
    assert struct.__doc__, f"{name}: {struct.__name__} has no docstring"
    schema = msgspec.json.schema(struct)
    assert schema, f"{name}: {struct.__name__} has no JSON Schema"

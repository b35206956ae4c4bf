"""How a plugin says that it could not do its work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec


class ActionError(Exception):
    """A foreseeable failure of an action, notifier or monitor.

    `code` is dotted and stable (`http.status`, `smtp.refused`, `timeout`); `transient` says whether another try may
    help. `unknown` says that it may have been done all the same: only at-most-once work reports it. `nothing_done` says the
    opposite: it is certain that this attempt changed nothing there, as nobody took the call. A rollback leaves out a step of
    which all attempts say so; without it a step that failed is undone. `retry_after_s` is the pause that the other side asked
    for; ticket mirrors keep to it.
    """

    def __init__(
        self, code: str, detail: str, *, transient: bool = False, unknown: bool = False, nothing_done: bool = False,
        retry_after_s: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.transient = transient
        self.unknown = unknown
        self.nothing_done = nothing_done
        self.retry_after_s = retry_after_s


@contextmanager
def nothing_done_yet() -> Iterator[None]:
    """What fails in here says that nothing was done: every `ActionError` that leaves it is marked `nothing_done`.

    For what comes before the first thing that could change anything: inputs, secrets, connecting, logging in, questions.
    """
    try:
        yield
    except ActionError as error:
        error.nothing_done = True
        raise


class ErrorDoc(msgspec.Struct, frozen=True):
    """One error that a plugin may report, for its reference page."""

    code: str
    meaning: str
    transient: bool = False


COMMON: Final = (
    ErrorDoc("timeout", "It was not done within the step's or effect's timeout.", transient=True),
    ErrorDoc("outbound.refused", "The address is not allowed; an OutboundAllow manifest opens an exception."),
    ErrorDoc("secret.not_found", "A secret that is referred to does not exist in the namespace."),
    ErrorDoc("inputs.invalid", "The inputs do not fit the schema; the detail names the field."),
    ErrorDoc("action.crashed", "The plugin has a defect: it raised something that it does not declare."),
)
"""What any plugin may report besides its own errors."""

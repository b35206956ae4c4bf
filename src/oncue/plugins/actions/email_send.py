"""The action `email.send`: one plain mail by the operator's relay."""

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from oncue.sdk import ActionError, Context, EffectClass, nothing_done_yet
from oncue.sdk.mail import ERRORS, RECIPIENTS_LIMIT, address_of
from oncue.sdk.source import Fault


class Inputs(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One mail."""

    to: Annotated[list[str], msgspec.Meta(min_length=1, max_length=RECIPIENTS_LIMIT)]
    """Mail addresses."""
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    """One line."""
    text: Annotated[str, msgspec.Meta(max_length=200_000)]
    """The mail, plain."""


class Outputs(msgspec.Struct):
    """What became of it."""

    message_id: str
    """By which mail systems know it."""
    refused: dict[str, str]
    """Recipients that the relay refused, with its reason."""


class EmailSend:
    """Sends one mail."""

    name = "email.send"
    inputs = Inputs
    outputs = Outputs
    errors = ERRORS

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """A second try carries the same Message-ID, by which mail systems drop the copy."""
        return "idempotent"

    def faults(self, given: dict[str, Any]) -> Iterable[Fault]:
        """Whoever is named has a mail address."""
        for index, one in enumerate(given["to"] if isinstance(given["to"], list) else ()):
            try:
                "${" in one or address_of(one)
            except ActionError as error:
                yield ("to", index), error.detail

    def plan(self, inputs: Inputs) -> str:
        """Subject and addressees."""
        return f"mail {inputs.subject!r} to {', '.join(inputs.to)}"

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """The relay took it for at least one recipient."""
        with nothing_done_yet():
            message = context.mailer.compose(context.key, inputs.subject, inputs.text, None, inputs.to)
        refused = await context.mailer.send(message, inputs.to, context.remaining_s)
        return Outputs(str(message["Message-ID"]), refused)

"""The conformance kit finds what an action does not keep its word about."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncue.sdk import ActionError, Context, EffectClass, ErrorDoc, SecretRef
from oncue.sdk.testing import check_action, check_cancellation, check_plugin, run_action

PASSWORD = "correct-horse-battery"


class Inputs(msgspec.Struct, forbid_unknown_fields=True):
    """What to do."""

    secret: SecretRef = "secret://door"


class Outputs(msgspec.Struct):
    """What was done."""

    count: int


class Sound:
    """Keeps its word."""

    name = "test.sound"
    inputs = Inputs
    outputs = Outputs
    errors = (ErrorDoc("test.refused", "It is refused."),)

    def effect_class(self, inputs: Inputs) -> EffectClass:
        return "pure"

    def plan(self, inputs: Inputs) -> str:
        return "count"

    async def run(self, inputs: Inputs, context: Context) -> Any:
        context.say("counting with " + context.secret(inputs.secret))
        context.progress(0.5)
        return Outputs(1)


def acting(does: Callable[[Inputs, Context], Any]) -> Sound:
    class Acting(Sound):
        """Does what a test says."""

        async def run(self, inputs: Inputs, context: Context) -> Any:
            return does(inputs, context)

    return Acting()


def refuse(code: str, detail: str) -> Callable[[Inputs, Context], Any]:
    def does(inputs: Inputs, context: Context) -> Any:
        raise ActionError(code, detail)

    return does


def undecided(inputs: Inputs, context: Context) -> Any:
    raise ActionError("test.refused", "no", unknown=True, nothing_done=True)


async def test_what_an_action_gave_and_told_can_be_looked_at(tmp_path: Path) -> None:
    ran = await run_action(Sound(), {}, tmp_path, secrets={"door": PASSWORD})
    assert (ran.result, ran.error) == (Outputs(1), None)
    assert (ran.lines, ran.progress) == (["counting with [secret]"], [0.5])


async def test_an_error_that_is_declared_is_an_outcome(tmp_path: Path) -> None:
    ran = await run_action(acting(refuse("test.refused", "no")), {}, tmp_path)
    assert ran.error is not None
    assert ran.error.code == "test.refused"


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (refuse("test.other", "no"), "test.other is not among its errors"),
        (refuse("test.refused", ""), "has no detail"),
        (undecided, "says that nothing was done, and that it may be"),
        (lambda inputs, context: {"count": 1}, "the result is not of Outputs"),
        (lambda inputs, context: Outputs("many"), "does not fit its own schema"),  # type: ignore[arg-type]
        (lambda inputs, context: Outputs(context.secret(inputs.secret)), "schema|a secret"),
        (lambda inputs, context: refuse("test.refused", context.secret(inputs.secret))(inputs, context), "a secret is in"),
    ],
)  # fmt: skip
async def test_what_breaks_its_word_is_named(tmp_path: Path, does: Callable[[Inputs, Context], Any], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        await run_action(acting(does), {}, tmp_path, secrets={"door": PASSWORD})


async def test_a_defect_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        await run_action(acting(lambda inputs, context: 1 / 0), {}, tmp_path)


@pytest.mark.parametrize("touch", [
    lambda path: path.write_text("x"),
    lambda path: path.mkdir(),
    lambda path: socket.getaddrinfo("127.0.0.1", 80),
])  # fmt: skip
def test_a_plan_that_touches_something_is_found(tmp_path: Path, touch: Callable[[Path], Any]) -> None:
    class Planning(Sound):
        """Plans too much."""

        def plan(self, inputs: Inputs) -> str:
            touch(tmp_path / "x")
            return "count"

    with pytest.raises(AssertionError, match="plan or effect_class touches something"):
        check_action(Planning(), {})
    check_action(Sound(), {})
    (tmp_path / "y").write_text("outside of the plan nobody looks")


class Waiting(Sound):
    """Waits for ever."""

    def __init__(self, stubborn: str = "") -> None:
        self.stubborn = stubborn
        self.end = asyncio.Event()

    async def run(self, inputs: Inputs, context: Context) -> Any:
        context.say("waiting")
        while not self.end.is_set():
            try:
                await self.end.wait()
            except asyncio.CancelledError:
                if self.stubborn == "raises":
                    raise ValueError("never") from None
                if self.stubborn != "goes on":
                    raise
        return Outputs(0)


async def test_an_action_must_stop_when_it_is_cancelled(tmp_path: Path) -> None:
    await check_cancellation(Waiting(), {}, tmp_path)
    await check_cancellation(Sound(), {}, tmp_path, secrets={"door": PASSWORD})
    with pytest.raises(AssertionError, match="it ends with ValueError"):
        await check_cancellation(Waiting("raises"), {}, tmp_path)
    stubborn = Waiting("goes on")
    with pytest.raises(AssertionError, match="it goes on for"):
        await check_cancellation(stubborn, {}, tmp_path, within_s=0.1)
    stubborn.end.set()


async def test_one_that_never_begins_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="did not begin"):
        await check_cancellation(Waiting(), {}, tmp_path, begun=asyncio.Event(), within_s=0.1)


def test_a_plugin_of_any_kind_is_looked_at_without_inputs() -> None:
    check_plugin(Sound())

    class Nothing:
        """Is none."""

        name = "test.nothing"

    with pytest.raises(AssertionError, match="lacks a member"):
        check_plugin(Nothing())

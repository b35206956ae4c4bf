"""The actions `sapcontrol.start`, `sapcontrol.stop` and `sapcontrol.restart`: of one instance, or of a whole system.

Each asks for the state before it acts, so that it can be taken up again after a crash in the middle: what is as wanted, or
on its way there, is not asked for twice. Then it waits until the wanted state is reached. That a restart has been done is
known by the programs: they run for a shorter time than has passed since the restart was first asked for.
"""

import asyncio
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from oncue.plugins.sap import control, rows
from oncue.plugins.sap.control import SapControl, Target
from oncue.plugins.sap.rows import Instance, Process
from oncue.sdk import ActionError, Context, EffectClass, ErrorDoc, nothing_done_yet

POLL_S: Final = 2.0
"""Between two looks at the state."""


class Inputs(Target, kw_only=True, forbid_unknown_fields=True):
    """What to change. The step's `timeout` is how long it may take: an instance needs minutes."""

    scope: Literal["instance", "system"] = "instance"
    """`system` is every instance, in the order of their start priorities."""
    soft_timeout_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 0
    """Stop and restart: how long a soft shutdown may take before the hard one; 0 is a hard one at once."""
    wait: bool = True
    """Whether to wait until it is done."""


class Outputs(msgspec.Struct, kw_only=True):
    """What was done."""

    already_done: bool
    """The state was as wanted; nothing was asked for."""
    before: str
    """GREEN, YELLOW, RED or GRAY: the worst of the programs, or of the instances."""
    after: str


class _Change:
    """What the three have in common."""

    name = ""
    inputs = Inputs
    outputs = Outputs
    errors = (
        *control.ERRORS,
        ErrorDoc("sap.not_reached", "The wanted state was not reached within the step's timeout.", transient=True),
    )
    wanted = "GREEN"
    changing: tuple[str, ...] = ("starting", "initializ", "waiting")
    """How the text of a program begins that is on its way, in lower case."""
    methods: ClassVar[dict[str, str]] = {}

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """The state is asked for first."""
        return "check-first"

    def plan(self, inputs: Inputs) -> str:
        """Method and instance."""
        return f"{self.methods[inputs.scope]} of {control.resource(inputs)} at {control.url(inputs)}"

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """The wanted state is reached, or asked for if it is not to be waited for."""
        client = SapControl(inputs, context)
        with nothing_done_yet():
            programs = await client.rows("GetProcessList", Process)
            before = await _states(client, inputs.scope, programs)
        if self.is_done(before) and not self.must_repeat(programs, context):
            return Outputs(already_done=True, before=_worst(before), after=_worst(before))
        if self.is_under_way(before, programs, context):
            context.say(f"{self.methods[inputs.scope]} was asked for before; it is {_worst(before)}")
        else:
            context.say(f"asking for {self.methods[inputs.scope]}; it is {_worst(before)}")
            await client.call(self.methods[inputs.scope], **self.parameters(inputs))
        if not inputs.wait:
            return Outputs(already_done=False, before=_worst(before), after=_worst(await _states(client, inputs.scope)))
        return Outputs(already_done=False, before=_worst(before), after=await self._reached(client, inputs, context))

    def is_done(self, states: list[str]) -> bool:
        """Whether all is as wanted."""
        return all(state == self.wanted for state in states)

    def must_repeat(self, programs: list[Process], context: Context) -> bool:
        """Whether it must be asked for although the state is as wanted."""
        return False

    def is_under_way(self, states: list[str], programs: list[Process], context: Context) -> bool:
        """Whether it was asked for before a crash, and goes on."""
        if any(program.textstatus.lower().startswith(self.changing) for program in programs):
            return True
        return context.redelivered and "YELLOW" in states

    def parameters(self, inputs: Inputs) -> dict[str, Any]:
        """What the method takes beside its defaults."""
        return {}

    async def _reached(self, client: SapControl, inputs: Inputs, context: Context) -> str:
        """The state once it is as wanted."""
        said = ""
        while context.remaining_s > POLL_S:
            await asyncio.sleep(min(POLL_S, context.remaining_s / 10))
            try:
                programs = await client.rows("GetProcessList", Process)
                states = await _states(client, inputs.scope, programs)
            except ActionError as error:
                if not error.transient:
                    raise
                continue  # while it changes, an instance may be silent
            if _worst(states) != said:
                said = _worst(states)
                context.say(f"it is {said}")
            if self.is_done(states) and not self.must_repeat(programs, context):
                return _worst(states)
        raise ActionError(
            "sap.not_reached",
            f"{control.resource(inputs)} did not become {self.wanted} in time",
            transient=True,
        )


class Start(_Change):
    """Starts an instance or a system, and waits until every program is GREEN."""

    name = "sapcontrol.start"
    methods: ClassVar[dict[str, str]] = {"instance": "Start", "system": "StartSystem"}


class Stop(_Change):
    """Stops an instance or a system, and waits until every program is GRAY."""

    name = "sapcontrol.stop"
    wanted = "GRAY"
    changing = ("stopping",)
    methods: ClassVar[dict[str, str]] = {"instance": "Stop", "system": "StopSystem"}

    def parameters(self, inputs: Inputs) -> dict[str, Any]:
        """The soft shutdown's time."""
        return {"softtimeout": inputs.soft_timeout_s}


class Restart(_Change):
    """Restarts an instance or a system, and waits until every program is GREEN again."""

    name = "sapcontrol.restart"
    methods: ClassVar[dict[str, str]] = {"instance": "RestartInstance", "system": "RestartSystem"}

    def parameters(self, inputs: Inputs) -> dict[str, Any]:
        """The soft shutdown's time."""
        return {"softtimeout": inputs.soft_timeout_s}

    def must_repeat(self, programs: list[Process], context: Context) -> bool:
        """Unless every program was started after the restart was first asked for."""
        return not all(_is_new(program, context) for program in programs)

    def is_under_way(self, states: list[str], programs: list[Process], context: Context) -> bool:
        """It changes, and no program runs any more that ran before. What is wholly stopped is asked for again."""
        runs = [program for program in programs if program.dispstatus == "GREEN"]
        changes = bool(runs) or "YELLOW" in states
        return context.redelivered and changes and all(_is_new(program, context) for program in runs)


def _is_new(program: Process, context: Context) -> bool:
    """Whether it was started since the work was first asked for. Both are durations, so that clocks need not agree."""
    elapsed = rows.seconds(program.elapsedtime)
    return elapsed is not None and elapsed + 1 <= context.age_s


async def _states(client: SapControl, scope: str, programs: list[Process] | None = None) -> list[str]:
    if scope == "system":
        return [one.dispstatus for one in await client.rows("GetSystemInstanceList", Instance)] or ["GRAY"]
    found = programs if programs is not None else await client.rows("GetProcessList", Process)
    return [one.dispstatus for one in found] or ["GRAY"]


def _worst(states: list[str]) -> str:
    return max(states, key=rows.colour)

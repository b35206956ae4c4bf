"""The actions `sapcontrol.start`, `sapcontrol.stop` and `sapcontrol.restart`: of one instance, or of a whole system.

Each asks for the state before it acts, so that it can be tried again after a crash in the middle: what is as wanted, or
on its way there, is not asked for twice. Then it waits until the wanted state is reached. A restart that was asked for
before a crash is known by how short a time the programs run.
"""

import asyncio
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from oncue.plugins.sap import control, rows
from oncue.plugins.sap.control import SapControl, Target
from oncue.plugins.sap.rows import Instance, Process
from oncue.sdk import ActionError, Context, EffectClass, ErrorDoc

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
        before = await _states(client, inputs.scope)
        if self.is_done(before) and not await self.must_repeat(client, inputs, context):
            return Outputs(already_done=True, before=_worst(before), after=_worst(before))
        programs = await _programs(client) if self.renews else None
        if not self.is_under_way(before, context):
            await client.call(self.methods[inputs.scope], **self.parameters(inputs))
        if not inputs.wait:
            return Outputs(already_done=False, before=_worst(before), after=_worst(await _states(client, inputs.scope)))
        return Outputs(
            already_done=False, before=_worst(before), after=await self._reached(client, inputs, context, programs)
        )

    def is_done(self, states: list[str]) -> bool:
        """Whether all is as wanted."""
        return all(state == self.wanted for state in states)

    async def must_repeat(self, client: SapControl, inputs: Inputs, context: Context) -> bool:
        """Whether it must be asked for although the state is as wanted."""
        return False

    def is_under_way(self, states: list[str], context: Context) -> bool:
        """Whether an earlier attempt has asked already: it is on its way."""
        return context.attempt > 1 and "YELLOW" in states

    def parameters(self, inputs: Inputs) -> dict[str, Any]:
        """What the method takes beside its defaults."""
        return {}

    async def _reached(
        self, client: SapControl, inputs: Inputs, context: Context, programs: set[tuple[str, int | None, str]] | None
    ) -> str:
        """The state once it is as wanted, and no program is still one of `programs`."""
        while context.remaining_s > POLL_S:
            await asyncio.sleep(min(POLL_S, context.remaining_s / 10))
            try:
                states = await _states(client, inputs.scope)
                if self.is_done(states) and (programs is None or not programs & await _programs(client)):
                    return _worst(states)
            except ActionError as error:
                if not error.transient:
                    raise  # while it changes, an instance may be silent; nothing else may go wrong
        raise ActionError(
            "sap.not_reached",
            f"{control.resource(inputs)} did not become {self.wanted} in time",
            transient=True,
        )

    renews = False
    """Whether the programs must be other ones afterwards."""


class Start(_Change):
    """Starts an instance or a system, and waits until every program is GREEN."""

    name = "sapcontrol.start"
    methods: ClassVar[dict[str, str]] = {"instance": "Start", "system": "StartSystem"}


class Stop(_Change):
    """Stops an instance or a system, and waits until every program is GRAY."""

    name = "sapcontrol.stop"
    wanted = "GRAY"
    methods: ClassVar[dict[str, str]] = {"instance": "Stop", "system": "StopSystem"}

    def parameters(self, inputs: Inputs) -> dict[str, Any]:
        """The soft shutdown's time."""
        return {"softtimeout": inputs.soft_timeout_s}


class Restart(_Change):
    """Restarts an instance or a system, and waits until every program is GREEN again."""

    name = "sapcontrol.restart"
    methods: ClassVar[dict[str, str]] = {"instance": "RestartInstance", "system": "RestartSystem"}
    renews = True

    def parameters(self, inputs: Inputs) -> dict[str, Any]:
        """The soft shutdown's time."""
        return {"softtimeout": inputs.soft_timeout_s}

    async def must_repeat(self, client: SapControl, inputs: Inputs, context: Context) -> bool:
        """At the first attempt, always; later, unless the programs run for a shorter time than a step may take."""
        if context.attempt == 1:
            return True
        processes = await client.rows("GetProcessList", Process)
        times = [elapsed for one in processes if (elapsed := rows.seconds(one.elapsedtime)) is not None]
        return not times or max(times) > RECENT_S

    def is_under_way(self, states: list[str], context: Context) -> bool:
        """An earlier attempt has asked if anything is not GREEN."""
        return context.attempt > 1 and not self.is_done(states)


RECENT_S: Final = 3600
"""After a crash, programs that run for a shorter time than this were restarted by the attempt before it."""


async def _states(client: SapControl, scope: str) -> list[str]:
    if scope == "system":
        return [one.dispstatus for one in await client.rows("GetSystemInstanceList", Instance)] or ["GRAY"]
    return [one.dispstatus for one in await client.rows("GetProcessList", Process)] or ["GRAY"]


async def _programs(client: SapControl) -> set[tuple[str, int | None, str]]:
    """The programs that run, told apart from those of an earlier start."""
    found = await client.rows("GetProcessList", Process)
    return {(one.name, one.pid, one.starttime) for one in found if one.dispstatus == "GREEN"}


def _worst(states: list[str]) -> str:
    return max(states, key=rows.colour)

"""Has a plugin keep a ticket in step with another system, or ask it what is new: effects of the kind `itsm`."""

import msgspec

from oncue.core.effect import Effect
from oncue.core.mirror import Pull, Pulled, Push, Pushed
from oncue.sdk import Context, registry
from oncue.sdk.itsm import bounded


async def act(effect: Effect, context: Context) -> Pushed | Pulled:
    """What came of it, in the form that the engine takes. Raises `ActionError`."""
    system = registry.itsm(effect.uses)
    payload = effect.payload
    settings = registry.fit(payload["with"], system.settings)
    if payload["do"] == "push":
        pushed = await system.push(settings, msgspec.convert(payload, Push), context)
        return msgspec.convert(pushed, Pushed, from_attributes=True)
    pulled = await system.pull(settings, msgspec.convert(payload, Pull), context)
    return bounded(msgspec.convert(pulled, Pulled, from_attributes=True))

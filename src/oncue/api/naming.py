"""Whether what a person names is there: whom a ticket is given to, and what it is linked to.

A name that nothing has would be kept for good, and found by nobody.
"""

from functools import partial
from typing import Final

import msgspec

from oncue.access.roles import Principal
from oncue.api.context import Context
from oncue.api.entities import looked_up
from oncue.core.contact import TeamSpec
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.manifests.shape import near
from oncue.store import queries

PREFIXES: Final = {
    "al": "alert", "CHG": "change", "INC": "incident", "PRB": "problem", "run": "run", "TCK": "ticket",
}  # fmt: skip
"""How ids begin that are OnCue's own; any other is of another system."""


async def require_somebody(ctx: Context, namespace: str, name: str) -> None:
    """There is such a user, a person or member of a team of the namespace, each also as `user:NAME`; or such a `team:NAME`.

    Raises `Refusal` ticket.assignee, with the nearest name if there is one.
    """
    known = await _somebody(ctx, namespace)
    if name not in known:
        spoken = [one for one in known if not one.startswith("user:") or name.startswith("user:")]
        raise Refusal("ticket.assignee", f"{name} in {namespace}{near(name, spoken)}")


async def _somebody(ctx: Context, namespace: str) -> list[str]:
    """Everyone who may be named."""
    within = frozenset({namespace})
    teams, persons = [
        [msgspec.json.decode(body, type=Manifest) for body in await ctx.queries.run(partial(queries.manifests, kind=kind, namespaces=within))]
        for kind in ("Team", "Person")
    ]  # fmt: skip
    members = [name for team in teams for name in msgspec.convert(team.spec, TeamSpec).members]
    people = sorted({*ctx.access.users, *members, *(one.name for one in persons)})
    return [*people, *(f"user:{name}" for name in people), *(f"team:{one.name}" for one in teams)]


async def require_target(ctx: Context, who: Principal, target: str) -> None:
    """What has an id of OnCue's own is there, for all that the principal may see. Raises `Refusal` KIND.not_found, with the id in
    its own letters if that is one."""
    prefix, _, rest = target.partition("-")
    own = next((one for one in PREFIXES if one.lower() == prefix.lower()), None)
    if own is None or not rest:
        return
    kind = PREFIXES[own]
    try:
        await looked_up(ctx, who, kind, target, f"{kind}:read")
    except Refusal as refusal:
        if (meant := f"{own}-{rest}") != target:
            await looked_up(ctx, who, kind, meant, f"{kind}:read")
            raise Refusal(refusal.code, f"{target}; did you mean {meant}?") from refusal
        raise

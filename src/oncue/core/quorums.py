"""Whether those who are asked can agree at all: as many of each stage as must, and nobody in two stages.

Stages are meant as other eyes, so a person, and whoever's place they take, counts once over all of them. A stage with
`same_people` counts for itself.
"""

from collections.abc import Callable, Container, Iterable, Sequence

import msgspec

from oncue.core.approval import Approval, ApprovalSpec, Decided, Delegated, Stage
from oncue.core.contact import TeamSpec
from oncue.core.state import State

People = Callable[[str], list[str]]
"""Whom `team:name` or `user:name` means, as `user:name`."""
_Need = tuple[ApprovalSpec | Stage, list[str], int]
"""A stage, who may still agree in it, and how many must."""


def people_of(state: State, namespace: str, delegations: Sequence[Delegated] = ()) -> People:
    """Whom the approvers of a namespace mean. For those who cannot sign in any more whoever may decide in their place, if anybody
    may."""
    absent = state.cells["absent"]
    in_place = {one.by: one.to for one in delegations if one.to.removeprefix("user:") not in absent}

    def people(by: str) -> list[str]:
        kind, _, name = by.partition(":")
        if kind == "team":
            team = state.manifests.get(f"Team/{namespace}/{name}")
            members = msgspec.convert(team.spec, TeamSpec).members if team is not None else []
        else:
            members = [name]
        named = [f"user:{member}" for member in members]
        there = [in_place.get(one) if one.removeprefix("user:") in absent else one for one in named]
        return [one for one in there if one is not None]

    return people


def unattainable(people: People, barred: Iterable[str | None], wanted: Sequence[ApprovalSpec]) -> str | None:
    """Why those who are asked can never agree; None if they can."""
    out = {*barred}
    return _why([(one, _of(one, people, out), one.quorum) for one in wanted])


def out_of_reach(people: People, approval: Approval) -> str | None:
    """Why those who are still asked can agree no more, as when one of them has left; None if they can."""
    return _why(_needs(people, approval, ()))


def kept_for(people: People, approval: Approval, said: Decided) -> str | None:
    """The stage that could not be met any more if this counted, though it can be now; None if there is none."""
    if _why(_needs(people, approval, ())) is not None or _why(_needs(people, approval, (said,))) is None:
        return None
    those = names(said)
    still = approval.stages[approval.at :]
    return next(
        (one.stage for one in reversed(still) if any(name in those for by in one.by for name in people(by))), None
    )


def counted(approval: Approval, stage: Stage) -> list[Decided]:
    """What was said by those who do not count in this stage any more."""
    apart = [one.stage for one in approval.stages if one.same_people]
    return [
        one
        for one in approval.decisions
        if one.stage == stage.stage or (not stage.same_people and one.stage not in apart)
    ]


def names(said: Decided) -> tuple[str, ...]:
    """Whoever said it, whose place they took, and who answers for their token."""
    return tuple(one for one in (said.by, said.instead_of, said.owner) if one is not None)


def _needs(people: People, approval: Approval, more: tuple[Decided, ...]) -> list[_Need]:
    """What the stages that are still open need, if `more` is said."""
    after = msgspec.structs.replace(approval, decisions=(*approval.decisions, *more))
    found: list[_Need] = []
    for stage in approval.stages[approval.at :]:
        out = {*approval.barred, *(name for one in counted(after, stage) for name in names(one))}
        agreed = sum(one.stage == stage.stage and one.decision == "approve" for one in after.decisions)
        found.append((stage, _of(stage, people, out), max(0, stage.quorum - agreed)))
    return found


def _of(stage: ApprovalSpec | Stage, people: People, out: Container[str | None]) -> list[str]:
    return sorted({name for by in stage.by for name in people(by) if name not in out})


def _why(needs: list[_Need]) -> str | None:
    for stage, may, need in needs:
        if len(may) < need:
            who = f"{', '.join(may)} had no hand in it and may agree" if may else "none of them may agree"
            return f"stage {stage.stage} asks {', '.join(stage.by)} for {stage.quorum}; {who}"
    together = [one for one in needs if not one[0].same_people]
    if _seated(together):
        return None
    said = ", ".join(f"{stage.stage} {need}" for stage, _, need in together)
    some = ", ".join(sorted({name for _, may, _ in together for name in may}))
    return f"a person counts once over all stages, which need {said}; {some} are too few for that"


def _seated(needs: list[_Need]) -> bool:
    """Whether each stage can have as many as it needs when nobody is in two of them."""
    taken: dict[str, int] = {}

    def seat(at: int, tried: set[int]) -> bool:
        tried.add(at)
        for name in needs[at][1]:
            holder = taken.get(name)
            if holder is None or (holder not in tried and seat(holder, tried)):
                taken[name] = at
                return True
        return False

    return all(seat(at, set()) for at, (_, _, need) in enumerate(needs) for _ in range(need))

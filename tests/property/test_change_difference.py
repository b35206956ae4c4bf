"""The difference of two plans is empty exactly if they are agreed to by the same hash."""

import random
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from oncue.core import change_difference
from oncue.core.change import Change, ChangePlan, Proposed, Wave
from oncue.core.change_plan import agreed
from oncue.core.change_spec import ChangeTemplateSpec
from oncue.core.config_edit import ConfigEdit
from oncue.core.spec import content_hash
from tests.property.test_changes import HOSTS, template

AT = datetime(2026, 3, 1, tzinfo=UTC)
GONE = ConfigEdit(op="delete", kind="Service", namespace="default", name="shop")
CONFIGURATIONS = (
    (),
    (Proposed(ConfigEdit(op="apply", kind="Service", namespace="default", name="shop", spec={}, based_on=0), GONE),),
    (
        Proposed(
            ConfigEdit(op="apply", kind="Service", namespace="default", name="shop", spec={"criticality": "high"}), GONE
        ),
    ),
)


def planned(choice: random.Random, spec: dict[str, Any]) -> Change:
    """A change of that spec, with targets, inputs and the rest at random."""
    targets = choice.sample(HOSTS, choice.randrange(1, 4))
    cut = choice.randrange(len(targets))
    waves = tuple(
        Wave(name, tuple(those)) for name, those in (("canary", targets[:cut]), ("wave-1", targets[cut:])) if those
    )
    change = Change(
        id="CHG-1", namespace="default", title=choice.choice("ab"), type=spec["type"], reason=choice.choice("ab"), state="draft",
        requester="user:basis-1", spec=msgspec.convert(spec, ChangeTemplateSpec), created_at=AT, updated_at=AT,
        inputs=choice.choice(({}, {"x": 1}, {"x": 2, "y": []})), not_before=choice.choice((None, AT)),
    )  # fmt: skip
    workflows = choice.choice(({}, {"tidy": "1"}, {"tidy": "2"}))
    change.configuration = choice.choice(CONFIGURATIONS)
    change.force = bool(change.configuration) and choice.random() < 0.2
    plan = ChangePlan("", waves, (), workflows, choice.choice(((), tuple(change.spec.approvals))))
    change.plan = msgspec.structs.replace(plan, hash=content_hash(agreed(change, plan)))
    return change


def varied(choice: random.Random, spec: dict[str, Any]) -> dict[str, Any]:
    """The same spec, or one that has one member of another."""
    other = template(choice)
    name = choice.choice(sorted(other))
    return choice.choice(
        (spec, {**spec, name: other[name]}, {**spec, "timeout": "2h", "bake": "1m"}, {**spec, "owner": "team:board"})
    )


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_nothing_agreed_differs_exactly_if_the_hashes_are_the_same(seed: int) -> None:
    choice = random.Random(seed)
    spec = template(choice)
    turn = choice.random()
    before = planned(random.Random(seed), spec)
    after = planned(random.Random(seed) if turn < 0.5 else choice, varied(choice, spec))
    found = change_difference.between(before, after)
    assert before.plan is not None
    assert after.plan is not None
    assert ([one for one in found if one.agreed] == []) is (before.plan.hash == after.plan.hash), found
    assert change_difference.between(before, before) == []
    forth = {(one.part, one.name) for one in found}
    assert forth == {(one.part, one.name) for one in change_difference.between(after, before)}

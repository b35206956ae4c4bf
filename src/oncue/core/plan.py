"""A workflow's definition as the engine goes through it: each step where it lies, and what its expressions mention.

Addresses are paths: `others[host-1]/check` is the step `check` for the item `host-1` of the step `others`. Ids of steps are
unique in a workflow, so the last one names the step.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec

from oncue.core.errors import Refusal
from oncue.core.expression import expressions_in
from oncue.core.named import named
from oncue.core.workflow_spec import Phase, StepSpec, Validate, WorkflowSpec

FORMS: Final = ("uses", "run", "steps", "parallel", "switch", "try_", "wait", "approvals", "emit", "set_")
"""Members of which a step has one."""
_NAMED: Final = re.compile(r"\bsteps\.([a-z][a-z0-9_]*)")
_ANY: Final = re.compile(r"\bsteps\b(?!\.[a-z])")
KEY_LIMIT: Final = 80
"""Characters of an item's key, before the number that tells it from others."""
_WORDS: Final = re.compile(r"[A-Za-z_]\w*")


class Mentions(msgspec.Struct, frozen=True):
    """What expressions speak of, so that nothing else is laid out for them."""

    steps: frozenset[str]
    """Ids of steps; all of them if one of the expressions asks for any."""
    words: frozenset[str]
    """Names that occur, variables among them."""


class Block(msgspec.Struct, frozen=True):
    """Steps that are run one after the other, or at the same time."""

    name: str
    """As `Step.block` has it."""
    nodes: "tuple[Node, ...]"


class Node(msgspec.Struct, frozen=True, eq=False):
    """A step where it lies."""

    spec: StepSpec
    form: str
    """Of `FORMS`."""
    within: "Node | None"
    """The step that it lies in."""
    blocks: dict[str, Block]
    mentions: Mentions
    place: tuple[str | int, ...]
    """Where it stands in the spec: `steps`, 2, `parallel`, 0."""

    @property
    def id(self) -> str:
        """The step's id."""
        return self.spec.id

    @property
    def items(self) -> bool:
        """Whether its steps are run once for each item."""
        return self.spec.for_each is not None

    @property
    def above(self) -> "list[Node]":
        """The steps that it lies in, the outermost first."""
        found: list[Node] = []
        node = self.within
        while node is not None:
            found.append(node)
            node = node.within
        return found[::-1]

    @property
    def address(self) -> str:
        """Of a step that is no item's: where each run has it."""
        return "/".join([*(one.id for one in self.above), self.id])

    @property
    def names(self) -> tuple[str, ...]:
        """What the items around it, and its own, are called."""
        around = (*self.above, self)
        return tuple(one.spec.for_each.as_ for one in around if one.spec.for_each is not None)


class Plan(msgspec.Struct, frozen=True):
    """A workflow's steps."""

    spec: WorkflowSpec
    root: Block
    nodes: dict[str, Node]
    """By id."""
    ending: Mentions
    """What the outputs of the whole mention."""
    listening: tuple[str, ...]
    """Addresses of the waits for events that gather from the beginning of a run: those that are no item's."""


def form_of(spec: StepSpec) -> str:
    """The member that says what the step is; the first of several."""
    return next((form for form in FORMS if getattr(spec, form) is not None), "")


_plans: Final[dict[str, Plan]] = {}
_KEPT: Final = 1_000


def plan_of(version: str, spec: WorkflowSpec) -> Plan:
    """The plan of a definition, which its hash names."""
    plan = _plans.get(version)
    if plan is None:
        if len(_plans) >= _KEPT:
            _plans.clear()
        plan = _plans[version] = compiled(spec)
    return plan


def compiled(spec: WorkflowSpec) -> Plan:
    """The plan of a workflow whose ids are unique."""
    nodes: dict[str, Node] = {}
    root = Block("", _nodes(spec.steps, None, ("steps",), nodes))
    waits = (node for node in nodes.values() if node.spec.wait is not None and node.spec.wait.event is not None)
    listening = tuple(node.address for node in waits if not node.names)
    return Plan(spec, root, nodes, mentions(spec.outputs.values()), listening)


def _nodes(
    steps: list[StepSpec], within: Node | None, place: tuple[str | int, ...], known: dict[str, Node]
) -> tuple[Node, ...]:
    found = []
    for index, spec in enumerate(steps):
        node = Node(spec, form_of(spec), within, {}, mentions(texts(spec)), (*place, index))
        for name, member, inner in blocks_of(spec):
            node.blocks[name] = Block(name, _nodes(inner, node, (*node.place, *member), known))
        known[spec.id] = node
        found.append(node)
    return tuple(found)


def blocks_of(spec: StepSpec) -> Iterator[tuple[str, tuple[str | int, ...], list[StepSpec]]]:
    """The steps that lie in a step: (name of the block, where it stands in the step, its steps)."""
    if spec.steps is not None:
        yield "", ("steps",), spec.steps
    if spec.parallel is not None:
        yield "", ("parallel",), spec.parallel
    if spec.try_ is not None:
        yield "", ("try",), spec.try_
    for number, case in enumerate(spec.switch or ()):
        yield str(number), ("switch", number, "steps"), case.steps
    if spec.catch is not None:
        yield "catch", ("catch",), spec.catch
    if spec.finally_ is not None:
        yield "finally", ("finally",), spec.finally_


def texts(spec: StepSpec) -> Iterator[str]:
    """Every expression of a step itself. Those of strings that do not parse are left out."""
    for _, text in placed(spec):
        yield text


def placed(spec: StepSpec) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every expression of a step itself, with its place. Strings that do not parse are left out."""
    yield from written(spec)
    for place, value in templates(spec):
        for inner, text in expressions_at(value):
            yield (*place, *inner), text


def written(spec: StepSpec) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Those that stand by themselves, not in `${...}`."""
    if spec.if_ is not None:
        yield ("if",), spec.if_
    yield from _of_form(spec)
    for path, validate in validations(spec):
        yield (*path, "that"), validate.that
        if validate.inconclusive is not None:
            yield (*path, "inconclusive"), validate.inconclusive
    for name, text in spec.outputs.items():
        yield ("outputs", name), text


def templates(spec: StepSpec) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value of a step itself whose texts may hold `${...}`, with its place."""
    yield ("with",), spec.with_
    yield ("labels",), spec.labels
    yield ("set",), spec.set_
    yield ("emit",), spec.emit
    yield ("ask",), spec.ask
    if spec.run is not None:
        yield ("run", "with"), spec.run.with_
    if spec.rollback is not None:
        yield ("rollback", "with"), spec.rollback.with_
    if spec.for_each is not None and isinstance(spec.for_each.items, list):
        yield ("for_each", "items"), spec.for_each.items
    if spec.wait is not None and spec.wait.event is not None:
        yield ("wait", "event", "resource"), spec.wait.event.resource
    for path, validate in validations(spec):
        yield (*path, "with"), validate.with_


def looks(spec: StepSpec, phase: Phase) -> tuple[tuple[int, Validate], ...]:
    """What must hold in this phase of a step, each with its number among all that is validated of it."""
    all = spec.validate if isinstance(spec.validate, list) else [spec.validate] if spec.validate is not None else []
    return tuple((number, one) for number, one in enumerate(all) if phase in one.when)


def compares(validate: Validate, names: tuple[str, ...]) -> bool:
    """Whether it speaks of what was found before the step. `names` are those of the items around it."""
    return any(speaks_of_baseline(text, names) for text in (validate.that, validate.inconclusive or "true"))


def speaks_of_baseline(text: str, names: tuple[str, ...]) -> bool:
    """Whether the expression does; one that does not compile speaks of nothing."""
    try:
        return "baseline" in named(text, names).variables
    except Refusal:
        return False


def validations(spec: StepSpec) -> Iterator[tuple[tuple[str | int, ...], Validate]]:
    """What must hold of the step, and after what undoes it, each with its place."""
    if isinstance(spec.validate, list):
        for number, one in enumerate(spec.validate):
            yield ("validate", number), one
    elif spec.validate is not None:
        yield ("validate",), spec.validate
    if spec.rollback is not None and spec.rollback.validate is not None:
        yield ("rollback", "validate"), spec.rollback.validate


def _of_form(spec: StepSpec) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The expressions of what makes a step what it is."""
    if spec.for_each is not None:
        if isinstance(spec.for_each.items, str):
            yield ("for_each", "items"), spec.for_each.items
        if spec.for_each.key is not None:
            yield ("for_each", "key"), spec.for_each.key
    for number, case in enumerate(spec.switch or ()):
        if case.when is not None:
            yield ("switch", number, "when"), case.when
    if spec.wait is not None:
        if spec.wait.until is not None:
            yield ("wait", "until"), spec.wait.until
        if spec.wait.event is not None and spec.wait.event.where is not None:
            yield ("wait", "event", "where"), spec.wait.event.where


@lru_cache(maxsize=4096)
def _in_text(text: str) -> tuple[str, ...]:
    try:
        return tuple(expressions_in(text))
    except Refusal:
        return ()


def expressions_at(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every expression in the `${...}` of a nested value, with the place of its text. Strings that do not parse are left out."""
    if isinstance(value, str):
        for text in _in_text(value):
            yield place, text
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from expressions_at(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from expressions_at(inner, (*place, index))


def mentions(found: Any) -> Mentions:
    """What these expressions speak of."""
    steps: set[str] = set()
    words: set[str] = set()
    everything = False
    for text in found:
        steps.update(_NAMED.findall(text))
        words.update(_WORDS.findall(text))
        everything = everything or _ANY.search(text) is not None
    return Mentions(frozenset({"*"}) if everything else frozenset(steps), frozenset(words))


def tolerated(limit: int | str, total: int) -> int:
    """How many of so many items may fail."""
    return limit if isinstance(limit, int) else int(limit[:-1]) * total // 100


def child(address: str, id: str) -> str:
    """The address of a step within another."""
    return f"{address}/{id}" if address else id


def parent(address: str) -> str | None:
    """The address of what the step lies in; empty for the run itself, None for an address that is the run's."""
    if not address:
        return None
    if address.endswith("]"):
        return address[: address.rindex("[")]
    return address.rpartition("/")[0]


_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.:@-]")


def safe(text: str) -> str:
    """The text as it may stand in an address, as the key of an item."""
    return _UNSAFE.sub("_", text)


def item_keys(names: Iterable[str]) -> list[str]:
    """What items of these names are called: safe in an address, and no two alike."""
    found: dict[str, None] = {}
    for index, name in enumerate(names):
        key = safe(name)[:KEY_LIMIT] or str(index)
        while key in found:
            key = f"{key}.{index}"
        found[key] = None
    return list(found)


def before(plan: Plan, node: Node) -> list[Node]:
    """The steps that a run has come to, or passed over, whenever it comes to this one: those before it where it lies, and before
    what it lies in. What lies in those is not among them."""
    found: list[Node] = []
    for one in (*node.above, node):
        blocks = (plan.root,) if one.within is None else tuple(one.within.blocks.values())
        nodes = next(block.nodes for block in blocks if one in block.nodes)
        if one.within is None or one.within.form != "parallel":
            found += nodes[: nodes.index(one)]
    return found


def instance(node: Node, address: str) -> str | None:
    """The address of the step `node` as seen from `address`: with the items that both are for. None if it lies within items
    that `address` is not for."""
    keys: dict[str, str] = {}
    for part in address.split("/"):
        if part.endswith("]"):
            name, _, key = part[:-1].partition("[")
            keys[name] = key
    parts: list[str] = []
    for above in node.above:
        if above.items:
            if above.id not in keys:
                return None
            parts.append(f"{above.id}[{keys[above.id]}]")
        else:
            parts.append(above.id)
    return "/".join((*parts, node.id))

"""What is known, before anything runs, of the values that expressions look at: the outputs that a step names, the fields of what
its action gives, the types of declared inputs."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect

from oncue.core.named import Named
from oncue.core.plan import Node, Plan, validations
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding
from oncue.manifests.shape import near
from oncue.sdk import registry

_NUMBERS: Final = frozenset({"int", "uint", "double"})
_FITTING: Final[dict[str, frozenset[str]]] = {
    "string": frozenset({"string"}),
    "integer": _NUMBERS,
    "number": _NUMBERS,
    "boolean": frozenset({"bool"}),
    "array": frozenset(),
    "object": frozenset(),
}
"""Types of inputs to the types of constants that they may equal."""
_SAID: Final = {
    "int": "a number",
    "uint": "a number",
    "double": "a number",
    "string": "a text",
    "bool": "a truth value",
}
_SEEN: Final = ("state", "outputs", "result", "error", "attempt")
"""What expressions see of a step; of one with `for_each` they see more."""
_SEEN_OF_ITEMS: Final = (*_SEEN, "total", "failures", "items")

_DECIDED: Final = ("by", "reason")
"""Outputs of an approval."""
_CUT: Final = (("truncated",), ("text",))
"""What is left of a result that is too large to be kept."""


class _Lacking(NamedTuple):
    """A member that a value does not have, and those that it has."""

    member: str
    there: tuple[str, ...]


def absent_members(plan: Plan, found: Named, path: Path_, uses: str | None) -> Iterator[Finding]:
    """Outputs that a step does not give, and fields that the result of its action does not have. `uses` is the action whose
    result is called so at this place, if one is."""
    for named in found.paths:
        other = plan.nodes.get(named[1]) if named[0] == "steps" else None
        if other is not None:
            yield from _of_step(other, named, path)
        elif named[0] in ("result", "baseline"):
            yield from _of_result(uses, named[1:], named[0], path)
    for variable in ("result", "baseline"):
        for member in found.of(variable):
            yield from _of_result(uses, (member,), variable, path)


def _of_step(node: Node, named: tuple[str, ...], path: Path_) -> Iterator[Finding]:
    member, rest = named[2], named[3:]
    seen = _SEEN_OF_ITEMS if node.items else _SEEN
    if not rest and member not in seen:
        detail = f"of a step there is no {member}{near(member, seen)} (there are {', '.join(seen)})"
        yield Finding(path, detail, "workflow.unknown_name")
    elif member == "outputs" and len(rest) == 1 and rest[0] not in (names := _outputs(node)):
        name = rest[0]
        there = f" (it gives {', '.join(names)})" if names else ": it names no outputs"
        yield Finding(path, f"{node.id} has no output {name}{near(name, names) or there}", "workflow.unknown_name")
    elif member == "result" and rest:
        yield from _of_result(node.spec.uses, rest, f"steps.{node.id}.result", path)


def _outputs(node: Node) -> list[str]:
    """The names of what the step gives to later ones."""
    return [*node.spec.outputs, *(_DECIDED if node.spec.approvals is not None else ())]


def _of_result(uses: str | None, members: tuple[str, ...], whole: str, path: Path_) -> Iterator[Finding]:
    if uses is None or uses not in registry.names(registry.ACTIONS):
        return
    if registry.problem(registry.ACTIONS, uses) is not None:
        return
    lacking = _lacking(registry.action(uses).outputs, members)
    if lacking is not None and lacking.member == members[-1] and members not in _CUT:
        hint = near(lacking.member, lacking.there)
        detail = f"{uses} gives no {lacking.member} in {'.'.join((whole, *members[:-1]))}{hint}"
        yield Finding(path, f"{detail} (there are {', '.join(lacking.there)})", "workflow.unknown_name", "warning")


def _lacking(struct: type[msgspec.Struct], members: tuple[str, ...]) -> _Lacking | None:
    kind: Any = inspect.type_info(struct)
    for member in members:
        if isinstance(kind, inspect.UnionType):
            kinds = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
            kind = kinds[0] if len(kinds) == 1 else None
        if not isinstance(kind, inspect.StructType):
            return None
        fields = {field.encode_name: field.type for field in kind.fields}
        if member not in fields:
            return _Lacking(member, tuple(fields))
        kind = fields[member]
    return None


def looked_at(plan: Plan, node: Node, place: Path_) -> str | None:
    """The action whose result is called `result` at this place of a step."""
    look = dict(validations(node.spec)).get(place[:-1])
    if look is None:
        return node.spec.uses
    if look.repeat is not None:
        looker = plan.nodes.get(look.repeat)
        return looker.spec.uses if looker is not None else None
    return look.uses


def of_other_types(found: Named, schema: dict[str, Any], path: Path_) -> Iterator[Finding]:
    """Inputs that are compared with what they can never be."""
    for named, kind in found.typed:
        rule = _rule(schema, named[1:]) if named[0] == "inputs" else None
        declared = rule.get("type") if rule is not None else None
        if isinstance(declared, str) and declared in _FITTING and kind in _SAID and kind not in _FITTING[declared]:
            detail = f"{'.'.join(named)} is of type {declared}, and never {_SAID[kind]}: compare it with such a value"
            yield Finding(path, detail, "workflow.expression")
    for named, word in found.compared:
        rule = _rule(schema, named[1:]) if named[0] == "inputs" else None
        words = rule.get("enum") if rule is not None else None
        if isinstance(words, list) and words and word not in words and all(isinstance(one, str) for one in words):
            detail = f"{'.'.join(named)} is never {word!r}{near(word, words)} (it is one of {', '.join(words)})"
            yield Finding(path, detail, "workflow.expression")


def _rule(schema: Any, members: tuple[str, ...]) -> dict[str, Any] | None:
    """What the schema says of a value in it."""
    for member in members:
        properties = schema.get("properties") if isinstance(schema, dict) else None
        schema = properties.get(member) if isinstance(properties, dict) else None
    return schema if isinstance(schema, dict) and members else None

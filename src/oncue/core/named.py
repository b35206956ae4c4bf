"""What an expression names: read from its checked tree, so that texts, members of other values and what loops declare are not
taken for variables."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec

from oncue.core.expression import compiled, naming
from oncue.core.syntax import Node, constant, only_asked, read

_ORDERS: Final = frozenset({"_<_", "_<=_", "_>_", "_>=_"})
_INDEXED: Final = frozenset({"_[_]", "_[?_]", "_?._"})


class Named(msgspec.Struct, frozen=True):
    """What an expression names, in the order in which it stands there, each once."""

    variables: tuple[str, ...]
    """Variables, types among them; those that a loop declares are left out."""
    members: tuple[tuple[str, str], ...]
    """(variable, member): `.x`, or a constant in `[...]`."""
    compared: tuple[tuple[tuple[str, ...], str], ...]
    """(a variable and the members in it, a constant text that it is compared with)."""

    paths: tuple[tuple[str, ...], ...] = ()
    """A variable and at least two members in it, each in the one before, of which none may be missing."""
    typed: tuple[tuple[tuple[str, ...], str], ...] = ()
    """(a variable and the members in it, the type of a constant that it is compared with, as `int`)."""
    calls: tuple[str, ...] = ()
    """Functions."""

    def of(self, variable: str) -> list[str]:
        """The members that are named of a variable."""
        return [member for one, member in self.members if one == variable]


@lru_cache(maxsize=4096)
def named(text: str, names: tuple[str, ...] = ()) -> Named:
    """What the expression names. `names` are variables besides those that every place has.

    Raises `Refusal` expression.invalid, expression.costly.
    """
    program = naming(names).compiled(text) if names else compiled(text)
    variables: dict[str, None] = {}
    members: dict[tuple[str, str], None] = {}
    compared: dict[tuple[tuple[str, ...], str], None] = {}
    paths: dict[tuple[str, ...], None] = {}
    typed: dict[tuple[tuple[str, ...], str], None] = {}
    calls: dict[str, None] = {}
    for node, bound in _free(read(program.native.serialize()).root, frozenset()):
        path = _path(node, bound)
        if len(path) == 1:
            variables[path[0]] = None
        elif len(path) == 2:
            members[path[0], path[1]] = None
        elif path and not only_asked(node):
            paths[path] = None
        if node.kind == "call":
            calls[node.name] = None
        for one, other in _sides(node):
            if other.text is not None and (path := _path(one, bound)):
                compared[path, other.text] = None
        for one, other in (*_sides(node), *_ordered(node)):
            if constant(other) and (path := _path(one, bound)):
                typed[path, constant(other)] = None
    return Named(tuple(variables), tuple(members), tuple(compared), tuple(paths), tuple(typed), tuple(calls))


def _free(node: Node, bound: frozenset[str]) -> Iterator[tuple[Node, frozenset[str]]]:
    """The node and all below it, each with what the loops around it declare."""
    yield node, bound
    if node.kind != "loop":
        for part in node.parts:
            yield from _free(part, bound)
        return
    over, start, condition, step, result = node.parts
    turn = bound | {*node.variables, node.accumulator}
    for part, known in ((over, bound), (start, bound), (condition, turn), (step, turn), (result, turn)):
        yield from _free(part, known)


def _sides(node: Node) -> list[tuple[Node, Node]]:
    """What is compared with what, if the node does that."""
    match node.name, node.parts:
        case "_==_" | "_!=_", [one, other]:
            return [(one, other), (other, one)]
        case "@in", [one, other] if other.kind == "list":
            return [(one, part) for part in other.parts]
        case _:
            return []


def _ordered(node: Node) -> list[tuple[Node, Node]]:
    """What must be more or less than what, if the node asks that."""
    if node.name not in _ORDERS or len(node.parts) != 2:
        return []
    one, other = node.parts
    return [(one, other), (other, one)]


def _path(node: Node, bound: frozenset[str]) -> tuple[str, ...]:
    """The variable and the members that are named, one in the other; empty if it is something else, or a loop's."""
    members: list[str] = []
    while True:
        if node.kind == "select":
            members.append(node.name)
        elif node.kind == "call" and node.name in _INDEXED and node.parts[1].text is not None:
            members.append(node.parts[1].text)
        else:
            break
        node = node.parts[0]
    return (node.name.lstrip("."), *reversed(members)) if node.kind == "name" and node.name not in bound else ()

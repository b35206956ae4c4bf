"""A checked CEL expression as a tree that can be read and changed.

The CEL library gives and takes checked expressions in protobuf's wire format (cel/expr/checked.proto and syntax.proto of
https://github.com/google/cel-spec), and nothing else shows their structure. The few messages are read here directly.
"""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

Kind = Literal["constant", "name", "select", "call", "list", "map", "loop"]
Field = tuple[int, int, int | bytes]
"""Number, wire type, value."""

_VARINT: Final = 0
_BYTES: Final = 2
_TEST_ONLY: Final = 3
"""The field of a select that only asks whether the member is there."""
_CONSTANTS: Final = {2: "bool", 3: "int", 4: "uint", 5: "double", 6: "string", 7: "bytes"}
_OPTIONAL: Final = frozenset({"_[?_]", "_?._"})
_PRIMITIVES: Final = {1: "bool", 2: "int", 3: "uint", 4: "double", 5: "string", 6: "bytes"}


class Node(msgspec.Struct):
    """One expression. `parts` are the expressions in it.

    A call's `name` is its function's; the first part of a `method` is what it is called on. A loop's parts are range,
    initial value, condition, step and result, and its `variables` are those of iteration and accumulation.
    """

    id: int
    kind: Kind
    parts: list["Node"] = []
    name: str = ""
    method: bool = False
    variables: tuple[str, ...] = ()
    accumulator: str = ""
    text: str | None = None
    """A constant's value if it is a string."""
    rest: list[Field] = []
    """What is kept as it is."""


class Checked(msgspec.Struct):
    """A checked expression: its tree, and the type of every node by its id, as `string`, `list`, `map`, `dyn`."""

    root: Node
    types: dict[int, str]
    url: bytes
    fields: list[Field]


def read(serialized: bytes) -> Checked:
    """The tree of what `Expression.serialize()` gives."""
    envelope = {number: value for number, _, value in _fields(serialized)}
    fields = _fields(_bytes(envelope[2]))
    types: dict[int, str] = {}
    root = None
    for number, _, value in fields:
        if number == 3:
            entry = {inner: content for inner, _, content in _fields(_bytes(value))}
            id = entry.get(1, 0)
            types[id if isinstance(id, int) else 0] = _type(_bytes(entry.get(2, b"")))
        elif number == 4:
            root = _node(_bytes(value))
    assert root is not None
    return Checked(root, types, _bytes(envelope[1]), fields)


class Reference(msgspec.Struct, frozen=True):
    """What a name or a call stands for."""

    name: str = ""
    overloads: tuple[str, ...] = ()


def write(checked: Checked, references: dict[int, Reference]) -> bytes:
    """What `Env.deserialize()` takes. `references` are those of nodes that were put in or changed, by their ids."""
    fields = [field for field in checked.fields if field[0] != 4 and not (field[0] == 2 and _key(field) in references)]
    for id, meant in references.items():
        overloads: list[Field] = [(3, _BYTES, name.encode()) for name in meant.overloads]
        reference = _message(([(1, _BYTES, meant.name.encode())] if meant.name else []) + overloads)
        fields.append((2, _BYTES, _message([(1, _VARINT, id), (2, _BYTES, reference)])))
        if id not in checked.types:
            fields.append((3, _BYTES, _message([(1, _VARINT, id), (2, _BYTES, b"\x0a\x00")])))
    fields.append((4, _BYTES, _expression(checked.root)))
    return _message([(1, _BYTES, checked.url), (2, _BYTES, _message(fields))])


def nodes(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for part in node.parts:
        yield from nodes(part)


def path(node: Node) -> tuple[str, ...]:
    """The variable and the members that the expression names, one in the other, if that is all it does: `a.b.c`."""
    members: list[str] = []
    while node.kind == "select" and not only_asked(node):
        members.append(node.name)
        node = node.parts[0]
    return (node.name, *reversed(members)) if node.kind == "name" else ()


def constant(node: Node) -> str:
    """The type of a constant, as `string`; empty for anything else."""
    for number, _, value in node.rest if node.kind == "constant" else ():
        if number == 3 and isinstance(value, bytes) and value:
            return _CONSTANTS.get(value[0] >> 3, "")
    return ""


def only_asked(node: Node) -> bool:
    """Whether the expression asks for a member that may be missing, and minds nothing then: `has(a.b)`, `a.?b`."""
    return node.name in _OPTIONAL if node.kind == "call" else any(number == _TEST_ONLY for number, _, _ in node.rest)


def integer(id: int, value: int) -> Node:
    """A constant."""
    return Node(id, "constant", rest=[(3, _BYTES, _message([(3, _VARINT, value)]))])


def _key(field: Field) -> int:
    for number, _, value in _fields(_bytes(field[2])):
        if number == 1 and isinstance(value, int):
            return value
    return 0


def _type(message: bytes) -> str:
    for number, _, value in _fields(message):
        match number:
            case 3 if isinstance(value, int):
                return _PRIMITIVES.get(value, "other")
            case 6:
                return "list"
            case 7:
                return "map"
            case 1:
                return "dyn"
            case _:
                return "other"
    return "dyn"


def _node(message: bytes) -> Node:
    node = Node(0, "constant")
    for number, wire, value in _fields(message):
        if number == 2 and isinstance(value, int):
            node.id = value
        elif number == 3:
            node.rest = [(number, wire, value)]
            node.text = next((_text(inner) for kind, _, inner in _fields(_bytes(value)) if kind == 6), None)
        else:
            _fill(node, number, _fields(_bytes(value)))
    return node


def _fill(node: Node, number: int, fields: list[Field]) -> None:
    match number:
        case 4:
            node.kind = "name"
            node.name = _text({f: v for f, _, v in fields}.get(1, b""))
        case 5:
            node.kind = "select"
            node.parts = [_node(_bytes(v)) for f, _, v in fields if f == 1]
            node.name = next((_text(v) for f, _, v in fields if f == 2), "")
            node.rest = [field for field in fields if field[0] != 1]
        case 6:
            node.kind = "call"
            node.method = any(f == 1 for f, _, _ in fields)
            node.parts = [_node(_bytes(v)) for wanted in (1, 3) for f, _, v in fields if f == wanted]
            node.name = next((_text(v) for f, _, v in fields if f == 2), "")
        case 7:
            node.kind = "list"
            node.parts = [_node(_bytes(v)) for f, _, v in fields if f == 1]
            node.rest = [field for field in fields if field[0] != 1]
        case 8:
            node.kind = "map"
            node.rest = fields
            entries = [_fields(_bytes(v)) for f, _, v in fields if f == 2]
            node.parts = [_node(_bytes(v)) for entry in entries for f, _, v in entry if f in (3, 4)]
        case 9:
            node.kind = "loop"
            found = {f: v for f, _, v in fields}
            node.parts = [_node(_bytes(found[part])) for part in (2, 4, 5, 6, 7)]
            node.variables = tuple(_text(found[part]) for part in (1, 8) if part in found)
            node.accumulator = _text(found.get(3, b""))
        case _:
            raise ValueError(f"an expression of kind {number} is not known")


def _expression(node: Node) -> bytes:
    parts = [_expression(part) for part in node.parts]
    fields: list[Field] = [(2, _VARINT, node.id)]
    match node.kind:
        case "constant":
            fields += node.rest
        case "name":
            fields.append((4, _BYTES, _message([(1, _BYTES, node.name.encode())])))
        case "select":
            fields.append((5, _BYTES, _message([(1, _BYTES, parts[0]), *node.rest])))
        case "call":
            numbers = [1 if node.method and index == 0 else 3 for index in range(len(parts))]
            inner: list[Field] = [(number, _BYTES, part) for number, part in zip(numbers, parts, strict=True)]
            fields.append((6, _BYTES, _message([(2, _BYTES, node.name.encode()), *inner])))
        case "list":
            fields.append((7, _BYTES, _message([*((1, _BYTES, part) for part in parts), *node.rest])))
        case "map":
            rest = iter(parts)
            fields.append((8, _BYTES, _message([_entry(field, rest) for field in node.rest])))
        case "loop":
            names: list[Field] = [
                (number, _BYTES, name.encode()) for number, name in zip((1, 8), node.variables, strict=False)
            ]
            inner = [(number, _BYTES, part) for number, part in zip((2, 4, 5, 6, 7), parts, strict=True)]
            fields.append((9, _BYTES, _message([*names, (3, _BYTES, node.accumulator.encode()), *inner])))
    return _message(fields)


def _entry(field: Field, parts: Iterator[bytes]) -> Field:
    if field[0] != 2:
        return field
    inner = _fields(_bytes(field[2]))
    return 2, _BYTES, _message([(f, w, next(parts) if f in (3, 4) else v) for f, w, v in inner])


# the wire


def _bytes(value: int | bytes) -> bytes:
    assert isinstance(value, bytes)
    return value


def _text(value: int | bytes) -> str:
    return _bytes(value).decode("utf-8", "surrogatepass")


def _fields(message: bytes) -> list[Field]:
    found: list[Field] = []
    at, end = 0, len(message)
    while at < end:
        tag = message[at]
        at += 1
        if tag > 127:
            tag, at = _varint(message, at - 1)
        wire = tag & 7
        if wire in (_VARINT, _BYTES):
            size = message[at]
            at += 1
            if size > 127:
                size, at = _varint(message, at - 1)
            if wire == _VARINT:
                found.append((tag >> 3, wire, size))
                continue
        else:
            size = 8 if wire == 1 else 4
        found.append((tag >> 3, wire, message[at : at + size]))
        at += size
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _message(fields: list[Field]) -> bytes:
    parts = []
    for number, wire, value in fields:
        parts.append(_packed(number << 3 | wire))
        if isinstance(value, int):
            parts.append(_packed(value))
        else:
            parts.append(_packed(len(value)) + value if wire == _BYTES else value)
    return b"".join(parts)


def _packed(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)

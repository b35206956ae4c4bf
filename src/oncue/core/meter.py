"""Bounds what an expression may cost, and gives the keys of maps an order.

CEL terminates, but not soon: the library copies a list for every element that `map` adds, and `replace` grows what it is
given. And it walks maps in an order that changes from process to process. So the checked tree is analysed and, where
needed, changed before it is planned. Each loop over what is not written out in the expression is charged to the
evaluation's budget before it starts, and gets the keys of a map in order. For everything else an upper bound is known
beforehand: nanoseconds per byte of what the expression sees, and nanoseconds once. Expressions whose bound is
small for any event run as they are; the others look at the size of what they see first. All of this is arithmetic on
the input, never a clock, so that a replay decides the same.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

import msgspec
import re2

from oncue.core.errors import Refusal
from oncue.core.syntax import Checked, Node, Reference, integer, nodes, path, read, write

BUDGET_NS: Final = 20e6
"""What one evaluation may cost by the bound. The weights are what the slowest of many inputs took on a slow machine."""
SEEN_BYTES: Final = 256 * 1024
"""What an event may have; an expression within the budget for this needs no look at sizes."""
LEAST_BYTES: Final = 4096
"""An expression that exceeds the budget even for this is refused when it is applied."""
GROWN_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of a value that an expression makes on its way."""
PATTERN_LIMIT: Final = 1024
"""Characters of a regular expression or glob that is not a constant."""

_NODE_NS: Final = 60.0
_TURN_NS: Final = 150.0
"""Of a loop, besides what is in it."""
_APPEND_NS: Final = 80.0
"""For each element that is there already when a loop adds one to a list."""
_CONVERT_NS: Final = 150.0
"""A byte of a value on its way to a Python function and back."""
_TEXT_NS: Final = 3.0
"""The same of a text."""
_KEY_NS: Final = 3000.0
"""A key of a map, with its value, on the same way."""
_SELECT_NS: Final = 400.0
_TWICE_NODES: Final = 12
"""Of a range that may be evaluated twice: that is cheaper than a Python function that takes all of it."""
_CALLBACK_NS: Final = 1000.0
_PER_INSTRUCTION_NS: Final = 5.0
"""A byte against one instruction of a regular expression, when RE2's automaton outgrows its cache."""
_COMPILE_NS: Final = 500.0
"""An instruction of a regular expression: the library compiles it at each evaluation."""
_WRITTEN_NUMBER: Final = 1000
"""Characters that one number may take in `format`."""

_WEIGHTS: Final = {
    "_==_": 6.0, "_!=_": 6.0, "@in": 4.0, "_[_]": 0.3, "size": 1.5, "contains": 1.0, "startsWith": 0.1, "endsWith": 0.1,
    "indexOf": 8.0, "lastIndexOf": 8.0, "lowerAscii": 2.0, "upperAscii": 2.0, "trim": 6.0, "substring": 3.0,
    "charAt": 3.0, "replace": 320.0, "split": 330.0, "join": 60.0, "format": 40.0, "reverse": 5.0, "strings.quote": 8.0,
    "math.@min": 30.0, "math.@max": 30.0, "string": 2.0, "bytes": 3.0,
}  # fmt: skip
"""Nanoseconds a byte of the arguments."""
_DEFAULT_WEIGHT: Final = 8.0
_SEARCH_WEIGHT: Final = 250.0
"""Of searching a text for what is not a constant."""
_FREE: Final = frozenset({"_&&_", "_||_", "!_", "_?_:_", "dyn", "type", "@not_strictly_false", "optional.of", "value"})
_SCALARS: Final = frozenset({"bool", "int", "uint", "double"})


class Amount(NamedTuple):
    """So much per byte of the loop's range, so much per byte of all that is seen, and so much in any case."""

    own: float = 0.0
    seen: float = 0.0
    fixed: float = 0.0

    def plus(self, other: "Amount", times: float = 1.0) -> "Amount":
        """The sum, with the other taken so many times."""
        return Amount(self.own + other.own * times, self.seen + other.seen * times, self.fixed + other.fixed * times)

    def at(self, seen_bytes: float, own_bytes: float = 0.0) -> float:
        """The amount for these sizes."""
        return self.own * own_bytes + self.seen * seen_bytes + self.fixed


_NOTHING: Final = Amount()
_SMALL: Final = Amount(fixed=16.0)


class Loop(msgspec.Struct):
    """What a loop is charged at run time."""

    turn: Amount = _NOTHING
    builds: bool = False


class Program(msgspec.Struct, frozen=True):
    """A compiled expression. `metered` ones need `start` before each evaluation."""

    native: Any
    returns: str
    """The name of the type it gives, as `BOOL`, or `DYN`."""
    cost: Amount
    largest: Amount
    loops: tuple[Loop, ...]
    metered: bool
    builds: bool
    """Whether it makes lists at run time: what they take is freed only with the activation."""
    asks: bool
    """Whether it asks what is not in its scope's variables."""
    path: tuple[str, ...] = ()
    """The variable and the members in it that it names, if it does nothing else."""


class TooCostly(Exception):
    """An evaluation would exceed its budget."""


class _Meter:
    """The budget of an evaluation that is under way."""

    __slots__ = ("left_ns", "loops", "seen_bytes")

    def __init__(self, loops: tuple[Loop, ...], seen_bytes: int) -> None:
        self.left_ns = BUDGET_NS
        self.loops = loops
        self.seen_bytes = seen_bytes

    def spend(self, cost_ns: float) -> None:
        self.left_ns -= cost_ns
        if self.left_ns < 0:
            raise TooCostly(f"it would take too long on the {self.seen_bytes} bytes it is given")


_meter: Final = ContextVar[_Meter]("meter")


def start(program: Program, seen_bytes: int) -> None:
    """Begin an evaluation of a metered program over so many bytes. Raises `TooCostly`."""
    meter = _Meter(program.loops, seen_bytes)
    _meter.set(meter)
    meter.spend(program.cost.at(seen_bytes))
    if program.largest.at(seen_bytes) > GROWN_LIMIT:
        raise TooCostly(
            f"it would make a value of more than {GROWN_LIMIT >> 20} MiB of the {seen_bytes} bytes it is given"
        )


# what the changed trees call


def within(count: int, index: int) -> bool:
    """True, once a loop over so many elements has been charged."""
    meter = _meter.get()
    loop = meter.loops[index]
    turns = (loop.turn.seen * meter.seen_bytes + loop.turn.fixed) * count
    meter.spend(turns + loop.turn.own * meter.seen_bytes + (_APPEND_NS * count * count if loop.builds else 0.0))
    return True


def keys(value: dict[Any, Any], index: int) -> list[Any]:
    """The keys of a map in order, once the loop over them has been charged."""
    _meter.get().spend(_KEY_NS * len(value))
    within(len(value), index)
    try:
        return sorted(value)
    except TypeError:  # keys of several types
        return sorted(value, key=_by_key)


def each(value: Any, index: int) -> list[Any]:
    """The elements of a list, or the keys of a map in order, once the loop over them has been charged."""
    if isinstance(value, dict):
        return keys(value, index)
    within(len(value), index)
    return value  # type: ignore[no-any-return]


def _by_key(key: Any) -> tuple[str, Any]:
    return type(key).__name__, key


def replace(text: str, old: str, new: str, count: int = -1) -> str:
    """`text.replace(old, new)` where what it puts in is not known beforehand."""
    _grows(len(text) + text.count(old) * len(new))
    return text.replace(old, new, count)


def join(parts: list[Any], separator: str) -> str:
    """`parts.join(separator)` where the separator is not known beforehand."""
    if not all(isinstance(part, str) for part in parts):
        raise TypeError("join: not all elements are text")
    _grows(sum(map(len, parts)) + len(parts) * len(separator))
    return separator.join(parts)


def _grows(size: int) -> None:
    if size > GROWN_LIMIT:
        raise TooCostly(f"it would make a text of {size} characters")
    _meter.get().spend(2.0 * size)


def matches(text: str, pattern: str) -> bool:
    """`text.matches(pattern)` where the pattern is not known beforehand."""
    return searched(text, pattern) is not None


def searched(text: str, pattern: str) -> Any:
    """The first match of an RE2 expression, None if there is none; charged for it."""
    if len(pattern) > PATTERN_LIMIT:
        raise TooCostly(f"the pattern has {len(pattern)} characters; at most {PATTERN_LIMIT} are taken")
    found = re2.compile(pattern)
    _meter.get().spend(found.programsize * (_COMPILE_NS + _PER_INSTRUCTION_NS * len(text)))
    return found.search(text)


def charge_match(text: str, pattern: str) -> None:
    """Charge for matching a glob. Raises `TooCostly`."""
    if len(pattern) > PATTERN_LIMIT:
        raise TooCostly(f"the pattern has {len(pattern)} characters; at most {PATTERN_LIMIT} are taken")
    _meter.get().spend(len(pattern) * (2 * _COMPILE_NS + 2 * _PER_INSTRUCTION_NS * len(text)))


WITHIN: Final = "@within"
KEYS: Final = "@keys"
EACH: Final = "@each"
REPLACE: Final = "@replace"
JOIN: Final = "@join"
MATCHES: Final = "@matches"
OVERLOADS: Final[dict[str, tuple[str, ...]]] = {
    WITHIN: ("oncue_within",),
    KEYS: ("oncue_keys",),
    EACH: ("oncue_each_map", "oncue_each_list"),
    REPLACE: ("oncue_replace", "oncue_replace_some"),
    JOIN: ("oncue_join",),
    MATCHES: ("oncue_matches",),
}
"""Functions that only changed trees call; no expression can name them."""
CHARGED: Final = frozenset({"regex_extract", "glob", "in_cidr"})
ASKING: Final = {"change_alerts": 2_000_000.0, "change_running_on": 20_000.0, "lookup": 60_000.0}
"""Functions that ask what is not in the scope's variables, and nanoseconds that an answer takes."""
_ANSWER: Final = Amount(fixed=8192.0)
"""OnCue's own functions, which spend from the budget when they are called."""


def program(native: Any, deserialize: Callable[[bytes], Any]) -> Program:
    """The program of an expression that the library has compiled. Raises `Refusal` expression.costly."""
    checked = read(native.serialize())
    analysis = _Analysis(checked)
    largest = analysis.visit(checked.root)
    cost = analysis.frame
    if cost.at(LEAST_BYTES) > BUDGET_NS or analysis.largest.at(LEAST_BYTES) > GROWN_LIMIT:
        raise Refusal("expression.costly", "it could take too long, or too much memory, even on a small event")
    if analysis.references:
        planned = deserialize(write(checked, analysis.references))
    else:
        planned = native
    largest = analysis.largest
    metered = bool(
        analysis.references
        or analysis.charged
        or cost.at(SEEN_BYTES) > BUDGET_NS
        or largest.at(SEEN_BYTES) > GROWN_LIMIT
    )
    return Program(
        planned,
        native.return_type().name(),
        cost,
        largest,
        tuple(analysis.loops),
        metered,
        any(loop.builds for loop in analysis.loops),
        analysis.asks,
        path(checked.root),
    )


class _Analysis:
    """Walks a tree once, adding up what it may cost and changing what needs it.

    `frame` is the cost of what is being walked: of the whole, or of one turn of the loop whose body it is.
    """

    def __init__(self, checked: Checked) -> None:
        self.types = checked.types
        self.frame = _NOTHING
        self.largest = _NOTHING
        self.loops: list[Loop] = []
        self.references: dict[int, Reference] = {}
        self.charged = False
        self.asks = False
        self._names: dict[str, Amount] = {}
        self._next_id = max((node.id for node in nodes(checked.root)), default=0) + 1

    def visit(self, node: Node) -> Amount:
        """Add the node's cost to the frame; gives how large its value can be."""
        self._spend(Amount(fixed=_NODE_NS))
        size = self._visit(node)
        if self.types.get(node.id) in _SCALARS:
            return _SMALL
        self.largest = Amount(0.0, max(self.largest.seen, size.own + size.seen), max(self.largest.fixed, size.fixed))
        return size

    def _spend(self, cost: Amount, times: float = 1.0) -> None:
        self.frame = self.frame.plus(cost, times)

    def _visit(self, node: Node) -> Amount:
        match node.kind:
            case "constant":
                return Amount(fixed=float(len(node.text or "") + 8))
            case "name":
                size = self._names.get(node.name, Amount(seen=1.0))
                self._spend(size, 0.3)
                return size
            case "select":
                self._spend(Amount(fixed=_SELECT_NS))
                return self.visit(node.parts[0])
            case "list" | "map":
                self._one_kind_of_keys(node)
                return self._sum([self.visit(part) for part in node.parts])
            case "call":
                return self._call(node)
            case "loop":
                return self._loop(node)[0]

    def _sum(self, sizes: list[Amount]) -> Amount:
        total = Amount(fixed=8.0)
        for size in sizes:
            total = total.plus(size)
        return total

    def _one_kind_of_keys(self, node: Node) -> None:
        kinds = {self.types.get(key.id, "dyn") for key in node.parts[::2]} if node.kind == "map" else set()
        if len(kinds - {"dyn"}) > 1:
            raise Refusal("expression.invalid", f"the keys of a map are of several types: {', '.join(sorted(kinds))}")

    # calls

    def _call(self, node: Node) -> Amount:
        sizes = [self.visit(part) for part in node.parts]
        total = self._sum(sizes)
        name = node.name
        if name in _FREE:
            return total
        constants = [part.text for part in node.parts]
        match name, len(sizes):
            case "_==_" | "_!=_", 2:
                self._spend(_least(sizes), _WEIGHTS[name])
                return _SMALL
            case "@in", 2:
                self._spend(sizes[1], _WEIGHTS[name])
                return _SMALL
            case "_[_]", 2:
                return sizes[0]
            case "_+_", 2:
                of_text = any(self.types.get(part.id) == "string" for part in node.parts)
                self._spend(total, 0.5 if of_text else 12.0)
                return total
            case "contains" | "indexOf" | "lastIndexOf", count if count >= 2 and constants[1] is None:
                self._spend(total, _SEARCH_WEIGHT)
                return _SMALL
            case "matches", 2:
                return self._matches(node, sizes[0], constants[1])
            case "replace", 3 | 4:
                return self._replace(node, sizes[0], constants[1], constants[2])
            case "join", 2:
                return self._join(node, sizes[0], constants[1])
            case "format", 2:
                return self._format(node, sizes[1], constants[0])
            case "split", _:
                self._spend(total, _WEIGHTS[name])
                return sizes[0].plus(sizes[0], 3.0)
        if name in ASKING:
            self.asks = True
            self._spend(total, _TEXT_NS)
            self._spend(Amount(fixed=ASKING[name]))
            return _ANSWER
        if name in CHARGED:
            self.charged = True
            self._spend(total, _TEXT_NS)
            self._spend(Amount(fixed=_CALLBACK_NS))
            return total
        self._spend(total, _WEIGHTS.get(name, _DEFAULT_WEIGHT))
        return total if name != "strings.quote" else total.plus(total)

    def _matches(self, node: Node, text: Amount, pattern: str | None) -> Amount:
        if pattern is None:
            self._divert(node, MATCHES)
            self._spend(text, _TEXT_NS)
            return _SMALL
        try:
            size = re2.compile(pattern).programsize
        except re2.error as error:
            raise Refusal("expression.invalid", f"{pattern!r} is no RE2 expression: {error}") from error
        self._spend(text, size * _PER_INSTRUCTION_NS)
        self._spend(Amount(fixed=size * _COMPILE_NS))
        return _SMALL

    def _replace(self, node: Node, text: Amount, old: str | None, new: str | None) -> Amount:
        if new is None:
            self._divert(node, REPLACE)
            self._spend(text, _TEXT_NS)
            return text.plus(Amount(fixed=64 * 1024))
        grown = text.plus(text, len(new.encode()) / max(len((old or "").encode()), 1))
        self._spend(text, _WEIGHTS["replace"])
        self._spend(grown, 0.5)
        return grown

    def _join(self, node: Node, parts: Amount, separator: str | None) -> Amount:
        if len(node.parts) == 2 and separator is None:
            self._divert(node, JOIN)
            self._spend(parts, _CONVERT_NS)
            return parts.plus(Amount(fixed=64 * 1024))
        grown = parts.plus(parts, len((separator or "").encode()) / 3)
        self._spend(grown, _WEIGHTS["join"])
        return grown

    def _format(self, node: Node, arguments: Amount, text: str | None) -> Amount:
        if text is None:
            raise Refusal("expression.costly", "the text that format fills must be a constant")
        written = arguments.plus(arguments).plus(Amount(fixed=float(len(text) + _WRITTEN_NUMBER * text.count("%"))))
        self._spend(written, _WEIGHTS["format"])
        return written

    def _divert(self, node: Node, name: str) -> None:
        node.name, node.method = name, False
        self.references[node.id] = Reference(overloads=OVERLOADS[name])
        self._spend(Amount(fixed=_CALLBACK_NS))

    # loops

    def _loop(self, node: Node) -> tuple[Amount, "Loop | int"]:
        """The size of what the loop gives, and who pays for a turn: a loop at run time, or a known number of turns."""
        range_ = node.parts[0]
        builds = node.parts[1].kind == "list"
        payer: Loop | int
        own = _NOTHING
        if range_.kind == "list":
            size, payer = self.visit(range_), len(range_.parts)
        elif range_.kind == "loop" and range_.parts[1].kind == "list":
            size, payer = self._loop(range_)
        else:
            size, payer = self.visit(range_), Loop()
            own = Amount(own=1.0)
            node.parts[0] = self._charged_range(range_, payer, size)
        start = self.visit(node.parts[1])
        turn = self._turn(node, payer, size, own, builds, start)
        if isinstance(payer, Loop):
            payer.turn = payer.turn.plus(turn)
            payer.builds |= builds
        else:
            self._spend(turn, payer)
            if builds:
                self._spend(Amount(fixed=_APPEND_NS * payer * payer))
        given = Amount(seen=2.0, fixed=4096.0) if builds else start
        outer = dict(self._names)
        self._names[node.accumulator] = given
        given = self.visit(node.parts[4])
        self._names = outer
        return given, payer

    def _turn(self, node: Node, payer: "Loop | int", size: Amount, own: Amount, builds: bool, start: Amount) -> Amount:
        outer_frame, outer_names = self.frame, dict(self._names)
        self.frame = Amount(fixed=_TURN_NS)
        if isinstance(
            payer, Loop
        ):  # A turn sees the outer loop's variables whole: how large they are is not known here.
            self._names = {
                name: Amount(0.0, known.own + known.seen, known.fixed) for name, known in outer_names.items()
            }
            size = own if own.own else Amount(0.0, size.own + size.seen, size.fixed)
        for name in node.variables:
            self._names[name] = size
        self._names[node.accumulator] = _NOTHING if builds else start
        self.visit(node.parts[2])
        self.visit(node.parts[3])
        turn, self.frame, self._names = self.frame, outer_frame, outer_names
        return turn

    def _charged_range(self, range_: Node, loop: Loop, size: Amount) -> Node:
        """The range with its keys in order if it is a map, and the loop charged before it starts."""
        self.loops.append(loop)
        self._spend(Amount(fixed=2 * _CALLBACK_NS))
        index = len(self.loops) - 1
        kind = self.types.get(range_.id, "dyn")
        if kind == "map":
            return self._put(KEYS, OVERLOADS[KEYS], [range_, integer(self._id(), index)])
        inside = list(nodes(range_))
        if kind == "list" or len(inside) > _TWICE_NODES or any(node.kind == "loop" for node in inside):
            self._spend(size, _CONVERT_NS)
            return self._put(EACH, OVERLOADS[EACH], [range_, integer(self._id(), index)])
        map_type = Node(self._id(), "name", name="map")
        self.references[map_type.id] = Reference("map")
        is_map = self._put("_==_", ("equals",), [self._put("type", ("type",), [range_]), map_type])
        ordered = self._put(KEYS, OVERLOADS[KEYS], [range_, integer(self._id(), index)])
        count = self._put("size", ("list_size", "map_size", "string_size"), [range_])
        bounded = self._put(WITHIN, OVERLOADS[WITHIN], [count, integer(self._id(), index)])
        as_list = self._put("_?_:_", ("conditional",), [bounded, range_, Node(self._id(), "list")])
        return self._put("_?_:_", ("conditional",), [is_map, ordered, as_list])

    def _put(self, function: str, overloads: tuple[str, ...], parts: list[Node]) -> Node:
        call = Node(self._id(), "call", name=function, parts=parts)
        self.references[call.id] = Reference(function, overloads)
        return call

    def _id(self) -> int:
        self._next_id += 1
        return self._next_id - 1


def _least(sizes: list[Amount]) -> Amount:
    """The smaller of two: comparing stops at the end of the shorter."""
    return min(sizes, key=lambda size: (size.seen > 0, size.own > 0, size.seen, size.own, size.fixed))

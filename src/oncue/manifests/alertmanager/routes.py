"""Routes: from a tree in which the first match wins, to selections that stand for themselves.

Alertmanager goes down the tree: into each child that matches, until one without `continue` has; where no child matches, it
is the route itself. So a route is chosen by an alert that meets its own matchers and its parents', that meets none of its
children's, and none of the earlier siblings' that do not continue, of itself and of its parents. OnCue's policies all
apply, so that is what each of them says.

Source: Alertmanager 0.28, dispatch/route.go, `Route.Match`; what is inherited is in `newRoute`.
"""

from typing import Any, Final

import msgspec

from oncue.core.silence import Matcher
from oncue.manifests.alertmanager import durations
from oncue.manifests.alertmanager.matchers import (
    CLASSIC_NAME,
    Selection,
    Unreachable,
    Unreadable,
    check,
    exclusive,
    parse,
    selection,
)
from oncue.manifests.alertmanager.reading import Reading
from oncue.manifests.document import Path_

FIELDS: Final = frozenset(
    {"receiver", "group_by", "group_wait", "group_interval", "repeat_interval", "matchers", "match", "match_re",
     "continue", "routes", "mute_time_intervals", "active_time_intervals"}
)  # fmt: skip
REPEAT_INTERVAL: Final = 4 * 3600.0
DEPTH_LIMIT: Final = 50
ROUTES_LIMIT: Final = 5000


class Route(msgspec.Struct, eq=False):
    """A route of the tree, with what it inherits."""

    path: Path_
    receiver: str | None
    matchers: tuple[Matcher, ...]
    goes_on: bool
    repeat_s: float
    parent: "Route | None"
    group_by: tuple[str, ...] = ()
    """Labels whose values alerts share that are told together; empty is all alerts, `...` is each for itself."""
    group_interval_s: float = 300.0
    mute: list[str] = []
    active: list[str] = []
    children: list["Route"] = []
    unreadable: bool = False
    """A matcher could not be read; nobody knows what it selects."""


class Chosen(msgspec.Struct):
    """A route and the alerts that choose it."""

    route: Route
    selection: Selection
    alone: bool
    """Whether whoever chooses it chooses no other."""


def read(reading: Reading, root: Any) -> Route | None:
    """The tree; None if there is none."""
    path: Path_ = ("route",)
    if not isinstance(root, dict):
        reading.left_out(path if root is not None else (), "there is no route", "Alertmanager refuses it, too")
        return None
    count = [0]
    top = _route(reading, root, path, None, count)
    for name in ("matchers", "match", "match_re", "mute_time_intervals", "active_time_intervals"):
        if root.get(name):
            reading.left_out((*path, name), "the root takes every alert at any time", "Alertmanager refuses it, too")
    top.matchers, top.mute, top.active, top.goes_on = (), [], [], False
    return top


def _route(reading: Reading, given: dict[str, Any], path: Path_, parent: Route | None, count: list[int]) -> Route:
    count[0] += 1
    reading.unknown(given, FIELDS, path)
    receiver = reading.text(given.get("receiver"), (*path, "receiver")) or (parent.receiver if parent else None)
    matchers, sound = _matchers(reading, given, path, ("matchers", "match", "match_re"))
    repeat_s = parent.repeat_s if parent else REPEAT_INTERVAL
    if given.get("repeat_interval") is not None:
        read_s = durations.seconds(reading.text(given["repeat_interval"], (*path, "repeat_interval")))
        if read_s:
            repeat_s = read_s
        else:
            reading.left_out((*path, "repeat_interval"), "it is not a duration", "the one of the parent is taken")
    route = Route(
        path, receiver, matchers, given.get("continue") is True, repeat_s, parent,
        mute=reading.texts(given.get("mute_time_intervals"), (*path, "mute_time_intervals")),
        active=reading.texts(given.get("active_time_intervals"), (*path, "active_time_intervals")),
        unreadable=not sound,
    )  # fmt: skip
    _grouping(reading, given, route)
    for index, one in enumerate(reading.items(given.get("routes"), (*path, "routes"))):
        below: Path_ = (*path, "routes", index)
        if not isinstance(one, dict):
            reading.left_out(below, "it is not a route", "Alertmanager refuses it, too")
        elif len(below) > 2 * DEPTH_LIMIT or count[0] >= ROUTES_LIMIT:
            reading.left_out(below, "there are too many routes", "divide the configuration")
        else:
            route.children.append(_route(reading, one, below, route, count))
    return route


def _grouping(reading: Reading, given: dict[str, Any], route: Route) -> None:
    parent = route.parent
    if parent is not None:
        route.group_by, route.group_interval_s = parent.group_by, parent.group_interval_s
    if given.get("group_by") is not None:
        route.group_by = tuple(dict.fromkeys(reading.texts(given["group_by"], (*route.path, "group_by"))))
    where: Path_ = (*route.path, "group_interval")
    route.group_interval_s = (
        durations.seconds(reading.text(given.get("group_interval"), where)) or route.group_interval_s
    )
    there = [name for name in ("group_by", "group_wait", "group_interval") if given.get(name) is not None]
    if there:
        reading.differs(
            (*route.path, there[0]),
            f"{', '.join(there)}: an incident is told when it opens, at once, and what joins it later is shown there and not told "
            "anew. Besides alerts that agree in labels, by a CorrelationRule, it takes those of the same resource, of the same "
            "service, and along dependencies",
            "see the explanation of correlation; change or delete the CorrelationRules",
        )


def side(reading: Reading, given: dict[str, Any], path: Path_, prefix: str) -> tuple[Matcher, ...] | None:
    """The matchers of a side of an inhibition; None if one of them cannot be read."""
    found, sound = _matchers(
        reading, given, path, (f"{prefix}_matchers", f"{prefix}_match", f"{prefix}_match_re"), "the rule is left out"
    )
    return found if sound else None


def _matchers(
    reading: Reading, given: dict[str, Any], path: Path_, names: tuple[str, str, str],
    loss: str = "the route is left out, and those after it are converted as if it were not there",
) -> tuple[tuple[Matcher, ...], bool]:  # fmt: skip
    """All matchers, and whether each could be read."""
    found: list[Matcher] = []
    sound = True
    listed, equal, regex = names

    def add(where: Path_, some: list[Matcher]) -> None:
        for one in some:
            if not CLASSIC_NAME.fullmatch(one.name):
                reading.differs(
                    where,
                    f"OnCue's endpoint refuses alerts with a label called {one.name!r}",
                    "name the label with letters, digits and _ in the rules of Prometheus, and here",
                )
            found.append(one)

    values = given.get(listed)
    texts = [values] if isinstance(values, str) else reading.texts(values, (*path, listed))
    for index, text in enumerate(texts):
        where: Path_ = (*path, listed) if isinstance(values, str) else (*path, listed, index)
        try:
            add(where, parse(text))
        except Unreadable as error:
            sound = False
            reading.left_out(where, f"{error}; {loss}", "correct the matcher; `amtool check-config` says more")
    for name, is_regex in ((equal, False), (regex, True)):
        for label, value in reading.mapping(given.get(name), (*path, name)).items():
            where = (*path, name, label)
            one = Matcher(label, reading.text(value, where) or "", is_regex)
            try:
                check(one)
                add(where, [one])
            except Unreadable as error:
                sound = False
                reading.left_out(where, f"{error}; {loss}", "correct the matcher; `amtool check-config` says more")
    return tuple(found), sound


def chosen(reading: Reading, root: Route) -> list[Chosen]:
    """Every route that an alert can choose, in the order of the file."""
    found: list[Chosen] = []
    _choose(reading, root, (), (), True, found)
    return found


def _choose(
    reading: Reading, route: Route, must: tuple[Matcher, ...], never: tuple[tuple[Matcher, ...], ...], alone: bool,
    found: list[Chosen],
) -> None:  # fmt: skip
    must = (*must, *route.matchers)
    children = [child for child in route.children if not child.unreadable]
    try:
        found.append(Chosen(route, selection(must, (*never, *(child.matchers for child in children))), alone))
    except Unreachable:
        if not children:
            reading.differs(
                route.path,
                "no alert can choose this route: those before it take all of them",
                "there is no policy for it",
            )
    earlier: list[Route] = []
    for index, child in enumerate(children):
        # Whoever chooses this child, and another one that continues, is told by both.
        shared = [one for one in earlier if one.goes_on]
        shared += children[index + 1 :] if child.goes_on else []
        own = alone and all(exclusive((*must, *child.matchers), one.matchers) for one in shared)
        before = tuple(one.matchers for one in earlier if not one.goes_on)
        _choose(reading, child, must, (*never, *before), own, found)
        earlier.append(child)

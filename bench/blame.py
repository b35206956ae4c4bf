"""Where grouping went wrong: for whoever works on the rules, over seeds that may be looked at.

`python -m bench.blame` tells of all storms for development; `python -m bench.blame cascade/3` of one, alert by alert.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import product
from typing import Final

from bench import storms
from bench.correlation import decide
from bench.landscape import Topology
from bench.storms import Labelled, Storm, storm

FAR: Final = 9
"""Edges from which on nobody counts."""


def distances(topology: Topology, start: Iterable[str]) -> dict[str, int]:
    """Edges from the nearest of some parts to every other, in whatever direction."""
    around: dict[str, list[str]] = defaultdict(list)
    for edge in topology.edges:
        around[edge.source].append(edge.target)
        around[edge.target].append(edge.source)
    found = dict.fromkeys(start, 0)
    front = list(found)
    for name in front:
        for other in around[name]:
            if other not in found:
                found[other] = found[name] + 1
                front.append(other)
    return found


class Case:
    """One storm as the engine grouped it."""

    def __init__(self, one: Storm) -> None:
        groups, self.messages = decide(one.told, [(said.at_s, said.event) for said in one.events])
        self.storm = one
        self.incident = {said.event["id"]: groups[said.event["id"]] for said in one.events if said.first}
        self.alerts: dict[str, list[Labelled]] = defaultdict(list)
        """Label to its alerts."""
        for said in one.events:
            if said.first:
                self.alerts[said.label].append(said)

    def main(self, label: str) -> str | None:
        """The incident that holds most alerts of a fault."""
        return Counter(self.incident[said.event["id"]] for said in self.alerts[label]).most_common(1)[0][0]

    def strays(self) -> list[tuple[Labelled, int, float]]:
        """Alerts of faults outside the fault's main incident: how many told edges away from it, and how many seconds after
        the newest alert that was in it before."""
        found = []
        for label in self.storm.roots:
            inside = [said for said in self.alerts[label] if self.incident[said.event["id"]] == self.main(label)]
            far = distances(self.storm.told, {said.event["resource"] for said in inside})
            for said in self.alerts[label]:
                if said not in inside:
                    before = [other.at_s for other in inside if other.at_s <= said.at_s]
                    lag_s = said.at_s - max(before, default=said.at_s)
                    found.append((said, min(far.get(said.event["resource"], FAR), FAR), lag_s))
        return found

    def strangers(self) -> list[tuple[Labelled, int]]:
        """Alerts in the main incident of a fault that is not theirs: how many true edges away from those that belong."""
        found = []
        for label, other in product(self.storm.roots, self.alerts):
            if label == other:
                continue
            far = distances(self.storm.truth, {said.event["resource"] for said in self.alerts[label]})
            found += [
                (said, min(far.get(said.event["resource"], FAR), FAR))
                for said in self.alerts[other]
                if self.incident[said.event["id"]] == self.main(label) is not None
            ]
        return found


def one(case: Case) -> None:
    """Print a storm alert by alert."""
    print(f"{case.storm.kind}/{case.storm.seed}: {len(case.storm.told.nodes)} parts, began at {case.storm.roots}")
    strays = {said.event["id"]: (far, lag_s) for said, far, lag_s in case.strays()}
    strangers = {said.event["id"]: far for said, far in case.strangers()}
    for said in case.storm.events:
        if not said.first:
            continue
        id, event = said.event["id"], said.event
        note = ""
        if id in strays:
            note = f"stray: {strays[id][0]} told edges away, {strays[id][1]:.0f} s after the last one"
        elif id in strangers:
            note = f"stranger: {strangers[id]} true edges away"
        print(f"{said.at_s - storms.LEAD_S:8.1f} s {said.label:9} {case.incident[id] or '-':8} {event['resource']:18} "
              f"{event['check']:22} {note}")  # fmt: skip


def every(cases: list[Case]) -> None:
    """Print where and when alerts went astray, over many storms."""
    for kind in storms.KINDS:
        chosen = [case for case in cases if case.storm.kind == kind]
        total = sum(len(case.alerts[label]) for case in chosen for label in case.storm.roots)
        strays = [stray for case in chosen for stray in case.strays()]
        strangers = [stranger for case in chosen for stranger in case.strangers()]
        print(f"{kind}: {len(strays)} of {total} alerts stray, {len(strangers)} strangers")
        print("  strays by told edges:   ", _counts(far for _, far, _ in strays))
        print("  strays by minutes late: ", _counts(min(int(lag_s // 60), FAR) for _, _, lag_s in strays))
        print("  strangers by true edges:", _counts(far for _, far in strangers))


def _counts(numbers: Iterable[int]) -> str:
    found = Counter(numbers)
    return ", ".join(f"{'≥' if n == FAR else ''}{n}: {found[n]}" for n in sorted(found))


def main(names: list[str]) -> None:
    """Tell of the storms named, or of all for development."""
    if names:
        for name in names:
            kind, _, seed = name.rpartition("/")
            one(Case(storm(kind, int(seed))))
    else:
        every([Case(storm(kind, seed)) for kind, seed in product(storms.KINDS, storms.DEVELOPMENT)])


if __name__ == "__main__":
    main(sys.argv[1:])

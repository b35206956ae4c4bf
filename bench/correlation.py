"""`make bench-correlation`: how well alerts are grouped into incidents, against the truth, by the product's default rules.

Two tables: made-up storms of which each alert's true fault is known (`bench.storms`), and the labelled alerts of a public data
set, where `ONCUE_DATASETS` names its folder. The engine that decides in production decides here, in memory, with moved time.
"""

import argparse
import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from bench import ads, page, storms
from bench.deciding import Deciding
from bench.groupings import BASELINES, Arrivals, Groups
from bench.landscape import Topology
from bench.storms import Storm
from oncue.core.manifest import KINDS

HERE: Final = Path(__file__).resolve().parent
PAGE: Final = HERE.parent / "docs" / "explanation" / "grouping.md"

RELATIONS: Final = ("depends_on", "runs_on", "part_of")
PRECISION, RECALL, COMPRESSION = 0.95, 0.9, 0.95
"""First bars: of all storms, of all storms, and of cascades."""
SEEDS_EACH: Final = 24
WITHOUT: Final = "OnCue: change, not told of changes"


# the measure


class Pairs(NamedTuple):
    """Pairs of alerts: put together, belonging together, and both."""

    together: int = 0
    belonging: int = 0
    both: int = 0

    def __add__(self, other: Any) -> "Pairs":
        return Pairs(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def precision(self) -> float:
        """Share of the pairs put together that belong together; 1 if none was."""
        return self.both / self.together if self.together else 1.0

    @property
    def recall(self) -> float:
        """Share of the pairs belonging together that were put together; 1 if none do."""
        return self.both / self.belonging if self.belonging else 1.0


def pairs(groups: Iterable[str], labels: Iterable[str]) -> Pairs:
    """Count pairs of alerts, given the group and the label of each."""
    joint = Counter(zip(groups, labels, strict=True))
    by_group, by_label = Counter[str](), Counter[str]()
    for (group, label), count in joint.items():
        by_group[group] += count
        by_label[label] += count
    return Pairs(*(sum(n * (n - 1) // 2 for n in counts.values()) for counts in (by_group, by_label, joint)))


@dataclass(frozen=True)
class Score:
    """How one storm was grouped."""

    kind: str
    seed: int
    parts: int
    alerts: int
    """Of faults, not of noise."""
    incidents: int
    """That hold at least one of them."""
    noise: int
    noise_alone: int
    """Noise alerts in an incident with nothing else, or in none."""
    pairs: Pairs
    messages: int | None = None
    seconds: float = 0.0
    named: bool | None = None
    """Whether the incident with the most alerts of the fault names the change that broke it; None without one."""
    named_wrongly: int = 0
    """How many others it names."""


def score(storm: Storm, groups: Groups) -> Score:
    """Judge a grouping of a storm. An alert without an incident is a group of its own."""
    first = [one for one in storm.events if one.first]
    group = [groups.get(one.event["id"]) or f"alone/{one.event['id']}" for one in first]
    labels: dict[str, set[str]] = defaultdict(set)
    for name, one in zip(group, first, strict=True):
        labels[name].add(one.label)
    faults = [name for name, one in zip(group, first, strict=True) if one.label in storm.roots]
    noise = [name for name, one in zip(group, first, strict=True) if one.label not in storm.roots]
    return Score(
        storm.kind, storm.seed, len(storm.told.nodes), len(faults), len(set(faults)), len(noise),
        sum(len(labels[name]) == 1 for name in noise), pairs(group, [one.label for one in first]),
    )  # fmt: skip


@dataclass(frozen=True)
class Summary:
    """How storms were grouped: in all, and on average."""

    storms: int
    alerts: int
    precision: float
    """Of all pairs of all storms; large storms weigh most."""
    recall: float | None
    mean_precision: float | None
    """Of the storms with a fault, each weighing the same; None if there are none."""
    mean_recall: float | None
    compression: float | None
    """1 - incidents / alerts, over the alerts of faults; None if there are none."""
    noise_alone: float
    messages: float | None
    """To people, a storm; None if nobody is told."""


def summary(scores: Sequence[Score]) -> Summary:
    """Bring scores together."""
    total = sum((one.pairs for one in scores), Pairs())
    faults = [one.pairs for one in scores if one.alerts]
    alerts, noise = sum(one.alerts for one in scores), sum(one.noise for one in scores)
    return Summary(
        len(scores), alerts + noise, total.precision, total.recall if faults else None,
        _mean([one.precision for one in faults]), _mean([one.recall for one in faults]),
        1 - sum(one.incidents for one in scores) / alerts if alerts else None,
        sum(one.noise_alone for one in scores) / noise if noise else 1.0,
        _mean([one.messages for one in scores if one.messages is not None]),
    )  # fmt: skip


def _mean(figures: Sequence[float]) -> float | None:
    return sum(figures) / len(figures) if figures else None


# OnCue


def manifests(topology: Topology) -> list[dict[str, Any]]:
    """The told topology as OnCue's configuration: the only place that knows both forms."""
    targets: dict[tuple[str, str], list[str]] = defaultdict(list)
    parts: dict[str, list[str]] = defaultdict(list)
    for edge in topology.edges:
        targets[(edge.source, edge.relation)].append(edge.target)
        if edge.relation == "part_of":
            parts[edge.target].append(edge.source)
    found = [_change("Channel", "mail", {"type": "email", "with": {"to": ["basis-1@example.com"]}})]
    owners = sorted({node.owner for node in topology.nodes})
    found += [_change("Team", owner, {"channels": ["mail"]}) for owner in owners]
    for node in topology.nodes:
        owned: dict[str, Any] = {"owner": f"team:{node.owner}", "criticality": node.criticality}
        links = {name: targets[(node.name, name)] for name in RELATIONS}
        if node.kind in ("service", "business"):
            spec = {**owned, "resources": parts[node.name]}
            if "Resource" in KINDS:
                spec["depends_on"] = links["depends_on"]
            found.append(_change("Service", node.name, spec))
        elif "Resource" in KINDS:
            found.append(_change("Resource", node.name, {**owned, "type": node.kind, **links}))
    return found


def _change(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"op": "apply", "kind": kind, "namespace": "default", "name": name, "spec": spec}


def decide(topology: Topology, arrivals: Arrivals) -> tuple[Groups, int]:
    """What the engine makes of it: the groups, and how many messages people get."""
    groups, messages, _ = _decide(topology, arrivals)
    return groups, messages


def _decide(topology: Topology, arrivals: Arrivals) -> tuple[Groups, int, Deciding]:
    deciding = Deciding(manifests(topology), storms.BEGAN)
    messages = 0
    for at_s, event in arrivals:
        messages += len(deciding.feed(msgspec.json.encode(event), storms.BEGAN + timedelta(seconds=at_s)))
    messages += len(deciding.end())
    return {event["id"]: deciding.incident(event["id"]) for _, event in arrivals}, messages, deciding


def oncue(topology: Topology, arrivals: Arrivals) -> Groups:
    """Grouped by OnCue with its default configuration."""
    return decide(topology, arrivals)[0]


# running it


def judge(kind: str, seed: int) -> dict[str, Score]:
    """One storm, grouped in every way."""
    storm = storms.storm(kind, seed)
    arrivals = [(one.at_s, one.event) for one in storm.events]
    before = time.perf_counter()
    told = sorted([*arrivals, *storm.changes], key=lambda one: one[0])
    groups, messages, deciding = _decide(storm.told, told)
    ours = score(storm, groups)
    ours = replace(ours, messages=messages, seconds=time.perf_counter() - before)
    found = {"OnCue": _with_changes(ours, storm, groups, deciding) if storm.broke is not None else ours}
    if storm.changes:
        groups, messages = decide(storm.told, arrivals)
        found[WITHOUT] = replace(score(storm, groups), messages=messages)
    for name, grouping in BASELINES.items():
        found[name] = score(storm, grouping(storm.told, arrivals))
    return found


def _with_changes(ours: Score, storm: Storm, groups: Groups, deciding: Deciding) -> Score:
    """Whether people are shown the change that broke it."""
    faults = [groups.get(one.event["id"]) for one in storm.events if one.first and one.label in storm.roots]
    most = Counter(id for id in faults if id is not None).most_common(1)
    keys = deciding.changes(most[0][0]) if most else ()
    return replace(ours, named=storm.broke in keys, named_wrongly=sum(key != storm.broke for key in keys))


def measured(kinds: Sequence[str], seeds: Mapping[str, Sequence[int]], workers: int = 2) -> list[dict[str, Score]]:
    """Storms of these kinds and seeds, in processes of their own."""
    asked = [(kind, seed) for kind in kinds for seed in seeds[kind]]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(judge, *zip(*asked, strict=True)))


def storm_table(found: Sequence[dict[str, Score]]) -> str:
    """OnCue by kind of storm, and all of it beside the baselines."""
    ours = [one["OnCue"] for one in found]
    lines = [
        "| grouped by | storms | alerts | precision | recall | precision, a storm | recall, a storm | compression | noise alone | messages a storm |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in storms.KINDS:
        chosen = [one for one in ours if one.kind == kind]
        if chosen:
            lines.append(_line(f"OnCue: {kind}", summary(chosen)))
    unaware = [one[WITHOUT] for one in found if WITHOUT in one]
    if unaware:
        lines.insert(-1, _line(WITHOUT, summary(unaware)))
    for name in found[0]:
        label = "**OnCue: all**" if name == "OnCue" else name
        lines.append(_line(label, summary([one[name] for one in found])))
    changed = [one for one in ours if one.named is not None]
    if changed:
        named, wrongly = sum(bool(one.named) for one in changed), sum(one.named_wrongly for one in changed)
        lines += ["", f"Of {len(changed)} faults that a change brought about, {named} have that change on their incident; "
                  f"{wrongly / len(changed):.1f} other changes stand there on average."]  # fmt: skip
    return "\n".join(lines)


def _line(name: str, found: Summary) -> str:
    figures = [f"{found.storms}", f"{found.alerts:,}"]
    shown = [found.precision, found.recall, found.mean_precision, found.mean_recall]
    figures += [f"{figure:.3f}" if figure is not None else "–" for figure in shown]
    figures.append(f"{found.compression:.1%}" if found.compression is not None else "–")
    figures.append(f"{found.noise_alone:.1%}")
    figures.append(f"{found.messages:.0f}" if found.messages is not None else "–")
    return f"| {name} | {' | '.join(figures)} |"


@dataclass(frozen=True)
class Bar:
    """A first bar, and what was reached."""

    name: str
    wanted: float
    found: float

    @property
    def reached(self) -> bool:
        """Whether it was."""
        return self.found >= self.wanted


def bars(ours: Sequence[Score]) -> list[Bar]:
    """The first bars, over all pairs of all storms."""
    every = summary(ours)
    found = [
        Bar("precision", PRECISION, every.precision),
        Bar("recall", RECALL, every.recall or 0.0),
    ]
    if cascades := [one for one in ours if one.kind == "cascade"]:
        found.append(Bar("compression of cascades", COMPRESSION, summary(cascades).compression or 0.0))
    return found


def bar_table(found: Sequence[Bar]) -> str:
    """The first bars as a table."""
    lines = ["| first bar | wanted | measured | reached |", "|---|---|---|---|"]
    lines += [f"| {b.name} | ≥ {b.wanted:g} | {b.found:.3f} | {'yes' if b.reached else 'no'} |" for b in found]
    return "\n".join(lines)


def ads_table(folder: Path, scenarios: Sequence[str]) -> str:
    """The labelled data set: OnCue for each scenario and for all, and plain groupings."""
    ours: dict[str, ads.Outcome] = {}
    theirs: dict[str, list[ads.Outcome]] = defaultdict(list)
    for scenario in scenarios:
        seen = ads.read(folder, scenario)
        ours[scenario] = ads.outcome(seen, ads.oncue(seen))
        for name, messages in ads.baselines(seen).items():
            theirs[name].append(ads.outcome(seen, messages))
    lines = [
        "| told by | days | messages | false a day | steps caught |",
        "|---|---|---|---|---|",
        *(_told(f"OnCue: {name}", [one]) for name, one in ours.items()),
        _told("**OnCue: all**", list(ours.values())),
        *(_told(name, outcomes) for name, outcomes in theirs.items()),
    ]
    days, _, false, caught, steps = (sum(column) for column in zip(*ours.values(), strict=True))
    beaten = false / days < ads.FALSE_A_DAY and caught == steps
    wanted = f"To beat, fewer than {ads.FALSE_A_DAY} false ones a day with every step caught"
    return "\n".join(lines) + f"\n\n{wanted}: {'beaten' if beaten else 'not yet'}."


def _told(name: str, outcomes: Sequence[ads.Outcome]) -> str:
    days, messages, false, caught, steps = (sum(column) for column in zip(*outcomes, strict=True))
    return f"| {name} | {days:.1f} | {messages:,} | {false / days:.1f} | {caught} of {steps} |"


def main() -> int:
    """Run; 1 if a first bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.correlation", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few storms of known seeds, no data set; writes nothing")
    parser.add_argument("--development", action="store_true", help="known seeds; writes nothing")
    parser.add_argument("--seeds", help="these, as 17,23, for every kind; writes nothing")
    parser.add_argument("--each", action="store_true", help="a line for each storm")
    parser.add_argument("--only", choices=["storms", "ads"], help="one of the two tables; writes nothing")
    chosen = parser.parse_args()
    folder = os.environ.get("ONCUE_DATASETS")
    parts, reached = [], True
    if chosen.only != "ads":
        text, reached = _storms(chosen)
        parts.append(text)
    if folder is None or chosen.quick:
        why = "`ONCUE_DATASETS` names no folder" if folder is None else "the run was a quick one"
        parts.append(f"The labelled data set was not measured: {why}.")
    elif chosen.only != "storms":
        parts.append("The AIT Alert Data Set:\n\n" + ads_table(Path(folder), ads.SCENARIOS))
    print("\n\n".join(parts))
    if not (chosen.quick or chosen.development or chosen.seeds or chosen.only):
        page.put(PAGE, "\n\n".join(parts))
    return 0 if reached else 1


def _storms(chosen: argparse.Namespace) -> tuple[str, bool]:
    seeds: Sequence[int] = random.SystemRandom().sample(range(1_000, 1_000_000), SEEDS_EACH)
    if chosen.seeds:
        seeds = [int(seed) for seed in chosen.seeds.split(",")]
    elif chosen.quick or chosen.development:
        seeds = storms.DEVELOPMENT[:2] if chosen.quick else storms.DEVELOPMENT
    found = measured(storms.KINDS, dict.fromkeys(storms.KINDS, seeds))
    ours = [one["OnCue"] for one in found]
    if chosen.each:
        for one in ours:
            print(f"{one.kind} {one.seed}: {one.parts} parts, {one.alerts} alerts in {one.incidents} incidents, "
                  f"{one.noise_alone} of {one.noise} noise alone, precision {one.pairs.precision:.3f}, "
                  f"recall {one.pairs.recall:.3f}, {one.messages} messages, {one.seconds:.1f} s")  # fmt: skip
    first = bars(ours)
    told = f"Seeds of each kind of storm: {', '.join(map(str, seeds))}."
    return f"{storm_table(found)}\n\n{bar_table(first)}\n\n{told}", all(bar.reached for bar in first)


if __name__ == "__main__":
    sys.exit(main())

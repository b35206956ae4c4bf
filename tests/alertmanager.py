"""Alertmanager's configurations for tests: random ones, and what Alertmanager makes of them, worked out slowly.

What a route means is written here as `dispatch.Route.Match` has it, and shares nothing with the importer.
"""

import random
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from oncue.core.engine import Engine
from oncue.core.state import State
from oncue.manifests import alertmanager, parse_yaml
from oncue.manifests.alertmanager import Conversion
from oncue.plugins.sources.alertmanager import parse_alerts
from tests.unit.story import Story

LABELS = {
    "alertname": ("DiskFull", "HostDown", "Watchdog"),
    "severity": ("critical", "warning", "info", "none"),
    "team": ("a", "b", "c"),
    "env": ("prod", "test", "prod-eu"),
    "queue": ("x.y", 'q"uote', "back\\slash"),
}
PATTERNS = (
    "a|b",
    "prod.*",
    "(a|c)",
    "^prod$",
    ".+",
    ".*",
    "[ab]",
    "Disk.*|HostDown",
    "warning|info",
    "x\\.y",
    "crit.+",
    "|a",
    "none",
)
OPERATORS = ("=", "=", "=", "!=", "=~", "=~", "!~")


def matcher(choice: random.Random) -> str:
    """One matcher, in quotes or without."""
    name = choice.choice(sorted(LABELS))
    operator = choice.choice(OPERATORS)
    value = choice.choice(PATTERNS) if "~" in operator else choice.choice((*LABELS[name], ""))
    if choice.random() < 0.5 or not re.fullmatch(r"[\w.-]+", value):
        return f"{name}{operator}{msgspec.json.encode(value).decode()}"
    return f"{name} {operator} {value}"


def tree(choice: random.Random, depth: int = 0) -> dict[str, Any]:
    """A route with what is below it."""
    route: dict[str, Any] = {}
    if depth:
        kind = choice.random()
        if kind < 0.75:
            route["matchers"] = [matcher(choice) for _ in range(choice.randrange(1, 3))]
        elif kind < 0.85:
            name = choice.choice(sorted(LABELS))
            route["match"] = {name: choice.choice(LABELS[name])}
        elif kind < 0.95:
            route["match_re"] = {choice.choice(sorted(LABELS)): choice.choice(PATTERNS)}
        if choice.random() < 0.3:
            route["continue"] = True
    if not depth or choice.random() < 0.8:
        route["receiver"] = choice.choice(("one", "two", "three", "four", "nobody"))
    if choice.random() < 0.3:
        route["repeat_interval"] = choice.choice(("1h", "4h", "1d"))
    if depth < 3:
        route["routes"] = [
            tree(choice, depth + 1) for _ in range(choice.choice((0, 0, 1, 2, 3) if depth else (1, 2, 3, 4)))
        ]
    return route


def configuration(route: dict[str, Any]) -> dict[str, Any]:
    """A whole configuration with these routes: four receivers that mail, and one that tells nobody."""
    receivers: list[dict[str, Any]] = [
        {"name": name, "email_configs": [{"to": f"{name}@example.com"}]} for name in ("one", "two", "three", "four")
    ]
    mail = {"smtp_smarthost": "mail.example.com:587", "smtp_from": "alerts@example.com"}
    return {"global": mail, "route": route, "receivers": [*receivers, {"name": "nobody"}]}


def inhibit_rule(choice: random.Random) -> dict[str, Any]:
    """An inhibition rule. Each side asks for something that an alert must have."""
    rule: dict[str, Any] = {}
    for side in ("source", "target"):
        name = choice.choice(("alertname", "severity"))
        must = f'{name}="{choice.choice(LABELS[name])}"'
        rule[f"{side}_matchers"] = [must, *(matcher(choice) for _ in range(choice.randrange(2)))]
    rule["equal"] = choice.sample(("team", "env", "alertname"), choice.randrange(3))
    return rule


def alert(choice: random.Random) -> dict[str, str]:
    """The labels of an alert; any but the name may be missing."""
    found = {
        name: choice.choice(values) for name, values in LABELS.items() if name == "alertname" or choice.random() < 0.7
    }
    return {**found, "instance": "db-1"}


def receivers(route: dict[str, Any], labels: dict[str, str]) -> list[str]:
    """Whom Alertmanager tells."""
    return [name or "" for name in _match(route, labels, None) or ()]


def _match(route: dict[str, Any], labels: dict[str, str], inherited: str | None) -> list[str | None] | None:
    for text in route.get("matchers", ()):
        found = re.match(r"(\w+)\s*(=~|!~|!=|=)\s*(.*)", text, re.DOTALL)
        assert found is not None
        value = msgspec.json.decode(found[3]) if found[3].startswith('"') else found[3]
        if not _holds(labels.get(found[1], ""), found[2], value):
            return None
    for name, value in route.get("match", {}).items():
        if labels.get(name, "") != value:
            return None
    for name, value in route.get("match_re", {}).items():
        if not _holds(labels.get(name, ""), "=~", value):
            return None
    receiver = route.get("receiver", inherited)
    found_below: list[str | None] = []
    for child in route.get("routes", ()):
        below = _match(child, labels, receiver)
        found_below += below or ()
        if below is not None and not child.get("continue"):
            break
    return found_below or [receiver]


def _holds(actual: str, operator: str, value: str) -> bool:
    hit = re.fullmatch(value, actual) is not None if "~" in operator else actual == value
    return hit is not operator.startswith("!")


def converted(given: dict[str, Any]) -> Conversion:
    """What the importer makes of it."""
    return alertmanager.convert(parse_yaml(msgspec.json.encode(given))[0])


class World:
    """A core with manifests in force, which hears each alert as if it were the first."""

    def __init__(self, found: Conversion) -> None:
        story = Story()
        for one in found.manifests:
            story.apply(one["kind"], one["metadata"]["name"], one["spec"])
        self._identity = story.state.identity
        self._rows = story.state.dump()
        self._now = story.now

    def story(self) -> Story:
        """A new story with these manifests."""
        story = Story()
        story.now = self._now
        story.state = State(self._identity)
        story.state.restore(self._rows)
        story.engine = Engine(story.state)
        return story

    def told(self, labels: dict[str, str], at: datetime | None = None) -> list[str]:
        """The channels that are told of an alert with these labels."""
        story = self.story()
        story.now = at or story.now
        post(story, labels)
        told = {one["payload"]["channel"].removeprefix("default/") for one in story.of("effect.requested")}
        return sorted(told)

    def inhibited(self, alerts: list[dict[str, str]]) -> list[str]:
        """The instances of those that are inhibited when all of them fire."""
        story = self.story()
        post(story, *alerts)
        quiet = [one for one in story.state.alerts.values() if any(why.reason == "inhibited" for why in one.quiet)]
        return sorted(one.labels["instance"] for one in quiet)


def post(story: Story, *alerts: dict[str, str], over: bool = False) -> None:
    """Have the story hear of alerts as Prometheus posts them."""
    end = {"endsAt": story.now.isoformat()} if over else {}
    body = msgspec.json.encode([{"labels": labels, **end} for labels in alerts])
    parsed, faults = parse_alerts(body, story.now.astimezone(UTC))
    assert not faults
    for event in parsed.events:
        story.feed(event, story.now)

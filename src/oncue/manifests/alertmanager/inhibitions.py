"""Inhibition rules: OnCue's mean the same, and its matchers look a little further than at labels."""

from typing import Any, Final

import msgspec

from oncue.core.errors import Refusal
from oncue.core.silence import Matcher, check_matchers
from oncue.manifests.alertmanager import routes
from oncue.manifests.alertmanager.reading import Reading
from oncue.manifests.document import Path_
from oncue.manifests.imported import valid_name

FIELDS: Final = frozenset(
    {"name", "source_matchers", "target_matchers", "source_match", "source_match_re", "target_match", "target_match_re",
     "equal"}
)  # fmt: skip
OWN: Final = ("severity", "service", "resource", "check", "title", "namespace", "type", "source", "fingerprint")
"""Names for which an alert without such a label has a value of OnCue's."""


def convert(reading: Reading, given: dict[str, Any]) -> list[tuple[str, dict[str, Any], Path_]]:
    """Names and specs of the manifests, and where they come from."""
    found: list[tuple[str, dict[str, Any], Path_]] = []
    taken: set[str] = set()
    for index, rule in enumerate(reading.items(given.get("inhibit_rules"), ("inhibit_rules",))):
        path: Path_ = ("inhibit_rules", index)
        rule = reading.mapping(rule, path)
        reading.unknown(rule, FIELDS, path)
        sides = [routes.side(reading, rule, path, prefix) for prefix in ("source", "target")]
        source, target = sides
        if source is None or target is None:
            continue
        try:
            check_matchers(source)
            check_matchers(target)
        except Refusal as refusal:
            reading.left_out(
                path, f"a side of it: {refusal.detail}", "give each side a matcher that asks for something"
            )
            continue
        equal = reading.texts(rule.get("equal"), (*path, "equal"))
        name = valid_name(reading.text(rule.get("name"), (*path, "name")) or "") or f"inhibit-{index + 1}"
        while name in taken:
            name += "-again"
        taken.add(name)
        spec = {"source": said(source), "target": said(target)}
        found.append((name, {**spec, "equal": equal} if equal else spec, path))
        doubtful = sorted(
            {one.name for one in (*source, *target) if one.name in OWN} | {one for one in equal if one in OWN}
        )
        if doubtful:
            reading.differs(
                path, f"an alert without the label {' or '.join(doubtful)} has OnCue's own value of that name here, not \"\"",
                "nothing, if your alerts have those labels",
            )  # fmt: skip
    return found


def said(matchers: tuple[Matcher, ...]) -> list[dict[str, Any]]:
    """The matchers as a manifest has them."""
    defaults = {"is_regex": False, "is_equal": True}
    return [
        {name: value for name, value in msgspec.to_builtins(one).items() if defaults.get(name) != value}
        for one in matchers
    ]

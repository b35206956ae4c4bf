"""Checks of what selects events."""

from collections.abc import Iterator
from typing import Final

from oncue.core.condition import Match
from oncue.core.severity import NAMES as SEVERITIES
from oncue.manifests.document import Path_
from oncue.manifests.expressions import compiles
from oncue.manifests.finding import Finding
from oncue.manifests.shape import near

PATTERN_LIMIT: Final = 512
"""Characters of a glob that events are compared with."""


def selector_findings(match: Match, path: Path_) -> Iterator[Finding]:
    """What of a selector does not hold together."""
    for index, severity in enumerate(match.severities):
        if severity not in SEVERITIES:
            detail = f"{severity!r} is none of {', '.join(SEVERITIES)}{near(severity, SEVERITIES)}"
            yield Finding((*path, "severities", index), detail)
    for name in ("types", "resources", "services", "sources"):
        for index, pattern in enumerate(getattr(match, name)):
            if len(pattern) > PATTERN_LIMIT:
                detail = f"it has {len(pattern)} characters; at most {PATTERN_LIMIT} are taken"
                yield Finding((*path, name, index), detail)
    yield from compiles(match.where, (*path, "where"), "bool")

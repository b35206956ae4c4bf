"""What is wrong with a schema of inputs, with the keyword that was probably meant."""

from collections.abc import Iterator
from typing import Any

from oncue.core.inputs import RULES, faults
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding
from oncue.manifests.shape import near


def schema_findings(schema: dict[str, Any], path: Path_, code: str = "manifest.invalid") -> Iterator[Finding]:
    """Everything in the schema that cannot be checked."""
    for place, detail in faults(schema):
        keyword = str(place[-1])
        meant = near(keyword, sorted(RULES)) if detail.startswith(f"{keyword} is not checked here") else ""
        yield Finding((*path, *place), f"{keyword} is not known here{meant}" if meant else detail, code)

"""What can be said of a manifest in which something does not fit: the rest of it is looked at as well, so that whoever wrote it
is told everything in one go.

What could be wrong only because something else was left out is not said: it may be right when that is.
"""

import copy
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from oncue.core.spec import Spec
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding
from oncue.manifests.meaning import findings
from oncue.manifests.shape import Misfit

_BY_ITSELF: Final = ("expression.invalid", "expression.costly", "action.unknown", "workflow.duplicate_name",
                     "workflow.unknown_step", "workflow.unknown_name", "workflow.expression")  # fmt: skip
"""Codes of what is wrong whatever the members are that do not fit, unless it speaks of those."""
_NAMES: Final = "workflow.unknown_name"
_INPUTS: Final = "inputs"
"""What declares them."""


def rest(spec: Any, struct: type[Spec], misfitting: Sequence[Misfit]) -> Iterator[Finding]:
    """What is wrong with a spec besides what does not fit, with paths from the spec on."""
    left = without(spec, misfitting)
    try:
        accepted = msgspec.convert(left, struct)
    except msgspec.ValidationError:  # what does not fit is needed
        return
    touched = [_member(misfit)[:-1] for misfit in misfitting]
    ids = [one["id"] for path in touched for one in _around(spec, path) if isinstance(one.get("id"), str)]
    undeclared = any(
        one.path[1:2] == (_INPUTS,) or one.detail.endswith(f"did you mean {_INPUTS}?") for one in misfitting
    )
    for finding in findings(accepted):
        beside = any(path and finding.path[: len(path)] == path for path in touched)
        text = str(_at(left, finding.path))
        speaks = any(re.search(rf"\bsteps\b\W+{re.escape(id)}\b", text) for id in ids)
        named = finding.code != _NAMES or not undeclared
        if finding.code in _BY_ITSELF and named and not beside and not speaks:
            yield finding


def without(spec: Any, misfitting: Sequence[Misfit]) -> Any:
    """The spec without the members that do not fit; None if that is all of it."""
    left = copy.deepcopy(spec)
    for misfit in misfitting:
        path, value = _member(misfit), left
        if not path:
            return None
        try:
            for part in path[:-1]:
                value = value[part]
        except (KeyError, IndexError, TypeError):
            continue  # it lies in what was left out before
        value.pop(path[-1], None)
    return left


def _member(misfit: Misfit) -> Path_:
    """The innermost member of a mapping that does not fit, from the spec on: of a list, it is the whole."""
    path = misfit.path[1:]
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return path


def _at(value: Any, path: Path_) -> Any:
    """What stands at a path, or the last that does on the way to it."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            break
    return value


def _around(value: Any, path: Path_) -> Iterator[dict[str, Any]]:
    """The mappings along a path."""
    for part in path:
        value = _at(value, (part,))
        if isinstance(value, dict):
            yield value

"""What a policy of the stage `shape` may say, and what one of the other stage may not."""

from collections.abc import Iterator

from oncue.core import expression
from oncue.core.errors import Refusal
from oncue.core.manifest import PolicySpec
from oncue.core.shaped import SCHEMES, LinkShape, ShapeSet
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding

_RESPONDING = ("condition", "alert", "notify", "respond", "limits", "concurrency", "overrides")
"""Members that mean something only when alerts have been made."""


def stage_findings(spec: PolicySpec) -> Iterator[Finding]:
    """Everything about the stage that does not hold together. Templates are looked at elsewhere."""
    if spec.stage == "respond":
        if spec.set_ is not None:
            yield Finding(("set",), "only a policy with `stage: shape` sets something of the event itself; see `alert`")
        if spec.priority:
            yield Finding(("priority",), "only policies with `stage: shape` have an order", level="warning")
        for index, link in enumerate(spec.alert.links if spec.alert is not None else ()):
            yield from _link(link, ("alert", "links", index))
        return
    for name in _RESPONDING:
        if getattr(spec, name) not in (None, []):
            detail = f"a policy with `stage: shape` has no {name}; another policy, of the stage `respond`, does it"
            yield Finding((name,), detail)
    for index, type in enumerate(spec.match.types):
        if type.startswith("oncue."):
            yield Finding(("match", "types", index), f"{type!r} is a fact of OnCue's, which is as it is")
    if spec.set_ is None or spec.set_ == ShapeSet():
        yield Finding((), "it sets nothing; write `set:` with severity, labels, links, quiet, ...")
        return
    for index, link in enumerate(spec.set_.links):
        yield from _link(link, ("set", "links", index))
    if spec.set_.quiet and spec.match.severities == ["clear"]:
        yield Finding(("set", "quiet"), "a recovery cannot be made quiet: it ends what was there", level="warning")


def _link(link: LinkShape, path: Path_) -> Iterator[Finding]:
    """A link whose beginning is no expression must begin as links do."""
    try:
        parts = expression.template(link.url)
    except Refusal:
        return  # said where expressions are looked at
    first = parts[0] if parts else (False, "")
    if not first[0] and not link.url.startswith(SCHEMES):
        yield Finding((*path, "url"), f"{link.url[:100]!r} is no link; it begins with https:// or http://")

"""What other systems are told of a ticket, in words, and how we know our own words again."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from oncue.sdk import Context, Priority, Remark, TicketState, View

LABEL: Final = "oncue"
"""What every issue that we wrote has."""
_MARK: Final = re.compile(r"\[oncue:([a-z0-9-]{1,60})\]")


def description(view: View, context: Context) -> str:
    """The ticket's text for people elsewhere, with the way back."""
    facts = [
        ("Priority", view.priority), ("Severity", view.severity), ("Service", view.service), ("Resource", view.resource),
        ("Incident", view.incident), ("Change", view.change), ("Opened by", view.opened_by),
        ("In OnCue", f"{context.base_url}/tickets/{view.id}"),
    ]  # fmt: skip
    lines = [f"{name}: {value}" for name, value in facts if value]
    return "\n".join(([view.description, ""] if view.description else []) + lines)


def remark(one: Remark) -> str:
    """A remark's text, with who made it, and a mark by which it is known again."""
    return f"{one.by}, {one.at:%Y-%m-%d %H:%M:%S} UTC:\n{one.text}\n{mark(one)}"


def mark(one: Remark) -> str:
    """The mark of a remark of ours."""
    return f"[oncue:{one.id}]"


def marks_in(text: str) -> set[str]:
    """The ids of our remarks of which the text has the marks."""
    return set(_MARK.findall(text))


def is_ours(text: str) -> bool:
    """Whether the text is a remark that we sent."""
    return _MARK.search(text) is not None


def ending(view: View) -> str:
    """How the ticket ended, in a line."""
    return view.resolution or (view.close_code or "Resolved in OnCue").replace("_", " ")


def meaning(
    states: Mapping[TicketState, str], usual: Mapping[TicketState, str], inbound: Mapping[str, TicketState], word: str
) -> TicketState | None:
    """Our state for the system's word: what the manifest says of it, else what the mirror makes of ours, turned round."""
    if word in inbound:
        return inbound[word]
    ours = {**usual, **states}
    return next((state for state, there in ours.items() if there == word), None)


def label(key: str) -> str:
    """The label of one ticket's issue, short enough for every system."""
    return f"{LABEL}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def hidden(key: str) -> str:
    """The key in a line of Markdown that is not shown."""
    return f"<!-- oncue-ticket: {key} -->"


def labels(view: View, key: str, priorities: Mapping[Priority, str]) -> list[str]:
    """Of an issue of a system that has labels instead of fields."""
    found = [LABEL, label(key), f"{LABEL}: {view.type}"]
    if view.priority is not None:
        found.append(f"{LABEL}: {priorities.get(view.priority, view.priority)}")
    if view.state == "in_progress":
        found.append(f"{LABEL}: in progress")
    return found

"""Tells OnCue what became of a playbook, a line of JSON each: that a play began, what failed where, and the counts.

Ansible loads it in its own process. The lines go to a file descriptor that the action `ansible.playbook` passes on.
"""

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: oncue_events
type: aggregate
short_description: tells OnCue what became of a playbook
description: Writes a line of JSON for each play that begins, each task that fails, and the counts of each host.
options:
  descriptor:
    description: The file descriptor that the lines are written to.
    type: int
    required: true
    env: [{name: ONCUE_ANSIBLE_EVENTS}]
"""

MESSAGE_LIMIT = 300
"""Characters of a message that are told: of a longer one its beginning and its end."""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible ships no types
    """Writes as it happens, so that what is known survives a run that is cut off."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "oncue_events"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Ansible has understood the playbook and the inventory."""
        self._write({"play": str(play.get_name())[:MESSAGE_LIMIT]})

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task failed on a host."""
        if not ignore_errors:
            self._failure(result, unreachable=False)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host could not be reached."""
        self._failure(result, unreachable=True)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """All is over."""
        for host in sorted(stats.processed):
            counts = stats.summarize(host)
            counts["failed"] = counts.pop("failures")
            self._write({"host": host, "counts": counts})

    def _failure(self, result: Any, unreachable: bool) -> None:
        found = {
            "host": result.host.get_name(),
            "task": str(result.task.get_name())[:MESSAGE_LIMIT],
            "message": _message(result.result),
            "unreachable": unreachable,
        }
        self._write({"failure": found})

    def _write(self, event: dict[str, Any]) -> None:
        os.write(self.get_option("descriptor"), json.dumps(event).encode() + b"\n")


def _message(result: Any) -> str:
    """Why a task failed; of a loop, why its first item did. What `no_log` hides is not here."""
    items = [one for one in result.get("results", ()) if one.get("failed")]
    found = items[0] if items else result
    said = [str(found[key]).strip() for key in ("msg", "stderr", "censored") if found.get(key)]
    text = ": ".join(said) or "it does not say why"
    half = MESSAGE_LIMIT // 2
    return text if len(text) <= MESSAGE_LIMIT else f"{text[:half]} ... {text[-half:]}"

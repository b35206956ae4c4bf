"""A policy test of configuration with a ticket mirror goes as it would without: nobody outside is asked."""

from pathlib import Path
from typing import Any

import msgspec

from oncue.rehearsal.run import Result, run

MANIFESTS = """\
apiVersion: oncue/v1
kind: TicketMirror
metadata: {name: desk}
spec:
  system: servicenow
  url: https://desk.example.com
  with: {user: oncue.bot, password: "secret://sn"}
  inbound: true
---
apiVersion: oncue/v1
kind: Policy
metadata: {name: full}
spec:
  match: {types: [disk.full], severities: [major, critical]}
  respond: [{ticket: {title: "Full: ${event.resource}"}}]
"""


def test_a_ticket_that_would_be_mirrored_is_as_expected(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text(MANIFESTS)
    full = {"type": "disk.full", "severity": "major", "resource": "db-1"}
    case: dict[str, Any] = {
        "name": "case", "given": [{"event": full}, {"at": "1h", "event": {**full, "severity": "clear"}}],
        "expect": {"tickets": [{"type": "incident", "title": "Full: db-1", "state": "resolved"}], "alerts": "any"},
    }  # fmt: skip
    test = {"apiVersion": "oncue/v1", "kind": "Test", "metadata": {"name": "t"}, "spec": {"cases": [case]}}
    (tmp_path / "desk.test.yaml").write_bytes(msgspec.json.encode(test))
    (found,) = run([tmp_path])
    assert isinstance(found, Result), found
    assert found.wrong == []

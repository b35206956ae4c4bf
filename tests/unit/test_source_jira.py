"""Jira's webhooks: signed, neutral, and named after what happened."""

import hashlib
import hmac
from typing import Any

import msgspec
import pytest

from oncue.plugins.sources.jira import JiraSource
from oncue.sdk.source import Refusal
from tests.sources import Vault, message

BODY: dict[str, Any] = {
    "timestamp": 1772363520000, "webhookEvent": "jira:issue_updated", "user": {"displayName": "basis-2"},
    "issue": {"id": "10001", "key": "OPS-1", "fields": {"summary": "Slow", "project": {"key": "OPS"}}},
}  # fmt: skip


def made(body: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
    parsed = JiraSource().parse(message(body, headers))
    assert parsed.rejected == []
    (event,) = parsed.events
    found: dict[str, Any] = msgspec.json.decode(event)
    return found


def test_what_happened_to_an_issue_is_a_neutral_event() -> None:
    found = made(BODY, {"X-Atlassian-Webhook-Identifier": "w-1"})
    names = ("type", "resource", "check", "title", "id")
    assert [found[name] for name in names] == ["jira.issue_updated", "OPS", "OPS-1", "issue updated: OPS-1 Slow", "w-1"]
    assert "severity" not in found
    assert found["data"]["issue"] == BODY["issue"]


@pytest.mark.parametrize(
    ("event", "type"),
    [("comment_created", "jira.comment_created"), ("jira:issue_created", "jira.issue_created"), ("a b", "jira.event")],
)
def test_the_type_is_what_happened(event: str, type: str) -> None:
    assert made({"webhookEvent": event})["type"] == type


@pytest.mark.parametrize("body", [{}, {"webhookEvent": None}])
def test_other_json_can_be_looked_at(body: Any) -> None:
    assert made(msgspec.json.encode(body))["type"] == "jira.unknown"


async def test_the_signature_is_checked() -> None:
    vault, settings = Vault({"secret://s": "key"}), {"secret": "secret://s"}
    raw = msgspec.json.encode(BODY)
    digest = hmac.new(b"key", raw, hashlib.sha256).hexdigest()
    await JiraSource().admit(message(raw, {"X-Hub-Signature": f"sha256={digest}"}, settings=settings), vault)
    await JiraSource().admit(message(raw), vault)
    for given in (f"sha256={'0' * 64}", digest, ""):
        with pytest.raises(Refusal) as refused:
            await JiraSource().admit(message(raw, {"X-Hub-Signature": given}, settings=settings), vault)
        assert refused.value.code == "auth.invalid"

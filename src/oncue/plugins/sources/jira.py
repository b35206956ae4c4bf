"""Jira's webhooks: that something happened to an issue.

`type` is `jira.EVENT`, as `jira.issue_updated` or `jira.comment_created`; the resource is the issue's project, the check its
key. All of it is neutral: it makes no alert, and is there for ticket mirrors that hear it, and for policies. The payload is
`data`, verbatim. With `secret`, `X-Hub-Signature` must be right.
"""

import hmac
from hashlib import sha256
from typing import Final

import msgspec

from oncue.plugins.sources.envelope import Wrapping, decoded, first, fitted, header, line, mapping, unknown
from oncue.sdk import SecretRef
from oncue.sdk.source import Host, Message, Parsed, Refusal

SIGNATURE: Final = b"x-hub-signature"


class JiraSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How deliveries are checked."""

    secret: SecretRef | None = None
    """The webhook's secret, as `secret://NAME`: deliveries without its signature are refused."""


class JiraSource:
    """A webhook of a Jira site. Jira sets no header of yours, so the token is in the address; with `secret`, deliveries are
    signed as well."""

    name = "jira"
    settings = JiraSettings

    async def admit(self, message: Message, host: Host) -> None:
        """Raises `Refusal`: auth.invalid for a wrong signature or none, secret.not_found."""
        reference = fitted(message, JiraSettings).secret
        if reference is None:
            return
        given = header(message.headers, SIGNATURE) or ""
        expected = "sha256=" + hmac.new(host.secret(reference).encode(), message.body, sha256).hexdigest()
        if not hmac.compare_digest(given.encode(), expected.encode()):
            said = "is not the body's" if given else "is missing: set the webhook's secret in Jira"
            raise Refusal("auth.invalid", f"the signature X-Hub-Signature {said}")

    def parse(self, message: Message) -> Parsed:
        """The delivery as an event. Raises `Refusal` request.malformed."""
        body = decoded(message.body)
        said = line(body.get("webhookEvent"), 64) if isinstance(body, dict) else None
        if said is None:
            return unknown(message, body, "jira")
        event = said.removeprefix("jira:")
        issue = mapping(body.get("issue"))
        fields = mapping(issue.get("fields"))
        key = line(issue.get("key"), 64)
        wrapping = Wrapping(message)
        wrapping.add(
            message.body,
            type=f"jira.{event}" if event.replace("_", "").isalnum() else "jira.event",
            id=header(message.headers, b"x-atlassian-webhook-identifier"),
            resource=first(mapping(fields.get("project")).get("key"), key) or message.name,
            check=key or event,
            title=f"{event.replace('_', ' ')}: {key or ''} {line(fields.get('summary')) or ''}".strip(),
            labels={"event": event, "user": mapping(body.get("user")).get("displayName")},
        )
        return wrapping.parsed()

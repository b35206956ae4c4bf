"""`/act/TOKEN`: the page behind the links in messages. GET shows what would be done, and only POST does it.

Plain HTML without scripts or cookies: it must work in whatever a phone opens a mail with.
"""

from datetime import UTC, datetime
from functools import partial
from html import escape
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from oncue.access import action_links
from oncue.access.action_links import Claim
from oncue.access.roles import Principal, allowed
from oncue.api.asgi import Receive, Scope, Send, answer, with_body
from oncue.api.context import Context
from oncue.api.entities import told
from oncue.core.errors import Refusal
from oncue.sdk.context import ACTIONS
from oncue.store.queries import entity_body

PREFIX: Final = "/act/"
_BODY_LIMIT: Final = 16_384
_WORDS: Final = {"acknowledge": "Acknowledge", "snooze": "Snooze for 1 hour"}
_DONE: Final = {
    "acknowledge": "<strong>Acknowledged.</strong> You have it, and nobody else is called.",
    "snooze": "<strong>Snoozed.</strong> Nobody is told of it for an hour; then you are, if it still goes on.",
    "approve": "You approved it.",
    "reject": "You rejected it.",
}
_SIGNS: Final = {"critical": "■", "major": "▲", "minor": "◆", "warning": "●", "info": "○"}
HEADERS: Final = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex"),
    (b"x-content-type-options", b"nosniff"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
]

_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">
<title>{title}</title><style>
:root{{--bg:#f6f7f9;--card:#fff;--text:#16181d;--dim:#5c6370;--line:#e1e4e9;--accent:#2f5fd0;--on:#fff}}
@media (prefers-color-scheme:dark){{:root{{--bg:#101216;--card:#181b21;--text:#e7e9ee;--dim:#9aa2af;--line:#2a2f38;--accent:#7ea2ff;--on:#101216}}}}
*{{box-sizing:border-box}}body{{margin:0;padding:24px 16px;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,sans-serif}}
main{{max-width:440px;margin:0 auto;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px}}
h1{{font-size:20px;line-height:1.3;margin:4px 0 8px;overflow-wrap:anywhere}}p{{margin:0 0 12px}}.dim{{color:var(--dim);font-size:14px}}
textarea{{display:block;width:100%;margin:4px 0 0;padding:8px;border-radius:8px;border:1px solid var(--line);background:var(--bg);color:inherit;font:16px system-ui,sans-serif}}
button{{display:block;width:100%;min-height:48px;margin:12px 0 0;border-radius:8px;border:1px solid var(--line);background:transparent;color:inherit;font:600 16px system-ui,sans-serif;cursor:pointer}}
button.first{{background:var(--accent);border-color:var(--accent);color:var(--on)}}a{{color:var(--accent)}}
:focus-visible{{outline:3px solid var(--accent);outline-offset:2px}}
</style></head><body><main>{body}</main></body></html>"""


class ActionLinks:
    """The pages of one server."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._known_key: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for a link."""
        token = scope["path"].removeprefix(PREFIX)
        try:
            claim = action_links.read(self._key(), token, datetime.now(UTC))
            if scope["method"] in ("GET", "HEAD"):
                wanted = parse_qs(scope["query_string"].decode("latin-1")).get("do", [""])[0]
                asked = await self._about(claim)
                page = _decision(claim, asked, wanted) if claim.kind == "approval" else _question(claim, asked, wanted)
                await self._answer(send, 200, page)
            elif scope["method"] == "POST":
                await self._answer(send, 200, await self._act(scope, receive, claim))
            else:
                raise Refusal(
                    "request.method_not_allowed",
                    f"{scope['method']}; GET, HEAD, POST are taken",
                    allow="GET, HEAD, POST",
                )
        except Refusal as refusal:
            allow = refusal.more.get("allow")
            await self._answer(send, refusal.entry.status, _refused(refusal), allow)

    def _key(self) -> bytes:
        if self._known_key is None:
            self._known_key = action_links.link_key(self._ctx.config.data)
        return self._known_key

    async def _act(self, scope: Scope, receive: Receive, claim: Claim) -> str:
        body, _ = await with_body(scope, receive, _BODY_LIMIT)
        given = parse_qs(body.decode())
        action = given.get("do", [""])[0]
        actions = ACTIONS[claim.kind]
        if action not in actions:
            raise Refusal("request.invalid", f"do: {' or '.join(actions)}")
        if self._gone(claim.to):
            raise Refusal("link.invalid", f"{claim.to} may not sign in any more")
        if claim.kind == "approval":
            return await self._decide(claim, action, given.get("reason", [""])[0].strip())
        data = {"incident": claim.about, "effect": claim.effect, "action": action, "expires_at": claim.until}
        who = Principal(actor=claim.to, bindings=())
        await self._ctx.command("oncue.command.link.use", data, who=who, namespace=claim.namespace)
        incident = await self._about(claim)
        return f'{_head(incident)}<p role="status">{_DONE[action]}</p>{_more(incident)}'

    async def _decide(self, claim: Claim, decision: str, reason: str) -> str:
        """A link gives no right that its reader does not have: it only spares them to sign in."""
        who = self._ctx.access.person(claim.to.partition(":")[2])
        if who is None or not allowed(who, "approval:decide", claim.namespace):
            raise Refusal("access.denied", f"{claim.to} needs the permission approval:decide in {claim.namespace}")
        if decision == "reject" and not reason:
            raise Refusal("request.invalid", "say why you reject it; whoever asked reads it")
        given = {"decision": decision, "reason": reason[:2000] or None}
        await told(self._ctx, who, claim.namespace, "approval", claim.about, "decide", given)
        approval = await self._about(claim)
        left = "" if approval["state"] != "pending" else " Others are still to agree."
        return f'{_asked(approval)}<p role="status"><strong>{_DONE[decision]}</strong>{left}</p>{_approvals(approval)}'

    def _gone(self, to: str) -> bool:
        """Whether the person has an account that is closed."""
        kind, _, name = to.partition(":")
        user = self._ctx.access.users.get(name) if kind == "user" else None
        return user is not None and user.disabled

    async def _about(self, claim: Claim) -> dict[str, Any]:
        row = await self._ctx.queries.run(partial(entity_body, kind=claim.kind, id=claim.about))
        if row is None:
            raise Refusal(f"{claim.kind}.not_found", claim.about)
        found: dict[str, Any] = msgspec.json.decode(row[1])
        return found

    async def _answer(self, send: Send, status: int, body: str, allow: object = None) -> None:
        page = _PAGE.format(title="OnCue", body=body).encode()
        more = [(b"allow", str(allow).encode())] if allow is not None else []
        await answer(send, status, [*HEADERS, *more], page)


def _head(incident: dict[str, Any]) -> str:
    sign = _SIGNS.get(incident["severity"], "○")
    about = incident.get("service") or incident.get("resource") or ""
    return (
        f'<p class="dim">{escape(incident["id"])} · {incident["priority"]} · {sign} {escape(incident["severity"])} · '
        f"{escape(incident['state'])}</p><h1>{escape(incident['title'])}</h1>"
        + (f'<p class="dim">{escape(about)}</p>' if about else "")
    )


def _question(claim: Claim, incident: dict[str, Any], wanted: str) -> str:
    if incident["state"] not in ("open", "acknowledged"):
        return f"{_head(incident)}<p>It is {escape(incident['state'])}: there is nothing to do.</p>{_more(incident)}"
    taken = incident["state"] == "acknowledged"
    said = f"<p>{escape(incident.get('acknowledged_by') or 'Someone')} has acknowledged it.</p>" if taken else ""
    actions = [name for name in _WORDS if not (taken and name == "acknowledge")]
    actions.sort(key=lambda name: name != wanted)
    buttons = "".join(
        f'<button{" class=first" if index == 0 else ""} name="do" value="{name}">{_WORDS[name]}</button>'
        for index, name in enumerate(actions)
    )
    return (
        f'{_head(incident)}{said}<form method="post">{buttons}</form>'
        f'<p class="dim" style="margin-top:16px">As {escape(claim.to)}. Nothing is done until you press.</p>{_more(incident)}'
    )


def _asked(approval: dict[str, Any]) -> str:
    stage = approval["stages"][approval.get("at", 0)]
    said = [one for one in approval.get("decisions", ()) if one["stage"] == stage["stage"]]
    agreed = f"{sum(one['decision'] == 'approve' for one in said)} of {stage['quorum']} agreed"
    return (
        f'<p class="dim">{escape(approval["id"])} · {escape(approval["workflow"])} · {escape(approval["state"])}</p>'
        f'<h1>{escape(approval["ask"])}</h1><p class="dim">{agreed}; asked: {escape(", ".join(stage["by"]))}; until '
        f"{escape(approval['expires_at'][:16].replace('T', ' '))} UTC</p>"
    )


def _decision(claim: Claim, approval: dict[str, Any], wanted: str) -> str:
    if approval["state"] != "pending":
        why = f": {escape(approval['reason'])}" if approval.get("reason") else ""
        return f"{_asked(approval)}<p>It is {escape(approval['state'])}{why}. There is nothing to do.</p>{_approvals(approval)}"
    order = ("reject", "approve") if wanted == "reject" else ("approve", "reject")
    buttons = "".join(
        f'<button{" class=first" if index == 0 else ""} name="do" value="{name}">{name.capitalize()}</button>'
        for index, name in enumerate(order)
    )
    return (
        f'{_asked(approval)}<form method="post"><label class="dim" for="reason">Reason (needed to reject)</label>'
        f'<textarea id="reason" name="reason" rows="3" maxlength="2000"></textarea>{buttons}</form>'
        f'<p class="dim" style="margin-top:16px">As {escape(claim.to)}. Nothing is done until you press.</p>{_approvals(approval)}'
    )


def _approvals(approval: dict[str, Any]) -> str:
    return f'<p class="dim"><a href="/approvals?show={escape(approval["id"])}">Open it in the console</a></p>'


def _refused(refusal: Refusal) -> str:
    known = refusal.entry
    hint = known.hint if refusal.code != "link.invalid" else ""  # which speaks of links to sign in with
    return (
        f'<h1>{escape(known.title)}</h1><p>{escape(refusal.detail)}</p><p class="dim">{escape(hint)} '
        f'({escape(refusal.code)})</p><p><a href="/incidents">Open the console</a></p>'
    )


def _more(incident: dict[str, Any]) -> str:
    return f'<p class="dim"><a href="/incidents/{escape(incident["id"])}">Open it in the console</a></p>'

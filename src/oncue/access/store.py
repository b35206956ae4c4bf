"""Everything that decides whether a request is let in, in memory: a token costs one dictionary look-up.

The table `access` is read as a whole when it changed. It is written only through the engine, as side rows of an audit
event's transaction; `apply` brings what was just written into view without waiting for the next read.
"""

import hmac
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec

from oncue.access import records
from oncue.access.records import Link, Secret, Session, Token, User
from oncue.access.roles import ANY, Binding, Principal
from oncue.runtime.frames import SideWrite

ADMIN_TOKEN: Final = "token:preset-admin"
"""The actor of the token that `ONCUE_ADMIN_TOKEN` presets."""


class AccessStore:
    """Users, tokens, sessions, links and secrets as last read."""

    def __init__(
        self,
        admin_token: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._now = now
        self._admin_digest = records.digest(admin_token) if admin_token else None
        self._admin = Principal(
            actor=ADMIN_TOKEN, bindings=(Binding("admin", ANY),), token=ADMIN_TOKEN.partition(":")[2]
        )
        self.loaded = False
        """Whether the table has been read; before that, that a credential is unknown means nothing."""
        self.users: dict[str, User] = {}
        self.tokens: dict[str, Token] = {}
        self.sessions: dict[str, Session] = {}
        self.links: dict[str, Link] = {}
        self.secrets: dict[str, Secret] = {}
        self.used: dict[str, datetime] = {}
        """When tokens were used since their rows were last written, by token id."""
        self._by_digest: dict[str, tuple[Token, Principal]] = {}

    def load(self, rows: Iterable[tuple[str, str, bytes]]) -> None:
        """Take the table's present rows: (kind, id, body)."""
        kept: dict[str, dict[str, object]] = {kind: {} for kind in records.KINDS}
        for kind, row_id, body in rows:
            struct = records.KINDS.get(kind)
            if struct is not None:
                kept[kind][row_id] = msgspec.json.decode(body, type=struct)
        self.users = kept["user"]  # type: ignore[assignment]
        self.tokens = kept["token"]  # type: ignore[assignment]
        self.sessions = kept["session"]  # type: ignore[assignment]
        self.links = kept["link"]  # type: ignore[assignment]
        self.secrets = kept["secret"]  # type: ignore[assignment]
        self.loaded = True
        self._index()

    def apply(self, writes: Iterable[SideWrite]) -> None:
        """Take rows that have just been committed. Those of other kinds, as `log`, are not its own."""
        views: dict[str, dict[str, object]] = {
            "user": self.users,  # type: ignore[dict-item]
            "token": self.tokens,  # type: ignore[dict-item]
            "session": self.sessions,  # type: ignore[dict-item]
            "link": self.links,  # type: ignore[dict-item]
            "secret": self.secrets,  # type: ignore[dict-item]
        }
        for write in writes:
            if write.kind not in views:
                continue
            if write.body is None:
                views[write.kind].pop(write.id, None)
            else:
                views[write.kind][write.id] = msgspec.json.decode(write.body, type=records.KINDS[write.kind])
        self._index()

    def _index(self) -> None:
        self._by_digest = {token.hash: (token, self._token_principal(token)) for token in self.tokens.values()}

    def _token_principal(self, token: Token) -> Principal:
        role = {"source": "source", "worker": "worker"}.get(token.scope, token.role or "viewer")
        owner = self.users.get(token.user) if token.user else None
        ceiling = None
        if token.user is not None:
            ceiling = () if owner is None or owner.disabled else tuple(owner.bindings)
            if token.scope != "role":
                # A user's own bindings never contain these two; what bounds such a token is where it may write.
                ceiling = tuple(Binding(role, binding.namespace) for binding in ceiling if _may_send(binding))
        named = [name for name in token.namespaces if name != ANY]
        return Principal(
            actor=f"token:{token.name}",
            bindings=tuple(Binding(role, name) for name in token.namespaces),
            ceiling=ceiling,
            home=named[0] if named else "default",
            user=token.user,
            token=token.id,
            owner=_answers_for(token) if owner is None or owner.kind == "service" else _made_for(token),
        )

    def by_token(self, text: str) -> Principal | None:
        """Whose token this is; None if it is nobody's, revoked, or expired.

        The look-up compares SHA-256 digests, so its timing tells nothing of the token.
        """
        digest = records.digest(text)
        if self._admin_digest is not None and hmac.compare_digest(digest, self._admin_digest):
            return self._admin
        found = self._by_digest.get(digest)
        if found is None:
            return None
        token, principal = found
        now = self._now()
        if token.expires_at is not None and token.expires_at <= now:
            return None
        self.used[token.id] = now
        return principal

    def by_session(self, cookie: str) -> Principal | None:
        """Who signed in with this cookie; None if the session is over or the user is gone or disabled."""
        session = self.sessions.get(records.digest(cookie))
        if session is None or session.expires_at <= self._now():
            return None
        user = self.users.get(session.user)
        if user is None or user.disabled:
            return None
        return msgspec.structs.replace(_as_user(user), csrf=session.csrf, session=session.id)

    def person(self, name: str) -> Principal | None:
        """The person of this name, as whoever they are known to be by other means than signing in; None if they are gone or
        disabled, or no person."""
        user = self.users.get(name)
        return None if user is None or user.disabled or user.kind == "service" else _as_user(user)

    @property
    def has_administrator(self) -> bool:
        """Whether someone can sign in who may do everything everywhere."""
        everything = Binding("admin", ANY)
        return any(
            user.password_hash is not None and not user.disabled and everything in user.bindings
            for user in self.users.values()
        )

    def link(self, text: str) -> Link | None:
        """The one-time link of this token; None if it is used up or expired."""
        link = self.links.get(records.digest(text))
        return link if link is not None and link.expires_at > self._now() else None


def home_of(bindings: list[Binding]) -> str:
    """The namespace that a user's things go to when none is named."""
    named = [binding.namespace for binding in bindings if binding.namespace != ANY]
    return "default" if not named or len(named) < len(bindings) else named[0]


def _answers_for(token: Token) -> str | None:
    """Whoever made the token; of those that were made before that was kept, as far as it is known."""
    return token.owner or (token.created_by if token.created_by.startswith("user:") else None)


def _made_for(token: Token) -> str | None:
    """Whoever made the token, if it was made for somebody else."""
    by = _answers_for(token)
    return None if by == f"user:{token.user}" else by


def _may_send(binding: Binding) -> bool:
    return binding.role in ("operator", "editor", "admin")


def _as_user(user: User) -> Principal:
    return Principal(
        actor=f"user:{user.name}", bindings=tuple(user.bindings), home=home_of(user.bindings), user=user.name
    )

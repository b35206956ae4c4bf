"""Roles, tokens, sessions, passwords, throttling."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oncue.access import passwords, records
from oncue.access.records import Link, Session, Token, User
from oncue.access.roles import ANY, PERMISSIONS, ROLES, Binding, Principal, allowed, namespaces
from oncue.access.store import AccessStore
from oncue.access.throttle import FREE_FAILURES, LONGEST_WAIT_S, Throttle
from oncue.core.errors import Refusal

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def someone(*bindings: tuple[str, str], ceiling: tuple[Binding, ...] | None = None) -> Principal:
    return Principal(actor="user:ann", bindings=tuple(Binding(*one) for one in bindings), ceiling=ceiling)


def token(text: str, **fields: Any) -> Token:
    given = {
        "id": "t1", "name": "probe", "hash": records.digest(text), "role": "viewer", "namespaces": ["basis"],
        "created_at": NOW, "created_by": "user:ann", **fields,
    }  # fmt: skip
    return Token(**given)


def user(name: str = "ann", **fields: Any) -> User:
    given = {"bindings": [Binding("responder", "basis")], "created_at": NOW, "created_by": "link", "updated_at": NOW}
    return User(name=name, **{**given, **fields})


def store(*rows: User | Token | Session | Link, admin_token: str | None = None, at: datetime = NOW) -> AccessStore:
    made = AccessStore(admin_token, now=lambda: at)
    made.apply([records.put(row) for row in rows])
    return made


@pytest.mark.parametrize(
    ("principal", "permission", "namespace", "expected"),
    [
        (None, "alert:read", "basis", False),
        (someone(), "alert:read", "basis", False),
        (someone(("viewer", "basis")), "alert:read", "basis", True),
        (someone(("viewer", "basis")), "alert:read", "web", False),
        (someone(("viewer", "basis")), "alert:read", None, False),
        (someone(("viewer", "basis")), "alert:acknowledge", "basis", False),
        (someone(("viewer", ANY)), "alert:read", "web", True),
        (someone(("viewer", ANY)), "alert:read", None, True),
        (someone(("viewer", ANY), ("responder", "basis")), "alert:acknowledge", "basis", True),
        (someone(("viewer", ANY), ("responder", "basis")), "alert:acknowledge", "web", False),
        (someone(("admin", "basis")), "user:write", None, False),
        (someone(("admin", ANY)), "user:write", None, True),
        (someone(("no-such-role", ANY)), "alert:read", "basis", False),
        (someone(("admin", ANY), ceiling=()), "alert:read", "basis", False),
        (someone(("admin", ANY), ceiling=(Binding("viewer", "basis"),)), "alert:read", "basis", True),
        (someone(("admin", ANY), ceiling=(Binding("viewer", "basis"),)), "alert:resolve", "basis", False),
    ],
)
def test_what_is_not_granted_is_denied(
    principal: Principal | None, permission: str, namespace: str | None, expected: bool
) -> None:
    assert allowed(principal, permission, namespace) is expected


def test_no_role_reads_changes_and_not_manifests_which_changes_of_configuration_hold() -> None:
    can_read = {name for name, held in ROLES.items() if held & {"change:read", "*"}}
    assert can_read == {name for name, held in ROLES.items() if held & {"manifest:read", "*"}}
    assert len(can_read) > 4


def test_a_ceiling_narrows_the_namespaces_too() -> None:
    assert namespaces(someone(("viewer", ANY)), "alert:read") is None
    assert namespaces(someone(("viewer", "a"), ("viewer", "b")), "alert:read") == {"a", "b"}
    bound = someone(("viewer", ANY), ceiling=(Binding("viewer", "a"),))
    assert namespaces(bound, "alert:read") == {"a"}
    assert namespaces(someone(("viewer", "b"), ceiling=(Binding("viewer", "a"),)), "alert:read") == frozenset()


def test_a_role_holds_only_permissions_that_there_are() -> None:
    for role, held in ROLES.items():
        assert held <= PERMISSIONS | {ANY}, role


def test_each_human_role_may_at_least_what_a_viewer_may() -> None:
    for role in ("responder", "operator", "approver", "editor"):
        assert ROLES[role] >= ROLES["viewer"], role


def test_a_token_is_known_by_its_text_and_by_nothing_else() -> None:
    access = store(token("the-text"))
    found = access.by_token("the-text")
    assert found is not None
    assert (found.actor, found.home) == ("token:probe", "basis")
    assert access.by_token(records.digest("the-text")) is None
    assert access.by_token("") is None
    assert access.by_token("\udcff") is None


def test_a_token_ends_when_it_expires_and_when_it_is_revoked() -> None:
    ending = token("text", expires_at=NOW + timedelta(seconds=1))
    assert store(ending).by_token("text") is not None
    assert store(ending, at=NOW + timedelta(seconds=1)).by_token("text") is None
    access = store(ending)
    access.apply([records.drop(ending)])
    assert access.by_token("text") is None


def test_the_preset_token_is_an_administrators() -> None:
    access = store(admin_token="a-preset-admin-token")
    found = access.by_token("a-preset-admin-token")
    assert allowed(found, "user:write", None)
    assert access.by_token("a-preset-admin-toke") is None


def test_without_a_preset_token_an_empty_one_is_nobodys() -> None:
    assert store().by_token("") is None


@pytest.mark.parametrize(("scope", "permission"), [("source", "event:write"), ("worker", "worker:lease")])
def test_a_scoped_token_can_do_only_that(scope: str, permission: str) -> None:
    found = store(token("text", scope=scope, role=None)).by_token("text")
    held = {one for one in PERMISSIONS if allowed(found, one, "basis")}
    assert permission in held
    assert held <= {"event:write", "heartbeat:write", "worker:lease"}


def test_a_users_token_can_do_no_more_than_the_user() -> None:
    owned = token("text", role="admin", namespaces=[ANY], user="ann")
    found = store(owned, user()).by_token("text")
    assert allowed(found, "alert:acknowledge", "basis")
    assert not allowed(found, "ticket:create", "basis")
    assert not allowed(found, "alert:acknowledge", "web")
    for gone in (store(owned), store(owned, user(disabled=True))):
        assert not allowed(gone.by_token("text"), "alert:read", "basis")


def test_a_session_ends_with_its_time_and_with_its_user() -> None:
    session = Session(
        id=records.digest("cookie"), user="ann", csrf="c", created_at=NOW, expires_at=NOW + timedelta(days=1)
    )
    found = store(session, user()).by_session("cookie")
    assert found is not None
    assert (found.actor, found.csrf, found.home) == ("user:ann", "c", "basis")
    assert store(session, user(), at=NOW + timedelta(days=1)).by_session("cookie") is None
    assert store(session, user(disabled=True)).by_session("cookie") is None
    assert store(session).by_session("cookie") is None
    assert store(session, user()).by_session("other") is None


def test_a_link_is_valid_until_it_expires() -> None:
    link = Link(id=records.digest("l"), purpose="set_password", user="ann", created_at=NOW, expires_at=NOW)
    assert store(link, at=NOW - timedelta(seconds=1)).link("l") == link
    assert store(link).link("l") is None


def test_what_is_stored_of_a_credential_does_not_contain_it() -> None:
    text = records.new_credential()
    assert text.encode() not in (records.put(token(text)).body or b"")


def test_a_password_verifies_only_itself() -> None:
    kept = passwords.hashed("correct horse battery", "ann")
    assert kept.startswith("$argon2id$")
    assert passwords.verify("correct horse battery", kept)
    assert not passwords.verify("correct horse batterz", kept)
    assert not passwords.verify("nobody has this password", None)
    assert not passwords.verify("anything", "not a hash")


@pytest.mark.parametrize("weak", ["", "short", "aaaaaaaaaaaaaaaa", "my name is ann, hello", "x" * 2000])
def test_weak_passwords_are_refused(weak: str) -> None:
    with pytest.raises(Refusal) as refusal:
        passwords.hashed(weak, "ann")
    assert refusal.value.code == "password.weak"


def test_failures_make_the_next_attempt_wait_longer_each_time() -> None:
    clock = [0.0]
    throttle = Throttle(lambda: clock[0])
    for _ in range(FREE_FAILURES - 1):
        throttle.failed("user:ann")
        throttle.check("user:ann")
    waits = []
    for _ in range(12):
        throttle.failed("user:ann")
        with pytest.raises(Refusal) as refusal:
            throttle.check("user:ann", "address:other")
        assert refusal.value.code == "auth.throttled"
        wait = refusal.value.more["retry_after_s"]
        assert isinstance(wait, float)
        waits.append(wait)
        clock[0] += wait
        throttle.check("user:ann")
    assert waits == sorted(waits)
    assert waits[0] == 1.0
    assert waits[-1] == LONGEST_WAIT_S


def test_a_success_forgets_failures_and_other_keys_do_not_wait() -> None:
    throttle = Throttle(lambda: 0.0)
    for _ in range(FREE_FAILURES):
        throttle.failed("user:ann")
    throttle.check("user:bob")
    throttle.succeeded("user:ann")
    throttle.check("user:ann")


@pytest.mark.parametrize(
    ("fields", "owner"),
    [
        ({"user": "ann"}, None),
        ({"user": "ann", "created_by": "user:ben"}, "user:ben"),
        ({"user": None}, "user:ann"),
        ({"user": "robot"}, "user:ann"),
        ({"user": None, "created_by": "token:laptop", "owner": "user:ben"}, "user:ben"),
        ({"user": None, "created_by": "token:preset-admin"}, None),
    ],
    ids=[
        "a person's own",
        "a person's, made by another",
        "nobody's",
        "a service account's",
        "made with a token",
        "made by nobody known",
    ],
)
def test_whoever_made_a_token_that_is_no_persons_answers_for_it(fields: dict[str, Any], owner: str | None) -> None:
    found = store(user(), user("robot", kind="service"), token("x", **fields)).by_token("x")
    assert found is not None
    assert found.owner == owner

"""Secrets: sealed for one row and one key, resolved in their namespace, masked in every form."""

import base64
import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncue.access.records import Secret
from oncue.access.secrets import MASK, SHORTEST_MASKED, SecretStore, load_key, mask, mask_json, seal, unseal
from oncue.core.errors import Refusal

VALUE = 'p4ss "wörd"/+&?'


def secret(key: bytes, namespace: str, name: str, value: str) -> Secret:
    sealed = seal(key, namespace, name, value)
    return Secret(namespace=namespace, name=name, sealed=sealed, updated_at=datetime.now(UTC), updated_by="user:ann")


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    key = load_key(tmp_path)
    assert load_key(tmp_path) == key
    assert len(key) == 32
    path = tmp_path / "keys" / "secrets.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["secrets.key"]


def test_a_damaged_key_is_named(tmp_path: Path) -> None:
    load_key(tmp_path)
    (tmp_path / "keys" / "secrets.key").write_bytes(b"short")
    with pytest.raises(Refusal, match=r"config\.invalid"):
        load_key(tmp_path)


def test_a_secret_opens_with_its_key_in_its_row_only(tmp_path: Path) -> None:
    key = load_key(tmp_path)
    kept = secret(key, "basis", "mail", VALUE)
    assert unseal(key, kept) == VALUE
    assert VALUE.encode() not in base64.b64decode(kept.sealed)
    for other in (msgspec.structs.replace(kept, name="other"), msgspec.structs.replace(kept, namespace="web")):
        with pytest.raises(Refusal, match=r"secret\.not_found"):
            unseal(key, other)
    with pytest.raises(Refusal, match=r"secret\.not_found"):
        unseal(bytes(32), kept)


def test_a_value_is_never_sealed_the_same_way_twice(tmp_path: Path) -> None:
    key = load_key(tmp_path)
    assert seal(key, "basis", "mail", VALUE) != seal(key, "basis", "mail", VALUE)


def test_references_resolve_in_their_own_namespace(tmp_path: Path) -> None:
    kept = secret(load_key(tmp_path), "basis", "mail", VALUE)
    rows = {("secret", "basis/mail"): msgspec.json.encode(kept)}
    store = SecretStore(tmp_path, lambda kind, id: rows.get((kind, id)))
    found: list[str] = []
    given_value = {"headers": {"authorization": "secret://mail"}, "list": ["secret://mail", 1, None], "plain": "mail"}
    resolved = store.resolve_all(given_value, "basis", found)
    assert resolved == {"headers": {"authorization": VALUE}, "list": [VALUE, 1, None], "plain": "mail"}
    assert found == [VALUE, VALUE]
    for reference, namespace in (("secret://mail", "web"), ("secret://other", "basis"), ("mail", "basis")):
        with pytest.raises(Refusal, match=r"secret\.not_found"):
            store.resolve(reference, namespace)


@pytest.mark.parametrize(
    "leak",
    [
        VALUE,
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
        quote(VALUE, safe=""),
        json.dumps(VALUE),
        json.dumps(VALUE, ensure_ascii=False),
    ],
)
def test_every_form_of_a_value_is_masked(leak: str) -> None:
    masked = mask(f"before {leak} after", [VALUE])
    assert MASK in masked
    assert leak not in masked


def test_a_value_is_masked_inside_basic_credentials() -> None:
    value = "a-rather-long-password"
    for name in ("a", "ab", "abc"):
        credentials = base64.b64encode(f"{name}:{value}".encode()).decode()
        assert MASK in mask(f"Authorization: Basic {credentials}", [value])


def test_keys_and_values_of_json_are_masked() -> None:
    shown = mask_json({VALUE: [VALUE, {"a": f"x{VALUE}"}], "n": 1}, [VALUE])
    assert shown == {MASK: [MASK, {"a": f"x{MASK}"}], "n": 1}


def test_short_values_are_left_alone() -> None:
    assert mask("on and off", ["on", ""]) == "on and off"


TEXT = st.characters(codec="utf-8", exclude_characters="\0")


@given(st.text(TEXT, min_size=SHORTEST_MASKED), st.text(TEXT), st.text(TEXT))
def test_no_text_keeps_a_masked_value(value: str, before: str, after: str) -> None:
    assert value not in mask(before + value + after, [value]).replace(MASK, "\0") or value in MASK

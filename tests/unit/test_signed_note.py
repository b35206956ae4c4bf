"""Signed notes: who signed is found out, and what is of one kind is not taken for the other."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from oncue.store import signed_note

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = signed_note.raw_key(KEY.public_key())
OTHER = signed_note.raw_key(Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key())


def test_a_note_holds_for_the_key_that_signed_it_and_for_no_other() -> None:
    note = signed_note.opened(signed_note.checkpoint("j1", 7, b"h" * 32, KEY))
    assert note.lines[:2] == ["oncue/j1", "7"]
    assert signed_note.holds(note, PUBLIC)
    assert not signed_note.holds(note, OTHER)
    assert not signed_note.holds(note._replace(text=note.text.replace("7", "8")), PUBLIC)
    assert not signed_note.holds(note._replace(signature=bytes(64)), PUBLIC)
    assert not signed_note.holds(note._replace(signer="oncue/j2"), PUBLIC)


@pytest.mark.parametrize("subject", ["CHG-7", "oncue/j1\n7\nAAAA", ""])
def test_a_seal_is_never_a_checkpoint_whatever_it_is_about(subject: str) -> None:
    """Or whoever may have evidence sealed could sign a history of their own."""
    note = signed_note.opened(signed_note.seal("j1", subject, bytes(32), KEY))
    assert signed_note.holds(note, PUBLIC)
    assert note.lines[0] == "oncue/j1/evidence"


@pytest.mark.parametrize(
    "text", ["", "a\n", "a\n\n\u2014 who", "a\n\n\u2014 who ???\n", "a\n\u2014 who AAAA\n" + "more"]
)
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="note"):
        signed_note.opened(text)

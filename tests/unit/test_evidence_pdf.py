"""Evidence on paper: what it tells, whatever is in it, and that the same bundle gives the same bytes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncue.core.errors import Refusal
from oncue.evidence import pdf, printing
from oncue.evidence.bundle import Bundle
from oncue.evidence.check import verify
from oncue.store import signed_note

ROOT: Final = Path(__file__).parents[2]
CONTENT: Final = (Path(__file__).parents[1] / "property" / "evidence-1.json").read_bytes()
"""Of a change that was undone."""


def with_story(change: Callable[[dict[str, Any]], None]) -> Bundle:
    """A bundle that tells otherwise. What is printed was verified before; this is about what paper does with it."""
    document = json.loads(CONTENT)
    change(document["evidence"]["story"])
    return msgspec.convert(document, Bundle)


def read(content: bytes) -> list[str]:
    """The text of each page, with its words apart by one space."""
    document = pypdfium2.PdfDocument(content)
    return [" ".join(page.get_textpage().get_text_range().split()) for page in document]


def whole(made: Bundle) -> str:
    return " ".join(read(printing.pdf(made)))


def test_it_says_what_an_auditor_asks() -> None:
    made = msgspec.json.decode(CONTENT, type=Bundle)
    pages = read(printing.pdf(made))
    change = made.evidence.story.change
    for asked in (
        "CHG-1: Restart the application",
        "closed, backed out",
        "2026-11-22 12:39:20 UTC to 2026-11-22 12:39:20 UTC",
        "user:board-1, 2026-11-22 12:39:20 UTC",
        change["plan"]["hash"],
        "oncue evidence verify CHG-1.json --key KEY",
        signed_note.opened(made.seal).lines[-1],
        made.key,
    ):
        assert asked in pages[0], asked
    text = " ".join(pages)
    for told in (
        "It leaks <b>memory</b>",
        "wave-1 app-3 failed at start 4 1 2",
        "look 1 of 1 succeeded",
        "undoes stop shell.command succeeded",
        "secret://app",
        "Reviewed by token:preset-admin: backed out. Try again on Sunday",
        "that no further record of the journal concerns the change",
    ):
        assert told in text, told
    assert all(one.body and f"{one.position} 2026-11-22" in text for one in made.evidence.records)


def test_each_page_says_of_what_it_is_and_which_of_how_many() -> None:
    made = msgspec.json.decode(CONTENT, type=Bundle)
    pages = read(printing.pdf(made))
    seal = signed_note.opened(made.seal).lines[-1]
    assert len(pages) > 3
    for number, text in enumerate(pages, 1):
        assert text.startswith("CHG-1: Restart the application"), number
        assert f"Bundle {seal}, taken 2026-11-22 12:39:20 UTC" in text
        assert f"Page {number} of {len(pages)}" in text


def test_the_verdict_on_a_bundle_names_the_seal_that_paper_names() -> None:
    assert verify(CONTENT).seal == signed_note.opened(json.loads(CONTENT)["seal"]).lines[-1]
    assert verify(CONTENT[:-2]).seal is None


def test_the_same_bundle_gives_the_same_bytes_in_another_process_too(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_bytes(CONTENT)
    script = (
        "import sys, msgspec; from oncue.evidence import printing; from oncue.evidence.bundle import Bundle; "
        "sys.stdout.buffer.write(printing.pdf(msgspec.json.decode(open(sys.argv[1], 'rb').read(), type=Bundle)))"
    )
    made = [
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "bundle.json")], check=True, capture_output=True,
            env={"PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    ]  # fmt: skip
    assert made[0] == made[1] == printing.pdf(msgspec.json.decode(CONTENT, type=Bundle))


def test_greek_and_cyrillic_are_set() -> None:
    def named(story: dict[str, Any]) -> None:
        story["change"]["title"] = "Перезапуск Ελληνικά Žluťoučký"
        story["approvals"][0]["decisions"][0]["by"] = "user:Ολγα"

    text = whole(with_story(named))
    assert "CHG-1: Перезапуск Ελληνικά Žluťoučký" in text
    assert "user:Ολγα" in text
    assert "cannot set" not in text


def test_what_cannot_be_set_is_written_as_its_code_point_and_said_on_the_first_page() -> None:
    def named(story: dict[str, Any]) -> None:
        story["change"]["title"] = "再 א \N{ROCKET} \x1b[31m"
        story["steps"][3]["inputs"] = {"argv": ["再開"]}

    pages = read(printing.pdf(with_story(named)))
    assert "CHG-1: [U+518D] [U+05D0] [U+1F680] [U+001B][31m" in pages[0]
    assert "cannot set 5 of the characters" in pages[0]
    assert "U+518D, U+05D0, U+1F680, U+001B, U+958B" in pages[0]
    assert '{"argv":["[U+518D][U+958B]"]}' in " ".join(pages)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=200))
def test_no_text_is_too_much_for_it(text: str) -> None:
    def filled(story: dict[str, Any]) -> None:
        story["change"]["title"] = story["change"]["reason"] = story["change"]["said"] = text
        story["steps"][3]["inputs"] = {text: [text]}
        story["ticket"]["remarks"][0]["text"] = text
        del story["steps"][4:]

    made = with_story(filled)
    made.evidence.records = made.evidence.records[:1]
    assert printing.pdf(made).startswith(b"%PDF-")


def test_long_values_go_on_over_pages_and_are_cut_where_the_bundle_has_the_rest() -> None:
    def long(story: dict[str, Any]) -> None:
        story["change"]["reason"] = "word " * 1_000
        story["ticket"]["remarks"][0]["text"] = "line\n" * 3_000
        story["steps"][3]["result"] = story["steps"][3]["inputs"] = {"out": "x" * 50_000}
        story["change"]["plan"]["waves"] = [
            {"name": f"wave-{at}", "targets": [f"host-{at}-{one}" for one in range(50)]} for at in range(40)
        ]

    text = whole(with_story(long))
    assert "[3000 characters more, in the bundle]" in text
    assert "[13000 characters more, in the bundle]" in text
    assert "2000 (wave-0: 50, " in text
    assert "and 28 more)" in text


def test_of_very_many_steps_those_that_went_wrong_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "DETAILED", 3)

    def many(story: dict[str, Any]) -> None:
        for at in range(4):
            for one in [one for one in story["steps"] if one["target"] == "app-3"]:
                story["steps"].append(
                    {**one, "target": f"more-{at}", "address": one["address"].replace("app-3", f"more-{at}")}
                )

    text = whole(with_story(many))
    assert "wave-1 more-3 failed at start" in text
    assert "undoes start" not in text.split("wave-1 more-0", 2)[2]
    assert "further steps are in the bundle" in text


def test_whether_it_can_be_made_is_known_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printing.possible()
    monkeypatch.setitem(sys.modules, "pymupdf_fonts", None)
    assert not printing.possible()


def test_what_a_newcomer_builds_can_make_it() -> None:
    locked = (ROOT / "requirements" / "run.txt").read_text()
    assert [name for name in ("reportlab", "pymupdf-fonts", "pillow") if f"\n{name}==" not in locked] == []


def test_without_what_makes_it_that_is_said_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("oncue.evidence.pdf", "oncue.evidence.paper"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "reportlab.platypus", None)
    with pytest.raises(Refusal, match="reportlab") as refused:
        printing.pdf(msgspec.json.decode(CONTENT, type=Bundle))
    assert (refused.value.code, "pip install 'oncue[pdf]'" in refused.value.entry.hint) == (
        "evidence.pdf_missing",
        True,
    )

"""Real payloads of many vendors: what each becomes was looked at once, judged, and is written in `vendors.tsv`.

They are not part of the project: `ONCUE_CORPUS` names the directory that holds `vendors/` and `keep/`. A row is the source,
the file, and a verdict: an event's type, severity, resource, check and fingerprint, `letter` and a code for a refused member,
`refused` and a code for a message that is refused as a whole. A file with several events has several rows. A severity of
`clear` is a recovery; `-` is nothing.
"""

import json
import os
import re
from pathlib import Path

import pytest

from oncue.plugins.sources.cloudevents import vet
from oncue.sdk import registry
from oncue.sdk.source import Refusal
from tests.sources import message

FIELDS = ("type", "severity", "resource", "check", "fingerprint")
FORM = re.compile(rb"-d (['\"])(.*)\1 http", re.DOTALL)


def judged() -> dict[tuple[str, str], list[str]]:
    """(source, file) to its verdicts."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in (Path(__file__).parent / "vendors.tsv").read_text("utf-8").splitlines():
        source, file, verdict = row.split("\t")
        found.setdefault((source, file), []).append(verdict)
    return found


def payload(path: Path) -> tuple[bytes, dict[str, str]]:
    """What the sender posts: of a recorded request its body, of a recorded curl command its form."""
    raw = path.read_bytes()
    form = FORM.search(raw) if "post_form" in path.name else None
    if form is not None:
        return form[2], {"content-type": "application/x-www-form-urlencoded"}
    if path.name.endswith(".http.txt"):
        return raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2].strip(), {}
    return raw, {}


def verdicts(source: str, path: Path) -> list[str]:
    """What the source makes of the file."""
    body, headers = payload(path)
    try:
        parsed = registry.source(source).parse(message(body, headers))
    except Refusal as refusal:
        return [f"refused {refusal.code}"]
    for event in parsed.events:
        vet(event)
    events = [json.loads(event) for event in parsed.events]
    said = [" | ".join(str(event.get(name, "-")) for name in FIELDS) for event in events]
    return [*said, *(f"letter {code}" for _, code, _, _ in parsed.rejected)] or ["nothing"]


ROOT = Path(os.environ.get("ONCUE_CORPUS") or "/nowhere")
CORPUS = pytest.mark.skipif(not os.environ.get("ONCUE_CORPUS"), reason="ONCUE_CORPUS is not set")


@CORPUS
@pytest.mark.parametrize(("source", "file"), sorted(judged()))
def test_a_payload_becomes_what_was_judged_right(source: str, file: str) -> None:
    assert verdicts(source, ROOT / file) == judged()[(source, file)]


@CORPUS
def test_every_payload_was_judged() -> None:
    files = {str(path.relative_to(ROOT)) for folder in ("vendors", "keep") for path in (ROOT / folder).rglob("*.*")}
    unseen = {file for file in files if not file.endswith("SOURCES.tsv") and "_parameters__" not in file}
    assert unseen - {file for _, file in judged()} == set()


@CORPUS
@pytest.mark.parametrize("file", sorted({file for _, file in judged() if file.endswith(".json")}))
def test_every_payload_is_a_neutral_event_where_nobody_mapped_it(file: str) -> None:
    (verdict,) = verdicts("json", ROOT / file)
    assert verdict == "json.event | - | in-1 | - | -"

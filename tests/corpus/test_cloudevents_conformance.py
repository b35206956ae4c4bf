"""CloudEvents' own conformance files: every valid event accepted, every invalid one refused.

They are not part of the project: `ONCUE_CORPUS` names the directory that holds `cloudevents/`.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from oncue.plugins.sources.cloudevents import parse_batch, parse_structured
from oncue.sdk.source import Parsed


def cases() -> list[Any]:
    root = os.environ.get("ONCUE_CORPUS")
    if not root:
        return [pytest.param(None, None, None, marks=pytest.mark.skip("ONCUE_CORPUS is not set"))]
    found = []
    for path in sorted(Path(root, "cloudevents").glob("*.json")):
        if path.name.startswith("protobuf-"):
            continue  # ProtoJSON, another format
        for test in json.loads(path.read_text("utf-8-sig"))["tests"]:
            document = test.get("event", test.get("batch"))
            valid = path.name.startswith("valid")
            found.append(pytest.param(document, "batch" in test, valid, id=f"{path.stem}/{test['id']}"))
    assert found, f"no conformance files in {root}/cloudevents"
    return found


@pytest.mark.parametrize(("document", "batch", "valid"), cases())
def test_the_codec_agrees_with_the_conformance_files(document: Any, batch: bool, valid: bool) -> None:
    body = json.dumps(document).encode()
    parsed: Parsed = parse_batch(body) if batch else parse_structured(body)
    assert (not parsed.rejected) is valid
    if valid:
        assert len(parsed.events) == (len(document) if batch else 1)

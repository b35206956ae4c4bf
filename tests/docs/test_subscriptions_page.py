"""The page on subscriptions: its manifests are accepted, its code checks signatures, its table is what the sender does."""

import base64
import hashlib
import hmac
import re
import subprocess
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from oncue.runtime.posting import outcome
from tests.server import ONCUE, ROOT, environment

PAGE = (ROOT / "docs" / "how-to" / "subscriptions.md").read_text("utf-8")


def test_the_manifests_of_the_page_are_accepted(tmp_path: Path) -> None:
    for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)):
        (tmp_path / f"{number}.yaml").write_text(text)
    done = subprocess.run(
        [str(ONCUE), "validate", "-f", str(tmp_path)], env=environment({}), capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_code_of_the_page_tells_genuine_requests_from_others() -> None:
    (code,) = re.findall(r"^   ```python\n(.*?)^   ```", PAGE, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(textwrap.dedent(code), names)  # what the page says is what is tried
    key, body, now = b"a key", b'{"id":"1"}', str(int(time.time()))
    signed = base64.b64encode(hmac.new(key, f"msg_1.{now}.".encode() + body, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": now, "webhook-signature": f"v1,other v1,{signed}"}
    assert names["is_genuine"](key, headers, body)
    assert not names["is_genuine"](key, headers, body + b" ")
    assert not names["is_genuine"](key, {**headers, "webhook-timestamp": "1700000000"}, body)


def listed(text: str) -> list[int]:
    """`400, 411 to 413` as numbers."""
    found: list[int] = []
    for first, last in re.findall(r"(\d{3})(?: to (\d{3}))?", text):
        found += range(int(first), int(last or first) + 1)
    return found


@pytest.mark.parametrize(("row", "about"), [("400", "event"), ("408", "passing"), ("429", "away"), ("410", "gone")])
def test_the_table_of_answers_is_true(row: str, about: str) -> None:
    (cell,) = re.findall(rf"^\| ({row}[^|]*) \|", PAGE, re.MULTILINE)
    statuses = listed(cell)
    for status in statuses:
        assert outcome(status, {}, "", datetime.now(UTC)).about == about, status
    others = [status for status in range(300, 600) if status not in statuses and status != 429]
    if about in ("event", "passing"):
        assert not [status for status in others if outcome(status, {}, "", datetime.now(UTC)).about == about]

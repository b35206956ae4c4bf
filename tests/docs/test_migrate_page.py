"""The page on moving from Alertmanager: its files become what it says, and every field has its row."""

import os
import re
import subprocess
from pathlib import Path

from oncue.manifests import alertmanager
from oncue.manifests.alertmanager import inhibitions, receivers, routes, times
from tests.server import ONCUE, ROOT, environment

PAGE = ROOT / "docs" / "how-to" / "migrate-from-alertmanager.md"


def test_the_files_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    configuration, story, _ = (text for kind, text in blocks if kind == "yaml")
    scripts = [text for kind, text in blocks if kind == "sh"]
    (tmp_path / "alertmanager.yml").write_text(configuration)
    (tmp_path / "imported.test.yaml").write_text(story)
    variables = environment({})
    variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", "".join(scripts)], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("4 "), done.stdout
    assert "oncue secret set shop-on-call-slack-url" in done.stderr


def test_every_field_has_its_row() -> None:
    named = set(re.findall(r"`([a-z_0-9]+)", PAGE.read_text("utf-8").partition("## What becomes of each field")[2]))
    fields = {*alertmanager.FIELDS, *routes.FIELDS, *inhibitions.FIELDS, *times.FIELDS}
    fields |= {*receivers.SERVICES, *receivers.NOT_THERE, "email_configs", "webhook_configs"}
    assert fields <= named, fields - named

"""The pages on change records and lookup tables: their commands run, their event and their manifests do what they say."""

import os
import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from oncue import manifests
from tests.server import ADMIN_TOKEN, ONCUE, ROOT, Server, environment
from tests.unit.story import Story

CHANGES = ROOT / "docs" / "how-to" / "changes.md"
ENRICHMENT = ROOT / "docs" / "how-to" / "enrichment.md"


def blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture
def landed() -> Story:
    """The manifests of the page on enrichment are in force."""
    story = Story()
    for text in blocks(ENRICHMENT, "yaml"):
        accepted, problems = manifests.load(manifests.parse_yaml(text.encode(), "page"))
        assert not problems
        for one in accepted:
            story.apply(one.kind, one.name, msgspec.to_builtins(one.spec))
    return story


def test_the_tables_of_the_page_are_looked_in(landed: Story) -> None:
    landed.problem(resource="db-1")
    landed.problem(resource="app-1")
    shaped, other = landed.of("alert.fired")
    assert (shaped["labels"], shaped["annotations"]["runbook"]) == ({"room": "R1"}, "https://wiki.example.com/dba")
    assert other["labels"] == {}


def test_the_event_of_the_page_tells_of_a_change() -> None:
    story = Story()
    (event,) = blocks(CHANGES, "json")
    story.feed(event.encode(), story.now)
    record = story.state.change_records["CR-1"]
    assert (record.key, record.kind, record.by) == ("P01K900123", "transport", "basis-1")
    assert (record.resources, (record.until - record.started_at).total_seconds()) == (("P01",), 1800)


def test_the_policy_of_the_page_writes_a_change_down() -> None:
    story = Story()
    (text,) = blocks(CHANGES, "yaml")
    (policy,), problems = manifests.load(manifests.parse_yaml(text.encode(), "page"))
    assert not problems
    story.apply(policy.kind, policy.name, msgspec.to_builtins(policy.spec))
    message = "%SYS-5-CONFIG_I: Configured from console by basis-1 on vty0 (10.0.0.5)"
    story.send("syslog.message", {"message": message}, resource="switch-1")
    story.send("syslog.message", {"message": "%LINK-3-UPDOWN: changed state to up"}, resource="switch-1")
    (record,) = story.state.change_records.values()
    assert (record.title, record.kind, record.by) == ("switch-1 was configured", "configuration", "basis-1")


def test_the_commands_of_the_pages_run(tmp_path: Path) -> None:
    (tmp_path / "deploy.sh").write_text("#!/bin/sh\n")
    (tmp_path / "deploy.sh").chmod(0o755)
    (tmp_path / "owners.csv").write_text("host,team\ndb-1,dba\n")
    (tmp_path / "sites.csv").write_text("network,site\n10.0.0.0/8,Ulm\n")
    script = "".join(text for page in (CHANGES, ENRICHMENT) for text in blocks(page, "sh"))
    with Server(tmp_path / "data") as server:
        variables = environment({"ONCUE_SERVER": server.url, "ONCUE_TOKEN": ADMIN_TOKEN})
        variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found = {one["key"]: (one["state"], one["kind"]) for one in server.items("change-records")}
    assert found == {"build-812": ("succeeded", "deployment"), "disks": ("succeeded", "change")}

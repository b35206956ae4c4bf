"""The pages on sources: their manifests apply, and their examples fire an alert and end it."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from oncue.sdk import registry
from tests.sources import faults, parse, told
from tests.unit.story import Story

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "how-to" / "sources").glob("*.md"))
EXAMPLES = [page for page in PAGES if page.name != "README.md"]
NEUTRAL = {"jira"}
"""Types whose events tell of no problem."""
HEADERS = {"github": {"X-GitHub-Event": "workflow_run"}}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def spec_of(page: Path) -> dict[str, Any]:
    manifest = blocks(page, "yaml")[0]
    document = YAML(typ="safe").load(manifest)
    assert (document["apiVersion"], document["kind"]) == ("oncue/v1", "Source")
    spec: dict[str, Any] = document["spec"]
    return spec


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: page.stem)
def test_the_manifest_applies(page: Path) -> None:
    spec = spec_of(page)
    assert spec["type"] in registry.names(registry.SOURCES)
    assert faults(spec["type"], spec.get("with", {})) == []


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: page.stem)
def test_the_examples_fire_an_alert_and_end_it(page: Path) -> None:
    spec = spec_of(page)
    examples = blocks(page, "json") or blocks(page, "syslog")
    story = told(spec["type"], *examples, headers=HEADERS.get(spec["type"]), settings=spec.get("with", {}))
    if spec["type"] in NEUTRAL:
        assert examples
        assert "alert.fired" not in story.types()
        return
    if len(examples) == 1:  # this sender never says that it is over
        assert "alert.resolved" not in story.types()
        story.wait("1d")
    assert [kind for kind in story.types() if kind in ("alert.fired", "alert.resolved")] == [
        "alert.fired",
        "alert.resolved",
    ]


@pytest.mark.parametrize("name", ["gitlab", "argocd", "jenkins", "flux"])
def test_what_deploys_is_a_change_on_record(name: str) -> None:
    page = next(page for page in PAGES if page.stem == name)
    spec = spec_of(page)
    story = told(spec["type"], *blocks(page, "json"), settings=spec.get("with", {}))
    records = list(story.state.change_records.values())
    wanted = ["succeeded"] if name == "flux" else ["failed", "succeeded"]
    assert [one.state for one in records] == wanted
    assert all(one.resources and one.by and one.key.startswith(name) for one in records)


def test_the_policy_on_syslog_counts_failed_logins() -> None:
    page = next(page for page in PAGES if page.name == "syslog.md")
    policy = YAML(typ="safe").load(blocks(page, "yaml")[1])
    story = Story()
    story.apply(policy["kind"], policy["metadata"]["name"], policy["spec"])
    line = "<38>Mar  1 11:59:50 web-1 sshd[%d]: %s password for root from 10.0.0.%d port 22"
    for number in range(20):
        assert "alert.fired" not in story.types()
        for body in (line % (number, "Accepted", number), line % (number, "Failed", number)):
            for document in parse("syslog", body).events:
                story.skip("1s")
                story.feed(document, story.now)
    (fired,) = story.of("alert.fired")
    assert (fired["severity"], fired["title"]) == ("major", "Many failed logins on web-1")


def test_every_source_has_a_page() -> None:
    overview = (ROOT / "docs" / "how-to" / "sources" / "README.md").read_text()
    for name in registry.names(registry.SOURCES):
        assert f"`{name}`" in overview or name == "alertmanager", name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target

"""The page on workflows: its workflow passes its own test, its triggers are known when they are next due, and its tables have
every form and every state."""

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple, get_args

from oncue.core.plan import FORMS
from oncue.core.run import StepState
from tests.receiver import Receiver
from tests.server import ADMIN_TOKEN, ONCUE, ROOT, Server, environment, eventually

PAGE = ROOT / "docs" / "how-to" / "workflows.md"


def told(heading: str) -> set[str]:
    """What the rows of the table under a heading begin with."""
    section = PAGE.read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


class Written(NamedTuple):
    """The YAML of the page, in its order."""

    whole: str
    limits: str
    held: str
    triggered: str
    taking: str
    story: str


def written() -> Written:
    return Written(*re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE))


def test_the_workflow_of_the_page_does_what_its_test_says(tmp_path: Path) -> None:
    (tmp_path / "roll-out.yaml").write_text(written().whole)
    (tmp_path / "roll-out.test.yaml").write_text(written().story)
    variables = environment({})
    variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
    done = subprocess.run(
        ["oncue", "test", "."], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("1 passed")


def test_the_triggers_of_the_page_are_known_and_a_dry_run_says_what_would_be_done(
    fresh_server: Server, tmp_path: Path
) -> None:
    text = PAGE.read_text("utf-8")
    applied = fresh_server.client.post("/api/v1/manifests", content=written().triggered)
    assert applied.status_code == 200, applied.text
    variables = environment({"ONCUE_SERVER": fresh_server.url, "ONCUE_TOKEN": ADMIN_TOKEN})
    variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"

    def told_by(command: str) -> str:
        assert f"```sh\n{command}\n```" in text, "the page has it"
        done = subprocess.run(
            ["bash", "-euc", command], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    schedules = told_by("oncue get schedules")
    assert "nightly" in schedules
    assert "patch_day" in schedules
    assert "note" in told_by("oncue run tidy-up --input volume=vol-1 --dry-run")
    assert fresh_server.items("runs") == []


def test_the_password_of_the_page_is_set_and_nobody_reads_it(fresh_server: Server, tmp_path: Path) -> None:
    text = PAGE.read_text("utf-8")
    (command,) = re.findall(r"^```sh\n(.* --hidden .*)\n```", text, re.MULTILINE)
    (tmp_path / "password.txt").write_text("correct horse battery\n")
    allow = "apiVersion: oncue/v1\nkind: OutboundAllow\nmetadata: {name: here}\nspec: {host: 127.0.0.1}\n---\n"
    with Receiver() as accounts:
        manifests = allow + written().taking.replace("https://accounts.example.com", accounts.url)
        applied = fresh_server.client.post("/api/v1/manifests", content=manifests)
        assert applied.status_code == 200, applied.text
        variables = environment({"ONCUE_SERVER": fresh_server.url, "ONCUE_TOKEN": ADMIN_TOKEN})
        variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
        done = subprocess.run(
            ["bash", "-euc", command], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        (sent,) = eventually(lambda: accounts.to("/shop-1/password"), what="it is set")
    assert sent.headers["x-new-password"] == "correct horse battery"
    (run,) = fresh_server.items("runs")
    assert run["inputs"] == {"account": "shop-1", "password": run["inputs"]["password"]}
    assert run["inputs"]["password"].startswith("secret://run/")


def test_what_must_hold_of_a_step_is_taken_as_the_page_has_it(tmp_path: Path) -> None:
    before, _, after = written().whole.partition("          validate:")
    rest = after.partition("          rollback:")[2]
    inner = "".join(f"          {line}\n" for line in written().held.splitlines())
    (tmp_path / "roll-out.yaml").write_text(f"{before}{inner}          rollback:{rest}")
    done = subprocess.run(
        ["oncue", "validate", "-f", "roll-out.yaml"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env={**environment({}), "PATH": f"{ONCUE.parent}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_limits_of_the_page_are_taken(fresh_server: Server) -> None:
    head = "apiVersion: oncue/v1\nkind: Workflow\nmetadata: {name: limited}\nspec:\n"
    given = "  inputs: {type: object, properties: {host: {type: string}, site: {type: string}}}\n  steps: [{id: a, set: {x: 1}}]\n"
    limits = "".join(f"  {line}\n" for line in written().limits.splitlines())
    applied = fresh_server.client.post("/api/v1/manifests", content=head + given + limits)
    assert applied.status_code == 200, applied.text


def test_the_table_of_forms_has_each_of_them() -> None:
    assert told("What a step can be") == {form.rstrip("_") for form in FORMS}


def test_the_table_of_states_has_each_of_them() -> None:
    assert told("States of a step") == set(get_args(StepState))

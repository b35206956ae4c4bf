"""Policy tests: what happened is compared one for one, time is moved, and what is not expected must not happen."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncue.core.errors import Refusal
from oncue.manifests import Problem
from oncue.rehearsal.run import Result, run
from tests.server import ROOT

MANIFESTS = """\
apiVersion: oncue/v1
kind: Channel
metadata: {name: mail}
spec: {type: email, with: {to: [basis-1@example.com]}}
---
apiVersion: oncue/v1
kind: Team
metadata: {name: basis}
spec: {channels: [mail]}
---
apiVersion: oncue/v1
kind: Service
metadata: {name: shop}
spec: {owner: "team:basis", resources: ["db-*"]}
---
apiVersion: oncue/v1
kind: Policy
metadata: {name: clean}
spec:
  match: {types: [disk.full], where: "event.data.used > 90"}
  respond: [{run: {workflow: clean, with: {host: "${event.resource}"}}}]
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: clean}
spec:
  inputs: {type: object, properties: {host: {type: string}}}
  steps:
    - id: ask
      uses: http.request
      with: {url: "https://example.com/clean"}
      retry: {attempts: 3, initial: 10s, factor: 2, errors: [http.status]}
      outputs: {freed: "result.freed"}
    - id: tell
      uses: incident.comment
      with: {text: "freed ${steps.ask.outputs.freed}"}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: patch}
spec:
  steps:
    - {id: drain, uses: http.request, with: {url: "https://example.com/drain"}, rollback: {uses: http.request, with: {url: "https://example.com/fill"}}}
    - {id: guard, try: [{id: rest, wait: {for: 1h}}], finally: [{id: tidy, set: {tidy: true}}]}
    - {id: last, set: {done: true}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: roll}
spec:
  steps:
    - id: hosts
      for_each: {items: [db-1, db-2], max_parallel: 1}
      steps: [{id: off, if: "false", set: {off: true}}, {id: rest, wait: {for: 10m}}]
---
apiVersion: oncue/v1
kind: Monitor
metadata: {name: backup}
spec: {uses: heartbeat, every: 1h, grace: 5m, severity: major}
"""
FULL = {"type": "disk.full", "severity": "major", "resource": "db-1", "data": {"used": 95}}


@pytest.fixture
def told(tmp_path: Path) -> Any:
    """Runs one case: what is given, and what is expected."""
    (tmp_path / "shop.yaml").write_text(MANIFESTS)

    def tell(given: list[dict[str, Any]], expect: dict[str, Any] | None, **more: Any) -> Result:
        case = {"name": "case", "given": given, **({"expect": expect} if expect is not None else {}), **more}
        document = {"apiVersion": "oncue/v1", "kind": "Test", "metadata": {"name": "t"}, "spec": {"cases": [case]}}
        (tmp_path / "shop.test.yaml").write_bytes(msgspec.json.encode(document))
        (found,) = run([tmp_path])
        assert isinstance(found, Result), found
        return found

    return tell


def problems(tmp_path: Path, text: str) -> list[Problem]:
    (tmp_path / "shop.yaml").write_text(MANIFESTS)
    (tmp_path / "shop.test.yaml").write_text(text)
    found = list(run([tmp_path]))
    assert all(isinstance(one, Problem) for one in found), found
    return [one for one in found if isinstance(one, Problem)]


ALL = {
    "alerts": [{"resource": "db-1", "severity": "major"}],
    "notifications": [{"to": "mail", "reason": "first", "at": "0s"}],
    "runs": [{"workflow": "clean", "inputs": {"host": "db-1"}}],
}


def test_a_story_that_goes_as_expected_passes(told: Any) -> None:
    assert told([{"event": FULL}], ALL).wrong == []


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("alerts", "alerts: not expected: severity: major"),
        ("notifications", "notifications: not expected: to: mail, reason: first"),
        ("runs", "runs: not expected: workflow: clean"),
    ],
)
def test_what_is_not_named_must_not_happen(told: Any, member: str, words: str) -> None:
    less = {name: wanted for name, wanted in ALL.items() if name != member}
    (wrong,) = told([{"event": FULL}], less).wrong
    assert wrong.startswith(words)
    assert told([{"event": FULL}], {**ALL, member: "any"}).wrong == []


def test_what_did_not_happen_is_named_with_what_came_nearest_and_why(told: Any) -> None:
    unmet = {**FULL, "data": {"used": 85}}
    result = told([{"event": unmet}], {**ALL, "alerts": [{"resource": "db-1", "severity": "critical"}]})
    assert result.wrong == [
        "alerts: not seen: severity: critical, resource: db-1; the nearest has severity: major",
        "alerts: not expected: severity: major, title: disk.full on db-1, resource: db-1, state: firing, at: 0s",
        "runs: not seen: workflow: clean, inputs: {\"host\":\"db-1\"}",
    ]  # fmt: skip
    assert result.because == ["0s default/clean did not fire: where_false (where: event.data.used > 90)"]


def test_what_is_said_loosely_does_not_take_what_is_meant_precisely(told: Any) -> None:
    events = [{"event": {**FULL, "resource": name, "data": {"used": 1}}} for name in ("db-1", "db-2")]
    ways: list[list[dict[str, str]]] = [[{}, {"resource": "db-1"}], [{"resource": "db-2"}, {}], [{}, {}]]
    for alerts in ways:
        assert told(events, {"alerts": alerts, "notifications": "any"}).wrong == []
    assert len(told(events, {"alerts": [{"resource": "db-1"}] * 2, "notifications": "any"}).wrong) == 2


def test_an_action_is_tried_again_at_its_instants_and_comes_to_what_the_test_says(told: Any) -> None:
    failing = {"actions": {"http.request": {"error": "http.status", "transient": True}}, "until": "1h"}
    midway = {"at": "29s", "expect": {**ALL, "runs": [{"state": "running", "steps": {"ask": "waiting"}}]}}
    assert told([{"event": FULL}, midway], {**ALL, "runs": [{"state": "failed"}]}, **failing).wrong == []
    late = {**midway, "at": "31s"}
    (wrong,) = [
        one for one in told([{"event": FULL}, late], {**ALL, "runs": "any"}, **failing).wrong if "not seen" in one
    ]
    assert wrong.startswith("at 31s: runs: not seen")
    well = {"actions": {"http.request": {"error": "boom"}, "clean/ask": {"result": {"freed": 7}}}}
    assert told([{"event": FULL}], {**ALL, "runs": [{"state": "succeeded"}]}, **well).wrong == []


def test_a_run_that_someone_cancels_does_what_is_done_in_any_case_and_never_the_rest(told: Any) -> None:
    given = [{"run": {"workflow": "patch"}}, {"at": "5m", "cancel": {"workflow": "patch", "rollback": True}}]
    run = {
        "state": "rolled_back",
        "steps": {"guard/tidy": "succeeded", "drain~rollback": "succeeded"},
        "never": ["last"],
    }
    assert told(given, {"runs": [run]}).wrong == []
    (wrong, _) = told(given, {"runs": [{**run, "never": ["last", "guard/tidy"]}]}).wrong
    assert wrong.endswith('the nearest has order: ["drain","guard","guard/rest","guard/tidy","drain~rollback"]')
    assert told(given[1:], {}).wrong == ["given[0]: run.not_found: no run of patch is under way"]


def test_what_never_begins_is_a_step_or_an_item_that_there_is(told: Any) -> None:
    def wrong(*never: str, cancel_at: str = "5m") -> list[str]:
        given = [{"run": {"workflow": "roll"}}, {"at": cancel_at, "cancel": {"workflow": "roll"}}]
        found: list[str] = told(
            given, {"runs": [{"workflow": "roll", "state": "cancelled", "never": list(never)}]}
        ).wrong
        return found

    assert wrong("hosts[db-2]", "hosts[db-1]/off", "hosts[db-2]/rest", "hosts~rollback") == []
    for begun in ("hosts[db-1]", "hosts", "hosts[db-1]/rest"):
        assert wrong(begun)[0].startswith("runs: not seen"), begun
    assert wrong("hosts[db-2]", cancel_at="15m")[0].startswith("runs: not seen")
    assert wrong("hosts[db-1]/rset") == ["runs: never: hosts[db-1]/rset is no step of roll"]


def test_people_acknowledge_resolve_and_silence(told: Any) -> None:
    seen = [
        {"event": FULL},
        {"at": "1m", "acknowledge": {"resource": "db-1"}},
        {"at": "2m", "resolve": {"resource": "db-1"}},
    ]
    ended = [{"reason": "first"}, {"reason": "resolved", "at": "2m"}]
    assert told(seen, {**ALL, "alerts": [{"resolved_at": "2m"}], "notifications": ended}).wrong == []
    quiet = [{"silence": {"matchers": {"resource": "db-1"}, "for": "1h"}}, {"at": "1m", "event": FULL}]
    assert told(quiet, {"alerts": [{"quiet": ["silenced"]}]}).wrong == []
    (wrong,) = told([{"acknowledge": {"resource": "db-9"}}], {}).wrong
    assert wrong.startswith("given[0]: alert.not_found")


def test_a_heartbeat_is_missed_only_once_it_has_been_heard(told: Any) -> None:
    assert told([], {}, until="1d").wrong == []
    missed = {"alerts": [{"severity": "major", "at": "1h5m"}]}
    assert told([{"heartbeat": "backup"}], missed, until="2h").wrong == []
    assert told([{"heartbeat": "backup"}, {"at": "50m", "heartbeat": "backup"}], {}, until="1h30m").wrong == []


def test_an_event_that_a_server_would_refuse_is_refused(told: Any) -> None:
    (wrong,) = told([{"event": {"type": "oncue.alert.fired"}}], {}).wrong
    assert wrong.startswith("given[0]: event.type_reserved")


def test_policies_that_cause_each_other_for_ever_are_stopped(told: Any, tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").write_text("""\
apiVersion: oncue/v1
kind: Workflow
metadata: {name: again}
spec:
  steps:
    - {id: act, uses: http.request, with: {url: "https://example.com"}}
    - {id: say, uses: event.emit, with: {type: loop.again}}
---
apiVersion: oncue/v1
kind: Policy
metadata: {name: again}
spec: {match: {types: [loop.again]}, respond: [{run: {workflow: again}}]}
""")
    (wrong,) = told([{"event": {"type": "loop.again"}}], {"runs": "any"}).wrong
    assert "test.endless" in wrong


@pytest.mark.parametrize(
    ("spec", "line", "words"),
    [
        ("cases: [{name: a, given: [{evnt: {type: a}}], expect: {}}]", 5, "did you mean event?"),
        ("cases: [{name: a, given: [{at: 5m, event: {type: a}},\n    {at: 1m, event: {type: b}}], expect: {}}]", 6, "1m lies before"),
        ("cases: [{name: a, given: [{at: 5m}], expect: {}}]", 5, "not none"),
        ("cases: [{name: a, given: [{event: {type: a}}]}]", 5, "expects nothing"),
        ("cases: []", 5, "at least 1"),
        ("start: tomorrow\n  cases: [{name: a, given: [], expect: {}}]", 5, "not an instant"),
    ],
)  # fmt: skip
def test_a_test_that_makes_no_sense_is_named_with_its_place(tmp_path: Path, spec: str, line: int, words: str) -> None:
    head = "apiVersion: oncue/v1\nkind: Test\nmetadata: {name: t}\nspec:\n  "
    (found,) = problems(tmp_path, head + spec)
    assert (found.line, words in str(found)) == (line, True), str(found)


def test_manifests_that_are_wrong_are_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text(
        "apiVersion: oncue/v1\nkind: Policy\nmetadata: {name: a}\nspec: {match: {tpyes: [a]}}\n"
    )
    head = "apiVersion: oncue/v1\nkind: Test\nmetadata: {name: t}\nspec: {cases: [{name: a, given: [], expect: {}}]}\n"
    assert any("did you mean types?" in str(found) for found in problems(tmp_path, head))


def test_where_there_is_no_test_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"test\.none"):
        list(run([tmp_path]))


def test_all_that_is_shipped_does_what_its_tests_say() -> None:
    results = list(run([ROOT / "examples"]))
    assert len(results) >= 6
    assert [one for one in results if isinstance(one, Problem) or one.wrong] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("clean/aks", "Workflow clean has no step aks; did you mean ask?"),
        ("patch/guard/rets~validate", "Workflow patch has no step rets; did you mean rest?"),
        ("clena/ask", "there is no Workflow clena in the manifests; did you mean clean?"),
        ("http.requset", "no step calls http.requset; did you mean http.request?"),
        ("ssh.command", "no step calls ssh.command"),
    ],
)
def test_what_an_action_comes_to_is_said_of_one_that_there_is(tmp_path: Path, name: str, words: str) -> None:
    text = f"""\
apiVersion: oncue/v1
kind: Test
metadata: {{name: t}}
spec:
  cases:
    - name: case
      given: []
      actions: {{"{name}": {{error: x}}}}
      expect: {{}}
"""
    (one,) = problems(tmp_path, text)
    assert (one.code, one.line, one.detail) == ("test.invalid", 8, words)

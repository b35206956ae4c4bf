"""Dry-run: what a run would do, as far as that is known before anything has happened."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import fields, replace

from oncue.core import steps as stepping
from oncue.core.errors import Refusal
from oncue.core.run_acts import ACTS
from oncue.rehearsal.dry_run import Ahead, DryRun, Planned, ahead, dry_run
from oncue.rehearsal.fitting import Here
from oncue.rehearsal.saying import SENTENCES
from oncue.sdk import Allow, Allowed, AnsibleRules, Guard, PythonRules, ShellRules, registry
from tests.unit.runs import answer, run
from tests.unit.story import Story

AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
INPUTS = {"type": "object", "required": ["host"], "properties": {"host": {"type": "string"}, "big": {"type": "boolean", "default": False}}}  # fmt: skip


def planned(
    *steps: dict[str, Any], inputs: dict[str, Any] | None = None, may: Any = None, here: Any = None, **spec: Any
) -> DryRun:
    story = Story()
    story.apply("Workflow", "inner", {"steps": [{"id": "ticket", "uses": "ticket.create", "with": {"title": "x"}}]})
    story.apply("Workflow", "bad", {"steps": [{"id": "bad", **BAD}]})
    story.apply("Workflow", "w", {"inputs": INPUTS, "steps": list(steps), **spec})
    return dry_run(story.state, "default", "w", inputs or {"host": "web-1"}, AT, "user:basis-1", may, here)


def flat(steps: list[Planned]) -> list[tuple[str, str]]:
    return [pair for one in steps for pair in [(one.step, one.verdict), *flat(one.steps)]]


GET = {"uses": "http.request", "with": {"url": "http://127.0.0.1/${inputs.host}"}}


def test_what_is_known_is_evaluated_and_each_action_says_what_it_would_do() -> None:
    found = planned({"id": "look", **GET, "rollback": {"uses": "http.request", "with": {"url": "http://127.0.0.1/"}},
                     "validate": {"that": "steps.look.result.status == 200"}})  # fmt: skip
    (step,) = found.steps
    assert (step.verdict, step.inputs["url"], step.effect_class) == ("runs", "http://127.0.0.1/web-1", "pure")
    assert step.does is not None
    assert "http://127.0.0.1/web-1" in step.does
    assert (step.undo, step.validate) == ("http.request", "steps.look.result.status == 200")
    assert found.inputs == {"host": "web-1", "big": False}
    assert (found.fails, found.unknown) == ([], 0)


def test_which_workers_may_be_given_a_step_is_said() -> None:
    whole = {"labels": {"site": "${inputs.host}"}}
    found = planned({"id": "a", **GET}, {"id": "b", **GET, "labels": {}}, {"id": "c", **GET, "labels": {"os": "linux"}}, {"id": "d", **GET, "labels": {"os": "${steps.a.result.os}"}}, **whole)  # fmt: skip
    ends = [(one.does or "").partition("; ")[2] for one in found.steps]
    assert ends[:3] == ["by a worker that has site=web-1", "", "by a worker that has os=linux"]
    assert ends[3].startswith("by which workers is not known: depends on step a")


def test_conditions_that_are_known_decide_and_others_say_what_they_depend_on() -> None:
    found = planned(
        {"id": "look", **GET},
        {"id": "never", "if": "inputs.big", **GET},
        {"id": "after", "if": "steps.never.state == 'skipped'", **GET},
        {"id": "maybe", "if": "steps.look.result.status == 500", **GET},
    )
    assert flat(found.steps) == [("look", "runs"), ("never", "skipped"), ("after", "runs"), ("maybe", "may run")]
    assert found.steps[3].why == "depends on step look: steps.look.result.status == 500"
    assert found.unknown == 1


def test_inputs_that_depend_on_what_comes_are_left_as_they_are_written() -> None:
    found = planned(
        {"id": "look", **GET},
        {"id": "next", "uses": "http.request",
         "with": {"url": "${steps.look.result.json.next}", "headers": {"X-Host": "${inputs.host}"}}},
    )  # fmt: skip
    step = found.steps[1]
    assert step.inputs == {"url": "${steps.look.result.json.next}", "headers": {"X-Host": "web-1"}}
    assert step.does is None
    assert "depends on step look" in (step.why or "")


def test_variables_are_followed_as_far_as_they_are_certain() -> None:
    found = planned(
        {"id": "one", "set": {"url": "http://127.0.0.1/${inputs.host}/x"}},
        {"id": "get", "uses": "http.request", "with": {"url": "${vars.url}"}},
        {"id": "two", "if": "steps.get.state == 'failed'", "set": {"url": "http://127.0.0.1/other"}},
        {"id": "again", "uses": "http.request", "with": {"url": "${vars.url}"}},
    )
    assert found.steps[1].inputs == {"url": "http://127.0.0.1/web-1/x"}
    assert found.steps[3].inputs == {"url": "${vars.url}"}


def test_steps_that_hold_others_are_gone_through() -> None:
    found = planned(
        {"id": "all", "for_each": {"items": "['a', 'b']", "as": "one", "max_parallel": 2},
         "steps": [{"id": "get", "uses": "http.request", "with": {"url": "http://127.0.0.1/${one}/${index}"}}]},
        {"id": "which", "switch": [{"when": "inputs.big", "steps": [{"id": "big", **GET}]},
                                   {"steps": [{"id": "small", **GET}]}]},
        {"id": "guard", "try": [{"id": "risky", **GET}], "catch": [{"id": "mend", **GET}], "finally": [{"id": "tidy", **GET}]},
        {"id": "both", "parallel": [{"id": "left", **GET}, {"id": "right", **GET}]},
    )  # fmt: skip
    assert found.steps[0].items == 2
    assert found.steps[0].steps[1].steps[0].inputs == {"url": "http://127.0.0.1/b/1"}
    names = dict(flat(found.steps))
    assert (names["which/small"], names.get("which/big")) == ("runs", None)
    assert (names["guard/risky"], names["guard/mend"], names["guard/tidy"]) == ("runs", "may run", "runs")
    assert (names["both/left"], names["both/right"]) == ("runs", "runs")


def test_items_that_are_not_known_are_gone_through_once() -> None:
    found = planned(
        {"id": "look", **GET},
        {"id": "all", "for_each": {"items": "steps.look.result.json.hosts"},
         "steps": [{"id": "get", "uses": "http.request", "with": {"url": "http://127.0.0.1/${item}"}}]},
    )  # fmt: skip
    assert flat(found.steps)[1:] == [("all", "runs"), ("all[...]/get", "may run")]
    assert found.steps[1].steps[0].inputs == {"url": "http://127.0.0.1/${item}"}


def test_runs_within_the_run_are_shown_and_what_may_not_be_done_fails() -> None:
    call = {"id": "call", "run": {"workflow": "inner"}}
    assert flat(planned(call).steps) == [("call", "runs"), ("call/ticket", "runs")]
    refused = planned(call, may=("alert:resolve",))
    assert refused.fails == ["call/ticket"]
    assert "ticket:create" in (refused.steps[0].steps[0].why or "")


def test_what_would_fail_says_why() -> None:
    bad = {"id": "bad", "if": "inputs.host > 3", "on_failure": "continue", **GET}
    found = planned(bad, {"id": "odd", "uses": "http.request", "with": {"url": 7}})
    assert found.fails == ["odd"], "bad is gone on after"
    assert "inputs.host > 3" in (found.steps[0].why or "")


@pytest.mark.parametrize(
    ("uses", "given", "why"),
    [
        ("http.request", {"url": "http://a/${inputs.host}", "json": 1, "body": "x"}, "inputs.invalid: body: give json or body, not both"),
        ("email.send", {"to": ["${inputs.host}"], "subject": "s", "text": "t"}, "inputs.invalid: to[0]: 'web-1' is not a mail address"),
        ("event.emit", {"type": "oncue.${inputs.host}"}, "event.type_reserved: type: oncue.web-1: such types are OnCue's own"),
        ("ticket.transition", {"ticket": "TCK-1", "state": "${inputs.host}"}, "inputs.invalid: state: 'web-1' is none of closed, in_progress, new, resolved"),
        ("ansible.playbook", {"inventory": "${inputs.host}"}, "inputs.invalid: give one of playbook and text"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit_once_they_are_known_fail(uses: str, given: dict[str, Any], why: str) -> None:
    found = planned({"id": "a", "uses": uses, "with": given})
    assert found.fails == ["a"]
    assert found.steps[0].why == why


def test_what_a_step_does_is_said_in_words_that_fit_its_number() -> None:
    shell = {
        "uses": "ssh.script",
        "with": {"host": "h", "user": "u", "key": "secret://k", "known_hosts": ["ssh-rsa AAAAB3"]},
    }
    python = {"uses": "python.script", "with": {"script": "def main(inputs):\n    return 1"}}
    each = {"for_each": {"items": ["a"]}, "steps": [{"id": "x", "set": {}}]}
    pods = {"server": "https://k", "kind": "Pod", "namespace": "shop"}
    steps = [
        {"id": "one", **shell, "with": {**shell["with"], "script": "ls"}},
        {"id": "two", **python},
        {"id": "each", **each},
        {"id": "all", "uses": "kubernetes.get", "with": pods},
        {"id": "named", "uses": "kubernetes.get", "with": {**pods, "name": "web-1"}},
    ]
    found = planned(*steps)
    assert [one.does for one in found.steps] == [
        "u@h: /bin/sh -s -- (a script of 1 line)",
        "a Python script of 2 lines, with no inputs",
        "1 item, 1 at the same time",
        "list objects of the kind Pod in shop at k",
        "get Pod shop/web-1 at k",
    ]
    assert found.steps[2].steps[0].steps[0].does == "sets nothing"


def test_inputs_that_are_not_known_yet_do_not_fail() -> None:
    later = {"to": ["${steps.a.result.body}"], "subject": "s", "text": "t"}
    found = planned({"id": "a", **GET}, {"id": "b", "uses": "email.send", "with": later})
    assert (found.fails, found.steps[1].why) == ([], "depends on step a: steps.a.result.body")


def test_waits_and_approvals_say_what_they_wait_for() -> None:
    found = planned(
        {"id": "ask", "approvals": [{"by": ["user:a", "user:b"], "quorum": 2}], "ask": "Grow ${inputs.host}?"},
        {
            "id": "event",
            "wait": {"event": {"types": ["volume.resized"], "resource": "${inputs.host}"}, "timeout": "5m"},
        },
        {"id": "later", "wait": {"until": "now + duration('1h')"}},
    )
    assert [one.does for one in found.steps] == [
        "asks 2 of user:a, user:b: Grow web-1?", "waits for volume.resized about web-1, for 5m at most",
        "waits until 2026-03-01T04:00:00Z",
    ]  # fmt: skip


def test_inputs_that_do_not_fit_are_refused_as_a_run_would_be() -> None:
    with pytest.raises(Refusal, match="host"):
        planned({"id": "look", **GET}, inputs={"hots": "x"})


BAD = {"uses": "http.request", "with": {"url": 7}}
WRONG = {"uses": "http.request", "with": {"url": "${inputs.host > 3}"}}


def step(id: str, what: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"id": id, **(what or {}), **more}


@pytest.mark.parametrize(
    ("steps", "verdicts"),
    [
        ([step("bad", BAD), step("after", GET)], {"bad": "fails", "after": "skipped"}),
        ([step("bad", GET, **{"if": "inputs.host > 3"}), step("after", GET)], {"bad": "fails", "after": "skipped"}),
        ([step("bad", BAD, on_failure="continue"), step("after", GET)], {"bad": "fails", "after": "runs"}),
        ([step("look", GET), step("bad", BAD, **{"if": "steps.look.result.status == 500"}), step("after", GET)],
         {"bad": "fails", "after": "runs"}),
        ([step("in", steps=[step("bad", BAD), step("next", GET)]), step("after", GET)],
         {"in": "runs", "in/bad": "fails", "in/next": "skipped", "after": "skipped"}),
        ([step("in", steps=[step("bad", BAD)], on_failure="continue"), step("after", GET)], {"after": "runs"}),
        ([step("both", parallel=[step("bad", BAD), step("next", GET)]), step("after", GET)],
         {"both/bad": "fails", "both/next": "runs", "after": "skipped"}),
        ([step("both", parallel=[step("one", GET), step("bad", WRONG), step("next", GET)])],
         {"both/one": "runs", "both/bad": "fails", "both/next": "skipped"}),
        ([step("which", switch=[{"when": "!inputs.big", "steps": [step("bad", BAD)]}]), step("after", GET)],
         {"which/bad": "fails", "after": "skipped"}),
        ([step("look", GET), step("which", switch=[{"when": "steps.look.state == 'x'", "steps": [step("bad", BAD)]}]),
          step("after", GET)], {"which/bad": "fails", "after": "runs"}),
        ([step("each", for_each={"items": "['a', 'b']", "max_parallel": 1}, steps=[step("bad", BAD)]), step("after", GET)],
         {"each[a]/bad": "fails", "each[b]": "skipped", "after": "skipped"}),
        ([step("each", for_each={"items": "['a', 'b']", "max_failures": 2}, steps=[step("bad", BAD)]), step("after", GET)],
         {"each[a]/bad": "fails", "each[b]/bad": "fails", "after": "runs"}),
        ([step("sub", run={"workflow": "bad"}), step("after", GET)], {"sub/bad": "fails", "after": "skipped"}),
        ([step("sub", run={"workflow": "bad", "detached": True}), step("after", GET)], {"after": "runs"}),
    ],
)  # fmt: skip
def test_nothing_runs_behind_a_step_that_is_sure_to_fail(steps: list[dict[str, Any]], verdicts: dict[str, str]) -> None:
    found = dict(flat(planned(*steps).steps))
    assert {name: found.get(name) for name in verdicts} == verdicts


def test_what_is_not_reached_names_the_step_that_fails_before_it() -> None:
    assert planned(step("bad", BAD), step("after", GET)).steps[1].why == "step bad fails before it"


@pytest.mark.parametrize(
    ("attempt", "verdicts"),
    [
        ({"catch": [step("mend", GET)]}, {"t/bad": "fails", "t/next": "skipped", "t/catch": "runs", "t/mend": "runs", "after": "runs"}),
        ({"finally": [step("tidy", GET)]}, {"t/tidy": "runs", "after": "skipped"}),
        ({"catch": [step("worse", BAD)], "finally": [step("tidy", GET)]}, {"t/worse": "fails", "t/tidy": "runs", "after": "skipped"}),
        ({"catch": [step("mend", GET)], "finally": [step("worse", BAD)]}, {"t/mend": "runs", "t/worse": "fails", "after": "skipped"}),
    ],
)  # fmt: skip
def test_a_certain_failure_is_caught(attempt: dict[str, Any], verdicts: dict[str, str]) -> None:
    found = planned(step("t", **{"try": [step("bad", BAD), step("next", GET)]}, **attempt), step("after", GET))
    assert {name: dict(flat(found.steps)).get(name) for name in verdicts} == verdicts


@pytest.mark.parametrize(
    ("steps", "fails"),
    [
        ([step("bad", BAD), step("after", BAD)], ["bad"]),
        ([step("bad", BAD, on_failure="continue"), step("after", GET)], []),
        ([step("bad", GET, **{"if": "inputs.host > 3"}, on_failure="continue")], []),
        ([step("in", steps=[step("bad", BAD)], on_failure="continue")], []),
        ([step("t", **{"try": [step("bad", BAD)], "catch": [step("mend", GET)]})], []),
        ([step("t", **{"try": [step("bad", BAD)], "catch": [step("worse", BAD)]})], ["t/worse"]),
        ([step("t", **{"try": [step("bad", BAD)], "finally": [step("tidy", GET)]})], ["t/bad"]),
        ([step("sub", run={"workflow": "bad", "detached": True})], []),
        ([step("each", for_each={"items": "['a', 'b']", "max_failures": 1}, steps=[step("x", GET, **{"if": "item == 'a' || item > 3"})])],
         []),
        ([step("each", for_each={"items": "['a', 'b']", "max_failures": 1}, steps=[step("bad", BAD)])], ["each[a]/bad", "each[b]/bad"]),
    ],
)  # fmt: skip
def test_the_run_fails_by_what_it_does_not_go_on_after(steps: list[dict[str, Any]], fails: list[str]) -> None:
    found = planned(*steps)
    assert found.fails == fails
    shown = [one for one in every(found.steps) if one.verdict == "fails" and one.step not in fails]
    assert all((one.why or "").endswith("; the run goes on") for one in shown)


def every(steps: list[Planned]) -> list[Planned]:
    return [found for one in steps for found in (one, *every(one.steps))]


def test_an_action_that_cannot_say_what_it_would_do_spoils_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> str:
        raise ValueError("no plan")

    monkeypatch.setattr(type(registry.action("http.request")), "plan", broken)
    first, second = planned(step("a", GET), step("b", set={"x": 1})).steps
    assert first.does == "http.request cannot say what it would do: ValueError: no plan"
    assert second.verdict == "runs"


LOCAL = Guard((Allow("127.0.0.1"),))
OFF = Here(Allowed(ShellRules(), PythonRules(), AnsibleRules()), frozenset(), LOCAL)
ON = Here(
    Allowed(ShellRules(True, ("/bin/ls",)), PythonRules(True), AnsibleRules(True, inline=True)),
    frozenset({"there", "sub/there"}),
    LOCAL,
)


@pytest.mark.parametrize(
    ("uses", "with_"),
    [
        ("shell.command", {"argv": ["/bin/ls", "/"]}),
        ("shell.command", {"argv": ["/bin/ls", "${steps.look.result.json.x}"]}),
        ("python.script", {"script": "def main(inputs): pass"}),
        ("ansible.playbook", {"text": "- hosts: all", "inventory": {"all": {}}}),
    ],
    ids=["shell", "shell with what is not known", "python", "ansible"],
)
def test_an_action_that_the_operator_has_switched_off_fails(uses: str, with_: dict[str, Any]) -> None:
    steps = (step("look", GET), {"id": "act", "uses": uses, "with": with_}, step("after", GET))
    off = planned(*steps, here=OFF)
    assert flat(off.steps) == [("look", "runs"), ("act", "fails"), ("after", "skipped")]
    assert (off.steps[1].why or "").startswith("action.disabled: ")
    assert [one.verdict for one in planned(*steps, here=ON).steps] == ["runs", "runs", "runs"]


def test_a_command_that_is_not_on_the_list_fails() -> None:
    found = planned({"id": "act", "uses": "shell.command", "with": {"argv": ["/bin/rm", "x"]}}, here=ON)
    assert "shell.not_allowed" in (found.steps[0].why or "")


@pytest.mark.parametrize(
    ("uses", "with_", "lacks"),
    [
        ("http.request", {"url": "http://127.0.0.1/", "secret": "secret://gone"}, "gone"),
        ("http.request", {"url": "http://127.0.0.1/${steps.look.result.json.x}", "secret": "secret://gone"}, "gone"),
        ("http.request", {"url": "http://127.0.0.1/", "secret": "secret://${inputs.host}"}, "web-1"),
        ("python.script", {"script": "def main(inputs): pass", "secret_env": {"A": "secret://there", "B": "secret://b"}}, "b"),
        ("sql.query", {"url": "secret://sub/gone", "query": "SELECT 1"}, "sub/gone"),
    ],
)  # fmt: skip
def test_a_step_whose_secret_does_not_exist_fails(uses: str, with_: dict[str, Any], lacks: str) -> None:
    found = planned(step("look", GET), {"id": "act", "uses": uses, "with": with_}, step("after", GET), here=ON)
    assert flat(found.steps) == [("look", "runs"), ("act", "fails"), ("after", "skipped")]
    detail = f"there is no secret {lacks!r} in the namespace default; keep it with `oncue secret set {lacks}`"
    assert found.steps[1].why == f"secret.not_found: {detail}"


@pytest.mark.parametrize(
    "with_",
    [
        {"secret": "secret://there"},
        {"secret": "secret://sub/there"},
        {"secret": "secret://${steps.look.result.json.x}"},
        {"secret": "${inputs.hidden}"},
        {"method": "POST", "json": {"note": "secret://gone"}},
    ],
    ids=["is there", "with a slash", "is not known yet", "given to the run", "no secret but a text"],
)
def test_one_that_exists_or_is_not_known_yet_does_not(with_: dict[str, Any]) -> None:
    hidden = {"type": "string", "writeOnly": True}
    schema = {**INPUTS, "properties": {**INPUTS["properties"], "hidden": hidden}}
    act = {"id": "act", "uses": "http.request", "with": {"url": "http://127.0.0.1/", **with_}}
    given = {"host": "web-1", "hidden": "hunter2"}
    story = Story()
    story.apply("Workflow", "w", {"inputs": schema, "steps": [step("look", GET), act]})
    found = dry_run(story.state, "default", "w", given, AT, "user:basis-1", None, ON)
    assert [one.verdict for one in found.steps] == ["runs", "runs"]


SSH = {"user": "oncue", "password": "secret://there", "known_hosts": ["ssh-ed25519 AAAAC3Nz"], "argv": ["id"]}
ELSEWHERE = "private, loopback, link-local or reserved address; an OutboundAllow manifest can open an exception"


@pytest.mark.parametrize(
    ("uses", "with_", "where"),
    [
        ("http.request", {"url": "https://10.0.0.1/x"}, "10.0.0.1 port 443"),
        ("http.request", {"url": "http://[::1]:8080/${steps.look.result.json.x}"}, "::1 port 8080"),
        ("http.request", {"url": "http://192.0.2.${size(inputs.host)}/"}, "192.0.2.5 port 80"),
        (
            "http.request",
            {"url": "http://127.0.0.1/", "check": {"url": "http://10.0.0.2/"}, "effect_class": "check-first"},
            "10.0.0.2 port 80",
        ),
        ("prometheus.query", {"url": "http://10.0.0.3:9090", "query": "up"}, "10.0.0.3 port 9090"),
        ("kubernetes.get", {"server": "https://10.0.0.4:6443", "kind": "Pod", "name": "x"}, "10.0.0.4 port 6443"),
        ("ssh.command", {"host": "10.0.0.5", **SSH}, "10.0.0.5 port 22"),
        ("ssh.command", {"host": "10.0.0.5", "port": 2222, **SSH}, "10.0.0.5 port 2222"),
        ("sapcontrol.query", {"host": "10.0.0.6", "instance": "01", "method": "GetProcessList"}, "10.0.0.6 port 50113"),
    ],
)  # fmt: skip
def test_a_step_that_may_not_go_where_it_would_fails(uses: str, with_: dict[str, Any], where: str) -> None:
    found = planned(step("look", GET), {"id": "act", "uses": uses, "with": with_}, here=ON)
    assert [one.verdict for one in found.steps] == ["runs", "fails"]
    assert found.steps[1].why == f"outbound.refused: {where} is a {ELSEWHERE}"
    host, _, port = where.partition(" port ")
    opened = Guard((Allow("127.0.0.1"), Allow(host, int(port))))
    assert (
        planned(step("look", GET), {"id": "act", "uses": uses, "with": with_}, here=replace(ON, guard=opened)).fails
        == []
    )


def test_localhost_is_known_for_what_it_is() -> None:
    act = step("look", {"uses": "http.request", "with": {"url": "http://LocalHost:9/"}})
    assert planned(act, here=ON).fails == []
    closed = planned(act, here=replace(ON, guard=Guard()))
    assert closed.steps[0].why == f"outbound.refused: localhost port 9 is a {ELSEWHERE}"


@pytest.mark.parametrize(
    "url",
    ["http://${steps.look.result.json.x}/", "http://10.0.0.1:${steps.look.result.json.x}/", "https://inside.example.com/"],
    ids=["host", "port", "name"],
)  # fmt: skip
def test_where_nobody_can_say_without_asking_it_runs(url: str) -> None:
    found = planned(step("look", GET), {"id": "act", "uses": "http.request", "with": {"url": url}}, here=ON)
    assert [one.verdict for one in found.steps] == ["runs", "runs"]


def rest(story: Story, id: str) -> Ahead:
    under_way = story.state.runs[id]
    begun = dict(story.state.steps_of[id])
    return ahead(story.state, under_way, stepping.plan(story.state, under_way), begun, AT, {})


ASK = {"id": "ask", "approvals": [{"by": ["user:basis-2"]}]}


def test_a_run_under_way_shows_what_follows_with_what_its_steps_came_to() -> None:
    story = Story()
    id = run(
        story,
        {"id": "look", **GET, "outputs": {"next": "result.next"}},
        {"id": "never", "if": "inputs.host == 'other'", **GET},
        ASK,
        {"id": "move", "if": "steps.ask.state == 'approved'", "uses": "http.request",
         "with": {"url": "http://127.0.0.1/${steps.look.outputs.next}", "method": "POST"},
         "rollback": {"uses": "http.request", "with": {"url": "http://127.0.0.1/"}}},
        {"id": "skipped_too", "if": "steps.never.state != 'skipped'", **GET},
        {"id": "name", "set": {"by": "${steps.ask.outputs.by}"}},
        inputs={"host": "web-1"},
    )  # fmt: skip
    answer(story, "look", result={"next": "fabric-b"})
    found = rest(story, id)
    assert flat(found.steps) == [("move", "runs"), ("skipped_too", "skipped"), ("name", "runs")]
    assert "POST http://127.0.0.1/fabric-b" in (found.steps[0].does or "")
    assert found.steps[0].undo == "http.request"
    assert found.steps[2].why == "depends on who agrees: steps.ask.outputs.by"
    assert found.fails == []


def test_what_is_left_of_steps_that_hold_others_is_shown_within_them() -> None:
    story = Story()
    id = run(
        story,
        {"id": "guard", "try": [ASK, {"id": "close", **GET}], "finally": [{"id": "tidy", **GET}]},
        {"id": "last", **GET},
        inputs={"host": "web-1"},
    )
    assert flat(rest(story, id).steps) == [
        ("guard", "runs"), ("guard/close", "runs"), ("guard/finally", "runs"), ("guard/tidy", "runs"), ("last", "runs"),
    ]  # fmt: skip


def test_an_item_under_way_shows_its_own_steps_with_its_own_values() -> None:
    story = Story()
    each = {"id": "each", "for_each": {"items": "['a', 'b']", "as": "one"},
            "steps": [{"id": "look", "uses": "http.request", "with": {"url": "http://127.0.0.1/${one}"}}, ASK,
                      {"id": "close", "uses": "http.request",
                       "with": {"url": "http://127.0.0.1/${one}/${steps.look.result.id}"}}]}  # fmt: skip
    id = run(story, each)
    answer(story, "each[a]/look", result={"id": "7"})
    found = rest(story, id)
    assert flat(found.steps) == [("each", "runs"), ("each[a]", "runs"), ("each[a]/close", "runs")]
    assert found.steps[0].steps[0].steps[0].inputs == {"url": "http://127.0.0.1/a/7"}


def test_what_the_engine_does_itself_is_said_in_words() -> None:
    found = planned(
        {"id": "set", "set": {"size": 20, "host": "${inputs.host}"}},
        {"id": "emit", "emit": {"type": "org.example.grown", "resource": "${inputs.host}", "severity": "major"}},
        {"id": "remark", "uses": "incident.comment", "with": {"text": "Grew ${inputs.host}"}},
        {"id": "call", "uses": "incident.escalate", "with": {"to": "team:basis"}},
        {"id": "write", "uses": "ticket.create", "with": {"title": "Volume of ${inputs.host}", "type": "problem"}},
        {
            "id": "move",
            "uses": "ticket.transition",
            "with": {"ticket": "${steps.write.result.ticket}", "state": "closed"},
        },
    )
    assert [one.does for one in found.steps] == [
        'sets host to "web-1", size to 20',
        "emits org.example.grown about web-1, severity major",
        "remarks on the run's incident: “Grew web-1”",
        "escalates the run's incident to team basis",
        "writes a ticket of type problem: “Volume of web-1”",
        "moves ticket ${steps.write.result.ticket} to closed",
    ]


def test_every_act_has_its_sentence() -> None:
    assert set(SENTENCES) == set(ACTS)
    for name, sentence in SENTENCES.items():
        assert sentence({}), name
        assert sentence(dict.fromkeys((field.name for field in fields(ACTS[name].takes)), "${steps.look.result}")), name


def test_a_message_that_reaches_nobody_fails_and_one_that_does_not_reach_everyone_says_whom() -> None:
    story = Story()
    story.apply("Channel", "desk", {"type": "email", "with": {"to": ["desk@example.com"]}})
    story.apply("Person", "basis-1", {"default": [{"channel": "desk"}]})
    story.apply("Team", "web", {"members": ["basis-1", "basis-2"]})
    story.apply("Team", "night", {"members": ["basis-3"]})
    tells = [
        {"id": team, "uses": "notify.send", "with": {"to": [f"team:{team}"], "title": "x"}, "on_failure": "continue"}
        for team in ("web", "night")
    ]
    story.apply("Workflow", "w", {"steps": tells})
    web, night = dry_run(story.state, "default", "w", {}, AT, "user:basis-1").steps
    assert (web.verdict, (web.does or "").partition("; ")[2]) == (
        "runs",
        "it does not reach everyone: no Person basis-2 in default says how to reach user:basis-2",
    )
    assert (night.verdict, night.why) == (
        "fails",
        "escalation.no_addressee: no Person basis-3 in default says how to reach user:basis-3; the run goes on",
    )

"""Every fault that is told of a workflow: where it is, its code, and what is said; a row for each."""

import pytest

from oncue import manifests
from oncue.core.errors import CODES

HEAD = """\
apiVersion: oncue/v1
kind: Workflow
metadata: {name: w}
spec:
  inputs: {type: object, properties: {host: {type: string}, count: {type: integer}, level: {enum: [low, high]}}}
"""
SHORT = {
    "GET": "uses: http.request, with: {url: 'http://a'}",
    "UNDO": "rollback: {uses: http.request, with: {url: 'http://a'}}",
    "SET": "set: {x: 1}",
}
"""Words that stand for more in the rows. `|` ends a line."""

# fmt: off
REFUSED: list[tuple[str, int, int, str, str]] = [
    # spec from its 6th line, line, column, code, what is said
    ("steps: []", 6, 3, "manifest.invalid", "must have at least 1 entry"),
    ("step: [{id: a, SET}]", 6, 3, "manifest.invalid", "step is not known here; did you mean steps?"),
    ("steps: [{id: A b, SET}]", 6, 12, "manifest.invalid", "'A b' does not have the form of a step's id: lower-case letters"),
    ("timeout: soon|steps: [{id: a, SET}]", 6, 3, "manifest.invalid", "'soon' does not have the form of a duration, as 90s, 5m, 1h30m or 2d"),
    ("timeout: 0s|steps: [{id: a, SET}]", 6, 3, "manifest.invalid", "it must be more than 0"),
    ("concurrency: {by: [steps.a]}|steps: [{id: a, SET}]", 6, 22, "workflow.unknown_name", "there is no steps here"),
    ("concurrency: {by: [inputs.hots]}|steps: [{id: a, SET}]", 6, 22, "workflow.unknown_name", "hots is not declared in inputs; did you mean host?"),
    ("rate: {count: 1, within: 0s}|steps: [{id: a, SET}]", 6, 20, "manifest.invalid", "it must be more than 0"),
    ("triggers: [{id: t, schedule: {cron: '* *'}}]|steps: [{id: a, SET}]", 6, 22, "manifest.invalid", "'* *' has 2 fields; cron has five, as 0 3 * * MON-FRI"),
    ("triggers: [{id: t, event: {types: [x]}}, {id: t, event: {types: [y]}}]|steps: [{id: a, SET}]", 6, 45, "workflow.duplicate_name", "there is another trigger t"),
    ("triggers: [{id: t, event: {types: [x]}, with: {hots: a}}]|steps: [{id: a, SET}]", 6, 50, "workflow.inputs_invalid", "the workflow has no input hots; did you mean host?"),
    ("triggers: [{id: t, event: {types: [x]}, with: {count: a}}]|steps: [{id: a, SET}]", 6, 50, "workflow.inputs_invalid", "count must be of type integer, not string"),
    ("self_service: {by: ['team:a'], fixed: {hots: a}}|steps: [{id: a, SET}]", 6, 42, "manifest.invalid", "the workflow has no input hots; did you mean host?"),
    ("outputs: {x: steps.b.state}|steps: [{id: a, SET}]", 6, 13, "workflow.unknown_step", "there is no step b before this one"),
    ("outputs: {x: steps.a.outputs.y}|steps: [{id: a, SET, outputs: {x: '1'}}]", 6, 13, "workflow.unknown_name", "a has no output y (it gives x)"),
    ("outputs: {x: error.code}|steps: [{id: a, SET}]", 6, 13, "workflow.unknown_name", "there is no error here, only in `catch` and `finally`"),
    ("on_failure: {rollback: everything}|steps: [{id: a, GET}]", 6, 16, "manifest.invalid", "'everything' is none of all, batch, item, none"),
    ("steps: [{id: a, SET}, {id: a, SET}]", 6, 34, "workflow.duplicate_name", "there is another step a; ids are unique in a workflow"),
    ("steps: [{id: a}]", 6, 11, "workflow.step_form", "give exactly one of uses, run, steps, parallel, switch, try, wait"),
    ("steps: [{id: a, SET, wait: {for: 1s}}]", 6, 11, "workflow.step_form", "give exactly one of uses, run, steps, parallel, switch, try, wait"),
    ("steps: [{id: a, SET, retry: {}}]", 6, 32, "workflow.step_form", "it means nothing without uses"),
    ("steps: [{id: a, SET, catch: [{id: b, SET}]}]", 6, 32, "workflow.step_form", "it means nothing without try"),
    ("steps: [{id: a, parallel: []}]", 6, 19, "manifest.invalid", "must have at least 1 entry"),
    ("steps: [{id: a, switch: []}]", 6, 19, "manifest.invalid", "must have at least 1 entry"),
    ("steps: [{id: a, try: [{id: b, GET}]}]", 6, 19, "workflow.step_form", "it needs catch or finally"),
    ("steps: [{id: a, wait: {}}]", 6, 19, "workflow.step_form", "give exactly one of for, until and event"),
    ("steps: [{id: a, wait: {for: 1s, timeout: 1s}}]", 6, 35, "workflow.step_form", "only a wait for an event has a timeout"),
    ("steps: [{id: a, wait: {event: {types: [x.*]}}}]", 6, 42, "manifest.invalid", "'x.*' is a pattern, and a wait is for exact types: write each, as"),
    ("steps: [{id: a, GET, heartbeat: 0s}]", 6, 64, "manifest.invalid", "it must be more than 0"),
    ("steps: [{id: a, GET, retry: {initial: 1ms}}]", 6, 72, "manifest.invalid", "1ms is too short: write at least 100ms"),
    ("steps: [{id: a, GET, retry: {attempts: 101}}]", 6, 72, "manifest.invalid", "must be at most 100"),
    ("steps: [{id: a, GET, UNDO, irreversible: true}]", 6, 121, "workflow.rollback", "it has a rollback: one of the two is wrong"),
    ("steps: [{id: a, GET, rollback: {uses: ticket.get, with: {ticket: T-1}}}]", 6, 75, "action.unknown", "the engine does ticket.get itself, as a step, and cannot call it to"),
    ("steps: [{id: a, uses: http.requset}]", 6, 19, "action.unknown", "there is no action 'http.requset'; did you mean http.request?"),
    ("steps: [{id: a, uses: http.request, with: {ulr: 'http://a'}}]", 6, 46, "manifest.invalid", "ulr is not known here; did you mean url?"),
    ("steps: [{id: a, uses: http.request, with: {url: 'http://a', method: PACTH}}]", 6, 63, "manifest.invalid", "did you mean PATCH?"),
    ("steps: [{id: a, action: http.request, with: {url: 'http://a'}}]", 6, 19, "manifest.invalid", "action is not known here; write uses"),
    ("steps: [{id: a, when: inputs.count == 1, SET}]", 6, 19, "manifest.invalid", "when is not known here; write if"),
    ("steps: [{id: a, if: steps.b.state == 'failed', SET}, {id: b, SET}]", 6, 19, "workflow.unknown_step", "there is no step b before this one"),
    ("steps: [{id: aim, SET}, {id: b, if: steps.aym.state == 'failed', SET}]", 6, 43, "workflow.unknown_step", "there is no step aym before this one; did you mean aim?"),
    ("steps: [{id: a, SET}, {id: b, if: steps.a.state == 'succeded', SET}]", 6, 41, "workflow.unknown_name", "did you mean succeeded?"),
    ("steps: [{id: a, SET}, {id: b, if: steps.a.resutl == 1, SET}]", 6, 41, "workflow.unknown_name", "of a step there is no resutl; did you mean result?"),
    ("steps: [{id: a, SET, outputs: {free: '1'}}, {id: b, if: steps.a.outputs.fre > 1, SET}]", 6, 63, "workflow.unknown_name", "a has no output fre; did you mean free?"),
    ("steps: [{id: a, for_each: {items: [1]}, steps: [{id: b, SET}]}, {id: c, if: steps.b.state == 'failed', SET}]", 6, 83, "workflow.unknown_step", "b is there once for each item of a; look at steps.a.items"),
    ("steps: [{id: a, if: inputs.hots == 'a', SET}]", 6, 19, "workflow.unknown_name", "hots is not declared in inputs; did you mean host?"),
    ("steps: [{id: a, if: vars.y == 1, SET}]", 6, 19, "workflow.unknown_name", "no step sets the variable y"),
    ("steps: [{id: a, if: inptus.host == 'a', SET}]", 6, 19, "expression.invalid", "did you mean inputs?"),
    ("steps: [{id: a, if: 'inputs.host ==', SET}]", 6, 19, "expression.invalid", "line 1, column 15 of 'inputs.host ==': it is not finished: a value is missing after =="),
    ("steps: [{id: a, if: \"'a' + 'b'\", SET}]", 6, 19, "expression.invalid", "\"'a' + 'b'\" gives string, not true or false"),
    ("steps: [{id: a, set: {x: '${inputs.host'}}]", 6, 25, "expression.invalid", "the ${ at column 1 of '${inputs.host' is not closed"),
    ("steps: [{id: a, if: result.status == 200, GET}]", 6, 19, "workflow.unknown_name", "there is no result here, only in a step's `outputs` and `rollback`"),
    ("steps: [{id: a, if: index == 1, SET}]", 6, 19, "workflow.unknown_name", "there is no index here, only in the steps of a `for_each`, and in its"),
    ("steps: [{id: a, if: inputs.count == 'a', SET}]", 6, 19, "workflow.expression", "inputs.count is of type integer, and never a text: compare it with"),
    ("steps: [{id: a, if: inputs.count > 'a', SET}]", 6, 19, "workflow.expression", "inputs.count is of type integer, and never a text: compare it with"),
    ("steps: [{id: a, if: inputs.host == 3, SET}]", 6, 19, "workflow.expression", "inputs.host is of type string, and never a number: compare it with"),
    ("steps: [{id: a, if: \"inputs.host in ['a', true]\", SET}]", 6, 19, "workflow.expression", "inputs.host is of type string, and never a truth value: compare it"),
    ("steps: [{id: a, if: inputs.level == 'hihg', SET}]", 6, 19, "workflow.expression", "inputs.level is never 'hihg'; did you mean high?"),
    ("steps: [{id: a, switch: [{steps: [{id: b, SET}]}, {when: 'true', steps: [{id: c, SET}]}]}]", 6, 28, "workflow.unreachable", "the cases after it are never reached: it has no `when`"),
    ("steps: [{id: a, switch: [{when: inputs.count > 1, steps: [{id: b, SET}]}, {when: inputs.count > 1, steps: [{id: c, SET}]}]}]", 6, 86, "workflow.unreachable", "it is never reached: switch[0] has the same condition"),
    ("steps: [{id: a, for_each: {items: [1], as: inputs}, steps: [{id: b, SET}]}]", 6, 42, "workflow.duplicate_name", "inputs is something else already; call the item otherwise"),
    ("steps: [{id: a, for_each: {items: [1], max_parallel: 1001}, steps: [{id: b, SET}]}]", 6, 42, "manifest.invalid", "must be at most 1000"),
    ("steps: [{id: a, for_each: {items: [1], max_parallel: 0}, steps: [{id: b, SET}]}]", 6, 42, "manifest.invalid", "must be at least 1"),
    ("steps: [{id: a, GET, validate: {that: result.status == 200}}]", 6, 75, "workflow.unknown_name", "there is no result here, only in a step's `outputs` and `rollback`"),
    ("steps: [{id: a, GET, validate: {repeat: b, that: result.status == 200}}]", 6, 75, "workflow.unknown_step", "b is no step that calls an action"),
    ("steps: [{id: a, GET, validate: {that: inputs.count > 1, within: 1s, lasting: 2s}}]", 6, 111, "workflow.timing", "it would have to hold for longer than it is looked, 1s"),
    ("steps: [{id: a, GET, validate: {that: inputs.count > 1, within: 0s}}]", 6, 99, "manifest.invalid", "it must be more than 0"),
    ("steps: [{id: a, GET, validate: {that: baseline == 1}}]", 6, 75, "workflow.validation", "baseline is what was found before the step, to look at later: write"),
    ("steps: [{id: a, SET, validate: {that: inputs.count > 1, when: during}}]", 6, 67, "workflow.validation", "only a step that calls an action, or runs a workflow, lasts: `during`"),
    ("steps: [{id: a, approvals: [{stage: x, by: [user:a], quorum: 2}]}]", 6, 56, "manifest.invalid", "2 must agree, and 1 may"),
    ("steps: [{id: a, approvals: [{stage: x, by: [user:a]}, {stage: x, by: [user:b]}]}]", 6, 58, "workflow.duplicate_name", "there is another stage x"),
    ("identity: viewer|steps: [{id: a, uses: silence.expire, with: {silence: si-1}}]", 7, 11, "workflow.identity", "silence.expire needs silence:write; the workflow acts as viewer"),
    ("steps: [{id: a, emit: {type: oncue.x}}]", 6, 26, "event.type_reserved", "oncue.x: such types are OnCue's own"),
    ("steps: [{id: a, uses: event.emit, with: {type: oncue.x}}]", 6, 44, "event.type_reserved", "oncue.x: such types are OnCue's own"),
    ("steps: [{id: a, uses: http.request, with: {url: 'http://a', json: 1, body: x}}]", 6, 72, "manifest.invalid", "give json or body, not both"),
    ("steps: [{id: a, uses: http.request, with: {url: 'http://a', headers: {X A: x}}}]", 6, 73, "manifest.invalid", "'X A' cannot be a header's name"),
    ("steps: [{id: a, uses: http.request, with: {url: 'http://a', headers: {Host: x}}}]", 6, 73, "manifest.invalid", "Host is set by OnCue: leave it out"),
    ("steps: [{id: a, uses: http.request, with: {url: 'http://u:p@a/b'}}]", 6, 46, "manifest.invalid", "user and password would be read by everyone who sees the URL"),
    ("steps: [{id: a, uses: http.request, with: {url: 'https://u:${inputs.host}@a'}}]", 6, 46, "manifest.invalid", "and write `secret: secret://NAME` and `secret_scheme: Basic`"),
    ("steps: [{id: a, uses: http.request, with: {method: PUT, url: 'http://a', effect_class: check-first, check: {url: 'http://u@a'}}}]", 6, 111, "manifest.invalid", "user and password would be read by"),
    ("steps: [{id: a, uses: email.send, with: {to: [a@b.example, a b], subject: s, text: t}}]", 6, 62, "manifest.invalid", "'a b' is not a mail address"),
    ("steps: [{id: a, uses: sql.query, with: {url: 'secret://d', query: 'SELECT :x'}}]", 6, 62, "manifest.invalid", "it has :x, which `parameters` does not give"),
    ("steps: [{id: a, uses: sql.query, with: {url: 'secret://d', query: SELECT 1, parameters: {x: 1}}}]", 6, 92, "manifest.invalid", "the query has no :x"),
    ("steps: [{id: a, uses: ssh.command, with: {host: h, user: u, argv: [x], known_hosts: [ssh-ed25519 AAAA]}}]", 6, 38, "manifest.invalid", "give a key or a password"),
    ("steps: [{id: a, uses: ssh.script, with: {host: h, user: u, script: x, key: 'secret://k', known_hosts: [h ssh-ed25519 AAAA]}}]", 6, 106, "manifest.invalid", "write it without the host's name"),
    ("steps: [{id: a, uses: ssh.command, with: {host: h, user: u, argv: [x], key: 'secret://k', known_hosts: [ssh-rsa AAAAB3], stdin: x, stdin_secret: 'secret://s'}}]", 6, 124, "manifest.invalid", "give stdin or stdin_secret, not both"),
    ("steps: [{id: a, uses: kubernetes.get, with: {server: 'https://a', kind: Pod, name: p, selector: a=b}}]", 6, 89, "manifest.invalid", "leave it out, or `name`"),
    ("steps: [{id: a, uses: ansible.playbook, with: {inventory: h}}]", 6, 43, "manifest.invalid", "give one of playbook and text"),
    ("steps: [{id: a, uses: shell.command, with: {argv: [ls, -l]}}]", 6, 54, "manifest.invalid", "'ls' is no absolute path: write it as /usr/bin/ls"),
    ("steps: [{id: a, uses: python.script, with: {script: 'def main(inputs'}}]", 6, 47, "manifest.invalid", "it is no Python: '(' was never closed (<script>, line 1)"),
    ("steps: [{id: a, uses: python.script, with: {script: 'print(1)'}}]", 6, 47, "manifest.invalid", "it has no function main(inputs), which is what is called: write `def main(inputs): ...`"),
    ("steps: [{id: a, emit: {}}]", 6, 19, "manifest.invalid", "type is missing"),
    ("steps: [{id: a, run: does-not-exist}]", 6, 19, "manifest.invalid", "must be a mapping, not 'does-not-exist'; write {workflow: does-not-exist}"),
    ("steps: [{id: a, run: Does not}]", 6, 19, "manifest.invalid", "must be a mapping, not 'Does not'; write {workflow: NAME}"),
    ("steps: [{id: a, wait: 10m}]", 6, 19, "manifest.invalid", "must be a mapping, not '10m'; write {for: 10m}"),
    ("steps: [{id: a, GET, retry: 3}]", 6, 64, "manifest.invalid", "must be a mapping, not 3; write {attempts: 3}"),
    ("steps: [{id: a, GET, validate: inputs.count > 1}]", 6, 64, "manifest.invalid", "write {that: \"inputs.count > 1\"}"),
    ("on_failure: rollback|steps: [{id: a, GET, UNDO}]", 6, 3, "manifest.invalid", "must be a mapping, not 'rollback'; write {rollback: all}"),
    ("steps: [{id: a, if: inputs.host = 'a', SET}]", 6, 19, "expression.invalid", "a single = means nothing in CEL; compare with =="),
    ("steps: [{id: a, if: inputs.count > 1 and inputs.count < 3, SET}]", 6, 19, "expression.invalid", "CEL has no and; write &&"),
    ("steps: [{id: a, if: input.host == 'a', SET}]", 6, 19, "expression.invalid", "there is no input; did you mean inputs?"),
    ("steps: [{id: a, if: golb(inputs.host), SET}]", 6, 19, "expression.invalid", "there is no function golb; did you mean glob?"),
    ("steps: [{id: a, run: {workflow: other}, with: {host: a}}]", 6, 43, "workflow.step_form", "write run: {workflow: other, with: {...}}"),
    ("triggers: [{id: t, schedule: {cron: '61 2 * * *'}}]|steps: [{id: a, SET}]", 6, 22, "manifest.invalid", "minute is 0 to 59"),
    ("steps: [{id: a, run: {with: {}}}]", 6, 19, "manifest.invalid", "workflow is missing"),
]
DOUBTED: list[tuple[str, int, int, str, str]] = [
    ("on_failure: {rollback: all}|steps: [{id: a, GET}]", 6, 16, "workflow.rollback", "nothing would be undone: no step has a rollback"),
    ("on_failure: {pause_for: 1h}|steps: [{id: a, GET}]", 6, 16, "workflow.step_form", "it means nothing without `pause: true`"),
    ("steps: [{id: a, set: {}}]", 6, 19, "workflow.step_form", "it sets nothing"),
    ("steps: [{id: a, try: [{id: b, SET}], catch: [{id: c, SET}]}]", 6, 48, "workflow.unreachable", "it is never reached: no step of the `try` can fail"),
    ("steps: [{id: a, wait: {for: 2h}}]", 6, 26, "workflow.timing", "the run ends before it, after 1h: wait less, or give the workflow a"),
    ("steps: [{id: a, wait: {event: {types: [x]}, timeout: 2h}}]", 6, 47, "workflow.timing", "it is longer than the run may take, 1h: the run ends before"),
    ("steps: [{id: a, GET, timeout: 2h}]", 6, 64, "workflow.timing", "it is longer than the run may take, 1h: the run ends before"),
    ("steps: [{id: a, approvals: [{by: ['team:a']}]}]", 6, 31, "workflow.timing", "people would have 24h, and the run only 1h"),
    ("steps: [{id: a, approvals: [{by: ['team:a'], expires: 3h}]}]", 6, 48, "workflow.timing", "people would have 3h, and the run only 1h"),
    ("timeout: 2d|steps: [{id: a, approvals: [{by: ['team:a']}]}, {id: b, if: \"steps.a.state == 'succeeded'\", SET}]", 7, 59, "workflow.unreachable", "a is never succeeded: an approval is approved or rejected"),
    ("steps: [{id: a, SET}, {id: b, if: \"steps.a.state == 'approved'\", SET}]", 6, 41, "workflow.unreachable", "a is never approved: only approvals are"),
    ("steps: [{id: a, uses: http.request, with: {url: 'http://a', headers: {Authorization: Bearer x}}}]", 6, 73, "manifest.invalid", "in clear text; write `secret: secret://NAME` after `oncue secret"),
    ("steps: [{id: a, uses: http.request, with: {url: 'http://a', headers: {proxy-authorization: Basic YTpi}}}]", 6, 73, "manifest.invalid", "`secret_header: proxy-authorization`, `secret_scheme: Basic` after"),
    ("steps: [{id: a, GET, rollback: {uses: http.request, with: {url: 'http://a', headers: {Cookie: s=1}}}}]", 6, 129, "manifest.invalid", "`secret_header: Cookie`, `secret_scheme: ''` after"),
    ("triggers: [{id: t, schedule: {rrule: FREQ=DAILY;UNTIL=20200101, starts_at: 2019-12-01T06:00}}]|steps: [{id: a, SET}]", 6, 33, "workflow.unreachable", "it never comes again: its last time has passed; write a later UNTIL"),
    ("triggers: [{id: t, schedule: {rrule: FREQ=DAILY;COUNT=2, starts_at: 2019-12-01T06:00}}]|steps: [{id: a, SET}]", 6, 33, "workflow.unreachable", "its last time has passed; write a later UNTIL, or leave it out"),
    ("steps: [{id: a, GET, start_within: 2h}]", 6, 64, "workflow.timing", "it is longer than the run may take, 1h: the run ends before"),
    ("steps: [{id: a, GET, retry: {errors: [http.statsu]}}]", 6, 81, "workflow.unknown_name", "did you mean http.status?"),
    ("steps: [{id: a, GET, rollback: {uses: http.request, with: {url: 'http://a'}, retry: {errors: [ssh.exit]}}}]", 6, 137, "workflow.unknown_name", "http.request does not say that it fails with ssh.exit"),
    ("steps: [{id: a, GET}, {id: b, if: steps.a.result.statsu == 200, SET}]", 6, 73, "workflow.unknown_name", "http.request gives no statsu in steps.a.result; did you mean status?"),
    ("steps: [{id: a, GET, outputs: {x: result.jsn}}]", 6, 74, "workflow.unknown_name", "http.request gives no jsn in result; did you mean json?"),
    ("steps: [{id: a, GET, validate: {GET, that: result.statsu == 200}}]", 6, 120, "workflow.unknown_name", "http.request gives no statsu in result; did you mean status?"),
    ("steps: [{id: a, if: 'false', SET}]", 6, 19, "workflow.unreachable", "it is never reached"),
    ("steps: [{id: a, if: 1 == 2, SET}]", 6, 19, "workflow.unreachable", "it is never reached"),
    ("steps: [{id: a, if: true && !false, SET}]", 6, 19, "workflow.expression", "it is true in every run: leave it out"),
    ("steps: [{id: a, GET, validate: {that: 1 < 2}}]", 6, 75, "workflow.expression", "it is true in every run: let it look at what was found"),
    ("steps: [{id: a, switch: [{when: 1 > 2, steps: [{id: b, SET}]}]}]", 6, 29, "workflow.unreachable", "it is never reached: the condition is false in every run"),
    ("steps: [{id: a, switch: [{when: 1 < 2, steps: [{id: b, SET}]}, {steps: [{id: c, SET}]}]}]", 6, 29, "workflow.unreachable", "the cases after it are never reached: the condition is true in every"),
]
# fmt: on


def told(fragment: str) -> list[tuple[str, int, int, str, str, str]]:
    """All that is told of a workflow: level, line, column, code, detail, hint."""
    for word, text in SHORT.items():
        fragment = fragment.replace(word, text)
    lines = "".join(f"  {line}\n" for line in fragment.split("|"))
    _, problems = manifests.load(manifests.parse_yaml(HEAD + lines))
    return [(one.level, one.line, one.column, one.code, one.detail, one.hint) for one in problems]


@pytest.mark.parametrize(("fragment", "line", "column", "code", "detail"), REFUSED)
def test_what_can_never_work_is_refused_at_its_place(
    fragment: str, line: int, column: int, code: str, detail: str
) -> None:
    first = told(fragment)[0]
    assert first[:4] == ("error", line, column, code)
    assert detail in first[4] and first[5] == CODES[code].hint != ""


def test_only_what_is_really_near_is_taken_to_be_meant() -> None:
    ((*_, detail, _),) = told("steps: [{id: a, uses: http.request, with: {url: 'http://a', method: FETCH}}]")
    assert "'FETCH' is none of" in detail and "did you mean" not in detail


def test_a_misspelt_keyword_of_the_inputs_is_told_with_the_one_that_is_meant() -> None:
    _, problems = manifests.load(
        manifests.parse_yaml(
            HEAD.replace("type: object,", "type: object, requried: [host],") + "  steps: [{id: a, set: {x: 1}}]\n"
        )
    )
    assert [one.detail for one in problems] == ["requried is not known here; did you mean required?"]


@pytest.mark.parametrize(("fragment", "line", "column", "code", "detail"), DOUBTED)
def test_what_may_be_meant_is_a_doubt_and_the_only_one(
    fragment: str, line: int, column: int, code: str, detail: str
) -> None:
    ((level, *place, said, hint),) = told(fragment)
    assert (level, *place) == ("warning", line, column, code)
    assert detail in said and hint


@pytest.mark.parametrize(
    "fragment",
    [
        "steps: [{id: a, SET, if: \"inputs.count > 1.5 && inputs.host in ['a', 'b'] && inputs.level != 'low'\"}]",
        "steps: [{id: a, GET, outputs: {x: result.json.anything}}, {id: b, SET, if: steps.a.outputs.x == 1}]",
        "steps: [{id: a, GET}, {id: b, SET, if: has(steps.a.result.nope)}]",
        "steps: [{id: a, set: {h: {}}}, {id: b, uses: http.request, with: {url: 'http://a', headers: '${vars.h}'}}]",
        "steps: [{id: a, uses: http.request, with: {url: 'http://a/b@c?d=e@f', headers: {Cookie: 'a=${inputs.host}'}}}]",
        "steps: [{id: a, uses: http.request, with: {url: \"http://${inputs.host.split('@')[0]}/b\"}}]",
        "timeout: 2d|steps: [{id: a, approvals: [{by: ['user:a']}]}, {id: b, set: {x: '${steps.a.outputs.reason}'}}]",
        "steps: [{id: a, try: [{id: b, set: {x: '${inputs.host}'}}], catch: [{id: c, SET}]}]",
        "steps: [{id: a, switch: [{when: inputs.count > 1, steps: [{id: b, SET}]}, {when: 'true', steps: [{id: c, SET}]}]}]",
        "steps: [{id: a, set: {}, outputs: {since: string(now)}}]",
        "steps: [{id: a, SET, if: \"lookup('t', 'k', 'c') == ''\"}]",
        "steps: [{id: a, GET, retry: {errors: [http, timeout.start, action.crashed]}}]",
        "on_failure: {rollback: all}|steps: [{id: a, GET, UNDO}]",
        "steps: [{id: a, uses: email.send, with: {to: ['${inputs.host}'], subject: s, text: t}}]",
        "steps: [{id: a, uses: email.send, with: {to: '${[inputs.host]}', subject: s, text: t}}]",
        "steps: [{id: a, uses: sql.query, with: {url: 'secret://d', query: 'SELECT a::int, \":b\" -- :c', parameters: {}}}]",
        "steps: [{id: a, uses: sql.query, with: {url: 'secret://d', query: 'SELECT $$ :pg $$'}}]",
    ],
)
def test_what_can_work_is_taken_without_a_word(fragment: str) -> None:
    assert told(fragment) == []

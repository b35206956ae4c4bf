"""Manifests: what is read, what is refused and with which words, and where it stands."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncue import manifests
from oncue.cli.show import as_yaml
from oncue.core.errors import CODES, Refusal
from oncue.core.manifest import KINDS

PRD: dict[str, Any] = {"sid": "PRD", "instances": [{"host": "prdpas", "number": "00"}]}
HEAD = "apiVersion: oncue/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"


def _errors(text: str) -> list[str]:
    _, problems = manifests.load(manifests.parse_yaml(text))
    return [str(problem) for problem in problems if problem.level == "error"]


def _spec(kind: str, spec: dict[str, Any]) -> list[manifests.Problem]:
    document = {"apiVersion": "oncue/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    return manifests.check(manifests.Parsed(document, {}, {}))[1]


# Reading


def test_scalars_are_read_by_the_core_schema_of_yaml_1_2() -> None:
    text = "[1, 0o17, 0x1f, -2.5, 1e3, true, null, ~, no, yes, 2027-05-01, '1', 1.2.3, 0b1]"
    (parsed,) = manifests.parse_yaml(f"v: {text}")
    expected = [1, 15, 31, -2.5, 1000.0, True, None, None, "no", "yes", "2027-05-01", "1", "1.2.3", "0b1"]
    assert parsed.value == {"v": expected}


def test_documents_are_split_and_empty_ones_left_out() -> None:
    assert [one.value for one in manifests.parse_yaml("---\na: 1\n---\n---\n# none\n---\nb: 2\n")] == [
        {"a": 1},
        {"b": 2},
    ]


def test_json_is_read_as_one_document_or_an_array_of_them() -> None:
    assert [one.value for one in manifests.parse_yaml('[{"a": 1}, {"a": 2}]')] == [{"a": 1}, {"a": 2}]


def test_aliases_repeat_their_anchor() -> None:
    assert manifests.parse_yaml("a: &x {b: 1}\nc: *x")[0].value == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "line 1, column 5"),
        ("a: 1\na: 2", "line 2, column 1: the key a is there twice"),
        ("a: !!python/object x", "tags"),
        ("a: &x 1\n<<: *x", "merge keys"),
        ("? [a]\n: b", "a key must be text"),
        ("a: *b", "no anchor"),
        ("a: &a [*a]", "no anchor"),
        ("a: 1" + "0" * 30, "too large"),
        ("a: 1e999", "too large"),
        ("a: .inf", "not a number that JSON knows"),
        ("[" * 65 + "]" * 65, "nested deeper"),
        ("- " * 70 + "x", "nested deeper"),
        ("\x00", "not allowed"),
        (b"\xff\xfe\x00", "not UTF-8"),
        ("a: &a [x]\nb: [" + ", ".join(["*a"] * 101) + "]", "more than 100 aliases"),
    ],
)
def test_unreadable_text_is_refused_with_its_place(text: str | bytes, said: str) -> None:
    with pytest.raises(Refusal) as refused:
        manifests.parse_yaml(text)
    assert refused.value.code == "manifest.malformed"
    assert said in refused.value.detail


def test_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(Refusal, match="more than"):
        manifests.parse_yaml("\n".join(lines))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parsed = manifests.parse_yaml(text)
    except Refusal as refusal:
        assert refusal.code == "manifest.malformed"  # noqa: PT017
    else:
        for one in parsed:
            json.dumps(one.value, allow_nan=False)
            manifests.check(one)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["apiVersion", "kind", "metadata", "spec", "x"]), _json))
def test_any_json_is_accepted_or_refused_with_known_codes(value: dict[str, Any]) -> None:
    document, problems = manifests.check(manifests.Parsed(value, {}, {}))
    assert document is not None or problems
    assert all(problem.code in CODES for problem in problems)


@given(st.sampled_from(sorted(KINDS)), _json)
def test_any_spec_is_accepted_or_refused(kind: str, spec: Any) -> None:
    document, problems = manifests.check(
        manifests.Parsed({"apiVersion": "oncue/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}, {}, {})
    )
    assert (document is None) == any(problem.level == "error" for problem in problems)


def test_yaml_that_is_printed_reads_back_as_the_same() -> None:
    value = {
        "a": "001",
        "b": "NO",
        "c": "x: y # z",
        "d": "two\nlines\n",
        "e": [1, 1.5, None, True, "true", ""],
        "f": {},
    }
    assert manifests.parse_yaml(as_yaml(value))[0].value == value


# Shape


def test_every_misfit_is_named_with_its_place_and_a_near_name() -> None:
    text = (
        "apiVersion: oncue/v1\n"
        "kind: Policy\n"
        "metadata:\n"
        "  name: Upper\n"
        "  labels: {client: 001, land: NO}\n"
        "spec:\n"
        "  mach: {}\n"
        "  match: {typs: [a], labels: {sid: [yes]}}\n"
        "  limits: {cooldown: 5 minutes}\n"
    )
    errors = _errors(text)
    assert [error.partition(" ")[0] for error in errors] == [
        "4:3:",
        "5:12:",
        "5:25:",
        "7:3:",
        "8:11:",
        "8:37:",
        "9:12:",
    ]
    for error, said in zip(
        errors,
        [
            "metadata.name: 'Upper'",
            'metadata.labels.client: must be text, not 1; quote it: "001"',
            'metadata.labels.land: NO is a truth value to other YAML tools; write "NO"',
            "spec.mach: mach is not known here; did you mean match?",
            "spec.match.typs: typs is not known here; did you mean types?",
            "spec.match.labels.sid[0]: yes is a truth value",
            "spec.limits.cooldown: '5 minutes' does not have the form of a duration",
        ],
        strict=True,
    ):
        assert said in error


@pytest.mark.parametrize(
    ("tolerated", "said"),
    [(2, None), ("10%", None), (-1, "must be at least 0"), ("a tenth", "does not have the form")],
)
def test_failures_that_are_tolerated_are_a_number_or_a_share(tolerated: Any, said: str | None) -> None:
    hosts = {"items": ["a"], "max_failures": tolerated}
    problems = _spec("Workflow", {"steps": [{"id": "all", "for_each": hosts, "steps": [{"id": "x", "set": {"y": 1}}]}]})
    assert [problem.detail for problem in problems if said is None or said not in problem.detail] == []
    assert bool(problems) == (said is not None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1", "a manifest is a mapping"),
        ("kind: Team\nmetadata: {name: x}\nspec: {}", "apiVersion is missing; write apiVersion: oncue/v1"),
        ("apiVersion: v1\nkind: Team\nmetadata: {name: x}\nspec: {}", "write oncue/v1"),
        ("apiVersion: oncue/v1\nkind: policy\nmetadata: {name: x}\nspec: {}", "did you mean Policy?"),
        ("apiVersion: oncue/v1\nkind: Polcy\nmetadata: {name: x}\nspec: {}", "did you mean Policy?"),
        ("apiVersion: oncue/v1\nkind: Team\nmetadata: {name: x}\nspecs: {}", "did you mean spec?"),
        ("apiVersion: oncue/v1\nkind: Team\nmetadata: {}\nspec: {}", "name is missing"),
        ("apiVersion: oncue/v1\nkind: Team\nmetadata: {name: x, owner: me}\nspec: {}", "team:NAME"),
        ("apiVersion: oncue/v1\nkind: Team\nmetadata: {name: x, review_by: soon}\nspec: {}", "not a date"),
    ],
)
def test_the_frame_of_a_manifest_is_checked(text: str, said: str) -> None:
    assert any(said in error for error in _errors(text))


def test_a_line_break_is_no_part_of_a_name() -> None:
    document = {
        "apiVersion": "oncue/v1", "kind": "SAPSystem", "metadata": {"name": "prd", "namespace": "default\n"},
        "spec": {"sid": "PRD", "instances": [{"host": "prdpas\n", "number": "00\n"}]},
    }  # fmt: skip
    errors = _errors(json.dumps(document))
    for error, said in zip(errors, ["form of a name", "form of a host", "form of an instance number"], strict=True):
        assert said in error


def test_a_manifest_that_is_there_twice_is_refused() -> None:
    text = HEAD.format(kind="Team", name="x") + "  channels: [c]\n"
    assert any("Team x is there twice" in error for error in _errors(f"{text}---\n{text}"))


# Meaning


@pytest.mark.parametrize(
    ("kind", "spec", "path", "said"),
    [
        ("Policy", {"match": {"where": "event.x >"}}, "spec.match.where", "line 1"),
        ("Policy", {"match": {"where": "nope.x == 1"}}, "spec.match.where", "there is no "),
        ("Policy", {"match": {"where": "1 + 2"}}, "spec.match.where", "not true or false"),
        ("Policy", {"match": {"severities": ["warn"]}}, "spec.match.severities[0]", "did you mean warning?"),
        ("Policy", {"match": {}, "skip_when": ["'a'"]}, "spec.skip_when[0]", "not true or false"),
        ("Policy", {"match": {}, "alert": {"title": "${event.x"}}, "spec.alert.title", "not closed"),
        ("Policy", {"match": {}, "notify": {}}, "spec.notify", "exactly one"),
        ("Policy", {"match": {}, "notify": {"team": "a", "channel": "b"}}, "spec.notify", "exactly one"),
        ("Policy", {"match": {}, "respond": [{}]}, "spec.respond[0]", "exactly one"),
        ("Policy", {"match": {}, "condition": {}}, "spec.condition", "give one of"),
        ("Policy", {"match": {}, "condition": {"count": 3}}, "spec.condition", "belong together"),
        ("Policy", {"match": {}, "condition": {"count": 3, "within": "1m", "for": "1m"}}, "spec.condition", "combined"),
        ("Policy", {"match": {}, "condition": {"value": "1"}}, "spec.condition", "exactly one of fire_above"),
        (
            "Policy",
            {"match": {}, "condition": {"value": "1", "fire_above": 5, "clear_below": 6}},
            "spec.condition.clear_below",
            "would clear while it fires",
        ),
        (
            "Policy",
            {"match": {}, "condition": {"value": "1", "fire_below": 5, "clear_above": 4}},
            "spec.condition.clear_above",
            "would clear while it fires",
        ),
        ("Workflow", {"steps": []}, "spec.steps", "at least 1"),
        ("Workflow", {"steps": [{"id": "a", "uses": "http.reqest"}]}, "spec.steps[0].uses", "did you mean http.request"),
        ("Workflow", {"steps": [{"id": "a", "uses": "w7"}]}, "spec.steps[0].uses", "once OnCue is started again"),
        (
            "Workflow",
            {"steps": [{"id": "a", "approvals": [{"by": ["basis-1"]}]}]},
            "spec.steps[0].approvals[0].by[0]",
            "'basis-1' does not have the form user:NAME or team:NAME",
        ),
        ("Workflow", {"steps": [{"id": "a", "uses": "incident.comment"}]}, "spec.steps[0].with", "text is missing"),
        (
            "Workflow",
            {"steps": [{"id": "a", "uses": "incident.comment", "with": {"text": "${steps.b.state}"}}]},
            "spec.steps[0].with.text",
            "no step b before this one",
        ),
        (
            "Workflow",
            {"inputs": {"type": "object", "properties": {"host": {}}},
             "steps": [{"id": "a", "uses": "incident.comment", "with": {"text": "${inputs.hots}"}}]},
            "spec.steps[0].with.text",
            "did you mean host?",
        ),
        (
            "Workflow",
            {"steps": [{"id": "a", "uses": "event.emit", "with": {"type": "x"}}] * 2},
            "spec.steps[1].id",
            "another step a",
        ),
        (
            "Workflow",
            {"steps": [{"id": "a", "uses": "http.request", "with": {"urll": "https://example.com"}}]},
            "spec.steps[0].with.urll",
            "did you mean url?",
        ),
        ("Workflow", {"inputs": {"type": "string"}, "steps": []}, "spec.steps", "at least"),
        ("Channel", {"type": "emial"}, "spec.type", "did you mean email?"),
        ("Channel", {"type": "email", "with": {}}, "spec.with", "to is missing"),
        ("Monitor", {"uses": "host.cpus"}, "spec.uses", "did you mean host.cpu?"),
        ("Monitor", {"uses": "host.cpu", "every": "100ms"}, "spec.every", "at least 1s"),
        ("Monitor", {"uses": "host.cpu", "thresholds": [{"metric": "m"}]}, "spec.thresholds[0]", "at least one of"),
        (
            "Monitor",
            {"uses": "host.cpu", "thresholds": [{"metric": "m", "warning": 9}, {"metric": "m", "warning": 8}]},
            "spec.thresholds[1]",
            "as precise as thresholds[0]",
        ),
        (
            "Monitor",
            {"uses": "host.cpu", "thresholds": [{"metric": "m", "warning": 9, "hours": "Mon-Fry 08:00-18:00"}]},
            "spec.thresholds[0].hours",
            "'fry' is not a day",
        ),
        (
            "Monitor",
            {"uses": "host.cpu", "thresholds": [{"metric": "m", "warning": 9, "hours": "daily 08:00-18:00 Berlin"}]},
            "spec.thresholds[0].hours",
            "no time zone 'Berlin'",
        ),
        (
            "Monitor",
            {"uses": "host.cpu", "thresholds": [{"metric": "m", "warning": 90, "critical": 80}]},
            "spec.thresholds[0].critical",
            "must be above warning",
        ),
        (
            "Monitor",
            {"uses": "host.cpu", "thresholds": [{"metric": "m", "below": True, "warning": 10, "critical": 20}]},
            "spec.thresholds[0].critical",
            "must be below warning",
        ),
        ("Source", {"type": "pagerduty", "routing_key": "0" * 32}, "spec.routing_key", "secret://"),
        ("OutboundAllow", {"host": "10.0.0.1/8"}, "spec.host", "host bits set"),
        ("OutboundAllow", {"host": "a b"}, "spec.host", "not a name"),
        ("OutboundAllow", {"host": "h", "expires": "soon"}, "spec.expires", "not a date"),
        ("Service", {"owner": "operators"}, "spec.owner", "team:NAME"),
        ("SAPSystem", {**PRD, "owner": "basis"}, "spec.owner", "team:NAME"),
        ("SAPSystem", {**PRD, "sid": "prd"}, "spec.sid", "three capital letters or digits"),
        ("SAPSystem", {**PRD, "instances": []}, "spec.instances", "at least 1"),
        ("SAPSystem", {**PRD, "role": "x" * 101}, "spec.role", "at most 100"),
        ("SAPSystem", {**PRD, "tier": ""}, "spec.tier", "must not be empty"),
        (
            "SAPSystem",
            {**PRD, "instances": [{"host": "pas.example.com", "number": "0"}]},
            "spec.instances[0].number",
            'two digits in quotes, as "00"',
        ),
        (
            "SAPSystem",
            {**PRD, "instances": [{"host": "PAS.example.com", "number": "00"}, {"host": "pas", "number": "00"}]},
            "spec.instances[1]",
            "instances[0] is the instance 00 of pas already",
        ),
    ],
)  # fmt: skip
def test_what_does_not_hold_together_is_named(kind: str, spec: dict[str, Any], path: str, said: str) -> None:
    found = [problem for problem in _spec(kind, spec) if problem.level == "error" and problem.path == path]
    assert any(said in problem.detail for problem in found), _spec(kind, spec)


PATCHING = {"matchers": [{"name": "resource", "value": "db-1"}], "starts_at": "2019-12-01T06:00", "duration": "2h"}
NIGHTS = {"starts_at": "2019-12-01T06:00", "duration": "2h", "rrule": "FREQ=DAILY"}


@pytest.mark.parametrize(
    ("kind", "spec", "path"),
    [
        ("MaintenanceWindow", PATCHING, "spec.starts_at"),
        ("MaintenanceWindow", {**PATCHING, "duration": None, "ends_at": "2020-01-01T06:00"}, "spec.ends_at"),
        ("MaintenanceWindow", {**PATCHING, "rrule": "FREQ=DAILY;UNTIL=20200101T000000"}, "spec.rrule"),
        ("MaintenanceWindow", {**PATCHING, "rrule": "FREQ=DAILY;COUNT=3"}, "spec.rrule"),
        ("MaintenanceWindow", {**PATCHING, "rrule": "FREQ=DAILY"}, None),
        ("MaintenanceWindow", {**PATCHING, "starts_at": "2999-12-01T06:00"}, None),
        ("ChangeCalendar", {"windows": [NIGHTS, {**NIGHTS, "rrule": "FREQ=DAILY;COUNT=3"}]}, "spec.windows[1].rrule"),
        ("ChangeCalendar", {"freezes": [{**NIGHTS, "rrule": "FREQ=DAILY;COUNT=3"}]}, "spec.freezes[0].rrule"),
        ("ChangeCalendar", {"freezes": [{"starts_at": "2019-12-24T00:00", "duration": "72h"}]}, None),
    ],
)
def test_times_that_have_all_passed_are_doubted(kind: str, spec: dict[str, Any], path: str | None) -> None:
    given = {name: value for name, value in spec.items() if value is not None}
    found = [(one.level, one.code, one.path) for one in _spec(kind, given)]
    assert found == ([("warning", "recurrence.invalid", path)] if path is not None else [])


def test_a_sap_system_is_called_by_its_sid() -> None:
    (found,) = _spec("SAPSystem", PRD)
    assert (found.path, found.detail) == ("metadata.name", "'x' is not the SID PRD; write prd")
    document = {"apiVersion": "oncue/v1", "kind": "SAPSystem", "metadata": {"name": "prd"}, "spec": PRD}
    assert manifests.validate(document).name == "prd"


def test_instances_of_a_sap_system_differ_by_host_or_number() -> None:
    hosts = [("10.1.0.1", "00"), ("10.1.0.2", "00"), ("2001:db8::1", "00"), ("2001:db8::2", "00"), ("pas", "01")]
    several = {**PRD, "instances": [{"host": host, "number": number} for host, number in hosts]}
    assert [one.path for one in _spec("SAPSystem", several)] == ["metadata.name"]


def test_a_sap_system_needs_its_team_and_may_name_a_service() -> None:
    document = {"apiVersion": "oncue/v1", "kind": "SAPSystem", "metadata": {"name": "prd"}}
    given = manifests.validate({**document, "spec": {**PRD, "owner": "team:basis", "service": "erp"}})
    found = manifests.missing([given], complete=True)
    assert [(one.path, one.level) for one in found] == [("spec.owner", "error"), ("spec.service", "warning")]


def test_values_with_expressions_are_not_compared_with_the_actions_schema() -> None:
    inputs = {"type": "object", "properties": {"codes": {"type": "array"}, "url": {"type": "string"}}}
    step = {"id": "a", "uses": "http.request", "with": {"url": "${inputs.url}", "expect": "${inputs.codes}"}}
    assert _spec("Workflow", {"inputs": inputs, "steps": [step]}) == []


def test_a_credential_in_clear_text_is_doubted() -> None:
    assert _spec("Source", {"type": "github", "with": {"secret": "secret://name"}}) == []
    levels = [one.level for one in _spec("Source", {"type": "github", "with": {"secret": "abc"}})]
    assert levels == ["error", "warning"]


def test_names_that_nobody_has_are_doubted() -> None:
    text = HEAD.format(kind="Team", name="x") + "  channels: [mial]\n"
    documents, _ = manifests.load(manifests.parse_yaml(text))
    assert [one.detail for one in manifests.missing(documents, ["Channel/default/mail"])] == [
        "there is no Channel mial here; did you mean mail?"
    ]
    assert manifests.missing(documents, ["Channel/default/mial"]) == []


def test_names_that_are_nowhere_are_errors_once_everything_is_known_and_have_their_places() -> None:
    text = HEAD.format(kind="Team", name="x") + "  channels: [mail, mial]\n"
    documents, _ = manifests.load(manifests.parse_yaml(text, "team.yaml"))
    (found,) = manifests.missing(documents, ["Channel/default/mail", "Channel/other/mial"], complete=True)
    assert (found.level, found.code, found.path) == ("error", "manifest.reference_unknown", "spec.channels[1]")
    assert (found.file, found.line, found.column) == ("team.yaml", text.count("\n"), 20)
    assert manifests.missing(documents, ["Channel/ops/mail", "Channel/ops/mial"], "ops", complete=True) == []
    bare = msgspec.structs.replace(found, file="", line=0, column=0)
    assert manifests.located([bare], documents) == [found]


def test_a_service_that_is_only_named_stays_a_doubt() -> None:
    text = HEAD.format(kind="Source", name="x") + "  type: cloudevents\n  service: shop\n"
    documents, _ = manifests.load(manifests.parse_yaml(text))
    assert [one.level for one in manifests.missing(documents, complete=True)] == ["warning"]


def test_validate_refuses_with_every_problem() -> None:
    with pytest.raises(Refusal) as refused:
        manifests.validate(
            {"apiVersion": "oncue/v1", "kind": "Team", "metadata": {"name": "x"}, "spec": {"a": 1, "b": 2}}
        )
    assert refused.value.code == "manifest.invalid"
    assert len(refused.value.more["problems"]) == 2  # type: ignore[arg-type]


def test_changes_keep_the_spec_as_it_was_written() -> None:
    spec = {"uses": "heartbeat", "every": "5m"}
    document = manifests.validate(
        {"apiVersion": "oncue/v1", "kind": "Monitor", "metadata": {"name": "backup", "owner": "team:a"}, "spec": spec}
    )
    (change,) = manifests.changes([document], "team-a")
    assert (change["op"], change["kind"], change["namespace"], change["name"]) == (
        "apply",
        "Monitor",
        "team-a",
        "backup",
    )
    assert change["spec"] == spec
    msgspec.json.encode(change)


# Schemas, examples


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_has_a_json_schema_that_refuses_unknown_keys(kind: str) -> None:
    schema = manifests.schema(kind)
    assert schema["additionalProperties"] is False
    assert schema["$defs"][KINDS[kind].__name__]["additionalProperties"] is False
    assert schema["description"]


def test_field_descriptions_come_from_the_code() -> None:
    where = manifests.schema("Policy")["$defs"]["Match"]["properties"]["where"]
    assert where["description"] == "CEL, evaluated for candidates only."


def test_the_starter_is_sound() -> None:
    documents, problems = manifests.load(manifests.read([Path("examples/starter")]))
    assert problems == []
    assert manifests.missing(documents) == []
    assert {document.kind for document in documents} == {
        "Service", "Team", "Channel", "Monitor", "OutboundAllow", "Policy", "Workflow",
    }  # fmt: skip


def test_the_starter_watches_the_server_where_it_was_started() -> None:
    documents, _ = manifests.load(manifests.read([Path("examples/starter")]))
    moved = {document.name: document.spec for document in manifests.served_at(documents, "0.0.0.0", 9000)}
    assert moved["oncue"]["thresholds"][0]["runbook"].startswith("http://127.0.0.1:9000/help/")
    assert moved["oncue-health"]["with"]["url"] == "http://127.0.0.1:9000/healthz"
    assert (moved["oncue-itself"]["host"], moved["oncue-itself"]["port"]) == ("127.0.0.1", 9000)
    assert "8480" not in json.dumps(list(moved.values()))
    assert "8480" in json.dumps([document.spec for document in documents])


@pytest.mark.parametrize("text", ["99999999999h", "3651d", "9" * 400 + "h"])
@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Policy", {"match": {}, "limits": {"cooldown": ""}}),
        ("Policy", {"match": {}, "alert": {"ttl": ""}}),
        ("Policy", {"match": {}, "condition": {"for": ""}}),
        ("Workflow", {"steps": [{"id": "a", "uses": "incident.comment", "with": {"text": "x"}}], "timeout": ""}),
        ("Monitor", {"uses": "heartbeat", "every": ""}),
    ],
)
def test_a_duration_beyond_what_a_calendar_holds_is_refused(kind: str, spec: dict[str, Any], text: str) -> None:
    given = json.loads(json.dumps(spec).replace('""', json.dumps(text)))
    assert any("is too long: at most 3650d" in problem.detail for problem in _spec(kind, given))


@pytest.mark.parametrize("text", ['a: "\\ud800"', '"\\udfff": a', '{"a": ["\\ud83d"]}'])
def test_half_a_surrogate_pair_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(Refusal, match="half a surrogate pair") as refused:
        manifests.parse_yaml(text)
    assert refused.value.code == "manifest.malformed" and refused.value.more["line"] == 1


def test_a_surrogate_pair_of_json_is_one_character() -> None:
    (parsed,) = manifests.parse_yaml(json.dumps({"\U0001f600": "a\U0001f600"}))
    assert parsed.value == {"\U0001f600": "a\U0001f600"}


def test_a_pattern_is_no_longer_than_what_it_could_match() -> None:
    (found,) = _spec("Policy", {"match": {"resources": ["a", "*a" * 300]}, "respond": [{"ticket": {}}]})
    assert (found.path, found.level) == ("spec.match.resources[1]", "error")


@pytest.mark.parametrize(
    ("kind", "spec", "path", "detail"),
    [
        (
            "EscalationPolicy",
            {"levels": [{"tell": ["channel:a"]}], "targets": {"P9": {"respond": "5m"}}},
            "spec.targets.P9",
            "'P9' is none of P1, P2, P3, P4, P5",
        ),
        ("CorrelationRule", {"matchers": 5, "by": ["env"]}, "spec.matchers", "must be a list, not 5"),
    ],
)
def test_a_key_or_a_list_that_does_not_fit_is_said_with_its_place(
    kind: str, spec: dict[str, Any], path: str, detail: str
) -> None:
    assert [(one.path, one.detail) for one in _spec(kind, spec) if one.level == "error"] == [(path, detail)]

"""What Alertmanager's configuration becomes: matchers, receivers, mute times, and the list of what could not be converted."""

import json
import random
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from oncue import manifests
from oncue.core.silence import Matcher
from oncue.manifests import alertmanager as importer
from oncue.manifests.alertmanager import durations, matchers, times
from oncue.manifests.alertmanager.receivers import NOT_THERE, SERVICES
from tests import alertmanager
from tests.server import run_cli

WHOLE = """\
global:
  resolve_timeout: 5m
  smtp_smarthost: mail.example.com:587
  smtp_auth_password: hunter2-mail
  slack_api_url: https://hooks.slack.com/services/T000/B000/hunter2slack
  opsgenie_api_key: hunter2-opsgenie
templates: [/etc/alertmanager/*.tmpl]
route:
  receiver: desk
  group_by: [alertname]
  routes:
    - matchers: [alertname="Watchdog"]
      receiver: "null"
    - matchers: ['{severity="critical", team=~"a|b"}']
      receiver: everything
      repeat_interval: 1h
    - match: {team: c}
      receiver: desk
      mute_time_intervals: [nights]
    - matchers: ['team="(']
      receiver: desk
inhibit_rules:
  - source_match: {severity: critical}
    target_match_re: {severity: warning|info}
    equal: [cluster]
time_intervals:
  - name: nights
    time_intervals:
      - times: [{start_time: "22:00", end_time: "24:00"}, {start_time: "00:00", end_time: "06:00"}]
        location: Europe/Berlin
receivers:
  - name: "null"
  - name: desk
    email_configs: [{to: "Desk <desk@example.com>, second@example.com", html: "{{ template \\"x\\" . }}"}]
  - name: everything
    slack_configs: [{channel: "#ops"}]
    webhook_configs:
      - url: https://user:hunter2-url@hooks.example.com/x
        http_config: {authorization: {credentials: hunter2-token}}
    pagerduty_configs: [{routing_key: hunter2-pagerduty}]
    opsgenie_configs: [{send_resolved: false}]
    telegram_configs: [{bot_token: hunter2-telegram, chat_id: -1001}]
    jira_configs: [{project: OPS, issue_type: Bug}]
    sms_configs: [{}]
"""


def convert(text: str, **options: Any) -> importer.Conversion:
    (parsed,) = manifests.parse_yaml(text)
    return importer.convert(parsed, **options)


def specs(found: importer.Conversion, kind: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one["spec"] for one in found.manifests if one["kind"] == kind}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b", [Matcher("a", "b")]),
        (' a != "b, c" ', [Matcher("a", "b, c", is_equal=False)]),
        ('{a=~"x.*",b!~y}', [Matcher("a", "x.*", is_regex=True), Matcher("b", "y", is_regex=True, is_equal=False)]),
        ('a="say \\"hi\\"\\n"', [Matcher("a", 'say "hi"\n')]),
        ('a=~"x\\.y"', [Matcher("a", "x\\.y", is_regex=True)]),
        ('a=~"x\\\\.y"', [Matcher("a", "x\\.y", is_regex=True)]),
        ("a=", [Matcher("a", "")]),
        ("{}", []),
        ('"host name"="b"', [Matcher("host name", "b")]),
        ("k8s.pod=b", [Matcher("k8s.pod", "b")]),
        ('"\\u00fc"=~"\\u00e4|b"', [Matcher("ü", "ä|b", is_regex=True)]),
        ("größe=1,", [Matcher("größe", "1")]),
    ],
)  # fmt: skip
def test_matchers_are_read_in_both_syntaxes(text: str, expected: list[Matcher]) -> None:
    assert matchers.parse(text) == expected


@pytest.mark.parametrize("text", ["a", "=b", 'a="b', 'a="b"c"', "a=~(", '{"x"=y', "a==b c=d e", '"a\\q"="b"'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    if text == "a==b c=d e":  # the classic syntax takes it: the value is `=b c=d e`
        assert matchers.parse(text) == [Matcher("a", "=b c=d e")]
        return
    with pytest.raises(matchers.Unreadable):
        matchers.parse(text)


def test_durations_are_those_of_prometheus() -> None:
    said = {text: durations.seconds(text) for text in ("1h30m", "1w", "1y", "500ms", "0", "", "1.5h", "5 m")}
    assert said == {
        "1h30m": 5400,
        "1w": 604800,
        "1y": 31536000,
        "500ms": 0.5,
        "0": 0,
        "": None,
        "1.5h": None,
        "5 m": None,
    }
    assert [durations.written(length) for length in (5400, 604800, 0.5, 93784)] == ["1h30m", "7d", "500ms", "1d2h3m4s"]


def test_no_credential_gets_into_what_is_made() -> None:
    found = convert(WHOLE)
    assert "hunter2" in WHOLE
    assert "hunter2" not in json.dumps([*found.manifests, *map(str, found.remarks), *map(str, found.secrets)])
    assert {secret.name: secret.line for secret in found.secrets} == {
        "everything-slack-url": 5, "everything-webhook-url": 38, "everything-webhook-token": 39,
        "everything-pagerduty-url": 40, "everything-opsgenie-url": 6, "everything-telegram-url": 42,
    }  # fmt: skip
    channels = specs(found, "Channel")
    assert channels["desk"] == {"type": "email", "with": {"to": ["desk@example.com", "second@example.com"]}}
    assert channels["everything-webhook"]["with"] == {
        "url": "secret://everything-webhook-url", "token": "secret://everything-webhook-token",
    }  # fmt: skip
    assert channels["everything-slack"] == {"type": "apprise", "with": {"urls": ["secret://everything-slack-url"]}}


def test_what_could_not_be_converted_is_listed_with_its_place() -> None:
    found = convert(WHOLE)
    places = {(one.field, one.line, one.column): one for one in found.remarks}
    left_out = {one.field for one in found.remarks if one.level == "left out"}
    assert left_out == {
        "global.smtp_smarthost", "templates", "route.routes[3].matchers[0]", "receivers[1].email_configs[0].html",
        "receivers[2].jira_configs[0]", "receivers[2].sms_configs",
    }  # fmt: skip
    assert ("route.routes[3].matchers[0]", 20, 18) in places
    assert ("route.group_by", 10, 3) in places
    assert ("receivers[2].opsgenie_configs[0].send_resolved", 41, 25) in places
    assert all(one.why and one.instead and one.line for one in found.remarks)
    assert [(one.line, one.column) for one in found.remarks] == sorted((one.line, one.column) for one in found.remarks)


def test_all_that_is_made_is_sound_and_nothing_it_names_is_missing() -> None:
    found = convert(WHOLE, namespace="shop", owner="team:basis")
    documents, problems = manifests.load(manifests.Parsed(one, {}, {}) for one in found.manifests)
    assert not problems
    assert len(documents) == len(found.manifests)
    assert {(one.namespace, one.owner) for one in documents} == {("shop", "team:basis")}
    assert not [
        one for one in manifests.missing(documents) if "team:basis" not in one.detail and "basis" not in one.detail
    ]


def test_whoever_is_told_again_is_told_so_until_someone_acknowledges() -> None:
    found = convert(WHOLE)
    levels = {name: spec["levels"][0]["wait"] for name, spec in specs(found, "EscalationPolicy").items()}
    assert levels == {"desk": "4h", "everything": "1h"}
    story = alertmanager.World(found).story()
    labels = {"alertname": "X", "team": "a", "severity": "critical"}
    alertmanager.post(story, labels)
    first = len(story.of("effect.requested"))
    assert first == 5  # the receiver's integrations, but for Jira

    def go_on(minutes: int) -> None:
        for _ in range(minutes):
            story.skip("1m")
            alertmanager.post(story, labels)

    go_on(59)
    assert len(story.of("effect.requested")) == first
    go_on(2)
    assert len(story.of("effect.requested")) == 2 * first
    (incident,) = story.state.incidents
    story.send("oncue.command.incident.acknowledge", {"incident": incident})
    go_on(80)
    assert len(story.of("effect.requested")) == 2 * first


def test_alerts_that_were_told_together_are_one_incident_and_others_are_not() -> None:
    routes = [
        {"matchers": ["team=a"], "receiver": "two", "group_by": ["alertname", "env"], "group_interval": "2m"},
        {"matchers": ["team=b"], "receiver": "two", "group_by": ["..."]},
    ]
    given = alertmanager.configuration({"receiver": "one", "group_by": ["alertname"], "routes": routes})
    found = alertmanager.converted(given)
    rules = {name: (spec["by"], spec["within"]) for name, spec in specs(found, "CorrelationRule").items()}
    assert rules == {"route-one": (["alertname"], "5m"), "route-two": (["alertname", "env"], "2m")}
    story = alertmanager.World(found).story()
    for instance, env, team in (
        ("i-1", "x", "a"),
        ("i-2", "x", "a"),
        ("i-3", "y", "a"),
        ("i-4", "x", "b"),
        ("i-5", "x", "c"),
    ):
        alertmanager.post(story, {"alertname": "X", "env": env, "team": team, "instance": instance})
    story.skip("3m")
    alertmanager.post(story, {"alertname": "X", "env": "x", "team": "a", "instance": "i-6"})
    homes: dict[str, set[str]] = {}
    for alert in story.state.alerts.values():
        homes.setdefault(alert.incident or "", set()).add(alert.resource)
    assert sorted(map(sorted, homes.values())) == [["i-1", "i-2"], ["i-3"], ["i-4"], ["i-5"], ["i-6"]]


def test_a_receiver_without_integrations_makes_alerts_that_open_no_incident() -> None:
    world = alertmanager.World(convert(WHOLE))
    for severity in ("none", "critical"):
        story = world.story()
        alertmanager.post(story, {"alertname": "Watchdog", "severity": severity})
        (alert,) = story.state.alerts.values()
        assert (alert.severity, alert.state) == ("info", "firing")
        assert not story.state.incidents and not story.of("effect.requested")


def test_what_begins_while_its_route_is_mute_is_told_when_that_ends() -> None:
    found = convert(WHOLE)
    assert specs(found, "MaintenanceWindow") == {
        "route-desk-2": {
            "matchers": [
                {"name": "team", "value": "c"}, {"name": "alertname", "value": "Watchdog", "is_equal": False},
            ],
            "starts_at": "2024-01-01T22:00", "duration": "8h", "rrule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU",
            "zone": "Europe/Berlin",
        }
    }  # fmt: skip
    world = alertmanager.World(found)
    labels = {"alertname": "X", "team": "c"}
    night = datetime(2026, 3, 3, 22, 30, tzinfo=UTC)
    assert world.told(labels, night) == []
    assert world.told({**labels, "team": "d"}, night) == ["desk"]
    assert world.told(labels, night.replace(hour=12)) == ["desk"]
    story = world.story()
    story.now = night
    alertmanager.post(story, labels)
    story.now = night.replace(day=4, hour=5, minute=1)
    alertmanager.post(story, labels)
    assert [one["payload"]["channel"] for one in story.of("effect.requested")] == ["default/desk"]


# mute times, compared with what they say, minute by minute

ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata")
DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


def interval(choice: random.Random, *, weekly: bool, zone: str) -> dict[str, Any]:
    found: dict[str, Any] = {"location": zone}
    if choice.random() < 0.8:
        found["times"] = []
        for _ in range(choice.randrange(1, 3)):
            first, after = sorted(choice.sample(range(49), 2))
            found["times"].append({"start_time": clock(first), "end_time": clock(after)})
    if choice.random() < 0.7:
        first, last = sorted((choice.randrange(7), choice.randrange(7)))
        found["weekdays"] = [f"{DAYS[first]}:{DAYS[last]}" if first < last else DAYS[first]]
    if not weekly:
        if choice.random() < 0.6:
            found["days_of_month"] = [choice.choice(("1:7", "-3:-1", "15", "20:-1", "-31:-25", "31"))]
        if choice.random() < 0.5:
            found["months"] = [choice.choice(("may:july", "5", "june", "1:12", "august"))]
        if choice.random() < 0.3:
            found["years"] = [choice.choice(("2026", "2024:2026", "2027:2030"))]
    return found


def clock(half_hours: int) -> str:
    return f"{half_hours // 2:02d}:{half_hours % 2 * 30:02d}"


def contains(given: dict[str, Any], at: datetime) -> bool:
    """Whether the instant lies in the interval, as Alertmanager's `TimeInterval.ContainsTime` has it."""
    local = at.astimezone(ZoneInfo(given["location"]))
    said = f"{local:%H:%M}"
    if "times" in given and not any(one["start_time"] <= said < one["end_time"] for one in given["times"]):
        return False
    days = (local.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)

    def within(texts: list[str], value: int, number: Any) -> bool:
        for text in texts:
            first, _, last = text.partition(":")
            if number(first) <= value <= number(last or first):
                return True
        return False

    def day(text: str) -> int:
        return int(text) if int(text) > 0 else days.day + 1 + int(text)

    months = {"may": 5, "june": 6, "july": 7, "august": 8}
    return (
        ("weekdays" not in given or within(given["weekdays"], local.isoweekday() % 7, DAYS.index))
        and ("days_of_month" not in given or within(given["days_of_month"], local.day, day))
        and ("months" not in given or within(given["months"], local.month, lambda text: months.get(text) or int(text)))
        and ("years" not in given or within(given["years"], local.year, int))
    )


@pytest.mark.parametrize("seed", range(15))
def test_a_route_is_mute_when_its_times_say_so(seed: int) -> None:
    choice = random.Random(seed)
    shared = seed % 3 == 2  # two receivers may be told: then there are hours, and no windows
    zone = choice.choice(ZONES)
    active = choice.random() < 0.4
    weekly = shared or active
    intervals = [
        interval(choice, weekly=weekly, zone=zone if weekly else choice.choice(ZONES))
        for _ in range(choice.randrange(1, 3))
    ]
    field = "active_time_intervals" if active else "mute_time_intervals"
    routes = [{"matchers": ["team=a"], "receiver": "two", field: ["sometimes"]}]
    if shared:
        routes.insert(0, {"receiver": "three", "continue": True})
    given = alertmanager.configuration({"receiver": "one", "routes": routes})
    given["time_intervals"] = [{"name": "sometimes", "time_intervals": intervals}]
    found = alertmanager.converted(given)
    assert not [one for one in found.remarks if one.level == "left out" and "smtp" not in one.field], found.remarks
    world = alertmanager.World(found)
    begin = datetime(2026, 5, 25, tzinfo=UTC)  # no clocks change in these weeks
    for _ in range(8):
        at = begin + timedelta(minutes=choice.randrange(60 * 24 * 21))
        mute = any(contains(one, at) for one in intervals) is not active
        expected = ["three"] if shared else []
        assert world.told({"alertname": "X", "team": "a"}, at) == (
            [*expected] if mute else sorted([*expected, "two"])
        ), at
        assert world.told({"alertname": "X"}, at) == (["three"] if shared else ["one"])


def test_hours_and_the_rest_of_a_week_are_each_others_opposite() -> None:
    choice = random.Random(1)
    for _ in range(50):
        spans = [
            tuple(sorted(choice.sample(range(0, times.WEEK_MIN + 1, 360), 2))) for _ in range(choice.randrange(1, 5))
        ]
        found = times.joined(spans)  # type: ignore[arg-type]
        assert times.joined(times.rest(times.rest(found))) == times.rest(times.rest(found))
        minutes = {minute % times.WEEK_MIN for first, after in found for minute in range(first, after)}
        others = {minute % times.WEEK_MIN for first, after in times.rest(found) for minute in range(first, after)}
        assert minutes | others == set(range(times.WEEK_MIN))
        assert not minutes & others


# large, odd, broken


def test_a_tree_that_is_too_long_for_one_expression_is_divided_into_guards() -> None:
    routes = [{"matchers": [f'alertname=~"Svc{number}[A-Z].+Failing"'], "receiver": "two"} for number in range(150)]
    found = alertmanager.converted(alertmanager.configuration({"receiver": "one", "routes": routes}))
    assert len(specs(found, "Policy")["route-one"]["skip_when"]) > 1
    world = alertmanager.World(found)
    assert world.told({"alertname": "Svc7XisFailing"}) == ["two"]
    assert world.told({"alertname": "Svc149XisFailing"}) == ["two"]
    assert world.told({"alertname": "Svc149xisFailing"}) == ["one"]


def test_a_route_that_no_alert_can_choose_is_said() -> None:
    routes = [{"matchers": ["team=a"], "receiver": "two"}, {"matchers": ["team=a", "env=x"], "receiver": "three"}]
    found = alertmanager.converted(alertmanager.configuration({"receiver": "one", "routes": routes}))
    assert [one.field for one in found.remarks if "no alert can choose" in one.why] == ["route.routes[1]"]
    assert "route-three" not in specs(found, "Policy")


@pytest.mark.parametrize("kind", sorted({*SERVICES, *NOT_THERE}))
def test_every_kind_of_integration_becomes_a_channel_or_is_listed(kind: str) -> None:
    given = alertmanager.configuration({"receiver": "x"})
    fields = {name: "text" for name in (SERVICES[kind].anchors if kind in SERVICES else ()) if "." not in name}
    given["receivers"].append({"name": "x", kind: [{**fields, "title": "t"}]})
    found = alertmanager.converted(given)
    if kind in SERVICES:
        assert specs(found, "Channel")["x"] == {"type": "apprise", "with": {"urls": ["secret://x-url"]}}
        assert "text" not in found.secrets[0].value
    else:
        assert "x" not in specs(found, "Channel")
        assert [one.field for one in found.remarks if "no channel of this kind" in one.why] == [
            f"receivers[5].{kind}[0]"
        ]


@pytest.mark.parametrize(
    "text",
    ["route: {receiver: x}", "route: {receiver: x, routes: [1, {receiver: 7, routes: x}]}\nreceivers: [{name: x}, 3]",
     "route: {receiver: x}\nreceivers: {name: x}\ninhibit_rules: [{}, x]\ntime_intervals: [{name: y, time_intervals: [x]}]",
     "route: {receiver: [x]}\nglobal: x\nreceivers: [{name: x, email_configs: [{to: 7}, x]}]",
     "route: {receiver: x, mute_time_intervals: x, routes: [{match: x}, {matchers: [[x]]}, {match_re: {a: (}}]}"],
)  # fmt: skip
def test_what_is_malformed_is_listed_and_the_rest_is_taken(text: str) -> None:
    found = convert(text)
    assert found.remarks
    _, problems = manifests.load(manifests.Parsed(one, {}, {}) for one in found.manifests)
    assert not problems


def test_anchors_and_merge_keys_are_followed() -> None:
    text = """\
route: {receiver: x}
receivers:
  - name: y
    slack_configs:
      - &slack {channel: "#y", api_url: "https://hooks.slack.com/services/T/B/X", send_resolved: true}
  - name: x
    slack_configs:
      - <<: *slack
        channel: "#x"
        title: t
"""
    (parsed,) = manifests.parse_yaml(text, merging=True)
    found = importer.convert(parsed)
    said = {secret.name: (secret.line, secret.value.partition("(")[2]) for secret in found.secrets}
    assert said == {"y-url": (5, "channel: #y)"), "x-url": (8, "channel: #x)")}
    assert [one.line for one in found.remarks if "title" in one.why] == [10]


# the command


def oncue(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return run_cli("import", "alertmanager", *arguments, stdin=stdin, timeout_s=60)


def test_the_command_prints_manifests_that_validate_and_lists_the_rest(tmp_path: Path) -> None:
    (tmp_path / "alertmanager.yml").write_text(WHOLE)
    ran = oncue("-f", str(tmp_path / "alertmanager.yml"), "-n", "shop")
    assert ran.returncode == 0, ran.stderr
    documents, problems = manifests.load(manifests.parse_yaml(ran.stdout))
    assert not problems and len(documents) > 10
    assert "#   oncue secret set everything-slack-url -n shop    # line 5: slack://A/B/C/#CHANNEL" in ran.stdout
    assert "#   20:18 route.routes[3].matchers[0] (left out)" in ran.stdout
    assert "20:18: route.routes[3].matchers[0]: left out:" in ran.stderr
    assert "hunter2" not in ran.stdout + ran.stderr

    into = tmp_path / "made"
    assert oncue("-f", str(tmp_path / "alertmanager.yml"), "-o", str(into)).returncode == 0
    assert manifests.load(manifests.read([into]))[1] == []
    again = oncue("-f", str(tmp_path / "alertmanager.yml"), "-o", str(into))
    assert again.returncode == 1 and "is there already" in again.stderr
    assert oncue("-f", "-", "-o", str(into), "--force", stdin=WHOLE).returncode == 0

    ran = oncue("-f", "-", "-o", "json", "--strict", stdin=WHOLE)
    assert ran.returncode == 1
    assert set(json.loads(ran.stdout)) == {"manifests", "remarks", "secrets"}


@pytest.mark.parametrize("text", ["", "a: b", "route: [", "[]", "route: {}\n---\nroute: {}"])
def test_what_is_no_configuration_is_refused(text: str) -> None:
    ran = oncue("-f", "-", stdin=text)
    assert ran.returncode == 1
    assert "error manifest.malformed" in ran.stderr

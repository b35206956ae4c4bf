"""The same inputs give the same bytes: across restarts, hash seeds, and whatever was undone in between."""

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncue.core import deduplicate, respond
from oncue.core.engine import Engine, Poison
from oncue.core.state import State
from oncue.core.tx import Batch
from tests.unit.story import Story, owned

SEVERITIES = ("clear", "info", "warning", "minor", "major", "critical")

POLICIES = {
    "changing": {
        "match": {"types": ["disk.*"]},
        "skip_when": ["change_running_on(event.resource)"],
        "alert": {"labels": {"a": '${lookup("owners", event.resource, "team")}'}},
    },
    "lasting": {"match": {"types": ["disk.*"]}, "condition": {"for": "3m"}, "alert": {"severity": "critical"}},
    "often": {
        "match": {"types": ["net.drop"]},
        "condition": {"count": 3, "within": "5m", "by": ["event.resource"]},
        "alert": {"title": "drops on ${event.resource}"},
        "respond": [{"ticket": {}}, {"change": {"state": "started", "key": "${event.resource}", "lasts": "5m"}}],
        "limits": {"max_runs": {"count": 2, "within": "20m"}},
    },
    "hot": {
        "match": {"types": ["cpu.used"]},
        "condition": {"value": "event.data.value", "fire_above": 90, "clear_below": 70, "for": "1m"},
        "alert": {"severity": "minor"},
    },
    "mean": {
        "match": {"types": ["cpu.used"]},
        "condition": {"avg": "event.data.value", "within": "10m", "fire_above": 60, "min_count": 2},
        "alert": {"title": "mean ${value}"},
    },
    "silent": {"match": {"types": ["disk.*"]}, "condition": {"absent": "9m", "forget_after": "30m"}, "alert": {}},
    "then": {
        "match": {"types": ["disk.full", "job.failed"]},
        "condition": {
            "sequence": [{"types": ["disk.full"]}, {"types": ["job.failed"], "not": True}],
            "within": "5m",
            "max_keys": 5,
        },
        "alert": {"severity": "major"},
    },
    "rare": {
        "match": {"types": ["net.drop"]},
        "condition": {"once_after": "1m"},
        "respond": [{"run": {"workflow": "look"}}],
    },
    "run": {
        "match": {"types": ["job.failed"], "where": "event.labels.env == 'prod'"},
        "respond": [{"run": {"workflow": "look"}}],
        "concurrency": {"by": ["'all'"], "max_queued": 2},
    },
    "few": {
        "match": {"types": ["net.drop", "disk.full"]},
        "alert": {"throttle": {"count": 2, "within": "3m", "by": ["env"]}},
    },
    "worse": {
        "stage": "shape",
        "match": {"types": ["disk.*"], "where": "event.severity == 'minor'"},
        "priority": 2,
        "set": {
            "severity": "critical",
            "labels": {"env": "${event.resource}"},
            "links": [{"title": "x", "url": "https://a.example"}],
        },
    },
    "hushed": {
        "stage": "shape",
        "match": {"labels": {"env": ["prod", "db-1"]}, "types": ["*"]},
        "set": {"quiet": True},
        "priority": 3,
    },
    "placed": {
        "stage": "shape",
        "match": {"types": ["cpu.used", "net.drop"]},
        "set": {"resource": "on ${event.resource}"},
        "only_during": "daily 03:10-04:00",
    },
    "patient": {"match": {"types": ["net.drop"], "severities": ["warning"]}, "alert": {"wait": "1m"}},
    "own": {"match": {"types": ["oncue.incident.opened"]}, "respond": [{"ticket": {"type": "problem"}}]},
}

LOOK = {
    "steps": [
        {"id": "get", "uses": "http.request", "with": {"url": "https://a.example"}, "retry": {"attempts": 2}},
        {"id": "say", "uses": "event.emit", "with": {"type": "net.drop", "severity": "warning", "resource": "emitted"}},
    ]
}


def setting(story: Story) -> None:
    """Manifests that make every stage work."""
    owned(story)
    story.apply("Workflow", "look", LOOK)
    rows = [{"key": f"db-{number}", "team": f"t{number % 2}"} for number in range(3)]
    story.apply("Lookup", "owners", {"rows": rows})
    for name, spec in POLICIES.items():
        story.apply("Policy", name, spec)
    landscape(story)
    matchers = [{"name": "resource", "value": "app-[01]", "is_regex": True}]
    often = {"starts_at": "2026-01-01T00:00", "rrule": "FREQ=DAILY;BYHOUR=3,4,5,6,7,8;BYMINUTE=0,30", "duration": "11m"}
    story.apply("MaintenanceWindow", "often", {"matchers": matchers, **often})
    sides = {"source": [{"name": "type", "value": "disk.full"}], "target": [{"name": "type", "value": "net.drop"}]}
    story.apply("Inhibition", "disk", {**sides, "equal": ["resource"]})
    below = {
        "source": [{"name": "type", "value": ".+", "is_regex": True}],
        "target": [{"name": "type", "value": "cpu.used"}],
    }
    story.apply("Inhibition", "below", {**below, "downstream": 3})
    callers(story)
    rule = {"matchers": [{"name": "type", "value": "net.drop"}], "by": ["env", "type"], "within": "4m"}
    story.apply("CorrelationRule", "drops", rule)
    story.apply("CorrelationRule", "jobs", {"matchers": [{"name": "type", "value": "job.failed"}], "reach": 1})
    exporting(story)
    story.apply("Subscription", "erp", {"webhook": {"url": "https://erp.example"}, "from": "earliest"})
    story.apply("Monitor", "beat", {"uses": "heartbeat", "every": "4m", "grace": "1m"})
    story.apply("Runbook", "look", {"steps": [{"title": "look"}, {"title": "mend", "workflow": "look"}]})
    story.apply("StatusTemplate", "begun", {"text": "We look into ${incident.title} (${incident.priority})."})


def exporting(story: Story) -> None:
    """Another namespace decides about some events, too."""
    story.apply("Export", "some", {"to": ["*"], "match": {"types": ["disk.*", "cpu.used"]}})
    often = {"count": 2, "within": "5m", "by": ["event.resource"]}
    abroad = {
        "seen": {"match": {"types": ["disk.*"]}, "alert": {"severity": "minor"}},
        "lasting": {"match": {"types": ["disk.*"]}, "condition": {"for": "2m"}, "respond": [{"ticket": {}}]},
        "often": {"match": {"types": ["cpu.used"]}, "condition": often, "alert": {"title": "${event.namespace}"}},
    }
    changes = [
        {"op": "apply", "kind": "Policy", "namespace": "abroad", "name": name, "spec": spec}
        for name, spec in abroad.items()
    ]
    story.send("oncue.config.applied", {"changes": changes})


def callers(story: Story) -> None:
    """The owner's incidents call one after the other, by some channels that cannot always be reached."""
    for name in ("push", "sms", "spare"):
        story.apply("Channel", name, {"type": "email", "with": {"to": ["x@example.com"]}, "failover": ["mail"]})
    night = {"quiet_hours": "daily 05:00-05:30", "default": [{"channel": "sms"}]}
    story.apply("Person", "basis-1", {**night, "important": [{"channel": "push"}, {"channel": "sms", "after": "1m"}]})
    last = {"levels": [{"tell": ["channel:spare"], "wait": "2m"}], "repeat": 1}
    story.apply("EscalationPolicy", "last", last)
    rota = {
        "levels": [{"tell": ["user:basis-1"], "wait": "3m"}, {"tell": ["channel:mail"], "wait": "4m"}],
        "branches": [{"priorities": ["P1"], "levels": [{"tell": ["user:basis-1", "channel:mail"], "wait": "2m"}]}],
        "then": "last", "acknowledge_timeout": "7m", "targets": {"P1": {"respond": "1m", "resolve": "9m"}},
    }  # fmt: skip
    story.apply("EscalationPolicy", "rota", rota)
    story.apply("Team", "basis", {"channels": ["mail"], "escalation": "rota"})


def landscape(story: Story) -> None:
    """Some of db-0 to app-3 need each other, in a circle too."""
    story.apply("Service", "front", {"criticality": "critical", "depends_on": ["shop", "app-0"]})
    story.apply("Resource", "app-0", {"runs_on": ["db-0"], "service": "front"})
    story.apply("Resource", "app-1", {"depends_on": ["db-1", "app-2"]})
    story.apply("Resource", "app-2", {"depends_on": ["app-1"], "part_of": ["rack"]})
    story.apply("Resource", "app-3", {"part_of": ["rack"], "aliases": ["emitted"]})


def shaping(story: Story, choice: random.Random) -> tuple[str, dict[str, object]]:
    """What someone does to the shape of incidents; it may be refused."""
    incident = choice.choice(sorted(story.state.incidents))
    verb = choice.choice(("merge", "move", "split", "move"))
    members = sorted(story.state.members[incident])
    alerts = choice.sample(members, min(len(members), choice.randrange(1, 3)))
    other = choice.choice(sorted(story.state.incidents))
    data: dict[str, object] = {"incident": incident, "reason": "by hand"}
    data |= {"incidents": [other]} if verb == "merge" else {"alerts": alerts}
    if verb == "move" and choice.random() < 0.7:
        data["to"] = other
    return verb, data


def worked(story: Story, choice: random.Random) -> tuple[str, dict[str, object]]:
    """What someone does who works on incidents; it may be refused."""
    state = story.state
    verb = choice.choice((
        "incident.open", "incident.edit", "incident.respond", "incident.link", "incident.update", "incident.promise",
        "task.create", "task.turn", "checklist.add", "checklist.mark", "problem.create", "problem.transition",
        "review.begin", "review.write", "review.publish", "handover.create", "handover.confirm",
        "change_record.start", "change_record.start", "change_record.finish",
    ))  # fmt: skip
    kind, _, what = verb.partition(".")
    data: dict[str, object] = {}
    if kind in ("incident", "checklist", "review") or what == "create":
        data["incident"] = choice.choice(sorted(state.incidents) or ["INC-0"])
    if what in ("turn", "mark", "transition", "write", "publish", "confirm"):
        data[kind] = choice.choice(sorted(state.entities[kind]) or ["none"])
    span = {"since": "2026-03-01T00:00:00+02:00", "until": "2026-03-02T00:00:00+02:00", "team": None}
    said: dict[str, dict[str, object]] = {
        "incident.open": {"title": "by hand", "service": choice.choice(("shop", "front")), "severity": "major"},
        "incident.edit": choice.choice(({"priority": "P5"}, {"severity": "minor"}, {"take_back": ["priority"]})),
        "incident.respond": {"name": choice.choice("ab"), "role": choice.choice(("commander", "scribe", None))},
        "incident.link": {"target": choice.choice(("TCK-1", "https://a.example/b"))},
        "incident.update": {"template": "begun", "audience": ["channel:mail"], "next_update_in_s": 240},
        "incident.promise": {"next_update_in_s": choice.choice((0, 180))},
        "task.create": {"title": "do it", "action": choice.random() < 0.3, "due_at": "2026-03-01T09:00:00+01:00"},
        "task.turn": {"state": choice.choice(("done", "open", "cancelled"))},
        "checklist.add": {"runbook": "look"},
        "checklist.mark": {"step": choice.randrange(1, 3), "state": choice.choice(("done", "open"))},
        "problem.create": {"title": "known", "workaround": choice.choice(("", "wait"))},
        "problem.transition": {"state": choice.choice(("resolved", "open", "closed"))},
        "review.begin": {"title": "t", "service": None, "priority": "P1", "drawn": {"a": 1, "b": [1.5, "x", None]}},
        "review.write": {"sections": {"summary": "s"}},
        "change_record.start": {
            "title": "change",
            "key": choice.choice(("a", "b")),
            "resources": [f"db-{choice.randrange(4)}", "app-2"],
            "services": ["shop"],
            "grace_s": choice.choice((0, 60.5)),
            "lasts_s": choice.choice((120, 1200)),
            "started_at": "2026-03-01T04:00:00+01:00",
            "links": [{"url": "https://a.example/b"}],
            "expects": [{"name": "resource", "value": f"db-{choice.randrange(4)}"}] if choice.random() < 0.6 else [],
        },
        "change_record.finish": {"change_record": choice.choice(("a", "b", "CR-1"))},
        "handover.create": {**span, "drawn": {"incidents": 2}},
    }
    if verb == "problem.create" and choice.random() < 0.5:
        data = {"matchers": [{"name": "resource", "value": f"db-{choice.randrange(4)}"}]}
    if verb == "handover.create" or kind == "change_record":
        data = {}
    return verb, data | said.get(verb, {})


def delivered(story: Story, choice: random.Random) -> None:
    """The deliverer says how far a subscription is, or someone moves it."""
    progress = story.state.cells["subscription"]["default/erp"]
    letter = {"event_position": choice.randrange(1, 20), "event_id": "e", "type": "t", "state": "waiting"}
    report = {
        "id": "default/erp",
        "epoch": progress.epoch - (choice.random() < 0.2),
        "settled": choice.randrange(story.state.position),
        "delivered": choice.randrange(3),
        "state": choice.choice(("active", "active", "failing")),
        "letters": [letter] if choice.random() < 0.2 else [],
    }
    story.send("oncue.subscription.progressed", {"reports": [report]})
    if choice.random() < 0.2:
        position = f"0-{choice.randrange(story.state.position)}"
        story.send("oncue.command.subscription.seek", {"subscription": "erp", "position": position})


def step(story: Story, choice: random.Random) -> None:
    """One thing that happens."""
    resource = f"{choice.choice(('db', 'app'))}-{choice.randrange(4)}"
    what = choice.randrange(18)
    if what < 4:
        type = choice.choice(("disk.full", "net.drop", "job.failed", "io.oncue.change.started", "pagerduty.change"))
        env = choice.choice(("prod", "test"))
        story.send(type, severity=choice.choice(SEVERITIES), resource=resource, labels=f'{{"env":"{env}"}}')
    elif what < 6:
        story.sample("cpu.used", choice.randrange(100), resource)
    elif what < 8:
        story.wait(choice.choice(("20s", "2m", "6m", "20m")))
    elif what == 8:
        story.send("oncue.heartbeat.received", {"monitor": "default/beat"})
        delivered(story, choice)
    elif what == 9 and story.state.effects:
        effect = choice.choice(sorted(story.state.effects))
        story.result(choice.choice(("succeeded", "failed")), effect=effect, transient=choice.random() < 0.5)
    elif what == 10 and story.state.incidents:
        incident = choice.choice(sorted(story.state.incidents))
        verb = choice.choice(
            ("acknowledge", "acknowledge", "unacknowledge", "escalate", "snooze", "resolve", "reopen", "close")
        )
        until = story.now + timedelta(minutes=choice.choice((1, 8)))
        data: dict[str, object] = {"incident": incident} | ({"until": until} if verb == "snooze" else {})
        if verb == "snooze":
            data["remind_before_s"] = 60
        if choice.random() < 0.5:
            verb, data = shaping(story, choice)
        body: dict[str, object] = {"specversion": "1.0", "id": f"c{len(story.inputs)}", "source": "/test"}
        body |= {"type": f"oncue.command.incident.{verb}", "data": data}
        story.feed(msgspec.json.encode(body), story.now, actor="user:basis-1")
    elif what == 12:
        for severity in ("major", "clear") * 4:
            story.send("disk.full", severity=severity, resource="db-0", time=story.now.isoformat())
            story.skip("20s")
    elif what == 13 and story.state.alerts:
        until = (story.now + timedelta(minutes=choice.choice((1, 30)))).isoformat()
        data = {"alert": choice.choice(sorted(story.state.alerts)), "until": until}
        data["of"] = choice.choice(sorted(story.state.alerts))
        document = {"specversion": "1.0", "id": f"z{len(story.inputs)}", "source": "/test", "data": data}
        document["type"] = (
            f"oncue.command.alert.{choice.choice(('snooze', 'unsnooze', 'duplicate', 'distinct', 'resolve'))}"
        )
        if choice.random() < 0.4:
            document["type"] = "oncue.command.alert.enrich"
            document["data"] = {
                "alert": data["alert"], "labels": {"rack": choice.choice(("r1", "r2", ""))},
                "annotations": {"found": choice.choice(("a", ""))}, "note": choice.choice(("", "n", "m")),
                "links": [{"url": f"https://cmdb.example.com/{choice.randrange(30)}"}],
            }  # fmt: skip
        story.feed(msgspec.json.encode(document), story.now, actor="user:basis-1")
    elif what > 13:
        verb, data = worked(story, choice)
        document = {"specversion": "1.0", "id": f"w{len(story.inputs)}", "source": "/test", "data": data}
        document["type"] = f"oncue.command.{verb}"
        story.feed(msgspec.json.encode(document), story.now, actor=choice.choice(("user:basis-1", "user:basis-2")))
    elif what == 11:
        ends_at = (story.now.replace(tzinfo=None)).isoformat()[:19]
        body = {"matchers": [{"name": "resource", "value": resource}], "starts_at": ends_at + "Z"}
        body |= {"ends_at": f"{ends_at[:11]}23:59:59Z", "comment": "x"}
        document = {"specversion": "1.0", "id": f"s{len(story.inputs)}", "source": "/test"}
        document |= {"type": "oncue.command.silence.set", "data": body}
        story.feed(msgspec.json.encode(document), story.now)


def told(seed: int, steps: int = 60, between: Callable[[Story, random.Random], None] | None = None) -> Story:
    """A random story, with something done between its inputs."""
    story, choice, other = Story(), random.Random(seed), random.Random(seed + 1)
    setting(story)
    for _ in range(steps):
        step(story, choice)
        if between is not None:
            between(story, other)
    return story


def bytes_of(story: Story) -> list[bytes]:
    return [fact.body for fact in story.facts]


def restart_from_dump(story: Story, choice: random.Random) -> None:
    if choice.random() < 0.3:
        state = State(story.state.identity)
        state.restore(story.state.dump())
        story.state, story.engine = state, Engine(state)


def restart_from_rows(story: Story, choice: random.Random) -> None:
    if choice.random() < 0.3:
        old = story.state
        all = old.rows()
        entities = [
            (kind, id, msgspec.json.encode(row)) for kind, rows in all.entities.items() for id, row in rows.items()
        ]
        cells = [
            (kind, key, msgspec.msgpack.encode(cell)) for kind, rows in all.cells.items() for key, cell in rows.items()
        ]
        cells += [("timer", key, msgspec.msgpack.encode(timer)) for key, timer in all.timers.items()]
        choice.shuffle(entities)
        choice.shuffle(cells)
        state = State(old.identity)
        state.load(entities, cells)
        state.position, state.now = old.position, old.now
        story.state, story.engine = state, Engine(state)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_restarts_at_random_boundaries_change_nothing(seed: int) -> None:
    straight = told(seed)
    for restart in (restart_from_dump, restart_from_rows):
        broken = told(seed, between=restart)
        assert bytes_of(broken) == bytes_of(straight)
        assert broken.state.dump() == straight.state.dump()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_a_batch_that_is_rolled_back_leaves_no_trace(seed: int) -> None:
    story, choice = told(seed, 30), random.Random(seed)
    before, position, now = story.state.dump(), story.state.position, story.state.now
    held = dict(story.state.held_of)
    story.batch.undo.clear()
    for _ in range(10):
        step(story, choice)
    story.apply("Policy", "often", {"match": {"types": ["net.drop"]}})
    story.batch.rollback(story.state)
    story.state.position, story.state.now = position, now
    assert story.state.dump() == before
    assert story.state.held_of == held
    fresh = State(story.state.identity)
    fresh.restore(before)
    assert sorted(story.state.alert_of) == sorted(fresh.alert_of)
    assert story.state.incident_of == fresh.incident_of
    assert story.state.windows_of == fresh.windows_of
    assert story.state.members == fresh.members
    assert story.state.failing == fresh.failing
    for one, other in ((story.state.silencing, fresh.silencing), (story.state.closing, fresh.closing)):
        assert sorted(one._place.items()) == sorted(other._place.items())
    known, again = story.state.known, fresh.known
    assert known._fingerprints == again._fingerprints
    assert known._by_fingerprint == again._by_fingerprint
    assert sorted(known._by_matchers._place.items()) == sorted(again._by_matchers._place.items())
    changed, now = story.state.changed, fresh.changed
    assert (changed._by_place, changed._by_key, changed._filed) == (now._by_place, now._by_key, now._filed)
    assert sorted(changed.expecting._place.items()) == sorted(now.expecting._place.items())
    assert story.state.policies.by_id["default/often"].windowed


@pytest.mark.parametrize("place", [(deduplicate, "_fact"), (respond, "decide")])
def test_a_poison_input_leaves_no_trace_but_its_position(
    place: tuple[object, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story()
    setting(story)
    story.problem(resource="db-1")
    story.batch = Batch()
    before, position = story.state.dump(), story.state.position

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("broken on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(*place, broken)
        with pytest.raises(Poison, match="broken on purpose"):
            story.send("job.failed", severity="major", resource="db-2", labels='{"env":"prod"}')
    assert story.state.position > position
    story.state.position = position
    assert story.state.dump() == before
    story.problem(resource="db-3", type="other.kind")
    assert "alert.fired" in story.new()


def test_two_hash_seeds_agree() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from tests.property.test_determinism import fingerprint; print(fingerprint())"
    )
    root = str(Path(__file__).parents[2])
    found = {
        subprocess.run(
            [sys.executable, "-c", program, root], env={**os.environ, "PYTHONHASHSEED": seed}, check=True,
            capture_output=True, text=True,
        ).stdout
        for seed in ("1", "4242")
    }  # fmt: skip
    assert len(found) == 1


def fingerprint() -> str:
    """A hash over everything that ten random stories derive."""
    digest = hashlib.sha256()
    for seed in range(10):
        story = told(seed)
        for body in bytes_of(story):
            digest.update(body)
        digest.update(story.state.dump())
    return digest.hexdigest()

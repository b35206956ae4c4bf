"""Starting, stopping, restarting and questioning a simulated SAP system; nothing is done twice."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncue.demo.sap_system import Instance, SapSystem
from oncue.sdk import ActionError, Tell, Told, registry
from oncue.sdk.outbound import Allow
from oncue.sdk.testing import context
from tests.server import free_port

CREDENTIALS = {"user": "dmoadm", "password": "secret://sap"}


@pytest.fixture
def system() -> Iterator[SapSystem]:
    with SapSystem(password="initial-4711", takes_s=0.2) as running:
        yield running


async def run(
    uses: str,
    instance: Instance,
    tmp_path: Path,
    asked_s: float = 0,
    timeout_s: float = 8,
    tell: Tell | None = None,
    **more: Any,
) -> Any:
    action = registry.action(uses)
    given = {"host": "127.0.0.1", "instance": instance.number, "port": instance.port, "sid": "DMO", **more}
    surroundings = context(
        tmp_path,
        allows=[Allow("127.0.0.1")],
        secrets={"sap": "initial-4711"},
        timeout_s=timeout_s,
        asked_at=datetime.now(UTC) - timedelta(seconds=asked_s),
        redelivered=asked_s > 0,
        tell=tell,
    )
    return msgspec.to_builtins(await action.run(registry.fit(given, action.inputs), surroundings))


def changes(system: SapSystem) -> list[tuple[str, str]]:
    return [(call.method, call.instance) for call in system.calls if not call.method.startswith("Get")]


async def test_who_looks_on_sees_the_states_that_a_system_goes_through(system: SapSystem, tmp_path: Path) -> None:
    told: list[Told] = []
    await run("sapcontrol.stop", system.instances[3], tmp_path, tell=told.append, **CREDENTIALS)
    assert told[0].text == "asking for Stop; it is GREEN"
    assert told[-1].text == "it is GRAY"
    assert len(told) == len({one.text for one in told})


async def test_an_instance_is_stopped_once_and_started_once(system: SapSystem, tmp_path: Path) -> None:
    aas = system.instances[3]
    done = await run("sapcontrol.stop", aas, tmp_path, soft_timeout_s=30, **CREDENTIALS)
    assert done == {"already_done": False, "before": "GREEN", "after": "GRAY"}
    assert aas.state() == "GRAY"
    again = await run("sapcontrol.stop", aas, tmp_path, asked_s=10, **CREDENTIALS)
    assert again["already_done"]
    assert changes(system) == [("Stop", "03")]
    done = await run("sapcontrol.start", aas, tmp_path, **CREDENTIALS)
    assert (done["before"], done["after"], aas.state()) == ("GRAY", "GREEN", "GREEN")
    assert changes(system) == [("Stop", "03"), ("Start", "03")]
    assert system.primary.state() == "GREEN"


async def test_a_whole_system_is_stopped_and_started(system: SapSystem, tmp_path: Path) -> None:
    done = await run("sapcontrol.stop", system.primary, tmp_path, scope="system", **CREDENTIALS)
    assert (done["after"], {one.state() for one in system.instances}) == ("GRAY", {"GRAY"})
    await run("sapcontrol.start", system.primary, tmp_path, scope="system", **CREDENTIALS)
    assert {one.state() for one in system.instances} == {"GREEN"}
    assert changes(system) == [("StopSystem", "00"), ("StartSystem", "00")]


async def test_a_restart_is_done_when_the_programs_are_new_ones(system: SapSystem, tmp_path: Path) -> None:
    system.primary.broken.add("icman")
    before = {row["pid"] for row in system.primary.processes() if row["pid"] != "-1"}
    done = await run("sapcontrol.restart", system.primary, tmp_path, **CREDENTIALS)
    assert (done["before"], done["after"]) == ("GRAY", "GREEN")
    assert not before & {row["pid"] for row in system.primary.processes()}
    assert changes(system) == [("RestartInstance", "00")]


async def test_a_restart_that_was_asked_for_before_a_crash_is_not_asked_for_again(
    system: SapSystem, tmp_path: Path
) -> None:
    system.primary.restart(1.0)  # asked for ten seconds ago, by an attempt that was cut off
    await run("sapcontrol.restart", system.primary, tmp_path, asked_s=10, **CREDENTIALS)
    again = await run("sapcontrol.restart", system.primary, tmp_path, asked_s=60, **CREDENTIALS)
    assert again["already_done"]
    assert changes(system) == []
    await run("sapcontrol.restart", system.primary, tmp_path, **CREDENTIALS)
    assert changes(system) == [("RestartInstance", "00")]


async def test_a_restart_that_is_redelivered_at_once_is_not_asked_for_again(system: SapSystem, tmp_path: Path) -> None:
    system.primary.restart(1.0)
    await run("sapcontrol.restart", system.primary, tmp_path, asked_s=0.001, **CREDENTIALS)
    assert changes(system) == []
    assert system.primary.state() == "GREEN"


async def test_an_instance_that_is_wholly_stopped_is_restarted_however_old_the_wish_is(
    system: SapSystem, tmp_path: Path
) -> None:
    system.primary.turn("GRAY", 0, 0)
    await run("sapcontrol.restart", system.primary, tmp_path, asked_s=60, **CREDENTIALS)
    assert changes(system) == [("RestartInstance", "00")]


async def test_a_stop_that_goes_on_is_waited_for_and_not_asked_for_again(system: SapSystem, tmp_path: Path) -> None:
    system.primary.turn("GRAY", 0, 1.0)
    done = await run("sapcontrol.stop", system.primary, tmp_path, **CREDENTIALS)
    assert (done["before"], done["after"]) == ("YELLOW", "GRAY")
    assert changes(system) == []


async def test_what_is_not_reached_in_time_is_told(system: SapSystem, tmp_path: Path) -> None:
    system.takes_s = 60
    with pytest.raises(ActionError, match=r"sap\.not_reached.*GRAY"):
        await run("sapcontrol.stop", system.primary, tmp_path, timeout_s=2.5, **CREDENTIALS)
    asked = await run("sapcontrol.stop", system.instances[3], tmp_path, wait=False, **CREDENTIALS)
    assert asked["after"] == "YELLOW"


async def test_without_credentials_nothing_changes(system: SapSystem, tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=r"sap\.credentials"):
        await run("sapcontrol.stop", system.primary, tmp_path)
    assert system.primary.state() == "GREEN"


async def test_where_nobody_answers_nothing_was_done(system: SapSystem, tmp_path: Path) -> None:
    with pytest.raises(ActionError) as raised:
        await run("sapcontrol.stop", system.primary, tmp_path, **{**CREDENTIALS, "port": free_port()})
    assert (raised.value.code, raised.value.nothing_done) == ("http.connect", True)
    with pytest.raises(ActionError) as raised:
        await run("sapcontrol.stop", system.primary, tmp_path)
    assert (raised.value.code, raised.value.nothing_done) == ("sap.credentials", False)


async def test_a_query_gives_the_rows_that_fit(system: SapSystem, tmp_path: Path) -> None:
    system.response_ms = 3000
    found = await run(
        "sapcontrol.query", system.primary, tmp_path, method="ABAPGetWPTable", where={"typ": "DIA", "status": "R*"}
    )
    assert (found["matched"], found["total"], found["truncated"]) == (7, 16, False)
    assert found["rows"][0]["program"] == "Z_OPEN_ORDERS"
    node = await run(
        "sapcontrol.query", system.primary, tmp_path, method="GetAlertTree", where={"path": "*/Dialog/ResponseTime"}
    )
    assert [row["description"] for row in node["rows"]] == ["3000 msec"]


async def test_the_process_list_says_how_each_program_is(system: SapSystem, tmp_path: Path) -> None:
    await run("sapcontrol.stop", system.instances[3], tmp_path, **CREDENTIALS)
    for instance, colour in ((system.primary, "GREEN"), (system.instances[3], "GRAY")):
        found = await run("sapcontrol.query", instance, tmp_path, method="GetProcessList")
        assert found["matched"] == found["total"] > 1
        assert {row["dispstatus"] for row in found["rows"]} == {colour}
        assert "disp+work" in {row["name"] for row in found["rows"]}


async def test_a_query_keeps_the_last_lines_of_a_log_and_is_bounded(system: SapSystem, tmp_path: Path) -> None:
    for number in range(300):
        system.log("R49", "GREEN", f"Line {number} {'x' * 200}")
    found = await run("sapcontrol.query", system.primary, tmp_path, method="ABAPReadSyslog", last=True, limit=3)
    assert [row["text"].split()[1] for row in found["rows"]] == ["297", "298", "299"]
    assert found["truncated"]
    whole = await run("sapcontrol.query", system.primary, tmp_path, method="ABAPReadSyslog", limit=200)
    assert len(msgspec.json.encode(whole)) < 16 * 1024
    assert whole["truncated"] and whole["matched"] == 301


async def test_a_query_about_a_column_that_is_not_there_is_refused(system: SapSystem, tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=r"inputs\.invalid.*no column statuss; it has.*status"):
        await run("sapcontrol.query", system.primary, tmp_path, method="ABAPGetWPTable", where={"statuss": "Run"})
    with pytest.raises(ActionError, match=r"inputs\.invalid"):
        await run("sapcontrol.query", system.primary, tmp_path, method="OSExecute")


async def test_locks_are_asked_of_the_instance_that_has_them(system: SapSystem, tmp_path: Path) -> None:
    system.enqueue("VBAK", "100000004711", "CLERK-1", datetime(2026, 5, 1))  # noqa: DTZ001 - SAP's local time
    found = await run("sapcontrol.query", system.instances[1], tmp_path, method="EnqGetLockTable")
    assert found["rows"][0]["owner"].startswith("20260501000000")
    with pytest.raises(ActionError, match=r"sap\.method_unknown"):
        await run("sapcontrol.query", system.primary, tmp_path, method="EnqGetLockTable")

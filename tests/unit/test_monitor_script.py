"""`script` with Debian's monitoring plugins, and with programs that misbehave."""

import sys
from pathlib import Path
from typing import Any

import pytest

from oncue.plugins.monitors.script import readings_of, split
from oncue.sdk import ActionError, ShellRules
from tests.monitors import code, listening, probe, value, values
from tests.system import install

PLUGINS = Path("/usr/lib/nagios/plugins")
RULES = ShellRules(True, (str(PLUGINS / "check_load"), str(PLUGINS / "check_tcp"), str(PLUGINS / "check_dummy"), sys.executable))  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def plugins() -> None:
    if not (PLUGINS / "check_dummy").exists():
        import os

        if os.geteuid() != 0:
            pytest.skip("needs Debian's monitoring-plugins-basic, and only root can install it")
        install("monitoring-plugins-basic")


async def run(tmp_path: Path, *argv: str, rules: ShellRules = RULES, **settings: Any) -> Any:
    surroundings = {"shell": rules, "secrets": {"community": "geheim"}}
    return await probe("script", {"argv": list(argv), **settings}, tmp_path, **surroundings)


async def test_a_real_plugin_gives_its_figures_and_their_limits(tmp_path: Path) -> None:
    found = await run(tmp_path, str(PLUGINS / "check_load"), "-w", "900,800,700", "-c", "999,888,777")
    assert code(found) is None
    assert set(values(found, "script.value")) == {"load1", "load5", "load15"}
    assert values(found, "script.warning") == {"load1": 900, "load5": 800, "load15": 700}
    assert values(found, "script.critical") == {"load1": 999, "load5": 888, "load15": 777}


@pytest.mark.parametrize(("exit_code", "severity"), [("0", None), ("1", "warning"), ("2", "critical")])
async def test_the_exit_code_says_how_bad_it_is(tmp_path: Path, exit_code: str, severity: str | None) -> None:
    found = await run(tmp_path, str(PLUGINS / "check_dummy"), exit_code, "queue is long")
    assert (found.fault.severity if found.fault else None) == severity
    assert found.fault is None or "queue is long" in found.fault.title
    assert value(found, "script.state") == float(exit_code)


async def test_a_real_plugin_probes_a_real_port(tmp_path: Path) -> None:
    async def hello(reader: Any, writer: Any) -> None:
        writer.write(b"220 hello\r\n")

    async with listening(hello) as port:
        arguments = ("-H", "127.0.0.1", "-p", str(port), "-e", "220")
        found = await run(tmp_path, str(PLUGINS / "check_tcp"), *arguments)
        assert code(found) is None
        assert set(values(found, "script.value")) == {"time"}
    assert code(await run(tmp_path, str(PLUGINS / "check_tcp"), *arguments)) == "script.critical"


@pytest.mark.parametrize(
    ("argv", "rules", "expected"),
    [
        ((str(PLUGINS / "check_dummy"), "3"), RULES, "script.unknown"),
        ((sys.executable, "-c", "raise SystemExit(9)"), RULES, "script.exit"),
        ((sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"), RULES, "script.exit"),
        ((str(PLUGINS / "check_dummy"), "0"), ShellRules(), "action.disabled"),
        (("/bin/true",), RULES, "shell.not_allowed"),
        (("/no/such",), ShellRules(True, ("/no/such",)), "shell.not_found"),
    ],
)
async def test_a_check_that_cannot_be_made_is_the_monitors_trouble(
    tmp_path: Path, argv: tuple[str, ...], rules: ShellRules, expected: str
) -> None:
    with pytest.raises(ActionError) as raised:
        await run(tmp_path, *argv, rules=rules)
    assert raised.value.code == expected


async def test_a_secret_comes_by_the_environment(tmp_path: Path) -> None:
    program = "import os; print('len', len(os.environ['COMMUNITY'])); raise SystemExit(1)"
    found = await run(tmp_path, sys.executable, "-c", program, secret_env={"COMMUNITY": "secret://community"})
    assert found.fault.title == "len 6"


@pytest.mark.parametrize(
    ("output", "text", "figures"),
    [
        ("OK - fine", "OK - fine", ""),
        ("OK - fine | a=1", "OK - fine", "a=1"),
        ("BAD|a=1\nlong\ntext | b=2\nc=3", "BAD\nlong\ntext", "a=1  b=2\nc=3"),
        ("", "", ""),
    ],
)
def test_text_and_figures_are_told_apart(output: str, text: str, figures: str) -> None:
    assert split(output) == (text, figures)


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ("/=2643MB;5948;5958;0;5968", {"/": (2_643_000_000, "B")}),
        ("'disk C:'=12%;;90", {"disk C:": (12, "%")}),
        ("'it''s'=1", {"it's": (1, "")}),
        ("time=0,5s a=U b= c=12c junk d=1e3us", {"time": (0.5, "s"), "c": (12, ""), "d": (1.0, "ms")}),
        ("a=1 a=2", {"a": (1, "")}),
    ],
)
def test_figures_are_read_as_plugins_write_them(figures: str, expected: dict[str, tuple[float, str]]) -> None:
    found = {one.instance: (one.value, one.unit) for one in readings_of(figures) if one.metric == "script.value"}
    assert found == expected


def test_limits_are_the_upper_ends_of_their_ranges() -> None:
    found = {(one.metric, one.instance): one.value for one in readings_of("t=5;10:20;@1:30 u=5;~:7; v=1;3:")}
    assert found == {
        ("script.value", "t"): 5, ("script.warning", "t"): 20, ("script.critical", "t"): 30,
        ("script.value", "u"): 5, ("script.warning", "u"): 7, ("script.value", "v"): 1,
    }  # fmt: skip

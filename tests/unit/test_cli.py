"""The command line without a server: exit codes, words, and what is never printed."""

import json
import sqlite3
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from oncue.cli import emit, get, request, show
from oncue.cli.following import _as_they_end
from oncue.cli.main import COMMANDS, load, root
from oncue.cli.server import Server, _messages
from oncue.cli.validate import accepted
from oncue.core.errors import CODES, Refusal
from oncue.core.manifest import KINDS
from tests.certificates import certify
from tests.contract.writing import Writing
from tests.server import environment, free_port, run_cli

SOUND = "apiVersion: oncue/v1\nkind: Monitor\nmetadata: {name: x}\nspec: {uses: heartbeat}\n"


def _oncue(*arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    server = f"http://127.0.0.1:{free_port()}"
    return run_cli(*arguments, stdin=stdin, variables={"ONCUE_SERVER": server, **variables}, timeout_s=60)


def test_every_command_of_the_table_loads_and_is_described() -> None:
    commands = root()
    assert commands.list_commands(None) == list(COMMANDS)
    for name in COMMANDS:
        assert load(name).help, name


def test_it_is_run_as_a_module_too() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "oncue", "version"], env=environment(), capture_output=True, text=True, check=False
    )
    assert ran.stdout == _oncue("version").stdout


def test_a_change_that_does_not_simply_go_on_is_shown_as_what_it_is() -> None:
    states = ("running", "paused", "rolling_back", "rollback_failed", None)
    assert [show.stands({"state": "implement", "run_state": one}) for one in states] == [
        "implement", "implement, paused", "implement, rolling back", "implement, rollback stopped", "implement",
    ]  # fmt: skip
    assert show.stands({"state": "review", "run_state": "rolled_back"}) == "review"
    (column,) = [of for name, of in get.LISTS["changes"].columns if name == "state"]
    assert column({"state": "implement", "run_state": "paused"}) == "implement, paused"


def test_no_option_takes_a_secret() -> None:
    for name in ("secret", "user", "token"):
        for command in load(name).commands.values():
            options = {option for parameter in command.params for option in parameter.opts}
            assert options.isdisjoint({"--value", "--password", "--secret"}), (name, command.name)


def test_a_server_that_does_not_answer_is_exit_code_3() -> None:
    ran = _oncue("get", "alerts")
    assert ran.returncode == 3
    assert "error server.unreachable" in ran.stderr
    assert "hint:" in ran.stderr


@pytest.mark.parametrize(
    "arguments", [["nope"], ["emit"], ["get"], ["replay"], ["delete"], ["delete", "policy"], ["up", "--port", "x"]]
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    assert _oncue(*arguments).returncode == 2


def test_hostile_arguments_and_input_are_refused_in_words() -> None:
    deep = "[" * 100_000
    token = {"ONCUE_TOKEN": "a\nb"}
    for ran in (
        _oncue("emit", "-", stdin=deep),
        _oncue("validate", "-f", "-", stdin=deep),
        _oncue("get", "alerts", **token),
        _oncue("up", "--data", "/dev/null/data"),
        _oncue("emit", "--type", "x", "--data", b"a\xff".decode(errors="surrogateescape")),
    ):
        assert ran.returncode == 1
        assert ran.stderr.startswith("error ")
        assert "Traceback" not in ran.stderr


def test_validate_ends_with_0_for_sound_manifests_and_1_with_the_place_of_what_is_not() -> None:
    assert _oncue("validate", "-f", "-", stdin=SOUND).returncode == 0
    ran = _oncue("validate", "-f", "-", stdin=SOUND.replace("uses", "use"))
    assert ran.returncode == 1
    assert "standard input:4:8: spec.use: use is not known here; did you mean uses?" in ran.stderr


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n---\n"])
def test_validate_says_that_there_is_nothing_to_check(text: str) -> None:
    ran = _oncue("validate", "-f", "-", stdin=text)
    assert ran.returncode == 1
    assert "there is no manifest in standard input" in ran.stderr


def test_validate_gives_a_machine_the_code_the_place_and_the_hint_of_each_problem() -> None:
    ran = _oncue("validate", "-f", "-", "-o", "json", stdin=SOUND.replace("uses", "use"))
    first = json.loads(ran.stdout)["problems"][0]
    assert (ran.returncode, first["code"], first["level"], first["file"]) == (
        1,
        "manifest.invalid",
        "error",
        "standard input",
    )
    assert first["line"] > 0 and first["column"] > 0 and first["path"] and "did you mean uses?" in first["detail"]
    assert first["hint"] == CODES["manifest.invalid"].hint
    sound = _oncue("validate", "-f", "-", "-o", "json", stdin=SOUND)
    assert (sound.returncode, json.loads(sound.stdout)) == (0, {"problems": [], "manifests": 1})


def test_validate_counts_what_it_read_and_goes_through_it_from_above() -> None:
    twice = SOUND.replace("uses", "use") + "---\n" + SOUND.replace("uses", "use")
    found = json.loads(_oncue("validate", "-f", "-", "-o", "json", stdin=twice).stdout)
    lines = [one["line"] for one in found["problems"]]
    assert found["manifests"] == 2 and len(lines) > 2 and lines == sorted(lines)


def test_whoever_validates_a_test_is_told_how_tests_are_run() -> None:
    text = "apiVersion: oncue/v1\nkind: Test\nmetadata: {name: x}\ncases: []\n"
    for command in ("validate", "apply"):
        ran = _oncue(command, "-f", "-", stdin=text)
        assert ran.returncode == 1 and "run it with `oncue test FILE`" in ran.stderr
        assert ran.stderr.count("manifest.kind_unknown") == 1


def test_what_the_server_found_in_manifests_is_said_once_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    found = [
        {
            "code": "workflow.missing_input",
            "detail": f"it does not give {name}",
            "path": "spec.steps[0].run",
            "file": "w.yaml",
            "line": 7,
        }
        for name in ("host", "port")
    ]
    show.refused(
        Refusal("workflow.missing_input", "w.yaml:7: spec.steps[0].run: it does not give host", problems=found)
    )
    said = capsys.readouterr().err
    assert said.count("it does not give host") == said.count("it does not give port") == 1
    assert (said.count("error workflow.missing_input: w.yaml:7:"), said.count("hint:")) == (2, 1)


def test_what_is_installed_on_the_server_is_left_to_the_server(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    text = "apiVersion: oncue/v1\nkind: Workflow\nmetadata: {name: w}\nspec:\n  steps: [{id: a, uses: acme.mend}]\n"
    file.write_text(text)
    assert [one.name for one in accepted([file], elsewhere=True)] == ["w"]
    assert "action.unknown" in _oncue("validate", "-f", str(file)).stderr
    assert "server.unreachable" in _oncue("apply", "-f", str(file), ONCUE_SERVER="http://127.0.0.1:1").stderr
    file.write_text(text.replace("uses: acme.mend", "uses: acme.mend, if: inputs.x == 1"))
    assert "workflow.unknown_name" in _oncue("apply", "-f", str(file), ONCUE_SERVER="http://127.0.0.1:1").stderr


def test_an_empty_directory_is_named(tmp_path: Path) -> None:
    ran = _oncue("validate", "-f", str(tmp_path))
    assert ran.returncode == 1
    assert f"{tmp_path}: no *.yaml" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "near"),
    [(["aply"], "apply"), (["emti"], "emit"), (["token", "creat"], "create"), (["emit", "--tpye", "x"], "--type")],
)
def test_what_is_mistyped_is_refused_with_the_nearest(arguments: list[str], near: str) -> None:
    ran = _oncue(*arguments)
    assert (ran.returncode, near in ran.stderr.splitlines()[-1]) == (2, True), ran.stderr


@pytest.mark.parametrize(
    ("data", "place"),
    [("{bad", "line 1, column 2"), ('{"a":\n  1,}', "line 2, column 5"), ("[1", "line 1"), ('"a', "line 1, column 1")],
)
def test_data_that_looks_like_json_and_is_none_is_refused_at_its_place(data: str, place: str) -> None:
    with pytest.raises(Refusal) as refused:
        emit._payload(data, False)
    assert place in refused.value.detail
    assert "--text" in str(refused.value.more["hint"])
    assert emit._payload(data, True) == {"data": data, "datacontenttype": "text/plain"}


def test_other_data_is_json_if_it_parses_and_else_text() -> None:
    assert emit._payload('{"a": [1]}', False) == {"data": {"a": [1]}, "datacontenttype": "application/json"}
    assert emit._payload("disk is full", False) == {"data": "disk is full", "datacontenttype": "text/plain"}
    assert emit._payload(None, False) == {}


def test_doubts_are_errors_only_when_strict() -> None:
    text = SOUND.replace("{uses: heartbeat}", "{uses: heartbeat, service: nobody}")
    assert _oncue("validate", "-f", "-", stdin=text).returncode == 0
    assert _oncue("validate", "--strict", "-f", "-", stdin=text).returncode == 1


def test_a_file_that_is_not_there_is_refused_by_name() -> None:
    ran = _oncue("validate", "-f", "/nowhere/x.yaml")
    assert (ran.returncode, "/nowhere/x.yaml" in ran.stderr) == (1, True)


def test_up_refuses_bad_manifests_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("kind: Nope\n")
    ran = _oncue("up", "--data", str(tmp_path / "data"), "--first-start-apply", str(tmp_path))
    assert ran.returncode == 1
    assert not (tmp_path / "data").exists()


def test_an_unknown_variable_stops_the_server_but_not_the_client(tmp_path: Path) -> None:
    ran = _oncue("check", "--data", str(tmp_path), ONCUE_PROT="1")
    assert (ran.returncode, "did you mean ONCUE_PORT?" in ran.stderr) == (1, True)
    assert _oncue("version", ONCUE_PROT="1").returncode == 0


def test_check_prints_no_credentials(tmp_path: Path) -> None:
    ran = _oncue(
        "check", "--data", str(tmp_path), ONCUE_ADMIN_TOKEN="a-token-of-my-own", ONCUE_SMTP_URL="smtp://u:hunter2@h"
    )
    assert ran.returncode == 0
    assert "a-token-of-my-own" not in ran.stdout + ran.stderr
    assert "hunter2" not in ran.stdout + ran.stderr


def test_doctor_works_without_a_server(tmp_path: Path) -> None:
    ran = _oncue("doctor", "--data", str(tmp_path), "-o", "json")
    found = {one["part"]: one for one in json.loads(ran.stdout)}
    assert found["server"]["state"] == "warn"
    assert found["sqlite"]["state"] == "ok"
    assert all(one["hint"] for one in found.values() if one["state"] != "ok")


def test_doctor_fails_when_mail_cannot_leave(tmp_path: Path) -> None:
    url = f"smtp://127.0.0.1:{free_port()}"
    ran = _oncue("doctor", "--data", str(tmp_path), "-o", "json", ONCUE_SMTP_URL=url)
    assert ran.returncode == 1
    assert {one["part"]: one["state"] for one in json.loads(ran.stdout)}["mail"] == "fail"


def test_an_empty_directory_has_no_journal_to_verify(tmp_path: Path) -> None:
    assert _oncue("journal", "verify", "--data", str(tmp_path)).returncode == 2
    assert _oncue("replay", "--verify", "--data", str(tmp_path)).returncode == 2


# Parts


@pytest.mark.parametrize("word", ["alert", "alerts", "dead_letter", "dead-letters", "run", "silences"])
def test_lists_are_found_by_singular_and_plural(word: str) -> None:
    assert isinstance(get.kind_of(word), get.Kind)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_kinds_are_found_in_any_spelling(kind: str) -> None:
    for word in (kind, kind.lower(), kind.lower() + "s"):
        assert get.manifest_kind(word) == kind
        if word != kind and f"{kind.lower()}s" in get.LISTS:
            assert get.kind_of(word) is get.LISTS[f"{kind.lower()}s"]
        else:
            assert get.kind_of(word) == kind
    assert get.kind_of("policies") == "Policy"
    assert get.kind_of("outbound-allow") == "OutboundAllow"


def test_an_unknown_kind_is_refused_with_a_near_one() -> None:
    with pytest.raises(Refusal, match=r"polcy; did you mean policy\?"):
        get.kind_of("polcy")


def test_a_kept_manifest_is_printed_as_its_author_wrote_it() -> None:
    kept = {
        "kind": "Team", "namespace": "default", "name": "x", "labels": {}, "owner": None, "generation": 3, "hash": "0",
        "spec": {"channels": ["c"]},
    }  # fmt: skip
    assert get.as_document(kept) == {
        "apiVersion": "oncue/v1",
        "kind": "Team",
        "metadata": {"name": "x", "namespace": "default"},
        "spec": {"channels": ["c"]},
    }


def test_events_in_a_file_are_sent_byte_for_byte(tmp_path: Path) -> None:
    one, two = b'{"specversion":"1.0",  "id":"1"}', b'{"big": 123456789012345678901234567890}'
    file = tmp_path / "events"
    for content, expected in (
        (one, [(emit.ONE, one)]),
        (one + b"\n" + two + b"\n", [(emit.BATCH, b"[" + one + b"," + two + b"]")]),
        (b"[" + one + b", " + two + b"]", [(emit.BATCH, b"[" + one + b"," + two + b"]")]),
        (b"[]", [(emit.BATCH, b"[]")]),
    ):
        file.write_bytes(content)
        assert emit._bodies(file) == expected


def test_a_long_file_is_sent_in_chunks(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text("\n".join(f'{{"id":"{number}"}}' for number in range(2 * emit.CHUNK + 1)))
    sizes = [len(msgspec.json.decode(body)) for _, body in emit._bodies(file)]
    assert sizes == [emit.CHUNK, emit.CHUNK, 1]


@pytest.mark.parametrize("content", ["", "{", "[1", '{"a":1}\n{"b":', "x"])
def test_what_is_no_event_is_refused_before_it_is_sent(tmp_path: Path, content: str) -> None:
    file = tmp_path / "events"
    file.write_text(content)
    with pytest.raises(Refusal):
        emit._bodies(file)


def test_server_sent_events_are_taken_apart() -> None:
    lines = [
        "id: 0-1",
        "data: {",
        "data: }",
        "",
        ": comment",
        "id: 0-2",
        "event: heartbeat",
        "data: {}",
        "",
        "data: cut",
    ]
    assert list(_messages(iter(lines))) == [("0-1", "message", b"{\n}"), ("0-2", "heartbeat", b"{}")]


def test_parts_of_a_path_are_escaped() -> None:
    assert Server.path("users", "a/../b?c", "link") == "/users/a%2F..%2Fb%3Fc/link"


def test_a_checkpoint_is_printed_to_be_kept_and_the_journal_is_held_to_it(tmp_path: Path) -> None:
    life = Writing(tmp_path)
    assert _oncue("journal", "checkpoint", "--data", str(tmp_path)).returncode == 1
    life.submit(life.event(severity="major"))
    life.maintenance().checkpoint()
    kept = tmp_path / "kept"
    kept.write_text(_oncue("journal", "checkpoint", "--data", str(tmp_path)).stdout)
    done = _oncue("journal", "verify", "--data", str(tmp_path), "--checkpoint", str(kept))
    assert done.returncode == 0 and "as the checkpoint says" in done.stdout
    gone = _oncue("journal", "verify", "--data", str(tmp_path), "--checkpoint", str(tmp_path / "gone"))
    assert gone.returncode == 2, "it cannot tell, which is not the same as tampered"
    life.close()


def test_a_server_whose_certificate_this_machine_trusts_is_spoken_to_and_no_other(tmp_path: Path) -> None:
    certify(tmp_path, "authority", "server", "localhost")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"items": [], "next": null}'
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    with ThreadingHTTPServer(("localhost", 0), Handler) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"https://localhost:{server.server_port}"
        refused = _oncue("get", "alerts", ONCUE_SERVER=url)
        assert refused.returncode == 3 and "SSL_CERT_FILE" in refused.stderr
        trusted = _oncue("get", "alerts", ONCUE_SERVER=url, SSL_CERT_FILE=str(tmp_path / "authority.pem"))
        assert trusted.returncode == 0, trusted.stderr
        server.shutdown()


@pytest.mark.parametrize(
    ("statements", "code"),
    [
        (["CREATE TABLE users (name)"], "data.foreign"),
        (
            ["CREATE TABLE journal (cursor)", "CREATE TABLE alembic_version (version_num)",
             "INSERT INTO alembic_version VALUES ('9999')"],
            "data.newer",
        ),
        (
            ["CREATE TABLE journal (cursor)", "CREATE TABLE alembic_version (version_num)",
             "INSERT INTO alembic_version VALUES ('0001')"],
            "data.older",
        ),
        ([], "data.damaged"),
    ],
)  # fmt: skip
def test_a_data_directory_that_is_not_ours_is_left_as_it_is(tmp_path: Path, statements: list[str], code: str) -> None:
    database = tmp_path / "oncue.db"
    connection = sqlite3.connect(database)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    if not statements:
        database.write_bytes(b"not a database at all" * 100)
    before = database.read_bytes()
    ran = _oncue("up", "--data", str(tmp_path), "--port", "0")
    assert (ran.returncode, code in ran.stderr) == (1, True), ran.stderr
    assert database.read_bytes() == before


RUNS = ["ID", "WORKFLOW", "STATE", "REASON", "REQUESTER", "AGE"]
RUN = ["run-qit7cdmjmnq3nlp5", "restart-service", "paused", "step check failed: status 503 " * 4, "user:basis-1", "3m"]


@pytest.mark.parametrize("room", range(20, 300, 7))
def test_a_table_fits_its_terminal_and_cuts_no_name(room: int) -> None:
    widths = show.fitted(RUNS, [RUN], room)
    assert sum(widths) + show.GAP * (len(widths) - 1) <= max(room, len(RUN[0])), "the first column is there in any case"
    for heading, cell, width in zip(RUNS, RUN, widths, strict=False):
        assert width >= len(heading)
        assert width == max(len(cell), len(heading)) or heading == "REASON"


def test_in_a_table_words_are_cut_before_columns_are_left_out_and_no_more_than_needed() -> None:
    assert show.fitted(RUNS, [RUN], 500) == [20, 15, 6, 120, 12, 3]
    assert show.fitted(RUNS, [RUN], 120) == [20, 15, 6, 54, 12, 3]
    assert show.fitted(RUNS, [RUN], 80) == [20, 15, 6, 19, 12], "there is no room for the age"
    assert show.fitted(RUNS, [RUN], 72) == [20, 15, 6, 25], "the reason says more than who asked"
    assert show.fitted(RUNS, [], 80) == [2, 8, 5, 6, 9, 3]


def printed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rows: list[list[Any]],
    columns: list[str],
    *,
    wrap: bool = False,
) -> list[str]:
    """The table on a terminal of 80 columns."""
    monkeypatch.setattr(show, "out", Console(force_terminal=True))
    monkeypatch.setenv("COLUMNS", "80")
    show.table(rows, columns, wrap=wrap)
    return capsys.readouterr().out.splitlines()


def test_a_column_with_nothing_in_it_takes_no_room_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [["run-qit7cdmjmnq3nlp5", "restart-service", "succeeded", None, "user:basis-1", "3m"]]
    head, row = printed(monkeypatch, capsys, rows, ["id", "workflow", "state", "reason", "requester", "age"])
    assert head.split() == ["ID", "WORKFLOW", "STATE", "REQUESTER", "AGE"] and row.rstrip().endswith("3m")


def test_words_that_are_to_be_read_whole_go_on_below(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "the storage said no: volume vol-1 is larger already than what it is to be extended to, and cannot shrink"
    lines = printed(monkeypatch, capsys, [["grow", "failed", said]], ["step", "state", "said"], wrap=True)
    assert " ".join(" ".join(line.split()) for line in lines[1:]) == f"grow failed {said}"
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.006, "0.0s"), (3, "3.0s"), (59.97, "1m00s"), (317, "5m17s"), (7501, "2h05m")]
)
def test_how_long_a_step_took_has_one_form(seconds: float, said: str) -> None:
    began = datetime(2027, 5, 1, 12, tzinfo=UTC)
    assert show.took(began.isoformat(), (began + timedelta(seconds=seconds)).isoformat()) == said


def test_how_long_an_approval_waits_yet_is_said_from_now() -> None:
    now = datetime.now(UTC)
    assert show.until((now + timedelta(minutes=58, seconds=20)).isoformat()) == "in 58m"
    assert show.until((now - timedelta(minutes=1)).isoformat()) == "now"


def test_what_is_offered_names_the_bounds_of_its_inputs() -> None:
    assert request._bounds({"type": "integer", "minimum": 1, "maximum": 50}) == ", at least 1, at most 50"


def test_steps_that_are_over_follow_what_lies_in_them() -> None:
    over = ("all", "all[0]", "all[0]/t", "last", "last/in")
    steps = [
        {"address": address, "ended_at": "2026-01-01T00:00:00Z" if address in over else None}
        for address in ("first", "all", "all[0]", "all[0]/t", "all[1]", "alls", "last", "last/in")
    ]
    found = [step["address"] for step in _as_they_end(steps)]
    assert found == ["first", "all[0]/t", "all[0]", "all[1]", "all", "alls", "last/in", "last"]

"""The configuration: what wins over what, and what is refused."""

from pathlib import Path

import pytest

from oncue import config
from oncue.core.errors import Refusal


def _load(tmp_path: Path, file: str = "", overrides: dict | None = None, **environ: str) -> config.Config:
    (tmp_path / config.FILE).write_text(file)
    return config.load({"data": tmp_path, **(overrides or {})}, environ)


def test_defaults_listen_on_loopback_and_keep_mail_local(tmp_path: Path) -> None:
    loaded = _load(tmp_path)
    assert (loaded.host, loaded.port, loaded.smtp.url, loaded.actions.shell.enabled) == (
        "127.0.0.1",
        8480,
        "mailbox:",
        False,
    )


def test_nothing_that_runs_programs_here_is_on_unless_the_operator_says_so(tmp_path: Path) -> None:
    actions = _load(tmp_path).actions
    assert (actions.python.enabled, actions.ansible.enabled, actions.ansible.inline) == (False, False, False)
    assert _load(tmp_path, ONCUE_ACTIONS_PYTHON_ENABLED="true").actions.python.enabled


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = 'host = "a.example"\nport = 1\n[log]\nlevel = "error"\n[smtp]\nsender = "x@example.com"\n'
    loaded = _load(tmp_path, file, {"port": 3, "host": None}, ONCUE_PORT="2", ONCUE_LOG_LEVEL="debug")
    assert (loaded.host, loaded.port, loaded.log.level, loaded.smtp.sender) == (
        "a.example",
        3,
        "debug",
        "x@example.com",
    )


def test_an_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    assert _load(tmp_path, ONCUE_ADMIN_TOKEN="").admin_token is None


@pytest.mark.parametrize("name", sorted(config.IGNORED))
def test_known_foreign_variables_are_ignored(tmp_path: Path, name: str) -> None:
    assert _load(tmp_path, **{name: "x"}) == _load(tmp_path)


@pytest.mark.parametrize(
    ("file", "environ", "said"),
    [
        ("prot = 1", {}, "prot is not a setting; did you mean port?"),
        ("[smtp]\nurll = 'x'", {}, "smtp.urll is not a setting; did you mean url?"),
        ("[actions.shell]\nenable = true", {}, "actions.shell.enable is not a setting; did you mean enabled?"),
        ("data = '/x'", {}, "cannot be set in the file"),
        ("port = 'x'", {}, "port"),
        ("port = \n", {}, "line 1"),
        ("", {"ONCUE_PROT": "1"}, "ONCUE_PROT is not a setting; did you mean ONCUE_PORT?"),
        ("", {"ONCUE_PORT": "70000"}, "port"),
        ("", {"ONCUE_ADMIN_TOKEN": "short"}, "admin_token"),
        ("", {"ONCUE_SMTP_URL": "mail.example.com:25"}, "smtp.url"),
        ("", {"ONCUE_SMTP_URL": "smtp://host:port"}, "smtp.url"),
        ("", {"ONCUE_BASE_URL": "oncue.example.com"}, "base_url"),
        ("", {"ONCUE_ACTIONS_SHELL_ALLOW": "ls"}, "absolute"),
        ("", {"ONCUE_ACTIONS_SHELL_ALLOW": '["/bin/ls'}, "ONCUE_ACTIONS_SHELL_ALLOW"),
        ("[actions.ansible]\ndirectory = 'playbooks'", {}, "actions.ansible.directory"),
        ("", {"ONCUE_WORKER_LABELS": "site=east,Site"}, "worker.labels: write NAME=VALUE, as site=east; 'Site'"),
        ("", {"ONCUE_WORKER_LABELS": "site=east,site=west"}, "worker.labels: each name has one value"),
        ("[worker]\nlabels = ['site=']", {}, "worker.labels"),
        ("[actions.python]\nallow = true", {}, "actions.python.allow is not a setting"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path: Path, file: str, environ: dict[str, str], said: str) -> None:
    with pytest.raises(Refusal) as refused:
        _load(tmp_path, file, **environ)
    assert refused.value.code == "config.invalid"
    assert said in refused.value.detail


def test_a_refusal_does_not_repeat_the_token(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        _load(tmp_path, ONCUE_ADMIN_TOKEN="hunter2")
    assert "hunter2" not in str(refused.value)


def test_a_child_process_reads_the_same_configuration_from_the_environment(tmp_path: Path) -> None:
    loaded = _load(
        tmp_path,
        '[smtp]\nurl = "smtp://u:p@mail.example.com:25?starttls"\n[actions.shell]\nenabled = true\n'
        'allow = ["/bin/echo a,b", "/bin/ls"]\n[actions.ansible]\nenabled = true\ndirectory = "/srv/playbooks"\n[worker]\nlabels = ["site=east", "os=a,b"]\n[retention]\nmax_size_gb = 0.5\n',
        {"port": 0},
        ONCUE_ADMIN_TOKEN="0123456789abcdef",
    )
    assert config.load(environ=config.environment(loaded)) == loaded


def test_credentials_are_shown_masked(tmp_path: Path) -> None:
    loaded = _load(tmp_path, ONCUE_SMTP_URL="smtp://u:hunter2@h:25", ONCUE_ADMIN_TOKEN="0123456789abcdef")
    for text in (repr(loaded), str(config.shown(loaded))):
        assert "hunter2" not in text
        assert "0123456789abcdef" not in text


@pytest.mark.parametrize(
    ("host", "base_url", "url"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:8480"),
        ("0.0.0.0", None, "http://127.0.0.1:8480"),
        ("::", None, "http://[::1]:8480"),
        ("::1", None, "http://[::1]:8480"),
        ("x", "https://oncue.example.com/", "https://oncue.example.com"),
    ],
)
def test_the_url_is_one_that_people_can_open(tmp_path: Path, host: str, base_url: str | None, url: str) -> None:
    assert _load(tmp_path, overrides={"host": host, "base_url": base_url}).url == url


def test_the_client_takes_its_server_from_the_environment() -> None:
    client = config.load_client(environ={"ONCUE_SERVER": "https://oncue.example.com/", "ONCUE_TOKEN": "secret"})
    assert (client.server, client.token) == ("https://oncue.example.com", "secret")
    assert "secret" not in repr(client)


def test_a_server_that_is_no_address_is_refused() -> None:
    with pytest.raises(Refusal):
        config.load_client(environ={"ONCUE_SERVER": "localhost:8480"})

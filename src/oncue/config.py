"""The configuration: one typed object, read in this module only.

Later ones win: the defaults here, `DATA/oncue.toml`, the environment (`ONCUE_*`, with `_` between section and key, as in
`ONCUE_SMTP_URL` or `ONCUE_ACTIONS_SHELL_ENABLED`), then what the command line gives. An unknown key is refused, with a
suggestion. An empty environment variable counts as unset. The processes of one server read the same configuration:
whoever starts them passes on `environment(config)`.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from oncue.core.errors import Refusal

FILE: Final = "oncue.toml"
"""The file's name inside the data directory."""

IGNORED: Final = frozenset(
    {"ONCUE_CORPUS", "ONCUE_DATASETS", "ONCUE_LISTEN_FD", "ONCUE_PARENT", "ONCUE_SERVER", "ONCUE_TOKEN"}
)
"""Variables that are known and mean nothing to the server."""

_PREFIX: Final = "ONCUE_"

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?").fullmatch

Count = Annotated[int, msgspec.Meta(ge=1)]


class Section(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A table of the configuration file."""


class Smtp(Section, kw_only=True, frozen=True):
    """How mail leaves."""

    url: str = "mailbox:"
    """`mailbox:` keeps mail in the local mailbox; or `smtp://user:password@host:port?starttls`, or `smtps://...`."""
    sender: str = "oncue@localhost"
    """The address that mail comes from."""


class Shell(Section, kw_only=True, frozen=True):
    """The action `shell.command`."""

    enabled: bool = False
    """Whether it runs anything at all."""
    allow: list[str] = []
    """Absolute programs, or whole beginnings of commands, that may run. In the environment: separated by commas, or a
    JSON array."""


class Python(Section, kw_only=True, frozen=True):
    """The action `python.script`."""

    enabled: bool = False
    """Whether it runs anything at all. A script runs as the user that OnCue runs as, and may do what that one may."""


class Ansible(Section, kw_only=True, frozen=True):
    """The action `ansible.playbook`."""

    enabled: bool = False
    """Whether it runs anything at all. A playbook may run programs on this machine, too, as the user that OnCue runs as."""
    directory: str | None = None
    """The directory of the playbooks that steps may name, with their roles and, if there, its `ansible.cfg`. Absolute."""
    inline: bool = False
    """Whether a step may also bring a playbook as text."""


class Actions(Section, kw_only=True, frozen=True):
    """What actions may do."""

    shell: Shell = Shell()
    python: Python = Python()
    ansible: Ansible = Ansible()


class Retention(Section, kw_only=True, frozen=True):
    """How long things are kept. The journal loses its oldest segments past either bound."""

    max_age_days: Count = 30
    """Of the journal."""
    max_size_gb: Annotated[float, msgspec.Meta(gt=0)] = 20.0
    """Of the journal."""
    samples_minute_days: Count = 14
    """Of the minute roll-ups that charts are drawn from."""
    samples_hour_days: Count = 400
    """Of the hourly ones, and of what the availability of services is reckoned from."""


class Limits(Section, kw_only=True, frozen=True):
    """Bounds on what is taken in."""

    event_bytes: Annotated[int, msgspec.Meta(ge=1024, le=16 * 1024 * 1024)] = 256 * 1024
    """Bytes of one event."""
    batch_events: Count = 10_000
    """Events of one request."""
    body_bytes: Annotated[int, msgspec.Meta(ge=1024, le=256 * 1024 * 1024)] = 16 * 1024 * 1024
    """Bytes of one request."""
    depth: Annotated[int, msgspec.Meta(ge=4, le=512)] = 64
    """Levels of JSON."""
    queue_events: Count = 200_000
    """Events that may wait for the engine; past it senders get 429."""


class Log(Section, kw_only=True, frozen=True):
    """How the server logs, to standard error."""

    format: Literal["auto", "json", "console"] = "auto"
    """`auto`: for people on a terminal, else JSON."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged, and all that is worse."""


class DeadMan(Section, kw_only=True, frozen=True):
    """Whom to tell, outside, that all is well: when that stays away, something there raises the alarm."""

    url: str | None = None
    """Called while events are accepted and committed and a worker acts; `secret://name` of the namespace default, or an
    address."""
    every_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 60
    """Seconds between calls."""
    form: Literal["auto", "plain", "healthchecks", "kuma"] = "auto"
    """`healthchecks` is also told of failure, at `/fail`; `kuma`, Uptime Kuma's push, by `status=down`; `plain` by
    silence. `auto` sees from the address which it is."""


class Worker(Section, kw_only=True, frozen=True):
    """The process that acts."""

    labels: list[str] = []
    """What it says of itself, as in `["site=east", "os=linux"]`: it is given steps that ask for no labels, and those that ask for
    some of these. In the environment: separated by commas, or a JSON array."""

    @property
    def said(self) -> dict[str, str]:
        """The labels by their names."""
        return {name.strip(): value.strip() for name, _, value in (label.partition("=") for label in self.labels)}


class Config(Section, kw_only=True, frozen=True):
    """All of it. `data` is absolute."""

    data: Path
    """The data directory."""
    host: str = "127.0.0.1"
    """The address to listen at."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8480
    """0 takes a free one."""
    base_url: str | None = None
    """What people type to reach the console, as in `https://oncue.example.com`; links in mails start with it."""
    admin_token: Annotated[str, msgspec.Meta(min_length=16)] | None = None
    """Presets an administrator's API token."""
    first_start_apply: Path | None = None
    """Manifests, a file or a directory, that an empty journal starts with. Absolute."""
    smtp: Smtp = Smtp()
    actions: Actions = Actions()
    worker: Worker = Worker()
    retention: Retention = Retention()
    limits: Limits = Limits()
    dead_man: DeadMan = DeadMan()
    log: Log = Log()

    @property
    def url(self) -> str:
        """Where people and links reach this server; never ends in a slash."""
        return self.own_url if self.base_url is None else self.base_url.rstrip("/")

    @property
    def own_url(self) -> str:
        """Where this machine reaches it, whatever stands in front."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host and "[" not in host else f"http://{host}:{self.port}"

    def __repr__(self) -> str:
        """Without credentials, so that a log line cannot spill them."""
        return f"Config({shown(self)!r})"


class Client(Section, kw_only=True, frozen=True):
    """What the command line needs to reach a server."""

    server: str = "http://127.0.0.1:8480"
    token: str | None = None

    def __repr__(self) -> str:
        """Without the token."""
        return f"Client(server={self.server!r}, token={'***' if self.token else None!r})"


def load(overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration of this process.

    `overrides` holds what the command line gave, nested like the file; a value of None counts as not given. `environ`
    defaults to the process's own. Raises `Refusal` config.invalid.
    """
    environ = os.environ if environ is None else environ
    given = _present(overrides or {})
    _refuse_unknown(given, Config, "the command line")
    variables = _from_environment(environ)
    data = Path(given.get("data") or variables.get("data") or "oncue-data").expanduser().absolute()
    merged = _merge(_merge(_from_file(data / FILE), variables), given)
    merged["data"] = data
    if merged.get("first_start_apply") is not None:
        merged["first_start_apply"] = Path(merged["first_start_apply"]).expanduser().absolute()
    try:
        config = msgspec.convert(merged, Config, strict=False)
    except msgspec.ValidationError as error:
        # msgspec names the place as `$.smtp.url`; the value itself may be a credential and stays out.
        raise Refusal("config.invalid", str(error).replace("$.", "")) from error
    _check(config)
    return config


def load_client(
    server: str | None = None,
    token: str | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    otherwise: str | None = None,
) -> Client:
    """Where the command line's server is; `otherwise` if nothing says. Raises `Refusal` config.invalid."""
    environ = os.environ if environ is None else environ
    server = server or environ.get("ONCUE_SERVER") or otherwise or Client().server
    if not _is_http(server):
        raise Refusal("config.invalid", f"ONCUE_SERVER: {server!r} is not an http or https address")
    token = token or environ.get("ONCUE_TOKEN") or None
    if token is not None and any(character in token for character in "\r\n\0"):
        raise Refusal("config.invalid", "ONCUE_TOKEN: it has a line end in it")
    return Client(server=server.rstrip("/"), token=token)


def environment(config: Config) -> dict[str, str]:
    """The variables that give a child process this same configuration, whatever its working directory."""
    return {_PREFIX + "_".join(path).upper(): _text(value) for path, value in _leaves(config) if value is not None}


def shown(config: Config) -> dict[str, Any]:
    """The configuration for people's eyes: credentials are masked."""
    builtins: dict[str, Any] = msgspec.to_builtins(config, enc_hook=str)
    if config.admin_token is not None:
        builtins["admin_token"] = "***"
    parts = urlsplit(config.smtp.url)
    if parts.password:
        builtins["smtp"]["url"] = config.smtp.url.replace(f":{parts.password}@", ":***@", 1)
    if config.dead_man.url is not None and not config.dead_man.url.startswith("secret://"):
        # Services put their credential into the path.
        to = urlsplit(config.dead_man.url)
        builtins["dead_man"]["url"] = f"{to.scheme}://{to.hostname}/***"
    return builtins


def variables() -> Iterator[tuple[str, str, Any]]:
    """Every setting as `(key in the file, variable, default)`; for the reference."""
    for path, value in _leaves(Config(data=Path("oncue-data"))):
        yield ".".join(path), _PREFIX + "_".join(path).upper(), value


def _leaves(section: Section, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return msgspec.json.encode(value).decode() if isinstance(value, list) else str(value)


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    known = {variable: (path.split("."), default) for path, variable, default in variables()}
    found: dict[str, Any] = {}
    for name, text in sorted(environ.items()):
        if not name.startswith(_PREFIX) or name in IGNORED or not text:
            continue
        if name not in known:
            raise Refusal("config.invalid", f"{name} is not a setting{_near(name, [*known, *IGNORED])}")
        path, default = known[name]
        value: Any = _list(name, text) if isinstance(default, list) else text
        inner = found
        for part in path[:-1]:
            inner = inner.setdefault(part, {})
        inner[path[-1]] = value
    return found


def _list(name: str, text: str) -> list[str]:
    if not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return msgspec.json.decode(text, type=list[str])
    except msgspec.DecodeError as error:
        raise Refusal("config.invalid", f"{name}: {error}") from error


def _from_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise Refusal("config.invalid", f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Refusal("config.invalid", f"{path}: {error}") from error
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Refusal("config.invalid", f"{path}: {error}") from error
    if "data" in found:
        raise Refusal("config.invalid", f"{path}: the data directory cannot be set in the file that lies in it")
    _refuse_unknown(found, Config, str(path))
    return found


def _refuse_unknown(found: Mapping[str, Any], section: type[Section], where: str, above: str = "") -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(section)}
    for key, value in found.items():
        if key not in fields:
            raise Refusal("config.invalid", f"{where}: {above}{key} is not a setting{_near(key, list(fields))}")
        inner = fields[key]
        if isinstance(inner, type) and issubclass(inner, Section) and isinstance(value, Mapping):
            _refuse_unknown(value, inner, where, f"{above}{key}.")


def _near(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _present(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _present(value) if isinstance(value, Mapping) else value
        for key, value in given.items()
        if value is not None
    }


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _merge(under, value) if isinstance(value, Mapping) and isinstance(under, Mapping) else value
    return merged


def _check(config: Config) -> None:
    parts = _split(config.smtp.url)
    if parts is None or parts.scheme not in ("mailbox", "smtp", "smtps"):
        raise Refusal("config.invalid", "smtp.url: write mailbox:, smtp://HOST:PORT or smtps://HOST:PORT")
    if parts.scheme != "mailbox" and not parts.hostname:
        raise Refusal("config.invalid", "smtp.url: the host is missing")
    if config.base_url is not None and not _is_http(config.base_url):
        raise Refusal("config.invalid", f"base_url: {config.base_url!r} is not an http or https address")
    ping = config.dead_man.url
    if ping is not None and not (_is_http(ping) or ping.startswith("secret://")):
        raise Refusal("config.invalid", "dead_man.url: write an http or https address, or secret://NAME")
    for command in config.actions.shell.allow:
        if not command.startswith("/"):
            raise Refusal("config.invalid", f"actions.shell.allow: {command!r} does not start with an absolute path")
    if len(config.worker.said) < len(config.worker.labels):
        raise Refusal("config.invalid", "worker.labels: each name has one value")
    for name, value in config.worker.said.items():
        if not _LABEL(name) or not value:
            raise Refusal(
                "config.invalid", f"worker.labels: write NAME=VALUE, as site=east; {name!r} has no value or is no name"
            )
    directory = config.actions.ansible.directory
    if directory is not None and not directory.startswith("/"):
        raise Refusal("config.invalid", f"actions.ansible.directory: {directory!r} is not an absolute path")


def _is_http(url: str) -> bool:
    parts = _split(url)
    return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)


def _split(url: str) -> SplitResult | None:
    """The parts of an address; None if it is none, or its port is no port."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts

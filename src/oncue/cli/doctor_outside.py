"""What `oncue doctor` sees of the world that the configuration names: mail, shell, Ansible, the dead-man ping, the address."""

import os
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from oncue import config
from oncue.cli.doctor_finding import Finding
from oncue.plugins.actions.ansible_playbook import PROGRAM
from oncue.runtime import dead_man

TIMEOUT_S: Final = 5.0
CERTIFICATE_WARN_DAYS: Final = 21
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def findings(loaded: config.Config) -> Iterator[Finding]:
    """In the order of the configuration."""
    yield from _address(loaded)
    yield from _mail(loaded)
    yield from _shell(loaded)
    yield from _ansible(loaded.actions.ansible)
    yield _dead_man(loaded)


def _address(loaded: config.Config) -> Iterator[Finding]:
    if loaded.base_url is None and loaded.host not in LOOPBACK:
        hint = "Set base_url to what people type; links in mails start with it."
        yield Finding("address", "warn", f"others reach it, and links lead to {loaded.url}", hint)
    else:
        yield Finding("address", "ok", loaded.url)
    if loaded.base_url is not None:
        yield from certificate(loaded.base_url)


def certificate(url: str) -> Iterator[Finding]:
    """Of an https address, as its server shows it."""
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.hostname is None:
        return
    try:
        with (
            socket.create_connection((parts.hostname, parts.port or 443), timeout=TIMEOUT_S) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname) as line,
        ):
            until = ssl.cert_time_to_seconds(str((line.getpeercert() or {})["notAfter"]))
    except (OSError, KeyError, ValueError) as error:
        yield Finding("certificate", "fail", f"{parts.hostname}: {error}", "Renew or trust the certificate.")
        return
    days = (until - time.time()) / 86400
    seen = f"{parts.hostname}: valid for {days:.0f} days"
    yield Finding("certificate", "warn" if days < CERTIFICATE_WARN_DAYS else "ok", seen, "Renew it.")


def _mail(loaded: config.Config) -> Iterator[Finding]:
    parts = urlsplit(loaded.smtp.url)
    if parts.scheme == "mailbox":
        hint = "Set smtp.url in oncue.toml, so that mail leaves this machine."
        yield Finding("mail", "warn", "stays in the local mailbox", hint)
        return
    host, secure = parts.hostname or "", parts.scheme == "smtps"
    port = parts.port or (465 if secure else 25)
    try:
        transport = smtplib.SMTP_SSL if secure else smtplib.SMTP
        with transport(host, port, timeout=TIMEOUT_S) as smtp:
            smtp.ehlo()
            if "starttls" in parts.query:
                smtp.starttls(context=ssl.create_default_context())
            if parts.username:
                smtp.login(parts.username, parts.password or "")
            smtp.noop()
    except (OSError, smtplib.SMTPException) as error:
        yield Finding("mail", "fail", f"{host}:{port}: {error}", "Check smtp.url; nobody can be told by mail.")
    else:
        yield Finding("mail", "ok", f"{host}:{port} answers")


def _shell(loaded: config.Config) -> Iterator[Finding]:
    shell = loaded.actions.shell
    if not shell.enabled:
        return
    gone = [command for command in shell.allow if not os.access(command.split()[0], os.X_OK)]
    if not shell.allow:
        hint = "Fill actions.shell.allow, or switch it off."
        yield Finding("shell", "warn", "switched on, and nothing is allowed", hint)
    elif gone:
        yield Finding("shell", "warn", f"not there: {', '.join(gone)}", "Mend actions.shell.allow.")
    else:
        yield Finding("shell", "ok", f"{len(shell.allow)} commands allowed")


def _ansible(rules: config.Ansible) -> Iterator[Finding]:
    if not rules.enabled:
        return
    if not PROGRAM.is_file():
        yield Finding("ansible", "warn", "switched on, and not installed", "Install oncue[ansible].")
    elif rules.directory is None and not rules.inline:
        yield Finding("ansible", "warn", "switched on, and no playbook is allowed", "Set actions.ansible.directory.")
    elif rules.directory is not None and not Path(rules.directory).is_dir():
        yield Finding("ansible", "warn", f"not there: {rules.directory}", "Mend actions.ansible.directory.")
    else:
        yield Finding("ansible", "ok", f"playbooks of {rules.directory or 'steps'}")


def _dead_man(loaded: config.Config) -> Finding:
    """Whether something outside notices when this server is silent."""
    if loaded.dead_man.url is not None and not (loaded.data / "engine.sock").exists():
        return Finding("dead man", "warn", "the server does not run, and so nobody is told", "Start it.")
    found = dead_man.standing(loaded.dead_man, dead_man.read(loaded.data), datetime.now(UTC))
    return Finding("dead man", found.state, found.seen, found.hint)

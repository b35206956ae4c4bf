"""What a plugin is given while it works: secrets, guarded connections, mail, a log, a deadline, an idempotency key."""

import ssl
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol

import httpx
import msgspec

from oncue.core.objective import Budget
from oncue.sdk.errors import ActionError
from oncue.sdk.itself import Itself
from oncue.sdk.mail import Mailer
from oncue.sdk.mask import Mask
from oncue.sdk.outbound import Guard
from oncue.sdk.telling import LINE_LIMIT, Stream, Tell, Told

SECRET: Final = "secret://"

SecretRef = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^secret://[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$",
        description="A reference to a secret, as in secret://name; resolved when it is used, never stored",
    ),
]
"""The type of an input that is a secret. Only such inputs are resolved: text from events never is."""


ACTIONS: Final = {"incident": ("acknowledge", "snooze"), "approval": ("approve", "reject")}
"""What may be done by links, by the kind of thing."""


class Log(Protocol):
    """A structured log: constant message, data in keys."""

    def info(self, event: str, **data: Any) -> Any: ...
    def warning(self, event: str, **data: Any) -> Any: ...


class _MaskedLog:
    """A log from which the secrets of one piece of work are blotted out."""

    def __init__(self, log: Log, mask: Mask) -> None:
        self._log = log
        self._mask = mask

    def info(self, event: str, **data: Any) -> Any:
        return self._log.info(event, **self._mask.value(data))

    def warning(self, event: str, **data: Any) -> Any:
        return self._log.warning(event, **self._mask.value(data))


class ShellRules(msgspec.Struct, frozen=True):
    """What the operator allows `shell.command`."""

    enabled: bool = False
    allow: tuple[str, ...] = ()
    """Absolute programs, or whole beginnings of commands."""


class PythonRules(msgspec.Struct, frozen=True):
    """What the operator allows `python.script`."""

    enabled: bool = False


class AnsibleRules(msgspec.Struct, frozen=True):
    """What the operator allows `ansible.playbook`."""

    enabled: bool = False
    directory: Path | None = None
    """Where playbooks are; None for nowhere."""
    inline: bool = False
    """Whether a step may bring its own."""


class Rules(Protocol):
    """What the operator allows actions that reach into this machine. A `Context` has it, too."""

    @property
    def shell(self) -> ShellRules: ...
    @property
    def python(self) -> PythonRules: ...
    @property
    def ansible(self) -> AnsibleRules: ...


class Allowed(msgspec.Struct, frozen=True):
    """`Rules` by themselves."""

    shell: ShellRules
    python: PythonRules
    ansible: AnsibleRules


NO_SHELL: Final = ShellRules()
NO_PYTHON: Final = PythonRules()
NO_ANSIBLE: Final = AnsibleRules()


class Context:
    """The surroundings of one piece of work, in one namespace.

    Secrets that are resolved through it are masked in everything that the work reports.
    """

    def __init__(
        self,
        *,
        namespace: str,
        key: str,
        attempt: int,
        timeout_s: float,
        guard: Guard,
        mailer: Mailer,
        log: Log,
        resolve: Callable[[str, str], str],
        base_url: str,
        shell: ShellRules = NO_SHELL,
        python: PythonRules = NO_PYTHON,
        ansible: AnsibleRules = NO_ANSIBLE,
        asked_at: datetime | None = None,
        redelivered: bool = False,
        itself: Callable[[float], Awaitable[Itself]] | None = None,
        declared: Callable[[str, str, str], dict[str, Any] | None] | None = None,
        sign_link: Callable[[str, str, Literal["incident", "approval"], str, str, datetime], str] | None = None,
        budget: Callable[[str, str], Awaitable[Budget]] | None = None,
        tell: Tell | None = None,
    ) -> None:
        self.namespace = namespace
        self.key = key
        """Idempotency key: the same for every attempt."""
        self.attempt = attempt
        """From 1. Work that was cut off by a crash is taken up again under the same number."""
        self.asked_at = asked_at or datetime.now(UTC)
        """When the work was first asked for, before any crash."""
        self.redelivered = redelivered or attempt > 1
        """Whether the work may have been begun before: by a worker that was lost, or in an earlier attempt."""
        self.guard = guard
        self.mailer = mailer
        self.base_url = base_url
        self.shell = shell
        self.python = python
        self.ansible = ansible
        self.mask = Mask()
        self.log: Log = _MaskedLog(log, self.mask)
        self._resolve = resolve
        self._itself = itself
        self._declared = declared
        self._sign_link = sign_link
        self._budget = budget
        self._tell = tell
        self._deadline = time.monotonic() + timeout_s

    @property
    def remaining_s(self) -> float:
        """Seconds until the work is stopped; never negative."""
        return max(0.0, self._deadline - time.monotonic())

    @property
    def age_s(self) -> float:
        """Seconds since the work was first asked for, before any crash; never negative."""
        return max(0.0, (datetime.now(UTC) - self.asked_at).total_seconds())

    def say(self, text: str, stream: Stream = "") -> None:
        """Whoever looks on sees this line, or these lines, now; secrets are masked. Cheap, and never waits."""
        if self._tell is not None:
            for line in text.splitlines():
                self._tell(Told(self.mask.text(line)[:LINE_LIMIT], stream))

    def progress(self, done: float, text: str = "") -> None:
        """Whoever looks on sees how far the work is, from 0 to 1, and what is being done. It also proves that it is alive."""
        if self._tell is not None:
            self._tell(Told(self.mask.text(text)[:LINE_LIMIT], done=min(max(done, 0.0), 1.0)))

    def secret(self, reference: str) -> str:
        """The secret's value, masked from now on. Raises `ActionError` secret.not_found."""
        if not reference.startswith(SECRET):
            raise ActionError("secret.not_found", "a secret is referred to as secret://name")
        value = self._resolve(reference, self.namespace)
        self.mask.add(value)
        return value

    async def itself(self, recent_s: float) -> Itself:
        """How this installation is; what happened is counted over `recent_s`. Its figures are of every namespace, so only `default` is told.

        Raises `ActionError` oncue.elsewhere, and oncue.unknown while it cannot be found out.
        """
        if self._itself is None:
            raise ActionError("oncue.elsewhere", "only a monitor of the namespace default may watch OnCue itself")
        return await self._itself(recent_s)

    async def budget(self, service: str) -> Budget:
        """What is left of the objective of a service in the work's namespace, as of now.

        Raises `ActionError` objective.missing, and objective.unknown while it cannot be found out.
        """
        if self._budget is None:
            raise ActionError("objective.unknown", "there is no journal to reckon from here")
        return await self._budget(self.namespace, service)

    def action_links(
        self, kind: Literal["incident", "approval"], about: str, to: str, until: datetime
    ) -> dict[str, str]:
        """Addresses by which `to` may act until then, without signing in: on an incident `acknowledge` and `snooze`, on an
        approval `approve` and `reject`, of which only a person has any.

        Empty where the surroundings make none, as in tests.
        """
        if self._sign_link is None or (kind == "approval" and not to.startswith("user:")):
            return {}
        page = f"{self.base_url}/act/{self._sign_link(self.key, self.namespace, kind, about, to, until)}"
        return {action: f"{page}?do={action}" for action in ACTIONS[kind]}

    def declared(self, kind: str, name: str) -> dict[str, Any] | None:
        """The spec of what is declared to be there under this name in the work's namespace, as it is in force now.

        None if there is none. Only of kinds that describe the landscape: SAPSystem.
        """
        return self._declared(self.namespace, kind, name) if self._declared is not None else None

    def client(self, *, verify: bool = True, tls: ssl.SSLContext | None = None) -> httpx.AsyncClient:
        """A guarded HTTP client that keeps to the deadline; use it as an async context manager. `tls` takes the place of
        `verify`, for a server with a certificate authority of its own."""
        return self.guard.client(timeout_s=max(self.remaining_s, 0.001), verify=verify, tls=tls)

"""What plugins are given while they work, wired from configuration, manifests and secrets."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from oncue.access.action_links import Claim, link_key, sign
from oncue.access.secrets import SecretStore
from oncue.config import Actions, Config
from oncue.core import hidden
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest, OutboundAllowSpec
from oncue.runtime.objectives import Objectives
from oncue.sdk import (
    ActionError,
    Allow,
    Allowed,
    AnsibleRules,
    Budget,
    Context,
    Guard,
    Itself,
    Log,
    Mailer,
    PythonRules,
    ShellRules,
    Tell,
)
from oncue.store import queries
from oncue.store.queries import Queries

OWN_NAMESPACE: Final = "default"
"""Where OnCue's own events are."""
LANDSCAPE: Final = frozenset({"SAPSystem"})
"""Kinds that say what there is to watch: plugins may read them."""


class _Inputs(msgspec.Struct):
    inputs: dict[str, Any] = {}


def allowed(actions: Actions) -> Allowed:
    """What the configuration allows actions that reach into this machine."""
    directory = None if actions.ansible.directory is None else Path(actions.ansible.directory)
    return Allowed(
        ShellRules(actions.shell.enabled, tuple(actions.shell.allow)),
        PythonRules(actions.python.enabled),
        AnsibleRules(actions.ansible.enabled, directory, actions.ansible.inline),
    )


class Surroundings:
    """Makes a `Context` for each piece of work. Secrets are read when they are used, never kept."""

    def __init__(self, config: Config, database: Queries, log: Log) -> None:
        self._log = log
        self.base_url: Final = config.url
        """Where people and consumers find this server."""
        self._database = database
        self._mailer = Mailer(config.smtp.url, config.smtp.sender, config.data)
        self._allowed = allowed(config.actions)
        self._secrets = SecretStore(config.data, self._secret_row)
        self._allows: dict[str, list[Allow]] = {}
        self._landscape: dict[tuple[str, str, str], Any] = {}
        self._data = config.data
        self._link_key: bytes | None = None
        self._itself: Callable[[float], Awaitable[Itself]] | None = None
        self._budget: Callable[[str, str], Awaitable[Budget]] = Objectives(database).budget

    def inspect(self, itself: Callable[[float], Awaitable[Itself]]) -> None:
        """Let monitors of the namespace `default` ask how this installation is."""
        self._itself = itself

    def reckon(self, budget: Callable[[str, str], Awaitable[Budget]]) -> None:
        """Let monitors ask this for what is left of a service's objective, instead of the database as of now."""
        self._budget = budget

    def allow(self, manifests: Sequence[Manifest]) -> None:
        """These `OutboundAllow` manifests hold from now on, each in its own namespace."""
        allows: dict[str, list[Allow]] = {}
        for manifest in manifests:
            allows.setdefault(manifest.namespace, []).append(exception_of(manifest))
        self._allows = allows

    def declare(self, manifests: Sequence[Manifest]) -> None:
        """These manifests of `LANDSCAPE` say what is there from now on, each in its own namespace."""
        self._landscape = {(one.namespace, one.kind, one.name): one.spec for one in manifests}

    def context(
        self,
        namespace: str,
        key: str,
        attempt: int,
        timeout_s: float,
        asked_at: datetime | None = None,
        redelivered: bool = False,
        tell: Tell | None = None,
        run: str | None = None,
    ) -> Context:
        """The surroundings of one piece of work; see `Context` for the meaning of each. What was given to a run is resolved for
        work of that `run` alone."""
        return Context(
            namespace=namespace,
            key=key,
            attempt=attempt,
            timeout_s=timeout_s,
            guard=Guard(self._allows.get(namespace, ())),
            mailer=self._mailer,
            log=self._log,
            resolve=partial(self._resolve, run),
            base_url=self.base_url,
            shell=self._allowed.shell,
            python=self._allowed.python,
            ansible=self._allowed.ansible,
            asked_at=asked_at,
            redelivered=redelivered,
            itself=self._itself if namespace == OWN_NAMESPACE else None,
            declared=self._declared,
            sign_link=self._sign_link,
            budget=self._budget,
            tell=tell,
        )

    def _sign_link(
        self, effect: str, namespace: str, kind: Literal["incident", "approval"], about: str, to: str, until: datetime
    ) -> str:
        if self._link_key is None:
            self._link_key = link_key(self._data)
        return sign(self._link_key, Claim(effect, namespace, about, to, until, kind))

    def _declared(self, namespace: str, kind: str, name: str) -> dict[str, Any] | None:
        return self._landscape.get((namespace, kind, name))

    def _resolve(self, run: str | None, reference: str, namespace: str) -> str:
        if reference.startswith(hidden.OF_RUNS) and not self._holds(run, reference):
            raise ActionError("secret.not_found", f"{reference[:200]} was given to another run, or one that is over")
        try:
            return self._secrets.resolve(reference, namespace)
        except Refusal as refusal:
            transient = refusal.code != "secret.not_found"
            raise ActionError(refusal.code, refusal.detail, transient=transient) from refusal

    def _holds(self, run: str | None, reference: str) -> bool:
        row = self._database.run_here(partial(queries.entity_body, kind="run", id=run)) if run is not None else None
        return row is not None and reference in hidden.held(msgspec.json.decode(row[1], type=_Inputs).inputs)

    def _secret_row(self, kind: str, row: str) -> bytes | None:
        return self._database.run_here(partial(queries.access_row, kind=kind, id=row))


def exception_of(manifest: Manifest) -> Allow:
    """The exception that an `OutboundAllow` manifest makes."""
    spec = msgspec.convert(manifest.spec, OutboundAllowSpec)
    return Allow(spec.host, spec.port, _expiry(spec.expires))


def _expiry(text: str | None) -> datetime | None:
    """A date or an instant, UTC unless it says otherwise. One that cannot be read has passed: the guard stays closed."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)

"""Finds out how this installation is, for the monitor `oncue`: from the engine, the database, the disk and the keys."""

import asyncio
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec

from oncue.access.secrets import SCHEME, SecretStore
from oncue.config import Config
from oncue.core.errors import Refusal
from oncue.core.hidden import references
from oncue.core.manifest import Manifest
from oncue.core.subscription import Progress
from oncue.runtime import reception
from oncue.runtime.certificates import days_left
from oncue.runtime.client import EngineClient
from oncue.runtime.pulse import Pulse
from oncue.sdk import ActionError, Itself
from oncue.store import queries
from oncue.store.condition import Condition, condition
from oncue.store.queries import Queries
from oncue.store.revision import FILE_NAME

DAY_US: Final = 86_400_000_000
COUNTED: Final = ("oncue.effect.unknown", "oncue.effect.failed", "oncue.policy.failed", "oncue.engine.started")


class Inspection:
    """Asks; changes nothing."""

    def __init__(self, config: Config, client: EngineClient, database: Queries, pulse: Pulse) -> None:
        self._config = config
        self._client = client
        self._database = database
        self._pulse = pulse
        self._secrets = SecretStore(config.data, self._secret_row)
        self._references: list[tuple[str, str]] = []

    def configure(self, manifests: Sequence[Manifest]) -> None:
        """These manifests are in force."""
        found = {(one.namespace, reference) for one in manifests for reference in references(one.spec)}
        ping = self._config.dead_man.url
        if ping is not None and ping.startswith(SCHEME):
            found.add(("default", ping))
        self._references = sorted(found)

    async def itself(self, recent_s: float) -> Itself:
        """How it is now, and what happened within `recent_s`. Raises `ActionError` oncue.unknown."""
        now = datetime.now(UTC)
        now_us = time.time_ns() // 1000
        try:
            engine = (await self._client.health()).body
            stored = await self._database.run(
                partial(condition, now_us=now_us, recent_us=int(recent_s * 1e6), types=COUNTED)
            )
            consumers = await self._database.run(partial(queries.cells, kind="subscription"))
            missing, certificates = await asyncio.to_thread(self._look_at_secrets, now)
            disk = await asyncio.to_thread(os.statvfs, self._config.data)
            size = (self._config.data / FILE_NAME).stat().st_size
        except Refusal as refusal:
            raise ActionError("oncue.unknown", f"{refusal.code}: {refusal.detail}") from refusal
        except OSError as error:
            raise ActionError("oncue.unknown", str(error)) from error
        listening = reception.read(self._config.data, now)
        unwell = [f"{space}/{name}" for (space, name), one in sorted(listening.items())
                  if one.state in ("failing", "overloaded")]  # fmt: skip
        dead_man = self._pulse.dead_man
        return Itself(
            disk_free=disk.f_bavail * disk.f_frsize,
            disk_size=(disk.f_blocks - disk.f_bfree + disk.f_bavail) * disk.f_frsize,
            journal_size=size,
            commits=engine["commits"],
            commit_seconds=engine["commit_seconds"],
            commit_failures=engine["commit_failures"],
            queue_used=engine["queue_events"] / self._config.limits.queue_events,
            shed=engine["overloads"] + sum(one.lost for one in listening.values()),
            dead_letters_new=stored.dead_letters_new,
            dead_letters_waiting=stored.dead_letters_waiting,
            effects_overdue_s=engine["effects_overdue_seconds"],
            escalations_overdue_s=max(0.0, (now - due).total_seconds()) if (due := stored.escalation_due_at) else 0.0,
            effects_unknown=stored.facts.get("oncue.effect.unknown", 0),
            effects_failed=stored.facts.get("oncue.effect.failed", 0),
            policies_failed=stored.facts.get("oncue.policy.failed", 0),
            named={
                count: stored.named[type]
                for count, type in (
                    ("effects_unknown", "oncue.effect.unknown"),
                    ("effects_failed", "oncue.effect.failed"),
                    ("policies_failed", "oncue.policy.failed"),
                )
                if type in stored.named
            },
            starts=stored.facts.get("oncue.engine.started", 0),
            monitors_failing=stored.monitors_failing,
            monitors_failing_count=stored.monitors_failing_count,
            sources_failing=unwell,
            subscriptions_failing=[
                id
                for id, cell in sorted(consumers.items())
                if (one := msgspec.msgpack.decode(cell, type=Progress)).state != "active" and not one.paused
            ],
            secrets_missing=missing,
            certificates=certificates,
            snapshot_age_s=max(0, now_us - stored.snapshot_at) / 1e6,
            retention_overdue_s=self._retention_overdue_s(stored, now_us),
            dead_man_silent_s=dead_man.silent_s(now) if dead_man is not None else None,
        )

    def _retention_overdue_s(self, stored: Condition, now_us: int) -> float:
        if stored.oldest_at is None:
            return 0.0
        return max(0.0, (now_us - stored.oldest_at - self._config.retention.max_age_days * DAY_US) / 1e6)

    def _look_at_secrets(self, now: datetime) -> tuple[list[str], dict[str, float]]:
        """Those that cannot be read, and the days until each certificate among the others expires."""
        missing: list[str] = []
        days: dict[str, float] = {}
        for namespace, reference in self._references:
            name = f"{namespace}/{reference.removeprefix(SCHEME)}"
            try:
                value = self._secrets.resolve(reference, namespace)
            except Refusal as refusal:
                if refusal.code not in ("secret.not_found", "config.invalid"):
                    raise
                missing.append(name)
                continue
            if (left := days_left(value, now)) is not None:
                days[name] = left
        return missing, days

    def _secret_row(self, kind: str, row: str) -> bytes | None:
        return self._database.run_here(partial(queries.access_row, kind=kind, id=row))

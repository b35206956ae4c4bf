"""Delivers: follows the journal for each subscription with a webhook, sends, and says how far each is.

One task per subscription sends its events in order: the next goes when the one before is settled, that is taken, or a dead
letter. What is settled is reported to the engine at most about once a second for all together; until a report is
committed, a crash has the events since the one before it sent again, with the same ids.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from oncue.core.duration import seconds
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.core.subscription import Health, Progress, SubscriptionSpec
from oncue.core.subscriptions import PROGRESSED, Report, Reports, Settled
from oncue.runtime import consumption
from oncue.runtime.client import EngineClient
from oncue.runtime.consumption import Consumption
from oncue.runtime.feed import Catalogue, Feed, Filter, Item, Reader
from oncue.runtime.inputs import document
from oncue.runtime.posting import Outcome, Poster
from oncue.runtime.surroundings import Surroundings
from oncue.sdk import Log
from oncue.store import queries
from oncue.store.history import event_at
from oncue.store.queries import Queries, instant

REPORT_S: Final = 1.0
"""Between two reports of how far subscriptions are; changes of state and dead letters do not wait so long."""
AT_ONCE: Final = 500
"""Subscriptions in one report."""
LETTERS: Final = 500
"""Dead letters of one subscription that may wait to be reported; it goes on when they are."""
STEP: Final = 10_000
"""Records without an event for a subscription after which its place is reported nevertheless."""
IDLE_S: Final = 3_600.0
"""And the time after which it is."""
REQUESTS: Final = 64
"""Requests under way at the same time."""
REST_S: Final = 30.0
"""Connections that were not used for so long are closed."""
FAILING_AFTER: Final = 2
"""Requests in vain, one after the other, before the consumer is said to fail."""

ORIGIN: Final = "subscriptions"


class Deliveries:
    """All subscriptions of this server that are delivered by webhook."""

    def __init__(
        self, data: Path, client: EngineClient, surroundings: Surroundings, database: Queries, log: Log
    ) -> None:
        self._data = data
        self._client = client
        self._surroundings = surroundings
        self._database = database
        self._log = log
        self._feed = Feed(database)
        self._consumers: dict[str, Consumer] = {}
        self._urgent = asyncio.Event()
        self._slots = asyncio.Semaphore(REQUESTS)
        self._known: frozenset[tuple[str, int]] = frozenset()

    def committed(self, position: int) -> None:
        """The engine committed up to here."""
        self._feed.committed_to(position)

    async def configure(self, manifests: Sequence[Manifest]) -> None:
        """Deliver exactly these; one that nobody steered goes on undisturbed. Raises `Refusal` if the database cannot be
        read."""
        wanted = {
            f"{one.namespace}/{one.name}": one
            for one in manifests
            if one.kind == "Subscription" and one.spec.get("webhook") is not None
        }
        if not wanted and not self._consumers:
            return
        cells, (_, newest) = await self._database.run(
            lambda connection: (queries.cells(connection, "subscription"), queries.heads(connection))
        )
        progress = {id: msgspec.msgpack.decode(cells[id], type=Progress) for id in wanted if id in cells}
        await self._learn(manifests, wanted)
        for id in [id for id in self._consumers if id not in progress]:
            await self._consumers.pop(id).close()
        for id, known in progress.items():
            consumer = self._consumers.get(id)
            if consumer is not None and consumer.is_of(wanted[id], known):
                consumer.redrive(known.redrive)
                continue
            if consumer is not None:
                await consumer.close()
            self._consumers[id] = self._begin(wanted[id], known)
        self._feed.committed_to(newest)

    def _begin(self, manifest: Manifest, progress: Progress) -> "Consumer":
        consumer = Consumer(
            manifest, progress, self._feed, self._surroundings, self._database, self._slots, self._urgent, self._log
        )
        consumer.start()
        return consumer

    async def _learn(self, manifests: Sequence[Manifest], wanted: dict[str, Manifest]) -> None:
        """The services and resources, if a filter asks for them and they have changed."""
        if not any(Filter(one).catalogued for one in wanted.values()):
            return
        places = [one for one in manifests if one.kind in ("Service", "Resource")]
        known = frozenset((one.id, one.generation) for one in places)
        if known != self._known:
            self._known = known
            self._feed.know(await asyncio.to_thread(Catalogue, places))

    async def run(self) -> None:
        """Read, and report, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feed.run(), name="feed")
            group.create_task(self._report_always(), name="progress")
            group.create_task(self._write_down(), name="consumption")

    async def drain(self) -> None:
        """Send no more, and report what has been settled."""
        consumers, self._consumers = self._consumers, {}
        await asyncio.gather(*(consumer.close() for consumer in consumers.values()))
        reports = [report for consumer in consumers.values() if (report := consumer.report(True)) is not None]
        with contextlib.suppress(Refusal):  # what is not reported is sent again
            for first in range(0, len(reports), AT_ONCE):
                await self._submit(_report(reports[first : first + AT_ONCE]))
        (self._data / consumption.FILE).unlink(missing_ok=True)

    async def _report_always(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPORT_S):
                    await self._urgent.wait()
                await asyncio.sleep(0.05)  # what happens together is reported together
            self._urgent.clear()
            reports = []
            for consumer in list(self._consumers.values()):
                consumer.check()
                report = consumer.report()
                if report is not None:
                    reports.append(report)
            for first in range(0, len(reports), AT_ONCE):
                body = _report(reports[first : first + AT_ONCE])
                while True:
                    try:
                        await self._submit(body)
                        break
                    except Refusal as refusal:
                        await asyncio.sleep(float(str(refusal.more.get("retry_after_s") or 0.25)))
            for consumer in list(self._consumers.values()):
                consumer.reported()

    async def _submit(self, body: bytes) -> None:
        """The same bytes, however often: what counts twice is recognised by its id."""
        answer = await self._client.submit([body], namespace="default", origin=ORIGIN, actor="system")
        for _, code, detail in answer.rejected:
            self._log.warning("subscriptions.report_rejected", code=code, detail=detail)

    async def _write_down(self) -> None:
        written_at = 0.0
        said: list[Consumption] = []
        while True:
            now = [consumer.consumption() for consumer in self._consumers.values()]
            late = time.monotonic() - written_at > consumption.STALE.total_seconds() / 4
            if now != said or (late and now):
                try:
                    await asyncio.to_thread(consumption.write, self._data, now)
                except OSError as error:  # a full disk must not keep us from delivering
                    self._log.warning("subscriptions.unwritten", detail=str(error))
                said, written_at = now, time.monotonic()
            await asyncio.sleep(REPORT_S)


def _report(reports: list[Report]) -> bytes:
    return document(PROGRESSED, "/oncue/subscriptions", Reports(reports))


@dataclass
class _Since:
    """What has become of events since the last report."""

    delivered: int = 0
    last_delivered_at: datetime | None = None
    letters: list[Settled] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    consented: int | None = None
    turned: bool = False
    """The state is another than was reported."""

    @property
    def any(self) -> bool:
        return bool(self.delivered or self.letters or self.gaps or self.consented is not None or self.turned)


class Consumer:
    """One subscription, from its place on."""

    def __init__(
        self, manifest: Manifest, progress: Progress, feed: Feed, surroundings: Surroundings, database: Queries,
        slots: asyncio.Semaphore, urgent: asyncio.Event, log: Log,
    ) -> None:  # fmt: skip
        spec = msgspec.convert(manifest.spec, SubscriptionSpec)
        assert spec.webhook is not None
        self.id: Final = f"{manifest.namespace}/{manifest.name}"
        self._generation = manifest.generation
        self._progress = progress
        self._webhook = spec.webhook
        self._filter = Filter(manifest)
        self._feed = feed
        self._database = database
        self._slots = slots
        self._urgent = urgent
        self._log = log
        self._poster = Poster(manifest, spec.webhook, surroundings)
        self._reader: Reader | None = None
        self._task: asyncio.Task[None] | None = None
        self._settled = progress.settled
        self._reported = progress.settled
        self._reported_at = time.monotonic()
        self._state: Health = progress.state
        self._error: tuple[str | None, str | None] = (progress.error_code, progress.detail)
        self._consented = progress.consented
        self._per_minute = progress.per_minute
        self._since = _Since()
        self._again: list[int] = list(progress.redrive)
        self._redriven: set[int] = set()
        """Whose settlement is not committed yet, as far as is known."""
        self._room = asyncio.Event()
        """Not too many dead letters wait to be reported."""
        self._room.set()
        self._in_hand: list[Item] = []
        self._attempts = 0
        self._vain = 0
        """Requests in vain, one after the other."""
        self._next_try_at: datetime | None = None
        self._last_error: tuple[str, datetime] | None = None
        self._sent_at = 0.0

    def is_of(self, manifest: Manifest, progress: Progress) -> bool:
        """Whether it delivers this already, as it is steered now."""
        return self._generation == manifest.generation and self._progress.epoch == progress.epoch

    def start(self) -> None:
        """Deliver, unless it is paused or was stopped."""
        if not self._progress.paused and self._state != "stopped":
            self._reader = self._feed.open(self._filter, self._settled)
            self._task = asyncio.create_task(self._run(), name=f"subscription {self.id}")

    async def close(self) -> None:
        """Send no more. A request that is under way is given up; whether it arrived is not known."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._reader is not None:
            self._feed.close(self._reader)
        await self._poster.close()

    def check(self) -> None:
        """Raises what ended its task, which is a defect of ours."""
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    def redrive(self, positions: Sequence[int]) -> None:
        """These dead letters are to be delivered again."""
        self._redriven &= set(positions)
        new = [one for one in positions if one not in self._again and one not in self._redriven]
        if new:
            self._again += new
            if self._reader is not None:
                self._reader.news.set()

    # What it says

    def report(self, last: bool = False) -> Report | None:
        """How far it is, if that is worth an input. What it says is counted as said."""
        since, idle_s = self._since, time.monotonic() - self._reported_at
        advanced = self._settled - self._reported
        if not since.any and not (advanced > STEP or (advanced > 0 and (idle_s > IDLE_S or last))):
            return None
        self._since = _Since()
        self._reported, self._reported_at = self._settled, time.monotonic()
        code, detail = self._error
        return Report(
            id=self.id, epoch=self._progress.epoch, settled=self._settled, delivered=since.delivered,
            last_delivered_at=since.last_delivered_at, state=self._state, error_code=code, detail=detail,
            consented=since.consented, per_minute=self._per_minute, letters=since.letters, gaps=since.gaps,
        )  # fmt: skip

    def reported(self) -> None:
        """What was said is committed."""
        waiting = {one.event_position for one in self._since.letters}
        self._redriven &= waiting
        if len(self._since.letters) < LETTERS:
            self._room.set()

    def consumption(self) -> Consumption:
        """How it is now."""
        reader = self._reader
        waiting = len(self._in_hand) + (reader.waiting if reader is not None else 0)
        oldest = self._in_hand[0] if self._in_hand else reader.oldest if reader is not None else None
        return Consumption(
            id=self.id, settled=self._settled, epoch=self._progress.epoch, behind_events=waiting,
            behind_records=max(0, self._feed.committed - self._settled) if waiting or not self._is_at_the_end() else 0,
            oldest_at=instant(oldest.recorded_at) if oldest is not None else None,
            attempts=max(self._attempts, self._vain), next_try_at=self._next_try_at,
            last_error=self._last_error[0] if self._last_error else None,
            last_error_at=self._last_error[1] if self._last_error else None,
        )  # fmt: skip

    def _is_at_the_end(self) -> bool:
        return self._reader is not None and self._reader.place >= self._feed.committed

    # What it does

    async def _run(self) -> None:
        reader = self._reader
        assert reader is not None
        while True:
            await self._room.wait()
            self._note_gaps(reader)
            if self._again:
                if not await self._agreed():
                    return
                await self._redrive_one(self._again[0])
                continue
            if not reader.waiting:
                self._settled = max(self._settled, reader.place)
                reader.news.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(REST_S):  # unlike wait_for it never swallows a cancellation
                        await reader.news.wait()
                    continue
                if time.monotonic() - self._sent_at > REST_S:
                    await self._poster.close()
                continue
            if not await self._agreed():
                return
            batch = reader.take(self._webhook.max_batch if self._webhook.mode == "batch" else 1)
            self._feed.roomy()
            if not await self._settle(batch):
                return

    def _note_gaps(self, reader: Reader) -> None:
        if reader.lost:
            for first, last in reader.lost:
                self._log.warning("subscription.gap", subscription=self.id, first=first, last=last)
            self._since.gaps += reader.lost
            reader.lost = []
            self._urgent.set()

    async def _agreed(self) -> bool:
        """The consumer agreed to be sent to; False if it wants nothing at all."""
        if not self._webhook.handshake or self._consented == self._generation:
            return True
        while True:
            async with self._slots:
                told, per_minute = await self._poster.ask()
            if told.about == "taken":
                self._consented = self._since.consented = self._generation
                self._per_minute = per_minute
                self._well()
                self._urgent.set()
                return True
            if told.about == "gone":
                self._stop(told)
                return False
            await self._wait(told)

    async def _settle(self, batch: list[Item]) -> bool:
        """Send until these are taken or dead letters; False if the consumer wants no more."""
        self._in_hand = batch
        self._attempts = tries = 0
        while True:
            self._attempts += 1
            told = await self._send(batch)
            if told.about == "taken":
                self._well()
                self._since.delivered += len(batch)
                self._since.last_delivered_at = datetime.now(UTC)
                break
            if told.about == "gone":
                self._stop(told)
                return False
            tries += told.about == "passing"
            if told.about == "event" or tries >= self._webhook.retry.attempts:
                if len(batch) == 1:
                    self._bury(batch[0], told)
                    break
                # Which of them it is about is not known: each goes alone.
                for at, item in enumerate(batch):
                    if not await self._settle([item]):
                        return False
                    self._in_hand = batch[at + 1 :]
                return True
            await self._wait(told)
        self._settled = batch[-1].position
        self._in_hand = []
        self._attempts = 0
        return True

    async def _send(self, batch: list[Item]) -> Outcome:
        if self._per_minute is not None:
            await asyncio.sleep(max(0.0, self._sent_at + 60.0 / self._per_minute - time.monotonic()))
        async with self._slots:
            self._sent_at = time.monotonic()
            return await self._poster.post(batch)

    async def _wait(self, told: Outcome) -> None:
        """The pause before the next try."""
        retry = self._webhook.retry
        self._vain += 1
        self._last_error = (f"{told.code}: {told.detail}", datetime.now(UTC))
        if self._vain >= FAILING_AFTER:
            self._become("failing", told.code, told.detail)
        pause_s = min(seconds(retry.max_delay), seconds(retry.initial) * retry.factor ** min(self._vain - 1, 60))
        pause_s = max(pause_s, told.after_s or 0.0)
        self._next_try_at = datetime.now(UTC) + timedelta(seconds=pause_s)
        await asyncio.sleep(pause_s)
        self._next_try_at = None

    def _well(self) -> None:
        self._vain = 0
        self._become("active", None, None)

    def _stop(self, told: Outcome) -> None:
        self._last_error = (f"{told.code}: {told.detail}", datetime.now(UTC))
        self._become("stopped", told.code, told.detail)
        if self._reader is not None:
            self._feed.close(self._reader)

    def _become(self, state: Health, code: str | None, detail: str | None) -> None:
        if self._state != state:
            self._state = state
            self._since.turned = True
            self._urgent.set()
            if state == "active":
                self._log.info("subscription.active", subscription=self.id)
            else:
                self._log.warning("subscription." + state, subscription=self.id, error_code=code, detail=detail)
        self._error = (code, detail)

    def _bury(self, item: Item, told: Outcome) -> None:
        """The event is a dead letter; the consumer itself answers."""
        self._last_error = (f"{told.code}: {told.detail}", datetime.now(UTC))
        self._well()
        self._letter(
            Settled(
                event_position=item.position, event_id=item.id, type=item.type, state="waiting", code=told.code,
                detail=told.detail, attempts=self._attempts,
            )
        )  # fmt: skip

    def _letter(self, settled: Settled) -> None:
        self._since.letters.append(settled)
        if len(self._since.letters) >= LETTERS:
            self._room.clear()
        self._urgent.set()

    async def _redrive_one(self, position: int) -> None:
        """Send a dead letter once more; whatever comes of it is settled."""
        try:
            entry = await self._database.run(partial(event_at, position=position))
        except Refusal:
            await asyncio.sleep(1.0)
            return
        if entry is None:
            settled = Settled(
                event_position=position, event_id="", type="", state="gone", code="event.not_found",
                detail="the event is past retention",
            )  # fmt: skip
        else:
            item = Item(position, entry.record.recorded_at, entry.event.id, entry.event.type, entry.record.body)
            told = await self._send([item])
            if told.about == "taken":
                self._well()
                self._since.delivered += 1
                self._since.last_delivered_at = datetime.now(UTC)
            settled = Settled(
                event_position=position, event_id=item.id, type=item.type,
                state="delivered" if told.about == "taken" else "waiting", code=told.code, detail=told.detail,
            )  # fmt: skip
        self._again.remove(position)
        self._redriven.add(position)
        self._letter(settled)

"""Acts: takes leased effects, does them, reports what became of them.

Whatever a plugin does, the outcome is a result; nothing it raises ends the worker. A result is submitted until the engine
has it. Work that must not be done twice is announced first, and begun only after the announcement is committed. Work for a
step of a run ends before other work for that step begins: what undoes a step never runs beside it, though the engine may
have died meanwhile and takes the step's outcome for unknown. So does what was stopped of a run before other work of that run. What work tells while it is under way goes ahead of its result,
and never delays or fails it.
"""

import asyncio
import contextlib
import time
import traceback
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import msgspec

from oncue.core.bounds import too_deep
from oncue.core.effect import TOLD, Effect, EffectResult, StillTelling
from oncue.core.errors import Refusal
from oncue.core.validation import MEANWHILE
from oncue.runtime import frames, mirroring
from oncue.runtime.client import EngineClient
from oncue.runtime.inputs import document
from oncue.runtime.surroundings import OWN_NAMESPACE, Surroundings
from oncue.runtime.telling import SEND_EVERY_S, Telling
from oncue.sdk import ActionError, Context, Log, Mask, Notification, Told, nothing_done_yet, registry

STORED_LIMIT: Final = 65_536
"""Bytes of a result that are reported."""
DETAIL_LIMIT: Final = 2_000
STOP_S: Final = 15.0
"""How long work may take to end once it is to stop, by its timeout or because it is no longer wanted. Then nobody waits for it any more."""
TOLD_EVERY_S: Final = 60.0
"""How often a worker has it journaled which of its work tells something."""
_BACKOFF_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


class _Work:
    """An effect in hand."""

    def __init__(self, effect: Effect, token: str, redelivered: bool) -> None:
        self.effect = effect
        self.token = token
        self.redelivered = redelivered
        self.started = False
        """Whether the outside may have been touched."""
        self.reporting = False
        """Whether it is over, but for the report, which a cancellation must not lose."""
        self.once = _must_be_done_once(effect)
        self.stopped = False
        """Whether it was told to end."""
        self.telling: Telling | None = None
        """What it tells; None for what is no step of a run."""
        if effect.run is not None and effect.step is not None:
            self.telling = Telling(effect.namespace, effect.run, effect.step, effect.attempt)
        self.told = False
        """Whether it told something since the engine was last given word of that."""
        self.task: asyncio.Task[None] | None = None
        self.over = asyncio.get_running_loop().create_future()
        """Settled when it is out of hand."""
        self.given_up = False
        """Whether it did not stop, and goes on with nobody who waits for it."""
        self.giving_up: asyncio.TimerHandle | None = None
        self._quiet: asyncio.Timeout | None = None
        self._loop = asyncio.get_running_loop()

    @contextlib.contextmanager
    def putting_off(self, quiet: asyncio.Timeout) -> Iterator[None]:
        """Meanwhile, each thing that it tells puts this off."""
        self._quiet = quiet if self.effect.heartbeat_s is not None else None
        try:
            yield
        finally:
            self._quiet = None

    def tell(self, told: Told) -> None:
        """Take what it tells; from any thread."""
        assert self.telling is not None
        self.telling.tell(told)
        self.told = True
        if self._quiet is not None:
            self._loop.call_soon_threadsafe(self._alive)

    def _alive(self) -> None:
        if self._quiet is not None and not self._quiet.expired():
            self._quiet.reschedule(self._loop.time() + (self.effect.heartbeat_s or 0.0))

    def goes_before(self, other: "_Work") -> bool:
        """Whether it ends before the other begins: both are for the same step of a run, to do it, to look at it, to undo it; or
        for the same run, which does not want it any more. A look at a step while it runs goes on beside it, whichever was handed out
        first."""
        run, step, begins = self.effect.run, self.effect.step or "", other.effect.step or ""
        if run is None or run != other.effect.run:
            return False
        itself = step.partition("~")[0]
        meanwhile = {step, begins} == {itself, itself + MEANWHILE}
        return self.stopped or (itself == begins.partition("~")[0] and not meanwhile)


class Acting:
    """The effects in hand, at most `slots`."""

    def __init__(
        self,
        client: EngineClient,
        surroundings: Surroundings,
        worker: str,
        slots: int,
        labels: dict[str, str],
        log: Log,
    ) -> None:
        self._client = client
        self._surroundings = surroundings
        self._worker = worker
        self._log = log
        self._slots = slots
        self._work: dict[str, _Work] = {}
        self.offer: Final = frames.Lease(worker, slots, labels)
        """What the engine is told on each connection: how many effects could be taken now."""
        self._offering = False
        self._ends = False
        self._sending: asyncio.TimerHandle | None = None

    def lease(self, leased: frames.Leased) -> None:
        """Begin these effects."""
        for token, body, redelivered in leased.items:
            effect = msgspec.json.decode(body, type=Effect)
            known = self._work.get(effect.id)
            if known is not None and known.effect.attempt == effect.attempt:
                # An engine that restarted leases again what is still in hand.
                known.token = token
                continue
            work = _Work(effect, token, redelivered)
            before = [one for one in self._work.values() if one is known or one.goes_before(work)]
            self._work[effect.id] = work
            work.task = asyncio.create_task(self._do(work, before), name=f"effect {effect.id}")
            work.task.add_done_callback(partial(self._over, work))
        self.offer.slots = max(0, self._slots - len(self._work))
        if self._sending is None:
            self._send_sayings()

    def cancel(self, cancel: frames.Cancel) -> None:
        """Stop these effects: they are no longer wanted."""
        for work in list(self._work.values()):
            if work.token in cancel.tokens:
                self._stop(work)

    async def drain(self, grace_s: float) -> None:
        """Take no more, let what is in hand end within the grace, stop the rest, and report all of it."""
        self._slots, self._ends = 0, True
        self._offer()
        tasks = [work.task for work in self._work.values() if work.task is not None]
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=grace_s)
            for work in list(self._work.values()):
                self._stop(work)
            if pending:
                await asyncio.wait(pending, timeout=2.0)

    def _stop(self, work: _Work) -> None:
        """Once: told again, it would be torn out of what it does to end well."""
        if work.task is not None and not work.reporting and not work.stopped:
            work.stopped = True
            work.task.cancel()
            self._give_up_after(work, STOP_S)

    def _give_up_after(self, work: _Work, delay_s: float) -> None:
        if work.giving_up is not None:
            work.giving_up.cancel()
        work.giving_up = asyncio.get_running_loop().call_later(delay_s, self._give_up, work)

    def _give_up(self, work: _Work) -> None:
        """It was to stop and did not: only the end of this process could make it. What became of it is not known; it is told so, and
        what waits for its end goes on."""
        if work.reporting or not work.started:
            return
        work.given_up = work.reporting = True
        self._log.warning("plugin.deaf", effect_id=work.effect.id, uses=work.effect.uses)
        why = "it was to stop" if work.stopped else f"not done within {work.effect.timeout_s:g} s"
        detail = (
            f"{why}, and {work.effect.uses} did not stop: it may still be doing something in the worker {self._worker}"
        )
        code = "cancelled" if work.stopped else "timeout"
        work.task = asyncio.create_task(
            self._report(work, _failed(work, Mask(), ActionError(code, detail, unknown=True)))
        )
        work.task.add_done_callback(partial(self._over, work))

    async def _end(self, works: list[_Work]) -> None:
        """These are stopped, and have ended."""
        for work in works:
            self._stop(work)
        if works:
            await asyncio.wait([work.over for work in works])

    def _send_sayings(self) -> None:
        """Send what was told, and do so again for as long as there is work."""
        self._sending = None
        if self._work:
            self._say(*self._work.values())
            self._sending = asyncio.get_running_loop().call_later(SEND_EVERY_S, self._send_sayings)

    def _say(self, *works: _Work) -> None:
        """Send what these told, all of it or, while the engine is away, nothing."""
        taken = [(one.telling, one.telling.take()) for one in works if one.telling is not None]
        items = [saying for _, sayings in taken for saying in sayings]
        if not items:
            return
        try:
            self._client.send(frames.Sayings(items))
        except Refusal:
            for telling, sayings in taken:
                telling.put_back(sayings)

    def _offer(self) -> None:
        """Say how many more are taken, once for all that ends in this turn of the loop."""
        self.offer.slots = max(0, self._slots - len(self._work))
        if not self._offering:
            self._offering = True
            asyncio.get_running_loop().call_soon(self._send_offer)

    async def stay_heard(self) -> None:
        """Say again and again that it is there, until cancelled: a worker that says nothing is given nothing."""
        while True:
            await asyncio.sleep(frames.HEARD_EVERY_S)
            self._offer()

    async def say_what_tells(self) -> None:
        """Have it journaled every minute which work tells something, until cancelled: lines and progress are not in the journal,
        and no run whose work goes on is to be called stuck."""
        while True:
            await asyncio.sleep(TOLD_EVERY_S)
            telling = [work for work in self._work.values() if work.told and not work.reporting]
            if not telling:
                continue
            data = StillTelling([(work.effect.id, work.effect.attempt) for work in telling])
            for work in telling:
                work.told = False
            body = document(TOLD, self._source, data, namespace=OWN_NAMESPACE)
            try:
                await self._client.submit([body], namespace=OWN_NAMESPACE, origin=self._worker, actor="system")
            except Refusal:  # the next word says it, too
                for work in telling:
                    work.told = True

    def _send_offer(self) -> None:
        self._offering = False
        with contextlib.suppress(Refusal):  # a new connection makes the offer by itself
            self._client.send(self.offer)

    async def _do(self, work: _Work, before: list[_Work]) -> None:
        """Do it, once what was begun for the same step before has ended, and report."""
        await self._end(before)
        began = time.monotonic()
        result = await self._attempt(work)
        if result is not None and not work.given_up:
            result.duration_ms = round((time.monotonic() - began) * 1000, 3)
            work.reporting = True
            await self._report(work, result)

    def _over(self, work: _Work, task: object) -> None:
        """It is out of hand, even if it was stopped before it could begin."""
        if task is not work.task:
            return
        if work.giving_up is not None:
            work.giving_up.cancel()
        work.over.set_result(None)
        if self._work.get(work.effect.id) is work:
            del self._work[work.effect.id]
        self._offer()

    async def _attempt(self, work: _Work) -> EffectResult | None:
        """The attempt's result; None if it must not be made after all."""
        effect = work.effect
        context = self._surroundings.context(
            effect.namespace, effect.id, effect.attempt, effect.timeout_s, effect.created_at, work.redelivered,
            tell=work.tell if work.telling is not None else None, run=effect.run,
        )  # fmt: skip
        once = work.once
        deadline = asyncio.timeout(effect.timeout_s)
        self._give_up_after(work, effect.timeout_s + STOP_S)
        quiet: asyncio.Timeout | None = None
        try:
            async with deadline:
                try:
                    if once and not await self._announce(work):
                        return None
                    work.started = True
                    async with asyncio.timeout(effect.heartbeat_s) as quiet:
                        with work.putting_off(quiet):
                            value = await _act(effect, context)
                    return _succeeded(effect, context, value)
                except TimeoutError as error:
                    if quiet is not None and quiet.expired():
                        silent = f"it told nothing for {effect.heartbeat_s:g} s"
                        late = ActionError("timeout.heartbeat", silent, transient=True, unknown=True)
                        return _failed(work, context.mask, late)
                    # Told apart from the deadline's own, which arrives as a cancellation.
                    detail = str(error) or "a connection took too long"
                    return _failed(work, context.mask, ActionError("timeout", detail, transient=True, unknown=True))
                except ActionError as error:
                    return _failed(work, context.mask, error)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's defect is a result, not our end
                    return self._crashed(work, context, error)
        except TimeoutError:
            if not deadline.expired():
                raise
            if once and not work.started:
                return None
            late = ActionError("timeout", f"not done within {effect.timeout_s:g} s", transient=True, unknown=True)
            return _failed(work, context.mask, late)
        except asyncio.CancelledError:
            if once and not work.started:
                return None
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            why = "stopped: the worker ends" if self._ends else "stopped: it is no longer wanted"
            stopped = ActionError("cancelled", why, transient=True, unknown=True)
            return _failed(work, context.mask, stopped)

    def _crashed(self, work: _Work, context: Context, error: BaseException) -> EffectResult:
        trace = context.mask.text("".join(traceback.format_exception(error)))
        self._log.warning("plugin.crashed", effect_id=work.effect.id, uses=work.effect.uses, traceback=trace)
        detail = f"{type(error).__name__}: {error}"
        return _failed(work, context.mask, ActionError("action.crashed", detail, unknown=True))

    async def _announce(self, work: _Work) -> bool:
        """Whether the start of this attempt is on record, and the lease still ours."""
        effect = work.effect
        token, body = "", b""
        for delay_s in _delays():
            if token != work.token:
                token = work.token
                data = {"effect": effect.id, "attempt": effect.attempt, "token": token}
                body = document("oncue.effect.started", self._source, data, namespace=effect.namespace)
            try:
                answer = await self._client.submit(
                    [body], namespace=effect.namespace, origin=self._worker, actor="system", urgent=True
                )
            except Refusal:
                await asyncio.sleep(delay_s)
                continue
            reply = answer.replies[0] if answer.replies else None
            refused = bool(answer.rejected) or (isinstance(reply, dict) and reply.get("code") is not None)
            if refused:
                self._log.warning("effect.not_ours", effect_id=effect.id, attempt=effect.attempt)
            return not refused
        return False

    async def _report(self, work: _Work, result: EffectResult) -> None:
        effect = work.effect
        result.worker = self._worker
        body = document("oncue.effect.result", self._source, result, namespace=effect.namespace)
        if work.telling is not None:
            work.telling.end()
        for delay_s in _delays():
            self._say(work)
            try:
                answer = await self._client.submit_together(
                    body, namespace=effect.namespace, origin=self._worker, actor="system"
                )
            except Refusal:
                await asyncio.sleep(delay_s)
                continue
            if answer.rejected:
                self._log.warning("effect.result_rejected", effect_id=effect.id, rejected=answer.rejected)
            return

    @property
    def _source(self) -> str:
        return f"/oncue/worker/{self._worker}"


def _must_be_done_once(effect: Effect) -> bool:
    """Whether the work must not be done again after it may have begun.

    The engine knows the classes of the actions that come with it, and takes any other for at-most-once. Of these the plugin
    itself says here what a crash in the middle may mean: what may be repeated is not announced, and so is leased again.
    """
    if effect.effect_class != "at-most-once" or effect.kind != "action" or "effect_class" in effect.payload:
        return effect.effect_class == "at-most-once"
    try:
        return registry.effect_class(effect.uses, effect.payload) == "at-most-once"
    except (Exception, SystemExit):  # noqa: BLE001 - a plugin's defect; what cannot be begun says why when it is
        return True


async def _act(effect: Effect, context: Context) -> Any:
    if effect.kind == "notify":
        notification = registry.fit(effect.payload, Notification)
        notifier = registry.notifier(effect.uses)
        return await notifier.send(registry.fit(notification.with_, notifier.settings), notification, context)
    if effect.kind == "itsm":
        return await mirroring.act(effect, context)
    with nothing_done_yet():
        action = registry.action(effect.uses)
        inputs = registry.fit(effect.payload, action.inputs)
    return await action.run(inputs, context)


def _succeeded(effect: Effect, context: Context, value: Any) -> EffectResult:
    result = context.mask.value(msgspec.to_builtins(value))
    encoded = msgspec.json.encode(result)
    if len(encoded) > STORED_LIMIT or too_deep(result):
        result = {"truncated": True, "text": encoded[:STORED_LIMIT].decode("utf-8", "replace")}
    return EffectResult(effect=effect.id, attempt=effect.attempt, outcome="succeeded", result=result)


def _failed(work: _Work, mask: Mask, error: ActionError) -> EffectResult:
    unknown = error.unknown and work.once
    return EffectResult(
        effect=work.effect.id,
        attempt=work.effect.attempt,
        outcome="unknown" if unknown else "failed",
        error_code=error.code,
        detail=mask.text(error.detail)[:DETAIL_LIMIT],
        transient=error.transient and not unknown,
        repeatable=error.nothing_done or not work.once,
        nothing_done=error.nothing_done and not work.redelivered,  # whoever had it before may have done something
        retry_after_s=error.retry_after_s,
    )


def _delays() -> Any:
    """Pauses between tries, for ever."""
    yield from _BACKOFF_S
    while True:
        yield _BACKOFF_S[-1]

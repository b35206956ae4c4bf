"""Proves again and again that the whole loop works, and tells someone outside while it does.

A proof: the front answers on the server's own address and says that it takes events; an input is accepted and committed;
word of the commit comes back to the worker; and no effect waits that a worker should have taken. The input is a beat of
the heartbeat monitor `oncue-worker` of the namespace `default`, where there is one: so the engine, too, notices when the
workers are gone. The ping itself is a worker's act. A process that is merely alive proves nothing and pings nobody.
"""

import asyncio
import contextlib
import errno
import time
from datetime import UTC, datetime
from typing import Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx

from oncue.config import Config
from oncue.core.errors import Refusal
from oncue.runtime import dead_man
from oncue.runtime.client import EngineClient
from oncue.runtime.dead_man import DeadMan
from oncue.runtime.inputs import document
from oncue.runtime.surroundings import OWN_NAMESPACE, Surroundings
from oncue.sdk import ActionError, Context, Log, fetch
from oncue.sdk.outbound import tls_context

BEAT_S: Final = 30.0
"""How often the loop is proved, and the heartbeat beats, at least."""
MONITOR: Final = f"{OWN_NAMESPACE}/oncue-worker"
STARTING_S: Final = 2.0
"""How often it is tried while the other processes start."""
ANSWER_S: Final = 5.0
"""For the front's answer, and for word of a commit."""
OVERDUE_S: Final = 60.0
"""An effect may wait so long for a worker; the loop does not work if one waits longer."""
PING_S: Final = 10.0
RETRY_S: Final = 15.0
"""After a ping that did not arrive, unless the period is shorter."""
SAID_AFTER: Final = 2
"""Proofs in a row that must fail before failure is said: a restart is not worth a call at night."""

Form = Literal["plain", "healthchecks", "kuma"]


class Pulse:
    """The proofs, and the ping that depends on them."""

    def __init__(self, config: Config, client: EngineClient, surroundings: Surroundings, log: Log) -> None:
        self._data = config.data
        self._ping = config.dead_man
        self._client = client
        self._surroundings = surroundings
        self._log = log
        self._own = config.own_url
        self._committed = 0
        self._word = asyncio.Event()
        self._failed = 0
        """Proofs in a row."""
        self._proved = False
        """Whether the loop has worked since this worker started."""
        self._due_at = 0.0
        """By the monotonic clock."""
        self.dead_man: DeadMan | None = None
        """None if nobody outside is to be told."""
        if self._ping.url is not None:
            host = urlsplit(self._ping.url).hostname or "" if "secret://" not in self._ping.url else self._ping.url
            self.dead_man = DeadMan(host=host, every_s=self._ping.every_s, since=datetime.now(UTC))

    def committed(self, position: int) -> None:
        """Word of a commit has come."""
        self._committed = position
        self._word.set()

    async def run(self) -> None:
        """Prove and ping until cancelled."""
        with contextlib.suppress(OSError):
            (self._data / dead_man.FILE).unlink(missing_ok=True)
        period_s = min(BEAT_S, self._ping.every_s) if self._ping.url is not None else BEAT_S
        loop = asyncio.get_running_loop()
        due = loop.time() + min(1.0, period_s)
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self._beat()
            pause_s = period_s if self._proved else min(period_s, STARTING_S)
            due = max(due + pause_s, loop.time())

    async def _beat(self) -> None:
        problem = await self._prove()
        self._failed = 0 if problem is None else self._failed + 1
        self._proved = self._proved or problem is None
        if problem is not None and self._failed == 1 and self._proved:
            self._log.warning("pulse.unproved", problem=problem)
        state = self.dead_man
        if state is None:
            return
        state.well, state.problem = problem is None, problem
        if time.monotonic() >= self._due_at and (problem is None or self._failed >= SAID_AFTER):
            await self._tell(state, problem)
        with contextlib.suppress(OSError):  # a full disk is what the ping is for
            dead_man.write(self._data, state)

    async def _prove(self) -> str | None:
        """Why the loop does not work; None if it does."""
        try:
            async with httpx.AsyncClient(timeout=ANSWER_S, trust_env=False, verify=tls_context()) as front:
                ready = await front.get(f"{self._own}/readyz")
            if ready.status_code != 200:
                return f"the server answers /readyz with status {ready.status_code}"
            body = document("oncue.heartbeat.received", "/oncue/pulse", {"monitor": MONITOR}, namespace=OWN_NAMESPACE)
            answer = await self._client.submit([body], namespace=OWN_NAMESPACE, origin="pulse", actor="system")
            async with asyncio.timeout(ANSWER_S):
                while self._committed < answer.position:
                    self._word.clear()
                    await self._word.wait()
            overdue_s = float((await self._client.health()).body.get("effects_overdue_seconds", 0.0))
        except httpx.HTTPError as error:
            own = _own_fault(error)
            return f"the worker cannot ask: {own}" if own else f"the server does not answer: {type(error).__name__}"
        except Refusal as refusal:
            return f"{refusal.code}: {refusal.detail}"
        except TimeoutError:
            return "no word of the commit came"
        except OSError as error:  # no file descriptor is left, and none was needed before
            return f"the worker cannot ask: {error.strerror}"
        if overdue_s > OVERDUE_S:
            return f"an action or notification has waited {overdue_s:.0f} s for a worker"
        return None

    async def _tell(self, state: DeadMan, problem: str | None) -> None:
        context = self._surroundings.context(OWN_NAMESPACE, "dead-man", 1, PING_S)
        self._due_at = time.monotonic() + self._ping.every_s - 0.5 * min(1.0, self._ping.every_s)
        try:
            async with asyncio.timeout(PING_S):
                said = await self._call(context, state, problem)
        except ActionError as error:
            failure = context.mask.text(f"{error.code}: {error.detail}")
        except TimeoutError:
            failure = f"timeout: no answer within {PING_S:g} s"
        except OSError as error:  # no file descriptor is left
            failure = f"the worker cannot ask: {error.strerror}"
        except ValueError:  # of an address in a secret, which nobody has checked; what is wrong with it may tell it
            failure = "http.url: what the secret holds is not an http or https address"
        else:
            if said and problem is None:
                state.last_success_at = datetime.now(UTC)
            state.last_error = state.last_error_at = None
            return
        if state.last_error is None:
            self._log.warning("dead_man.unreached", detail=failure)
        state.last_error, state.last_error_at = failure, datetime.now(UTC)
        self._due_at = min(self._due_at, time.monotonic() + RETRY_S)

    async def _call(self, context: Context, state: DeadMan, problem: str | None) -> bool:
        """Whether anything was to be said. Raises `ActionError`."""
        url = self._ping.url or ""
        if url.startswith("secret://"):
            url = context.secret(url).strip()
        bare = urlunsplit((*urlsplit(url)[:3], "", ""))
        for secret in (url, bare, urlsplit(url).path):
            context.mask.add(secret)
        state.host = urlsplit(url).hostname or state.host
        request = request_of(url, self._ping.form, problem)
        if request is None:
            return False
        method, target, body = request
        async with context.client() as client:
            answer = await fetch(client, method, target, content=body, follow_redirects=True, body_limit=4096)
        if not 200 <= answer.status < 300:
            raise ActionError("http.status", f"status {answer.status}")
        return True


def request_of(url: str, form: str, problem: str | None) -> tuple[str, str, bytes | None] | None:
    """Method, address and body that tell of well-being, or of a problem; None where silence is how to tell it."""
    parts = urlsplit(url)
    form = form_of(url) if form == "auto" else form
    if form == "kuma":
        given = {name: value for name, value in parse_qsl(parts.query) if name not in ("status", "msg", "ping")}
        told = {"status": "up", "msg": "OK"} if problem is None else {"status": "down", "msg": problem[:200]}
        return "GET", urlunsplit((*parts[:3], urlencode({**given, **told}), "")), None
    if problem is None:
        return "GET", url, None
    if form == "healthchecks":
        failed = urlunsplit((*parts[:2], parts.path.rstrip("/") + "/fail", parts.query, ""))
        return "POST", failed, problem[:1000].encode()
    return None


def form_of(url: str) -> Form:
    """By the address: healthchecks.io (hosted, or one's own at `/ping/`), Uptime Kuma's push, or anything else."""
    parts = urlsplit(url)
    if "/api/push/" in parts.path:
        return "kuma"
    if parts.hostname == "hc-ping.com" or "/ping/" in parts.path:
        return "healthchecks"
    return "plain"


def _own_fault(error: BaseException) -> str | None:
    """What kept this process from asking: that it can open nothing more lies below what the client says."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError) and below.errno in (errno.EMFILE, errno.ENFILE):
            return below.strerror
        below = below.__cause__ or below.__context__
    return None

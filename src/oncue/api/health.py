"""How the server is: `/healthz`, `/readyz`, `/metrics`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from oncue.api.asgi import JSON, Send, answer
from oncue.api.context import Context
from oncue.api.ingest import Ingest
from oncue.core.errors import Refusal
from oncue.runtime import dead_man, reception
from oncue.runtime.frames import HealthReport

NUMBERS: Final = (bool, int, float)


class Health:
    """Answers for this process and, through its line, for the engine's."""

    def __init__(self, ctx: Context, ingest: Ingest) -> None:
        self._ctx = ctx
        self._ingest = ingest
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "oncue_http_requests", "Requests answered", ["method", "status"], registry=self._registry
        )
        streams = Gauge("oncue_streams", "Live streams that are open", registry=self._registry)
        streams.set_function(lambda: ctx.hub.clients)
        self._engine = _Engine()
        self._registry.register(self._engine)
        self._registry.register(_Sources(ingest, ctx.config.data))
        self._registry.register(_DeadMan(ctx.config.data))

    async def report(self) -> HealthReport | None:
        """How the engine is; None if it does not answer."""
        try:
            return await self._ctx.client.health()
        except Refusal:
            return None

    async def healthz(self, send: Send) -> None:
        """This process answers."""
        await answer(send, 200, JSON, b'{"status":"ok"}')

    async def readyz(self, send: Send) -> None:
        """200 when events are taken: the engine is on the line and ready, and credentials have been read."""
        report = await self.report()
        ready = report is not None and report.ready and self._ctx.access.loaded
        body = {"ready": ready, "engine": report.body if report is not None else None}
        ping = dead_man.read(self._ctx.config.data)
        if ping is not None:
            body["dead_man"] = {"well": ping.well, "last_success_at": ping.last_success_at, "every_s": ping.every_s}
        await answer(send, 200 if ready else 503, JSON, msgspec.json.encode(body, enc_hook=str))

    async def metrics(self, send: Send) -> None:
        """In Prometheus' text format."""
        report = await self.report()
        self._engine.body = {} if report is None else report.body
        self._engine.ready = report is not None and report.ready
        headers = [(b"content-type", CONTENT_TYPE_LATEST.encode()), (b"cache-control", b"no-store")]
        await answer(send, 200, headers, generate_latest(self._registry))


class _Engine(Collector):
    """Every number of the engine's health report, as a gauge."""

    def __init__(self) -> None:
        self.ready = False
        self.body: dict[str, Any] = {}

    def collect(self) -> Any:
        """The metrics now."""
        ready = GaugeMetricFamily("oncue_engine_ready", "Whether the engine takes events")
        ready.add_metric([], float(self.ready))
        yield ready
        for name, value in sorted(_numbers(self.body, "oncue_engine")):
            family = GaugeMetricFamily(name, "From the engine's health report")
            family.add_metric([], value)
            yield family


class _Sources(Collector):
    """What came through each source since this process started, or the worker where it listens itself."""

    def __init__(self, ingest: Ingest, data: Path) -> None:
        self._ingest = ingest
        self._data = data

    def collect(self) -> Any:
        """The metrics now."""
        listening = reception.read(self._data, datetime.now(UTC))
        for what in ("accepted", "duplicates", "rejected"):
            family = GaugeMetricFamily(
                f"oncue_source_{what}", f"Events {what} since start", labels=["namespace", "source"]
            )
            counts = {key: getattr(traffic, what) for key, traffic in self._ingest.traffic.items()}
            for key, received in listening.items():
                counts[key] = counts.get(key, 0) + getattr(received, what)
            for (namespace, origin), count in sorted(counts.items()):
                family.add_metric([namespace, origin], float(count))
            yield family
        for name, meaning, member in (
            ("oncue_source_lost", "Messages dropped because more came than could be taken", "lost"),
            ("oncue_source_connections", "Connections open to sources that listen", "connections"),
            ("oncue_source_up", "Whether a source that listens has its socket", "has_socket"),
        ):
            family = GaugeMetricFamily(name, meaning, labels=["namespace", "source"])
            for key, received in sorted(listening.items()):
                family.add_metric(list(key), float(getattr(received, member)))
            yield family


class _DeadMan(Collector):
    """Whether the outside hears that all is well; nothing where nobody outside is to be told."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def collect(self) -> Any:
        """The metrics now."""
        ping = dead_man.read(self._data)
        if ping is None:
            return
        well = GaugeMetricFamily("oncue_dead_man_well", "Whether the last proof of the whole loop held")
        well.add_metric([], float(ping.well or False))
        yield well
        success = GaugeMetricFamily(
            "oncue_dead_man_last_success_timestamp_seconds",
            "When the outside was last told that all is well; 0 if never",
        )
        success.add_metric([], ping.last_success_at.timestamp() if ping.last_success_at is not None else 0.0)
        yield success


def _numbers(value: Any, name: str) -> list[tuple[str, float]]:
    if isinstance(value, NUMBERS):
        return [(name, float(value))]
    if isinstance(value, dict):
        return [
            found
            for key, item in value.items()
            for found in _numbers(item, f"{name}_{''.join(c if c.isalnum() else '_' for c in str(key))}")
        ]
    return []

"""The monitor `sap.hana`: a HANA database by SQL, from its monitoring views.

Memory, the last data backup, system replication, and the alerts of the statistics server. It needs SAP's client for Python,
`hdbcli`, which is not part of OnCue: install `oncue[hana]`. The connection goes to a judged address; every statement is one
of those below and reads.
"""

import asyncio
import importlib
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading, SecretRef

MEMORY: Final = (
    "SELECT HOST, INSTANCE_TOTAL_MEMORY_USED_SIZE, ALLOCATION_LIMIT FROM M_HOST_RESOURCE_UTILIZATION ORDER BY HOST"
)
BACKUP: Final = (
    "SELECT MAX(UTC_END_TIME) FROM M_BACKUP_CATALOG WHERE STATE_NAME = 'successful' "
    "AND ENTRY_TYPE_NAME IN ('complete data backup', 'data snapshot')"
)
REPLICATION: Final = (
    "SELECT SITE_NAME, SECONDARY_SITE_NAME, REPLICATION_STATUS, COUNT(*) FROM M_SERVICE_REPLICATION "
    "GROUP BY SITE_NAME, SECONDARY_SITE_NAME, REPLICATION_STATUS ORDER BY SITE_NAME, SECONDARY_SITE_NAME"
)
ALERTS: Final = (
    "SELECT ALERT_ID, ALERT_RATING, ALERT_HOST, ALERT_DETAILS FROM _SYS_STATISTICS.STATISTICS_CURRENT_ALERTS "
    "WHERE ALERT_RATING >= 3 ORDER BY ALERT_RATING DESC, ALERT_ID"
)

_HIGH: Final = 4
"""Ratings of the statistics server: 3 is medium, 4 high, 5 an error of the check itself."""
_LOGON: Final = 10
"""SQL code: authentication failed."""
_PRIVILEGE: Final = 258
"""SQL code: insufficient privilege."""

Rows = Sequence[Sequence[Any]]


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which database, and as whom."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    """3NN15 of a single database, 3NN13 of the system database, 3NN41 and up of tenants."""
    user: str
    """A user with the privilege to read the monitoring views (`MONITORING`), and nothing else."""
    password: SecretRef
    sid: Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9]{2}$")] | None = None
    database: str | None = None
    """The tenant's name, for people."""
    tls: bool = True
    verify_tls: bool = True


class SapHana:
    """Connects, asks and disconnects at each probe. At fault are high alerts, and replication that is not active."""

    name = "sap.hana"
    settings = Settings
    primary = ""
    remote = True
    passive = False
    metrics = (
        MetricDoc("sap.hana.memory", "%", "HANA memory", "Per host: memory that the instance uses, of what it may allocate."),
        MetricDoc("sap.hana.backup_age", "h", "Last backup", "Hours since the last complete data backup or snapshot."),
        MetricDoc("sap.hana.alerts", "", "HANA alerts", "Alerts of the statistics server that are medium or worse."),
        MetricDoc("sap.hana.replication_bad", "", "Replication", "Services whose replication is not ACTIVE."),
    )  # fmt: skip
    errors = (
        ErrorDoc("monitor.needs", "SAP's client for Python is not installed: install oncue[hana]."),
        ErrorDoc("outbound.refused", "The address is not allowed; an OutboundAllow manifest opens an exception."),
        ErrorDoc("sap.hana.credentials", "The database refuses the user or the password."),
        ErrorDoc("sap.hana.privilege", "The user may not read a monitoring view."),
        ErrorDoc("sap.hana.sql", "The database refuses a statement; in its own words."),
    )

    def subject(self, settings: Settings) -> str:
        """The database, as `HDB@host`."""
        name = settings.database or settings.sid or "HANA"
        return f"{name}@{settings.host}"

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """Four queries over one connection."""
        driver = _driver()
        password = context.secret(settings.password)
        address = (await context.guard.addresses(settings.host, settings.port))[0]
        wait_ms = max(1, int(context.remaining_s * 900))
        try:
            memory, backup, replication, alerts = await asyncio.to_thread(
                _asked, driver, settings, address, password, wait_ms
            )
        except driver.Error as error:
            return _silent(self.subject(settings), error)
        labels = {"sid": settings.sid, "database": settings.database, "host": settings.host}
        known = {name: value for name, value in labels.items() if value}
        return _found(self.subject(settings), at, known, memory, backup, replication, alerts)


def _driver() -> Any:
    try:
        return importlib.import_module("hdbcli.dbapi")
    except ImportError as error:
        raise ActionError("monitor.needs", "hdbcli is not installed; install oncue[hana]") from error


def _asked(driver: Any, settings: Settings, address: str, password: str, wait_ms: int) -> list[Rows]:
    """The answers of the four queries. The name is told for the certificate, the connection goes to the address."""
    connection = driver.connect(
        address=address,
        port=settings.port,
        user=settings.user,
        password=password,
        encrypt=settings.tls,
        sslValidateCertificate=settings.verify_tls,
        sslHostNameInCertificate=settings.host,
        connectTimeout=wait_ms,
        communicationTimeout=wait_ms,
        autocommit=True,
    )
    with closing(connection):
        answers = []
        for statement in (MEMORY, BACKUP, REPLICATION, ALERTS):
            with closing(connection.cursor()) as cursor:
                cursor.execute(statement)
                answers.append(cursor.fetchall())
        return answers


def _silent(name: str, error: Exception) -> Probe:
    """What an error of the client says: about the monitor if it raises, else about the database."""
    code = getattr(error, "errorcode", None)
    said = str(getattr(error, "errortext", "") or error)
    if code == _LOGON:
        raise ActionError("sap.hana.credentials", said) from error
    if code == _PRIVILEGE:
        raise ActionError("sap.hana.privilege", f"{said}; grant the role MONITORING") from error
    if isinstance(code, int) and code > 0:
        raise ActionError("sap.hana.sql", f"{code}: {said}") from error
    # The client's own codes, as of a connection that cannot be made, are negative.
    return Probe(fault=Fault(code="sap.hana.down", title=f"HANA {name} does not answer", detail=said))


def _found(
    name: str, at: datetime, labels: dict[str, str], memory: Rows, backup: Rows, replication: Rows, alerts: Rows
) -> Probe:
    readings = [
        Reading(
            metric="sap.hana.memory",
            value=round(100.0 * float(used) / float(limit), 1),
            unit="%",
            instance=str(host),
            labels={**labels, "server": str(host)},
        )
        for host, used, limit in memory
        if used is not None and limit
    ]
    last = backup[0][0] if backup else None
    if isinstance(last, datetime):
        age = (at - last.replace(tzinfo=UTC)).total_seconds() / 3600
        readings.append(Reading(metric="sap.hana.backup_age", value=round(max(0.0, age), 2), unit="h", labels=labels))
    bad = [row for row in replication if str(row[2]) != "ACTIVE"]
    services = sum(int(row[3]) for row in bad)
    readings.append(Reading(metric="sap.hana.replication_bad", value=float(services), unit="", labels=labels))
    readings.append(Reading(metric="sap.hana.alerts", value=float(len(alerts)), unit="", labels=labels))
    said = [f"replication {source} to {target} is {status} ({count} services)" for source, target, status, count in bad]
    said += [f"alert {id} on {host}: {details}" for id, rating, host, details in alerts if int(rating) >= _HIGH]
    if not said:
        return Probe(readings=readings)
    more = f" and {len(said) - 1} more" if len(said) > 1 else ""
    title = f"HANA {name}: {said[0]}"[:300] + more
    return Probe(
        readings=readings,
        fault=Fault(code="sap.hana.alert", title=title, detail="; ".join(said[:20])[:4000], labels=labels),
    )

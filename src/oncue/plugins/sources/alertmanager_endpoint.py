"""Alertmanager's API v2, as far as Prometheus and amtool use it, over OnCue's alerts and silences.

Answers and errors are Alertmanager 0.25's, compared with the real one's. What differs: there is one receiver, `oncue`,
because who is told is decided by policies; alerts of every source are listed, those without an `alertname` under their
check, with severity, resource and service as labels; DELETE of an unknown silence is 404 rather than 500; alerts of
severity `info` are recorded as events and not listed.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

import msgspec

from oncue.plugins.sources.alertmanager import RESOLVE_TIMEOUT, Unacceptable, parse_alerts, parse_time, rfc3339, unfit
from oncue.plugins.sources.alertmanager import unparsable as unreadable
from oncue.sdk.source import (
    Alert,
    Clock,
    Command,
    Ingest,
    Matcher,
    Parsed,
    Refusal,
    Reply,
    Request,
    Silence,
    compile_pattern,
)

ORIGIN: Final = "alertmanager"
RECEIVER: Final = "oncue"
API_VERSION: Final = "0.25.0"
"""The version whose API this is; amtool warns about any other than its own."""
CONFIG: Final = f"route:\n  receiver: {RECEIVER}\n  group_by:\n  - alertname\nreceivers:\n- name: {RECEIVER}\n"

QueryAlerts = Callable[[str], Awaitable[list[Alert]]]
"""The firing alerts of a namespace, with what repeats changed (count, last seen, deadline)."""
QuerySilences = Callable[[str], Awaitable[list[Silence]]]
"""The silences of a namespace, expired ones included as long as they are kept."""


class HandOver(Protocol):
    """Gives all that was parsed to the engine, and sees to the answer; False, with nothing done, if it cannot."""

    def __call__(
        self, parsed: Parsed, *, namespace: str, origin: str, actor: str | None, person: str | None = None
    ) -> bool: ...


_encode: Final = msgspec.json.Encoder().encode
_value: Final = msgspec.json.Decoder().decode
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE).fullmatch
_TRUE: Final = frozenset(("true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"))

ALLOWED: Final = {
    "/-/healthy": ("GET", "HEAD"),
    "/-/ready": ("GET", "HEAD"),
    "/api/v2/alerts": ("GET", "POST"),
    "/api/v2/alerts/groups": ("GET",),
    "/api/v2/receivers": ("GET",),
    "/api/v2/silence/{id}": ("GET", "DELETE"),
    "/api/v2/silences": ("GET", "POST"),
    "/api/v2/status": ("GET",),
}
"""Route to the methods it takes."""


def route_of(path: str) -> str | None:
    """The key of `ALLOWED` that this path belongs to, None if there is none."""
    path = path.rstrip("/") or "/"
    head, _, id = path.rpartition("/")
    if head == "/api/v2/silence" and id:
        return "/api/v2/silence/{id}"
    return path if path in ALLOWED else None


def is_post_of_alerts(method: str, path: str) -> bool:
    """What Prometheus does all day."""
    return method == "POST" and route_of(path) == "/api/v2/alerts"


def permission(method: str, path: str) -> str | None:
    """What the sender must be allowed to do; None where anyone may ask."""
    route = route_of(path)
    if route in ("/-/healthy", "/-/ready"):
        return None
    if is_post_of_alerts(method, path):
        return "event:write"
    if route in ("/api/v2/silences", "/api/v2/silence/{id}"):
        return "silence:read" if method == "GET" else "silence:write"
    return "alert:read"


def refused(refusal: Refusal) -> Reply:
    """The answer to what no Alertmanager refuses: its clients read JSON text, and of a problem document nothing."""
    entry = refusal.entry
    said = f"{entry.title}: {refusal.detail}" if refusal.detail else entry.title
    return _json(f"{said} ({entry.code}). {entry.hint}", entry.status)


class AlertmanagerEndpoint:
    """Answers what is asked below `/alertmanager`.

    `await endpoint(request)` with `request.path` from `/api/v2/...` or `/-/...` on; the caller has checked
    `permission(method, path)` in `request.namespace`, which is the one that alerts and silences are of. Raises `Refusal`
    for what no Alertmanager says (overload, store unavailable): the caller answers with `refused`.
    """

    def __init__(
        self,
        *,
        ingest: Ingest,
        command: Command,
        query_alerts: QueryAlerts,
        query_silences: QuerySilences,
        version: str,
        clock: Clock = lambda: datetime.now(UTC),
        resolve_timeout: timedelta = RESOLVE_TIMEOUT,
    ) -> None:
        self._ingest = ingest
        self._command = command
        self._query_alerts = query_alerts
        self._query_silences = query_silences
        self._version = version
        self._clock = clock
        self._resolve_timeout = resolve_timeout
        self._started_at = clock()

    async def __call__(self, request: Request) -> Reply:
        """The answer."""
        route = route_of(request.path)
        if route is None:
            return _error(404, f"path {request.path} was not found")
        allowed = ALLOWED[route]
        if request.method not in allowed:
            reply = _error(405, f"method {request.method} is not allowed, but [{','.join(allowed)}] are")
            reply.headers = {"allow": ", ".join(allowed)}
            return reply
        try:
            return await self._answer(route, request)
        except Unacceptable as error:
            return _json(error.body, error.status)

    async def _answer(self, route: str, request: Request) -> Reply:
        match route, request.method:
            case "/api/v2/alerts", "POST":
                return await self._post_alerts(request)
            case "/api/v2/alerts", _:
                return _json(await self._alerts(request))
            case "/api/v2/alerts/groups", _:
                return _json(_grouped(await self._alerts(request)))
            case "/api/v2/receivers", _:
                return _json([{"name": RECEIVER}])
            case "/api/v2/status", _:
                return _json(self._status())
            case "/api/v2/silences", "POST":
                return await self._post_silence(request)
            case "/api/v2/silences", _:
                return _json(await self._silences(request))
            case "/api/v2/silence/{id}", method:
                return await self._silence(request, delete=method == "DELETE")
        return Reply(status=200, body=b"OK", content_type="text/plain; charset=utf-8")

    # Alerts

    async def _post_alerts(self, request: Request) -> Reply:
        _must_be_json(request)
        parsed, faults = parse_alerts(request.body, self._clock(), self._resolve_timeout)
        if parsed.events or parsed.rejected:
            await self._ingest(
                parsed, namespace=request.namespace, origin=ORIGIN, actor=request.actor, person=request.person
            )
        return _json("; ".join(faults), 400) if faults else Reply(status=200)

    def at_once(self, request: Request, hand_over: HandOver) -> bool:
        """A post of alerts without a task, if nothing is wrong with it: False, with nothing done, otherwise.

        The answer is then 200 without a body, unless what was handed over is refused.
        """
        if not is_post_of_alerts(request.method, request.path):
            return False
        try:
            _must_be_json(request)
            parsed, faults = parse_alerts(request.body, self._clock(), self._resolve_timeout)
        except Unacceptable:
            return False  # the long way says why
        return not faults and hand_over(
            parsed, namespace=request.namespace, origin=ORIGIN, actor=request.actor, person=request.person
        )

    async def _alerts(self, request: Request) -> list[dict[str, Any]]:
        asked = _asked(request)
        matchers = [_matcher(text) for text in asked.get("filter", [])]
        receiver = asked.get("receiver", [""])[-1]
        if receiver and not _fits(receiver, RECEIVER, "failed to parse receiver param: "):
            return []
        active, silenced, inhibited = (_flag(asked, name) for name in ("active", "silenced", "inhibited"))
        now = self._clock()
        shown = []
        alerts = await self._query_alerts(request.namespace)
        fingerprints = {alert.id: alert.fingerprint for alert in alerts}
        for alert in alerts:
            row = _gettable(alert, now + self._resolve_timeout, fingerprints)
            status = row["status"]
            if (
                (active or status["state"] != "active")
                and (silenced or not status["silencedBy"])
                and (inhibited or not status["inhibitedBy"])
                and _matches(matchers, row["labels"])
            ):
                shown.append(row)
        return sorted(shown, key=lambda row: str(row["fingerprint"]))

    def _status(self) -> dict[str, Any]:
        return {
            "cluster": {"name": RECEIVER, "peers": [{"address": "127.0.0.1:0", "name": RECEIVER}], "status": "ready"},
            "config": {"original": CONFIG},
            "uptime": rfc3339(self._started_at),
            "versionInfo": {
                "branch": "oncue",
                "buildDate": "",
                "buildUser": "oncue",
                "goVersion": "",
                "revision": f"oncue-{self._version}",
                "version": API_VERSION,
            },
        }

    # Silences

    async def _silences(self, request: Request) -> list[dict[str, Any]]:
        matchers = [_matcher(text) for text in _asked(request).get("filter", [])]
        silences = [
            silence
            for silence in await self._query_silences(request.namespace)
            if _matches(matchers, {matcher.name: matcher.value for matcher in silence.matchers})
        ]
        return [_gettable_silence(silence) for silence in sorted(silences, key=_silence_order)]

    async def _silence(self, request: Request, *, delete: bool) -> Reply:
        id = request.path.rstrip("/").rpartition("/")[2]
        if not _UUID(id):
            raise unfit(601, f'silenceID in path must be of type uuid: "{id}"')
        if not delete:
            known = await self._known_silence(request.namespace, id)
            return Reply(status=404) if known is None else _json(_gettable_silence(known))
        reply = await self._command(
            "oncue.command.silence.expire",
            {"silence": id.lower()},
            namespace=request.namespace,
            actor=request.actor,
            person=request.person,
        )
        if reply.get("code") == "silence.not_found" and await self._known_silence(request.namespace, id) is not None:
            return Reply(status=200)  # it has expired already
        _raise_refused(reply)
        return Reply(status=200)

    async def _known_silence(self, namespace: str, id: str) -> Silence | None:
        return next((one for one in await self._query_silences(namespace) if one.id == id.lower()), None)

    async def _post_silence(self, request: Request) -> Reply:
        _must_be_json(request)
        asked = _silence_asked(request.body, self._clock())
        if "id" in asked:
            known = await self._known_silence(request.namespace, asked["id"])
            if known is not None and known.state == "expired":
                del asked["id"]  # what has ended is not revived: a new one takes its place
        reply = await self._command(
            "oncue.command.silence.set", asked, namespace=request.namespace, actor=request.actor, person=request.person
        )
        _raise_refused(reply)
        return _json({"silenceID": reply["data"]["id"]})


# Rows to Alertmanager's JSON


def _gettable(alert: Alert, lease: datetime, fingerprints: Mapping[str, str]) -> dict[str, Any]:
    labels = dict(alert.labels)
    if "alertname" not in labels:
        labels["alertname"] = alert.check or alert.type
        labels.setdefault("severity", alert.severity)
        labels.setdefault("resource", alert.resource)
        if alert.service is not None:
            labels.setdefault("service", alert.service)
    annotations = dict(alert.annotations)
    url = annotations.pop("generator_url", "")
    annotations.setdefault("summary", alert.title)
    ends_at = alert.resolved_at or alert.deadline_at or lease
    row: dict[str, Any] = {
        "annotations": dict(sorted(annotations.items())),
        "endsAt": rfc3339(ends_at.astimezone(UTC)),
        "fingerprint": alert.fingerprint,
        "receivers": [{"name": RECEIVER}],
        "startsAt": rfc3339(alert.first_seen_at.astimezone(UTC)),
        "status": {
            "inhibitedBy": [fingerprints.get(one.by, one.by) for one in alert.quiet if one.reason == "inhibited"],
            "silencedBy": [reason.by for reason in alert.quiet if reason.reason == "silenced"],
            "state": "suppressed" if alert.quiet else "active",
        },
        "updatedAt": rfc3339(alert.last_seen_at.astimezone(UTC)),
        "labels": dict(sorted(labels.items())),
    }
    if url:
        row["generatorURL"] = url
    return row


def _grouped(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["labels"]["alertname"], []).append(row)
    return [
        {"alerts": groups[name], "labels": {"alertname": name}, "receiver": {"name": RECEIVER}}
        for name in sorted(groups)
    ]


def _gettable_silence(silence: Silence) -> dict[str, Any]:
    return {
        "id": silence.id,
        "status": {"state": silence.state},
        "updatedAt": rfc3339(silence.updated_at.astimezone(UTC)),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "endsAt": rfc3339(silence.ends_at.astimezone(UTC)),
        "matchers": [
            {"isEqual": matcher.is_equal, "isRegex": matcher.is_regex, "name": matcher.name, "value": matcher.value}
            for matcher in silence.matchers
        ],
        "startsAt": rfc3339(silence.starts_at.astimezone(UTC)),
    }


def _silence_order(silence: Silence) -> tuple[int, float, str]:
    """Active ones by their end, pending ones by their start, expired ones by their end, newest first."""
    match silence.state:
        case "active":
            return 0, silence.ends_at.timestamp(), silence.id
        case "pending":
            return 1, silence.starts_at.timestamp(), silence.id
        case "expired":
            return 2, -silence.ends_at.timestamp(), silence.id


# Requests to OnCue's terms


def _asked(request: Request) -> dict[str, list[str]]:
    return parse_qs(request.query.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="replace")


def _flag(asked: dict[str, list[str]], name: str) -> bool:
    return asked[name][-1].lower() in _TRUE if name in asked and asked[name][-1] else True


_MATCHER: Final = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*(.*?)\s*", re.DOTALL).fullmatch


def _matcher(text: str) -> Matcher:
    """One matcher in Prometheus' notation. Raises `Unacceptable`."""
    found = _MATCHER(text)
    if found is None:
        raise Unacceptable(400, f"bad matcher format: {text}")
    name, operator, value = found.groups()
    if value.startswith('"'):
        if len(value) < 2 or not value.endswith('"') or (len(value) - len(value[:-1].rstrip("\\"))) % 2 == 0:
            raise Unacceptable(400, f"matcher value contains unescaped double quote: {value.removeprefix(chr(34))}")
        value = value[1:-1]
    elif '"' in value.replace('\\"', ""):
        raise Unacceptable(400, f"matcher value contains unescaped double quote: {value}")
    value = re.sub(r'\\([\\"n])', lambda escape: "\n" if escape[1] == "n" else escape[1], value)
    matcher = Matcher(name, value, is_regex="~" in operator, is_equal=not operator.startswith("!"))
    if matcher.is_regex:
        _fits(value, "", "")
    return matcher


def _fits(pattern: str, text: str, complaint: str) -> bool:
    try:
        return compile_pattern(pattern).match(text) is not None
    except Refusal as refusal:
        raise Unacceptable(400, complaint + refusal.detail) from refusal


def _matches(matchers: list[Matcher], labels: dict[str, str]) -> bool:
    """Whether all matchers hold; an absent label is "", and `name!=""` asks for its presence."""
    for matcher in matchers:
        value = labels.get(matcher.name, "")
        hit = _fits(matcher.value, value, "") if matcher.is_regex else value == matcher.value
        if hit is not matcher.is_equal:
            return False
    return True


def _must_be_json(request: Request) -> None:
    given = request.header(b"content-type") or "application/octet-stream"
    media = given.partition(";")[0].strip().lower()
    if media != "application/json":
        message = f'unsupported media type "{media}", only [application/json] are allowed'
        raise Unacceptable(415, {"code": 415, "message": message})


def _silence_asked(body: bytes, now: datetime) -> dict[str, Any]:
    """The data of `oncue.command.silence.set`. Raises `Unacceptable`."""
    if not body:
        raise unfit(602, "silence in body is required")
    try:
        asked = _value(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable("silence", str(error)) from error
    if not isinstance(asked, dict):
        raise unreadable("silence", "it is not an object")
    for name in ("comment", "createdBy", "endsAt", "matchers", "startsAt"):
        if asked.get(name) is None:
            raise unfit(602, f"{name} in body is required")
    for name in ("comment", "createdBy", "id"):
        if not isinstance(asked.get(name, ""), str | None):
            raise unreadable("silence", f"cannot unmarshal {name} into a string")
    matchers = _matchers_asked(asked["matchers"])
    starts_at = parse_time(asked["startsAt"], "silence")
    ends_at = parse_time(asked["endsAt"], "silence")
    if starts_at is None or ends_at is None or ends_at <= starts_at:
        raise Unacceptable(400, "Failed to create silence: start time must be before end time")
    if ends_at <= now:
        raise Unacceptable(400, "Failed to create silence: end time can't be in the past")
    data: dict[str, Any] = {
        "matchers": matchers,
        "starts_at": rfc3339(starts_at if asked.get("id") else max(starts_at, now)),
        "ends_at": rfc3339(ends_at),
        "comment": asked["comment"],
        "created_by": asked["createdBy"],
    }
    if asked.get("id"):
        data["id"] = asked["id"].lower()
    return data


def _matchers_asked(asked: Any) -> list[dict[str, Any]]:
    if not isinstance(asked, list):
        raise unreadable("silence", "cannot unmarshal matchers into an array")
    if not asked:
        raise unfit(612, "matchers in body should have at least 1 items")
    matchers = []
    for index, one in enumerate(asked):
        if not isinstance(one, dict):
            raise unreadable("silence", f"matcher {index} is not an object")
        for name, kind in (("isRegex", bool), ("name", str), ("value", str), ("isEqual", bool)):
            value = one.get(name, True if name == "isEqual" else None)
            if value is None:
                raise unfit(602, f"matchers.{index}.{name} in body is required")
            if not isinstance(value, kind):
                raise unreadable("silence", f"cannot unmarshal matchers.{index}.{name}")
        matchers.append(
            {
                "name": one["name"],
                "value": one["value"],
                "is_regex": one["isRegex"],
                "is_equal": one.get("isEqual", True),
            }
        )
    return matchers


def _raise_refused(reply: dict[str, Any]) -> None:
    code, detail = reply.get("code"), reply.get("detail", "")
    if code is None:
        return
    if code == "silence.not_found":
        raise Unacceptable(404, "silence not found")
    if code == "silence.invalid":
        raise Unacceptable(400, f"silence invalid: {detail}")
    raise Refusal(code, detail)


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status=status, body=_encode(value) + b"\n", content_type="application/json")


def _error(code: int, message: str) -> Reply:
    return _json({"code": code, "message": message}, code)

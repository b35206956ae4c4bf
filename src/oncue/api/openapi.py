"""The OpenAPI 3.1 document: Litestar's, from the structs, with the routes outside it and every refusal added."""

import re
from collections.abc import Iterator
from typing import Any, Final, get_args, get_type_hints

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from oncue.api.encoding import TAKEN
from oncue.api.problems import MEDIA_TYPE, Problem
from oncue.core.errors import CODES
from oncue.plugins.sources.alertmanager_endpoint import ALLOWED

_TAGS: Final = re.compile(r"^/api/v1/([a-z-]+)")
_PLACES: Final = re.compile(r"{(\w+)}")
_ANYTHING: Final = "*/*"

_REFUSED: Final = {
    400: ("Malformed", "It cannot be read, or a value does not fit."),
    401: ("Unauthenticated", "No credential, or one that is not valid (any more)."),
    403: ("Denied", "The caller may not do this, or the request lacks its CSRF token."),
    404: ("NotFound", "There is no such thing, or the caller may not see it."),
    408: ("TooSlow", "The body did not arrive in time."),
    409: ("Conflict", "The thing is not in a state for this."),
    410: ("Gone", "The link is used up or expired."),
    413: ("TooLarge", "The body is too large."),
    415: ("Unsupported", "The content type or encoding is not taken here."),
    422: ("Unprocessable", "It can be read and makes no sense, or an expression failed."),
    429: ("TooMuch", "Too much at once; Retry-After says when to try again."),
    501: ("NotInstalled", "What makes this is not installed where the server runs."),
    502: ("HandshakeFailed", "What a signature or a confirmation needs could not be had."),
    503: ("Unavailable", "The engine or the store is not available; Retry-After says when to try again."),
}
"""Statuses of refusals: the name of the response among the components, and what it means."""

_WRITING: Final = (404, 408, 409, 413, 415, 429)
"""Refusals of requests with a body."""

EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1},
        "type": {"type": "string", "minLength": 1},
    },
    "description": "A CloudEvent; the reference of event attributes lists those that OnCue reads.",
}


class Accepted(msgspec.Struct):
    """What became of the events of a request."""

    accepted: int
    duplicates: int
    rejected: list["RefusedMember"]


class RefusedMember(msgspec.Struct):
    """A member that was refused; it is kept as a dead letter."""

    index: int
    code: str
    detail: str


class Beat(msgspec.Struct):
    """The heartbeat was taken."""

    accepted: int


class Health(msgspec.Struct):
    """The process answers."""

    status: str


class Readiness(msgspec.Struct):
    """Whether events are taken, and the engine's own report."""

    ready: bool
    engine: dict[str, Any] | None


def addresses(app: Litestar, outside: list[tuple[str, str, str, str]]) -> dict[str, set[str]]:
    """The paths of the document, each with its methods in small letters."""
    found: dict[str, set[str]] = {}
    for path, handler in _handlers(app):
        found.setdefault(path, set()).update(method.lower() for method in handler.http_methods)
    for method, path, _, _ in outside:
        for inner, methods in _protocol(path):
            if methods is None or method in methods:
                found.setdefault(inner, set()).add(method.lower())
    return found


def build(app: Litestar, outside: list[tuple[str, str, str, str]]) -> dict[str, Any]:
    """The document. `outside` are the routes outside Litestar: (method, path, permission, what it does)."""
    document = app.openapi_schema.to_schema()
    components = document["components"]
    _, more = msgspec.json.schema_components(
        [Problem, Accepted, Beat, Health, Readiness], ref_template="#/components/schemas/{name}"
    )
    components["schemas"].update(more)
    components["schemas"]["Problem"]["properties"]["code"]["enum"] = sorted(CODES)
    components["responses"] = {
        name: {"description": said, "content": {MEDIA_TYPE: {"schema": _ref("Problem")}}}
        for name, said in _REFUSED.values()
    }
    _describe_own(app, document)
    for method, path, permission, summary in outside:
        for inner, methods in _protocol(path):
            if methods is None or method in methods:
                operation = _outside(method, inner, permission, summary)
                document["paths"].setdefault(inner, {})[method.lower()] = operation
    for path, item in document["paths"].items():
        for operation in item.values():
            tag = _TAGS.match(path)
            operation.setdefault("tags", [tag[1] if tag else path.split("/")[1]])
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "oncue_session"},
    }
    document["security"] = [{"token": []}, {"session": []}]
    named: dict[str, Any] = msgspec.json.decode(_renamed(msgspec.json.encode(document, enc_hook=str)))
    return named


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _refuse(operation: dict[str, Any], *statuses: int) -> None:
    for status in statuses:
        operation["responses"].setdefault(str(status), {"$ref": f"#/components/responses/{_REFUSED[status][0]}"})


# Litestar's routes


def _handlers(app: Litestar) -> Iterator[tuple[str, HTTPRouteHandler]]:
    for route in app.routes:
        path = re.sub(r"{(\w+):\w+}", r"{\1}", route.path)
        for handler in getattr(route, "route_handlers", ()):
            if "permission" in handler.opt:  # else it is Litestar's own, as for OPTIONS
                yield path, handler


def _describe_own(app: Litestar, document: dict[str, Any]) -> None:
    closed: list[type[msgspec.Struct]] = []
    for path, handler in _handlers(app):
        for method in handler.http_methods:
            operation = document["paths"][path][method.lower()]
            _describe(operation, method, path, handler.opt["permission"])
            _refuse(operation, *handler.opt.get("refuses", ()))
            for media in handler.opt.get("gives", ()):
                operation["responses"]["200"]["content"][media] = {"schema": {"type": "string"}}
        closed += _closed(get_type_hints(handler.fn, include_extras=True).get("data"))
    _, exact = msgspec.json.schema_components(closed, ref_template="#/components/schemas/{name}")
    for kind in closed:
        # msgspec knows every bound inside a body, and that what a struct does not know is refused.
        schema = document["components"]["schemas"][kind.__name__] = exact[kind.__name__]
        for member in schema["properties"].values():
            member.pop("default", None)


def _describe(operation: dict[str, Any], method: str, path: str, permission: str) -> None:
    operation["x-permission"] = permission
    operation["responses"].pop("400", None)
    _refuse(operation, 400, 503)
    if permission != "public":
        _refuse(operation, 401, 403)
    else:
        operation["security"] = []
        _refuse(operation, *((410,) if "/links/" in path else (401, 403)))
    if "{" in path:
        _refuse(operation, 404)
    if method != "GET":
        _refuse(operation, 403, *_WRITING)
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _given(parameter["schema"])
        if parameter["name"] in ("since", "until"):
            parameter["schema"]["format"] = "date-time"
    body: dict[str, Any] = operation.get("requestBody", {})
    for media in body.get("content", {}).values():
        if {"type": "null"} in media["schema"].get("oneOf", ()):
            body["required"] = False


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of what is given, if it is given at all: a text in a query is never null. (Numbers may be: `null`.)"""
    choices = schema.get("oneOf", ())
    rest = [one for one in choices if one != {"type": "null"}]
    if len(choices) != 2 or len(rest) != 1 or rest[0].get("type") not in ("string", "array"):
        return schema
    return {**rest[0], **{key: value for key, value in schema.items() if key not in ("oneOf", "default")}}


def _closed(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """The structs in a body's type that take no unknown members."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind.__struct_config__.forbid_unknown_fields:
            yield kind
        for inner in get_type_hints(kind).values():
            yield from _closed(inner)
    for part in get_args(kind):
        yield from _closed(part)


# Routes outside Litestar


def _protocol(path: str) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    """The paths that a route stands for, with their methods if it stands for several."""
    if path.startswith("/alertmanager/"):
        yield from ((f"/alertmanager{inner}", methods) for inner, methods in ALLOWED.items())
    elif path.startswith("/pagerduty/"):
        yield from ((f"/pagerduty{inner}", ("POST",)) for inner in ("/v2/enqueue", "/v2/change/enqueue"))
    else:
        yield path, None


def _outside(method: str, path: str, permission: str, summary: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "operationId": _OPERATION_IDS.get(path) or "_".join(re.findall(r"[a-z0-9]+", f"{method} {path}".lower())),
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in _PLACES.findall(path)
        ],
        "responses": {"200": {"description": "Done", **_content(method, path)}},
        "x-permission": permission,
    }
    if method == "POST" and path in _BODIES:
        operation["requestBody"] = _BODIES[path]
    if permission == "public":
        operation["security"] = []
    if path.startswith("/alertmanager/"):
        _alertmanager(operation, method, path)
    elif path.startswith("/pagerduty/"):
        _pagerduty(operation)
    elif path == "/readyz":
        operation["responses"]["503"] = {"description": "Not ready", **_content(method, path)}
    elif permission != "public":
        _refuse(operation, 400, 401, 403, 503)
        if "{" in path:
            _refuse(operation, 404)
        if method == "POST":
            _refuse(operation, *_WRITING)
        if path == "/in/{source}":
            _refuse(operation, 422, 502)
    if path == "/api/v1/stream":
        operation["parameters"] += [
            {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
            for name in ("types", "namespace", "log")
        ]
    return operation


def _content(method: str, path: str) -> dict[str, Any]:
    """What a success holds; nothing for Alertmanager's answers without a body."""
    found: tuple[str, dict[str, Any]] | None = _ANSWERS.get(path)
    if path.startswith("/alertmanager/"):
        if path.startswith("/alertmanager/-/"):
            found = ("text/plain", {"type": "string"})
        elif method == "GET" or path.endswith("/silences"):
            found = ("application/json", {})
    return {"content": {found[0]: {"schema": found[1]}}} if found is not None else {}


def _alertmanager(operation: dict[str, Any], method: str, path: str) -> None:
    """Refusals are JSON text, as Alertmanager's clients expect them."""
    if path.startswith("/alertmanager/-/"):
        operation["security"] = []
        return
    statuses = [400, 401, 403, 429, 503, *(_WRITING if method == "POST" else ())]
    for status in sorted({*statuses, 415, 422}):
        said = _REFUSED[status][1]
        schema: dict[str, Any] = {"type": ["string", "object"]}
        operation["responses"][str(status)] = {"description": said, "content": {"application/json": {"schema": schema}}}
    if "{" in path:
        operation["responses"]["404"] = {"description": "There is no such silence."}


def _pagerduty(operation: dict[str, Any]) -> None:
    """The routing key in the body is the credential."""
    answer = {"type": "object", "required": ["status", "message"]}
    operation["security"] = []
    operation["responses"] = {
        status: {"description": said, "content": {"application/json": {"schema": answer}}}
        for status, said in (("202", "Taken"), ("400", "Refused, in PagerDuty's words"))
    }
    _refuse(operation, 408, 413, 415, 429, 503)


_OPERATION_IDS: Final = {"/api/v1/events": "send_events", "/api/v1/stream": "stream"}
_ANSWERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "/healthz": ("application/json", _ref("Health")),
    "/readyz": ("application/json", _ref("Readiness")),
    "/metrics": ("text/plain", {"type": "string"}),
    "/api/v1/openapi.json": ("application/json", {"type": "object"}),
    "/api/v1/events": ("application/json", _ref("Accepted")),
    "/api/v1/stream": ("text/event-stream", {"type": "string"}),
    "/in/{source}": (_ANYTHING, {}),
    "/heartbeat/{namespace}/{monitor}": ("application/json", _ref("Beat")),
}
_COMPRESSED: Final = f"May be compressed: {', '.join(TAKEN)}."
_BODIES: Final[dict[str, dict[str, Any]]] = {
    "/api/v1/events": {
        "description": _COMPRESSED,
        "required": True,
        "content": {
            "application/cloudevents+json": {"schema": EVENT},
            "application/cloudevents-batch+json": {
                "schema": {
                    "type": "array",
                    "items": {},
                    "description": "CloudEvents; those that are none are named in the answer",
                }
            },
        },
    },
    "/in/{source}": {
        "description": f"In the source's own format. {_COMPRESSED}",
        "required": True,
        "content": {_ANYTHING: {"schema": {}}},
    },
    "/alertmanager/api/v2/alerts": {
        "required": True,
        "content": {"application/json": {"schema": {"type": ["array", "null"], "items": {"type": "object"}}}},
    },
    "/alertmanager/api/v2/silences": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    "/pagerduty/v2/enqueue": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
    "/pagerduty/v2/change/enqueue": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
}


def _renamed(text: bytes) -> bytes:
    """Generic pages get names that a client's generator can use: `Listing_oncue.core.alert.Alert_` is `AlertList`."""
    return re.sub(rb"Listing_(?:\w+\.)*(\w+)_", rb"\1List", text)

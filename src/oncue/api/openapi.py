"""The OpenAPI 3.1 document: Litestar's, from the structs, with the routes outside it and one shape of errors added."""

import re
from typing import Any, Final

import msgspec
from litestar import Litestar

from oncue.api.problems import Problem
from oncue.core.errors import CODES

_TAGS: Final = re.compile(r"^/api/v1/([a-z-]+)")


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


def build(app: Litestar, outside: list[tuple[str, str, str, str]]) -> dict[str, Any]:
    """The document. `outside` are the routes outside Litestar: (method, path, permission, what it does)."""
    document = app.openapi_schema.to_schema()
    schemas = document["components"]["schemas"]
    (problem, accepted), more = msgspec.json.schema_components(
        [Problem, Accepted], ref_template="#/components/schemas/{name}"
    )
    schemas.update(more)
    schemas["Problem"]["properties"]["code"]["enum"] = sorted(CODES)
    for method, path, permission, summary in outside:
        operation: dict[str, Any] = {
            "summary": summary,
            "operationId": "_".join(re.findall(r"[a-z0-9]+", f"{method} {path}".lower())),
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in re.findall(r"{(\w+)}", path)
            ],
            "responses": {"200": {"description": "Done"}},
            "x-permission": permission,
        }
        if path == "/api/v1/events":
            operation["operationId"] = "send_events"
            event = {"type": "object", "required": ["specversion", "id", "source", "type"]}
            operation["requestBody"] = {
                "required": True,
                "content": {
                    "application/cloudevents+json": {"schema": event},
                    "application/cloudevents-batch+json": {"schema": {"type": "array", "items": event}},
                },
            }
            operation["responses"]["200"]["content"] = {"application/json": {"schema": accepted}}
        elif path == "/api/v1/stream":
            operation["operationId"] = "stream"
            operation["parameters"] += [
                {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
                for name in ("types", "namespace")
            ]
            operation["responses"]["200"]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
        document["paths"].setdefault(path, {})[method.lower()] = operation
    for path, item in document["paths"].items():
        for operation in item.values():
            operation["responses"].pop("400", None)
            operation["responses"]["default"] = {
                "description": "Refused",
                "content": {"application/problem+json": {"schema": problem}},
            }
            tag = _TAGS.match(path)
            operation.setdefault("tags", [tag[1] if tag else path.split("/")[1]])
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            key = re.sub(r"{(\w+):\w+}", r"{\1}", route.path)
            for method in handler.http_methods:
                operation = document["paths"].get(key, {}).get(method.lower())
                if operation is not None:
                    operation["x-permission"] = handler.opt.get("permission")
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "oncue_session"},
    }
    document["security"] = [{"token": []}, {"session": []}]
    named: dict[str, Any] = msgspec.json.decode(_renamed(msgspec.json.encode(document, enc_hook=str)))
    return named


def _renamed(text: bytes) -> bytes:
    """Generic pages get names that a client's generator can use: `Listing_oncue.core.alert.Alert_` is `AlertList`."""
    return re.sub(rb"Listing_(?:\w+\.)*(\w+)_", rb"\1List", text)

"""Refusals as RFC 9457 problem documents: one shape for every error that leaves the server."""

import errno
from typing import Any, Final

import msgspec
import structlog
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import inspect
from msgspec.inspect import LiteralType, Metadata, StructType, Type, UnionType

from oncue.api.encoding import TAKEN
from oncue.core.errors import CODES, Refusal

MEDIA_TYPE: Final = "application/problem+json"

_log: Final = structlog.get_logger("oncue.api")


class Problem(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Why a request was refused."""

    type: str
    title: str
    status: int
    code: str
    """Stable; the reference of error codes lists them all."""
    detail: str = ""
    hint: str = ""


def body_of(refusal: Refusal) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """(status, problem document, headers) of a refusal."""
    entry = CODES[refusal.code]
    more = dict(refusal.more)
    retry_after = more.pop("retry_after_s", None)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"cache-control", b"no-store")]
    if isinstance(retry_after, int | float) and entry.status in (429, 503):
        headers.append((b"retry-after", str(max(1, round(retry_after))).encode()))
    elif entry.status == 503:
        headers.append((b"retry-after", b"1"))
    if entry.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="oncue"'))
    allow = more.pop("allow", None)
    if allow is not None:
        headers.append((b"allow", str(allow).encode()))
    if entry.code == "request.unsupported_encoding":
        headers.append((b"accept-encoding", ", ".join(TAKEN).encode()))
    problem = {
        "type": f"https://oncue.dev/errors/{entry.code}",
        "title": entry.title,
        "status": entry.status,
        "code": entry.code,
        "detail": refusal.detail,
        "hint": entry.hint,
        **more,
    }
    return entry.status, msgspec.json.encode(problem, enc_hook=str), headers


def response_of(refusal: Refusal, allow: str | None = None) -> Response[bytes]:
    """A refusal as Litestar's response."""
    status, body, headers = body_of(refusal)
    named = {name.decode(): value.decode() for name, value in headers}
    if allow is not None:
        named["allow"] = allow
    return Response(body, status_code=status, headers=named, media_type=MediaType.JSON)


def on_refusal(_: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    """Litestar's handler of `Refusal`."""
    return response_of(refusal)


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Litestar's handler of what its router and its parsers refuse."""
    if isinstance(error, ValidationException):
        extra = error.extra if isinstance(error.extra, list) else []
        faults = [_fault(one) + _choices(request, one) for one in extra]
        return response_of(Refusal("request.invalid", "; ".join(faults) or error.detail))
    code = {
        400: "request.malformed",
        404: "request.not_found",
        405: "request.method_not_allowed",
        413: "request.too_large",
        415: "request.unsupported_media_type",
    }.get(error.status_code, "internal")
    if code == "internal":
        _log.error("request failed", status=error.status_code, exc_info=error)
    allow = (error.headers or {}).get("Allow") or (error.headers or {}).get("allow")
    return response_of(Refusal(code, error.detail if code != "internal" else ""), allow)


def on_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's handler of everything else: logged with its trace, told without."""
    if isinstance(error, RecursionError | UnicodeDecodeError):
        return response_of(Refusal("request.malformed", "The body is nested too deeply, or is not JSON in UTF-8"))
    refusal = shortage(error)
    if refusal is not None:
        return response_of(refusal)
    _log.error("request failed", path=request.scope["path"], method=request.scope["method"], exc_info=error)
    return response_of(Refusal("internal"))


def shortage(error: Exception) -> Refusal | None:
    """What is said when the process or the machine may open no more files; None for any other error."""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return Refusal("server.exhausted", error.strerror or "", retry_after_s=2.0)
    return None


def _choices(request: Request[Any, Any, Any], extra: Any) -> str:
    """What a member of the body may be, if it is none of a few words; else nothing."""
    if not isinstance(extra, dict) or not str(extra.get("message", "")).startswith("Invalid enum value"):
        return ""
    body = request.route_handler.parsed_fn_signature.parameters.get("data")
    kinds = [inspect.type_info(body.annotation)] if body is not None else []
    for part in str(extra.get("key", "")).split("."):
        kinds = [found for kind in kinds for found in _members(kind, part)]
    words = [str(word) for kind in kinds for one in _plain(kind) if isinstance(one, LiteralType) for word in one.values]
    return f"; it is one of {', '.join(words)}" if words else ""


def _plain(kind: Type) -> list[Type]:
    """The kinds of a union, without what is merely said of them."""
    if isinstance(kind, Metadata):
        return _plain(kind.type)
    return [one for inner in kind.types for one in _plain(inner)] if isinstance(kind, UnionType) else [kind]


def _members(kind: Type, name: str) -> list[Type]:
    """What a member of this name may be."""
    structs = [one for one in _plain(kind) if isinstance(one, StructType)]
    return [field.type for one in structs for field in one.fields if field.encode_name == name]


def _fault(extra: Any) -> str:
    if not isinstance(extra, dict):
        return str(extra)
    key = extra.get("key")
    message = str(extra.get("message", ""))
    if key in (None, "data"):
        return "A JSON body is needed" if message == "'data'" else message
    return f"{key}: {message}"

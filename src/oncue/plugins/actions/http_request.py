"""The action `http.request`: one HTTP request, guarded and bounded.

What a crash in the middle may mean depends on the method: GET and HEAD change nothing, PUT and DELETE may be repeated, a
POST or PATCH may not unless the step says so with `effect_class`. Every request carries the effect's key as
`Idempotency-Key`, which targets that know it use to do the thing once.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec

from oncue.sdk import (
    ActionError,
    Context,
    EffectClass,
    ErrorDoc,
    Fetched,
    Place,
    SecretRef,
    fetch,
    nothing_done_yet,
    place_of,
)
from oncue.sdk.http import ERRORS
from oncue.sdk.source import Fault

BODY_LIMIT: Final = 48 * 1024
"""Bytes of the answer's body that are kept."""
RESULT_LIMIT: Final = 60 * 1024
"""Bytes of all that the step gives, as JSON."""
HEADERS_LIMIT: Final = 8 * 1024

_OWN_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""RFC 9110, section 5.6.2."""
_USER: Final = re.compile(r"https?://[^/?#\\]*@", re.IGNORECASE)
"""A URL with what stands before its host."""
_EXPRESSION: Final = re.compile(r"\$\{[^}]*\}")
_NO_USER: Final = (
    "user and password would be read by everyone who sees the URL: leave them out, keep `user:password` in Base64 as a secret, "
    "and write `secret: secret://NAME` and `secret_scheme: Basic`"
)
_CLASS: Final[dict[str, EffectClass]] = {
    "GET": "pure",
    "HEAD": "pure",
    "OPTIONS": "pure",
    "PUT": "idempotent",
    "DELETE": "idempotent",
}

Url = Annotated[str, msgspec.Meta(pattern="^https?://", max_length=4096)]


class Check(msgspec.Struct, forbid_unknown_fields=True):
    """How to see whether the thing is done already: asked before each try."""

    url: Url
    """Where."""
    expect: tuple[int, ...] = (200,)
    """Statuses of a GET that mean that it is done."""


class Inputs(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One request."""

    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """What to do."""
    url: Url
    """Where."""
    headers: dict[str, str] = {}
    """Sent with it; `Authorization` and `Cookie` not to another host. Credentials belong into `secret`."""
    json: Any = msgspec.UNSET
    """Sent as application/json. Give this or `body`."""
    body: str | None = None
    """Sent as it is."""
    secret: SecretRef | None = None
    """A credential, sent as `Authorization: Bearer VALUE` unless `secret_header` and `secret_scheme` say otherwise."""
    secret_header: str = "Authorization"
    """Where the credential is sent."""
    secret_scheme: str = "Bearer"
    """What stands before the credential; empty for nothing."""
    expect: tuple[int, ...] = ()
    """Statuses that count as success; empty takes 200 to 299."""
    follow_redirects: bool = False
    """Whether to go where the server points to, five times at most; the credential is not sent to another host."""
    effect_class: EffectClass | None = None
    """What a crash in the middle may mean; None goes by the method, which makes POST and PATCH at-most-once."""
    check: Check | None = None
    """What `effect_class: check-first` asks."""

    @staticmethod
    def reaches(given: dict[str, Any]) -> Iterable[Place | None]:
        """Where the check asks, and where the request goes."""
        check = given.get("check")
        return place_of(check.get("url")) if isinstance(check, dict) else None, place_of(given["url"])


class Outputs(msgspec.Struct, kw_only=True):
    """The answer."""

    status: int
    """Its HTTP status."""
    headers: dict[str, str]
    """Names in lower case; those beyond 8 KB are left out."""
    body: str
    """As text, 48 KB at most; empty if `json` has it and both are too much."""
    json: Any = None
    """The body as JSON, if it is."""
    truncated: bool = False
    """Whether some of the body was left out."""
    url: str
    """The last one, after redirects."""
    duration_ms: float
    """From the request to the end of the answer."""
    already_done: bool = False
    """The check said so; no request was made."""


class HttpRequest:
    """Makes one HTTP request."""

    name = "http.request"
    inputs = Inputs
    outputs = Outputs
    errors = (
        *ERRORS,
        ErrorDoc("http.status", "The status is not one that counts as success; 408, 429 and 5xx are transient."),
    )

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """By `effect_class`, else by the method."""
        return inputs.effect_class or _CLASS.get(inputs.method, "at-most-once")

    def faults(self, given: dict[str, Any]) -> Iterable[Fault]:
        """`check` and `effect_class: check-first` stand together, `json` and `body` do not; headers can be sent."""
        told = given.get("effect_class")
        if told == "check-first" and given.get("check") is None:
            detail = "check-first asks `check` whether it was done: write `check: {url: ...}`, or another class"
            yield ("effect_class",), detail
        elif given.get("check") is not None and told != "check-first" and "${" not in str(told):
            yield ("check",), "it is asked only with `effect_class: check-first`: write that, too, or leave it out"
        check = given.get("check")
        asked = check.get("url") if isinstance(check, dict) else None
        for path, url in ((("url",), given["url"]), (("check", "url"), asked)):
            if _USER.match(_EXPRESSION.sub("x", str(url))):
                yield path, _NO_USER
        if "json" in given and given.get("body") is not None:
            yield ("body",), "give json or body, not both"
        headers = given.get("headers", {})
        for name in headers if isinstance(headers, dict) else ():
            if name.lower() in _OWN_HEADERS:
                yield ("headers", name), f"{name} is set by OnCue: leave it out"
            elif not _NAME.fullmatch(name):
                yield ("headers", name), f"{name!r} cannot be a header's name: write letters, digits and hyphens"

    def plan(self, inputs: Inputs) -> str:
        """The request line."""
        return f"{inputs.method} {inputs.url}"

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """The target answered with a status that counts as success."""
        private = {}
        with nothing_done_yet():
            headers, content = _request(inputs)
            if inputs.secret is not None:
                scheme = f"{inputs.secret_scheme} " if inputs.secret_scheme else ""
                private[inputs.secret_header] = _header(inputs.secret_header, scheme + context.secret(inputs.secret))
        headers.setdefault("Idempotency-Key", context.key)
        async with context.client() as client:
            if inputs.check is not None:
                found = await fetch(
                    client, "GET", inputs.check.url, private_headers=private, body_limit=BODY_LIMIT, first=True
                )
                if found.status in inputs.check.expect:
                    return _outputs(found, already_done=True)
            try:
                answer = await fetch(
                    client,
                    inputs.method,
                    inputs.url,
                    headers=headers,
                    private_headers=private,
                    content=content,
                    follow_redirects=inputs.follow_redirects,
                    body_limit=BODY_LIMIT,
                    first=True,
                )
            except ActionError as error:
                # The request may have reached the target although no answer came back.
                error.unknown = error.code in ("timeout", "http.protocol") and not error.nothing_done
                raise
        accepted = answer.status in inputs.expect if inputs.expect else 200 <= answer.status < 300
        if not accepted:
            transient = answer.status in (408, 425, 429) or answer.status >= 500
            raise ActionError("http.status", f"status {answer.status}: {answer.text[:500]}", transient=transient)
        return _outputs(answer)


def _request(inputs: Inputs) -> tuple[dict[str, str], bytes | None]:
    if (inputs.effect_class == "check-first") != (inputs.check is not None):
        raise ActionError("inputs.invalid", "check and effect_class: check-first belong together")
    for url in (inputs.url, inputs.check.url if inputs.check is not None else ""):
        if _USER.match(url):
            raise ActionError("inputs.invalid", f"url: {_NO_USER}")
    for name, value in inputs.headers.items():
        if name.lower() in _OWN_HEADERS:
            raise ActionError("inputs.invalid", f"headers: {name} is set by OnCue")
        _header(name, value)
    headers = dict(inputs.headers)
    if inputs.json is not msgspec.UNSET:
        if inputs.body is not None:
            raise ActionError("inputs.invalid", "give json or body, not both")
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        return headers, msgspec.json.encode(inputs.json)
    return headers, inputs.body.encode() if inputs.body is not None else None


def _header(name: str, value: str) -> str:
    if not _NAME.fullmatch(name):
        raise ActionError("inputs.invalid", f"headers: {name!r} cannot be a header's name")
    if any(character in "\r\n\0" for character in value) or not value.isascii():
        raise ActionError("inputs.invalid", f"headers: {name!r} holds a character that a header may not")
    return value


def _outputs(answer: Fetched, *, already_done: bool = False) -> Outputs:
    found = Outputs(
        status=answer.status,
        headers=_headers(answer.headers),
        body=answer.text,
        json=None if answer.truncated else _json(answer.body),
        truncated=answer.truncated,
        url=answer.url,
        duration_ms=answer.duration_ms,
        already_done=already_done,
    )
    if found.json is not None and _size(found) > RESULT_LIMIT:
        found.body = ""
    if _size(found) > RESULT_LIMIT:
        # Text that takes several bytes a character as JSON: it is rare, and halved until it fits.
        found.json, found.body, found.truncated = None, answer.text, True
        while _size(found) > RESULT_LIMIT:
            found.body = found.body[: len(found.body) // 2]
    return found


def _size(found: Outputs) -> int:
    return len(msgspec.json.encode(found))


def _headers(headers: dict[str, str]) -> dict[str, str]:
    kept, size = {}, 0
    for name, value in headers.items():
        size += len(name) + len(value)
        if size <= HEADERS_LIMIT:
            kept[name] = value
    return kept


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None

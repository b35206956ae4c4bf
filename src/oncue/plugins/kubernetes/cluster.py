"""One cluster's API server: how it is reached, and what its `Status` means.

What it refuses becomes a stable code; its own words are kept. If it asks to be left alone for a while (429, or 503 with
`Retry-After`), that is done, as long as there is time: nothing was done then.
"""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec

from oncue.sdk import ActionError, Context, ErrorDoc, Fetched, Place, SecretRef, fetch, nothing_done_yet, place_of
from oncue.sdk.http import ERRORS as HTTP_ERRORS

ANSWER_LIMIT: Final = 16 * 1024 * 1024
TRIES: Final = 5
"""How often a request is made at most that the server asks to make later."""

ERRORS: Final = (
    *HTTP_ERRORS,
    ErrorDoc("kubernetes.tls", "The secrets are not a certificate, or not a certificate and its key, in PEM."),
    ErrorDoc("kubernetes.credentials", "The API server does not know us (401): the token or the certificate is wrong."),
    ErrorDoc("kubernetes.forbidden", "The account may not do this (403); the detail says what a role would have to allow."),
    ErrorDoc("kubernetes.not_found", "There is no such object, namespace or kind."),
    ErrorDoc("kubernetes.conflict", "Others have it otherwise (409). Transient unless it is about who owns a field."),
    ErrorDoc("kubernetes.invalid", "The API server refuses what it was sent (400, 422); the detail names the field."),
    ErrorDoc("kubernetes.unavailable", "The API server is busy or fails (429, 5xx).", transient=True),
    ErrorDoc("kubernetes.answer", "What answered is not the API server of a cluster."),
)  # fmt: skip
"""What any of the actions may report."""

_CODES: Final = {
    400: "kubernetes.invalid",
    401: "kubernetes.credentials",
    403: "kubernetes.forbidden",
    404: "kubernetes.not_found",
    405: "kubernetes.invalid",
    409: "kubernetes.conflict",
    410: "kubernetes.not_found",
    413: "kubernetes.invalid",
    415: "kubernetes.invalid",
    422: "kubernetes.invalid",
    429: "kubernetes.unavailable",
}
_READING: Final = ("GET", "HEAD")


class Cluster(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which cluster, and as whom: with a token, or with a client certificate."""

    server: Annotated[str, msgspec.Meta(pattern="^https?://", max_length=2048)]
    """The API server's URL, as `https://k8s.example.com:6443`."""
    ca: SecretRef | None = None
    """A secret with the cluster's certificate authority in PEM; without it the machine's store decides."""
    token: SecretRef | None = None
    """A service account's token."""
    client_certificate: SecretRef | None = None
    """A secret with a certificate in PEM, for an account that is known by one."""
    client_key: SecretRef | None = None
    """A secret with its key in PEM."""
    verify_tls: bool = True
    """Whether the server's certificate must be valid."""

    @staticmethod
    def reaches(given: dict[str, Any]) -> Iterable[Place | None]:
        """The API server."""
        return (place_of(given["server"]),)


class _Cause(msgspec.Struct):
    reason: str = ""


class _Details(msgspec.Struct, rename="camel"):
    causes: list[_Cause] | None = None
    retry_after_seconds: int = 0


class _Status(msgspec.Struct):
    """The API's own form of a refusal."""

    message: str = ""
    reason: str = ""
    details: _Details | None = None


def place(cluster: Cluster) -> str:
    """The server's host, for messages."""
    return urlsplit(cluster.server).hostname or cluster.server


class Kubernetes:
    """Makes requests of one API server."""

    def __init__(self, cluster: Cluster, context: Context, client: httpx.AsyncClient, token: str | None) -> None:
        self._cluster = cluster
        self._context = context
        self._client = client
        self._private = {"Authorization": f"Bearer {token}"} if token is not None else {}

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = msgspec.UNSET,
        media: str = "application/json",
    ) -> tuple[int, Any]:
        """Status and document. Raises `ActionError` with the codes of `ERRORS`, outbound.refused and timeout."""
        answer = await self._answer(method, path, query, body, media)
        if answer.truncated:
            raise ActionError("kubernetes.answer", f"{path}: the answer is larger than {ANSWER_LIMIT} bytes")
        try:
            return answer.status, msgspec.json.decode(answer.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ActionError("kubernetes.answer", f"{path}: the answer is not JSON: {answer.text[:200]!r}") from error

    async def text(self, path: str, query: Mapping[str, str]) -> Fetched:
        """What is there as text. Raises as `call`."""
        return await self._answer("GET", path, query, msgspec.UNSET, "")

    async def _answer(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Any, media: str
    ) -> Fetched:  # fmt: skip
        for attempt in range(1, TRIES + 1):
            answer = await self._fetched(method, path, query, body, media)
            if answer.status < 300:
                return answer
            wait_s = _asked_to_wait(answer)
            if wait_s is None or attempt == TRIES or wait_s >= self._context.remaining_s:
                raise refused(answer, changing=method not in _READING)
            self._context.say(f"{place(self._cluster)} asks to wait for {wait_s:g} s")
            await asyncio.sleep(wait_s)
        raise AssertionError("unreachable: the last attempt raises")

    async def _fetched(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Any, media: str
    ) -> Fetched:  # fmt: skip
        url = f"{self._cluster.server.rstrip('/')}{path}"
        headers = {"Accept": "application/json" if media else "*/*"}
        content = None
        if body is not msgspec.UNSET:
            headers["Content-Type"] = media
            content = msgspec.json.encode(body)
        try:
            return await fetch(
                self._client,
                method,
                f"{url}?{urlencode(query)}" if query else url,
                headers=headers,
                private_headers=self._private,
                content=content,
                body_limit=ANSWER_LIMIT,
            )
        except ActionError as error:
            # A change may have been made although no answer came back.
            error.unknown = method not in _READING and error.code in ("timeout", "http.protocol")
            raise


def _asked_to_wait(answer: Fetched) -> float | None:
    """Seconds, if the server did nothing and says when to come again."""
    said = answer.headers.get("retry-after", "")
    if answer.status not in (429, 503) or not said.isdecimal():
        return None
    return float(said)


def refused(answer: Fetched, *, changing: bool) -> ActionError:
    """The server's refusal as a code, with its own words."""
    try:
        status = msgspec.json.decode(answer.body, type=_Status)
    except (msgspec.DecodeError, UnicodeDecodeError):
        status = _Status()
    detail = (status.message or answer.text.strip() or f"status {answer.status}")[:1000]
    code = _CODES.get(answer.status, "kubernetes.unavailable" if answer.status >= 500 else "kubernetes.answer")
    causes = (status.details.causes if status.details is not None else None) or []
    owned = status.reason == "AlreadyExists" or any(cause.reason == "FieldManagerConflict" for cause in causes)
    transient = code == "kubernetes.unavailable" or (code == "kubernetes.conflict" and not owned)
    return ActionError(code, detail, transient=transient, unknown=changing and answer.status >= 500)


@asynccontextmanager
async def connected(cluster: Cluster, context: Context) -> AsyncIterator[Kubernetes]:
    """The cluster's API server. Raises `ActionError` secret.not_found, kubernetes.tls."""
    with nothing_done_yet():
        tls = _tls(cluster, context)
        token = context.secret(cluster.token).strip() if cluster.token is not None else None
    async with context.client(verify=cluster.verify_tls, tls=tls) as client:
        yield Kubernetes(cluster, context, client, token)


def _tls(cluster: Cluster, context: Context) -> ssl.SSLContext | None:
    """None if the machine's own settings do."""
    if (cluster.client_certificate is None) != (cluster.client_key is None):
        raise ActionError("inputs.invalid", "client_certificate and client_key belong together")
    if cluster.ca is None and cluster.client_certificate is None:
        return None
    try:
        tls = ssl.create_default_context(cadata=context.secret(cluster.ca) if cluster.ca is not None else None)
        if cluster.ca is not None and not tls.get_ca_certs():
            raise ActionError("kubernetes.tls", "the secret of `ca` holds no certificate of an authority in PEM")
        if not cluster.verify_tls:
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
        if cluster.client_certificate is not None and cluster.client_key is not None:
            _know_us(tls, context.secret(cluster.client_certificate), context.secret(cluster.client_key))
    except (ssl.SSLError, ValueError) as error:
        raise ActionError("kubernetes.tls", f"{error}") from error
    return tls


def _know_us(tls: ssl.SSLContext, certificate: str, key: str) -> None:
    # OpenSSL takes them from a file only: one that nobody else can read, for this moment.
    with tempfile.TemporaryDirectory(prefix="oncue-") as directory:
        path = Path(directory) / "client.pem"
        path.touch(mode=0o600)
        path.write_text(f"{certificate.strip()}\n{key.strip()}\n")
        tls.load_cert_chain(path, password="")

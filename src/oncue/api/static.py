"""The console: the built files, read once; every path that is not the API's belongs to its router."""

import gzip
import hashlib
import mimetypes
from functools import cached_property
from pathlib import Path
from typing import Final

from oncue.api.asgi import Scope, Send, answer, refuse
from oncue.api.guard import header
from oncue.core.errors import Refusal

DIRECTORY: Final = Path(__file__).parent.parent / "console_build"

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""No inline script, nothing from elsewhere. Styles may be inline: the component library sets them per element."""

SECURITY: Final = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]

_COMPRESSED: Final = ("text/", "application/javascript", "application/json", "image/svg")


class File:
    """A file; when it is first asked for, it is compressed if that helps."""

    def __init__(self, path: Path, name: str) -> None:
        self.body = path.read_bytes()
        self.type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if self.type == "text/javascript":
            self.type = "application/javascript"
        self.etag = f'"{hashlib.sha256(self.body).hexdigest()[:20]}"'.encode()
        # The build puts a hash of the content into the names below assets/.
        self.cache = b"public, max-age=31536000, immutable" if name.startswith("assets/") else b"no-cache"

    @cached_property
    def packed(self) -> bytes | None:
        """The compressed content; None if it is no smaller."""
        packed = gzip.compress(self.body, 6) if self.type.startswith(_COMPRESSED) and len(self.body) > 1_024 else b""
        return packed if packed and len(packed) < len(self.body) else None


class Console:
    """Serves the files of the build."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._directory = directory
        self._files: dict[str, File] = {}
        self._stamp = 0
        self._load()

    def _load(self) -> None:
        index = self._directory / "index.html"
        try:
            stamp = index.stat().st_mtime_ns
        except FileNotFoundError:
            self._files, self._stamp = {}, 0
            return
        if stamp != self._stamp:
            found = (path for path in sorted(self._directory.rglob("*")) if path.is_file())
            names = {path.relative_to(self._directory).as_posix(): path for path in found}
            self._files = {name: File(path, name) for name, path in names.items()}
            self._stamp = stamp

    async def __call__(self, scope: Scope, send: Send) -> None:
        """Answer a request for a file or a page."""
        if scope["method"] not in ("GET", "HEAD"):
            await refuse(send, Refusal("request.method_not_allowed", scope["method"]), (b"allow", b"GET, HEAD"))
            return
        name = scope["path"].lstrip("/")
        file = self._files.get(name)
        if file is None and not name.startswith("assets/"):
            self._load()
            file = self._files.get("index.html")
        if file is None:
            detail = "The console is not built; run `make build`" if not self._files else name[:200]
            await refuse(send, Refusal("request.not_found", detail), *SECURITY)
            return
        headers = [(b"cache-control", file.cache), (b"etag", file.etag), (b"vary", b"accept-encoding"), *SECURITY]
        if header(scope, b"if-none-match") == file.etag:
            await answer(send, 304, headers, b"")
            return
        kind = file.type + ("; charset=utf-8" if file.type.startswith(("text/", "application/ja")) else "")
        headers.append((b"content-type", kind.encode()))
        body = file.body
        if file.packed is not None and b"gzip" in (header(scope, b"accept-encoding") or b""):
            headers.append((b"content-encoding", b"gzip"))
            body = file.packed
        await answer(send, 200, headers, b"" if scope["method"] == "HEAD" else body)

"""What the demonstrations have in common: the server's API, what is applied and taken away again, and waiting for what must
happen."""

import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Final, Protocol, TypeVar

from oncue import manifests
from oncue.core.errors import Refusal

T = TypeVar("T")


class Missing(Exception):
    """Something that must have happened did not."""


class Api(Protocol):
    """What a story needs of the server's API."""

    url: str

    def get(self, path: str, **params: Any) -> Any:
        """The JSON at a path."""
        ...

    def send(self, method: str, path: str, *, json: Any = None, params: dict[str, Any] | None = None) -> Any:
        """The answer to a request."""
        ...

    @staticmethod
    def path(*parts: str) -> str:
        """A path of these parts."""
        ...


class Telling:
    """A story in a namespace of the server. `tell` prints a line."""

    WITHIN_S: Final = 15.0
    """How long each step may take."""

    def __init__(self, api: Api, namespace: str, tell: Callable[[str], None]) -> None:
        self.api = api
        self.namespace = namespace
        self.tell = tell
        self._applied: list[tuple[str, str]] = []
        self._secrets: list[str] = []

    def secret(self, name: str, value: str) -> None:
        """Keep a secret for the time of the story."""
        self.api.send("PUT", self.api.path("secrets", self.namespace, name), json={"value": value})
        self._secrets.append(name)

    def documents(self, file: str, given: dict[str, str]) -> list[dict[str, Any]]:
        """Manifests of a file beside this one, with what is given put in for `@NAME@`. Raises `Missing` if they are not sound."""
        text = (files("oncue.demo") / file).read_text("utf-8")
        for name, value in given.items():
            text = text.replace(f"@{name}@", value)
        found, problems = manifests.load(manifests.parse_yaml(text, file))
        if problems:
            raise Missing(f"the demonstration's own manifests: {problems[0]}")
        return [document.source.value for document in found]

    def apply(self, documents: list[dict[str, Any]]) -> None:
        """Take them into the namespace."""
        for one in documents:
            one["metadata"]["namespace"] = self.namespace
        self.api.send("POST", "/manifests", json=documents)
        self._applied += [(one["kind"], one["metadata"]["name"]) for one in documents]

    def said(self, *kinds: str) -> str:
        """What was applied of these kinds, in words."""
        return ", ".join(f"{kind} {name}" for kind, name in self._applied if kind in kinds)

    def tidy(self, kinds: tuple[str, ...], *, secrets: bool) -> None:
        """Take away what was applied of these kinds, in their order. What cannot be taken away is told, and does not keep the
        rest."""
        wanted = sorted((one for one in self._applied if one[0] in kinds), key=lambda one: kinds.index(one[0]))
        paths = [self.api.path("manifests", kind, self.namespace, name) for kind, name in wanted]
        if secrets:
            paths += [self.api.path("secrets", self.namespace, name) for name in self._secrets]
        left = 0
        for path in paths:
            try:
                self.api.send("DELETE", path, params={"force": "true"} if path.startswith("/manifests") else None)
            except Refusal as refusal:
                left += 1
                self.tell(f"Not removed: {path}: {refusal}")
        kept = "; the others stay" if len(wanted) < len(self._applied) else ""
        self.tell(f"{len(paths) - left} manifests and secrets removed{kept}.")

    def wait(self, look: Callable[[], T | None], what: str, within_s: float = WITHIN_S) -> T:
        """What `look` finds, once it finds something. Raises `Missing`."""
        deadline = time.monotonic() + within_s
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > deadline:
                raise Missing(f"{what}: not seen within {within_s:g} s")
            time.sleep(0.1)

    def items(self, path: str) -> list[dict[str, Any]]:
        """What a list of the API has in the namespace."""
        found: list[dict[str, Any]] = self.api.get(f"/{path}", namespace=self.namespace, limit=200)["items"]
        return found

    def link(self, *parts: str) -> str:
        """The address of a page of the console."""
        return self.api.url.rstrip("/") + self.api.path(*parts)

"""The documents, as pages of the server: alerts about OnCue itself link here, and so it must work without the internet."""

import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from oncue.api.asgi import Scope, Send, answer, refuse
from oncue.api.static import SECURITY
from oncue.core.errors import Refusal

if TYPE_CHECKING:
    from markdown_it.token import Token

PREFIX: Final = "/help/"
FIRST: Final = "README.md"
PACKED: Final = Path(__file__).parent.parent / "documents"
"""Where a wheel has them."""
SOURCE: Final = Path(__file__).parents[3] / "docs"
"""Where they are in the repository."""

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - OnCue</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word; }}
h1, h2, h3 {{ line-height: 1.25; scroll-margin-top: 1rem; }} h2 {{ margin-top: 2.2rem; }}
:target {{ background: color-mix(in srgb, #e8a33d 30%, transparent); }}
pre {{ overflow-x: auto; padding: .8rem 1rem; border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: 6px; }}
code {{ font: .9em ui-monospace, monospace; }} .wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; }} th, td {{ text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0;
border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }}
nav {{ display: flex; gap: 1.2rem; font-size: .875rem; }} nav + main {{ margin-top: 1.5rem; }} a {{ text-underline-offset: .15em; }}
</style></head><body><nav aria-label="OnCue"><a href="/help/README.md">Handbook</a><a href="/">Console</a></nav><main>
{body}</main></body></html>
"""
_ABSENT: Final = _PAGE.format(
    title="No such page",
    body='<h1>There is no such page</h1><p><a href="/help/README.md">The handbook</a> lists what there is.</p>',
).encode()
_HEADERS: Final = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-cache"), *SECURITY]


class Handbook:
    """Serves `docs/**/*.md` as HTML."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = (root or (PACKED if PACKED.is_dir() else SOURCE)).resolve()

    async def __call__(self, scope: Scope, send: Send) -> None:
        """Answer a request for a page."""
        if scope["method"] not in ("GET", "HEAD"):
            await refuse(send, Refusal("request.method_not_allowed", scope["method"]), (b"allow", b"GET, HEAD"))
            return
        name = scope["path"].removeprefix(PREFIX.rstrip("/")).lstrip("/")
        if not name:
            await answer(send, 307, [(b"location", f"{PREFIX}{FIRST}".encode()), *SECURITY], b"")
            return
        path = (self._root / name).resolve() if "\0" not in name else self._root
        if path.suffix != ".md" or not path.is_relative_to(self._root) or not path.is_file():
            await answer(send, 404, _HEADERS, b"" if scope["method"] == "HEAD" else _ABSENT)
            return
        body = page(path.read_text("utf-8"), path.relative_to(self._root).as_posix())
        await answer(send, 200, _HEADERS, b"" if scope["method"] == "HEAD" else body)


@lru_cache(maxsize=32)
def page(text: str, name: str = FIRST) -> bytes:
    """The HTML of the document of this name. Headings get the anchors that links between documents use."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL))
    title = ""
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", anchor(inline.content))
            title = title or inline.content
    for token in tokens:
        if token.children:
            token.children = list(_without_strays(token.children, posixpath.dirname(name)))
    body = markdown.renderer.render(tokens, markdown.options, {})
    body = body.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    return _PAGE.format(title=escape(title), body=body).encode()


def _without_strays(children: "list[Token]", folder: str) -> "Iterator[Token]":
    """The same text, in which links to what only the repository has become its path there."""
    from markdown_it.token import Token

    stray = None
    for token in children:
        if token.type == "link_open":
            target = posixpath.normpath(posixpath.join(folder, str(token.attrGet("href") or "")))
            stray = target.lstrip("./") if target.startswith("../") else None
        if stray is None or token.type not in ("link_open", "link_close"):
            yield token
        elif token.type == "link_close":
            yield Token("text", "", 0, content=f" ({stray} in the repository)")
            stray = None


def anchor(heading: str) -> str:
    """The anchor of a heading, as code hosts make it: lower case, words joined by hyphens."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.strip().replace(" ", "-")

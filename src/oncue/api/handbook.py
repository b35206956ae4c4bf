"""The documents, as pages of the server: alerts about OnCue itself link here, and so it must work without the internet."""

import re
from functools import lru_cache
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final

from oncue.api.asgi import Scope, Send, answer, refuse
from oncue.api.static import SECURITY
from oncue.core.errors import Refusal

PREFIX: Final = "/help/"
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
</style></head><body><main>
{body}</main></body></html>
"""


class Handbook:
    """Serves `docs/**/*.md` as HTML."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = (root or (PACKED if PACKED.is_dir() else SOURCE)).resolve()

    async def __call__(self, scope: Scope, send: Send) -> None:
        """Answer a request for a page."""
        if scope["method"] not in ("GET", "HEAD"):
            await refuse(send, Refusal("request.method_not_allowed", scope["method"]), (b"allow", b"GET, HEAD"))
            return
        name = scope["path"].removeprefix(PREFIX)
        path = (self._root / name).resolve() if "\0" not in name else self._root
        if path.suffix != ".md" or not path.is_relative_to(self._root) or not path.is_file():
            await refuse(send, Refusal("request.not_found", name[:200]), *SECURITY)
            return
        body = page(path.read_text("utf-8"))
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-cache"), *SECURITY]
        await answer(send, 200, headers, b"" if scope["method"] == "HEAD" else body)


@lru_cache(maxsize=32)
def page(text: str) -> bytes:
    """A document's HTML. Headings get the anchors that links between documents use."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL))
    title = ""
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", anchor(inline.content))
            title = title or inline.content
    body = markdown.renderer.render(tokens, markdown.options, {})
    body = body.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    return _PAGE.format(title=escape(title), body=body).encode()


def anchor(heading: str) -> str:
    """The anchor of a heading, as code hosts make it: lower case, words joined by hyphens."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.strip().replace(" ", "-")

"""What evidence on paper consists of: its fonts, its pages with head and foot, and text, facts and tables to put on them.

Fonts are embedded: FiraGO and Cascadia Mono, both under the SIL Open Font License, as the package `pymupdf-fonts` brings them.
They have Latin, Greek, Cyrillic and more. A character that they lack, or whose script they cannot set without shaping it, is
written as its code point, and the document says which ones were: nothing is left out, and nothing becomes a black box.

The same calls give the same bytes: the document's date is the bundle's, and nothing is taken from the machine.
"""

import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from html import escape
from itertools import groupby
from typing import Any, Final

import pymupdf_fonts
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    LongTable,
    PageTemplate,
    Paragraph,
    Preformatted,
    Spacer,
    Table,
)

from oncue.evidence import wording

SANS: Final = "OnCueSans"
BOLD: Final = "OnCueSans-Bold"
MONO: Final = "OnCueMono"
_FILES: Final = {SANS: "figo", BOLD: "figbo", MONO: "cascadia"}
_SHAPED: Final = ((0x0590, 0x08FF), (0x0900, 0x0DFF), (0x0E00, 0x109F), (0x1780, 0x17FF))
"""Scripts that need to be shaped, or run from right to left: Hebrew to Arabic, those of India, Thai to Burmese, Khmer."""

INK: Final = HexColor(0x1A1F26)
QUIET: Final = HexColor(0x5B6470)
LINE: Final = HexColor(0xC9CFD6)
TINT: Final = HexColor(0xF3F5F7)
MOODS: Final[dict[str, Color]] = {"well": HexColor(0x17692F), "ill": HexColor(0xA81C1C), "so": INK}

SIDE: Final = 17 * mm
TOP: Final = 24 * mm
FOOT: Final = 20 * mm
WIDTH: Final = A4[0] - 2 * SIDE
"""Of what stands between the margins."""


def _style(name: str, font: str, size: float, lead: float, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(name, fontName=font, fontSize=size, leading=lead, textColor=INK, **more)


TEXT: Final = _style("text", SANS, 8.6, 12, spaceAfter=3)
SMALL: Final = _style("small", SANS, 7.6, 10.2)
CELL: Final = _style("cell", SANS, 7.9, 10.6)
KIND: Final = ParagraphStyle("kind", parent=_style("k", SANS, 8.6, 12), textColor=QUIET)
TITLE: Final = _style("title", BOLD, 17, 21, spaceAfter=4)
SECTION: Final = _style("section", BOLD, 12, 15, spaceBefore=13, spaceAfter=4, keepWithNext=1)
PLACE: Final = _style("place", BOLD, 9.2, 12, spaceBefore=8, spaceAfter=2, keepWithNext=1)
RUNNING: Final = 7.4
"""The size of what stands on each page."""
FOOT_LINE: Final = 10.6 * mm
"""On which the foot of a page stands."""
CODE: Final = _style("code", MONO, 6.8, 9.2, leftIndent=5, spaceBefore=2, spaceAfter=6)
CODE_EDGE: Final = 2.5
"""Above and below code, on its tint."""
CODE_LINE: Final = 122
"""Characters in a line of the page."""


class Markup(str):
    """Text in the form that paragraphs take, which is not escaped again."""

    __slots__ = ()


@cache
def _characters(font: str) -> frozenset[str]:
    """What a font can set, and the end of a line. It is registered from then on."""
    made = TTFont(font, io.BytesIO(pymupdf_fonts.fontbuffers[_FILES[font]]()))
    pdfmetrics.registerFont(made)
    points = (one for one in made.face.charToGlyph if not any(first <= one <= last for first, last in _SHAPED))
    return frozenset(one for one in map(chr, points) if unicodedata.category(one)[0] != "C") | {"\n"}


class Paper:
    """A document that is being put together."""

    def __init__(self, title: str, head: str, foot: str, author: str, at: datetime) -> None:
        for font in _FILES:
            _characters(font)
        self._title, self._head, self._foot, self._author, self._at = title, head, foot, author, at
        self._parts: list[Flowable] = []
        self.unset: dict[str, None] = {}
        """Characters that could not be set, in the order in which they came."""

    # text

    def text(self, value: Any, font: str = SANS) -> Markup:
        """Any text as markup. What the font lacks is written as its code point."""
        found = [
            escape(run, quote=False) if fits else f'<font color="#5b6470">{run}</font>'
            for fits, run in self._runs(str(value), font)
        ]
        return Markup("".join(found).replace("\n", "<br/>"))

    def plain(self, value: str, font: str = SANS) -> str:
        """Text that the font can set."""
        return "".join(run for _, run in self._runs(value, font))

    def _runs(self, value: str, font: str) -> Iterator[tuple[bool, str]]:
        """Pieces of a text, and whether they are as they were."""
        known = _characters(font)
        value = unicodedata.normalize("NFC", value.replace("\t", "    "))
        if known.issuperset(value):
            yield True, value
            return
        for fits, run in groupby(value, known.__contains__):
            if fits:
                yield True, "".join(run)
                continue
            lacking = list(run)
            self.unset |= dict.fromkeys(lacking)
            yield False, "".join(f"[U+{ord(one):04X}]" for one in lacking)

    def cell(self, value: Any) -> Markup:
        """Markup as it is; anything else as text, as much of it as is shown."""
        return value if isinstance(value, Markup) else self.text(wording.cut("" if value is None else str(value)))

    def word(self, state: str) -> Markup:
        """A state, as people say it; its colour says the same once more."""
        colour = MOODS[wording.mood(state)].hexval().replace("0x", "#")
        return Markup(f'<font name="{BOLD}" color="{colour}">{self.text(wording.plain(state), BOLD)}</font>')

    def strong(self, value: Any) -> Markup:
        """In bold."""
        return Markup(f'<font name="{BOLD}">{self.text(value, BOLD)}</font>')

    def code(self, value: Any) -> Markup:
        """As a machine wrote it."""
        return Markup(f'<font name="{MONO}" size="7.2">{self.text(value, MONO)}</font>')

    def at(self, position: int) -> Markup:
        """A position in the journal."""
        return Markup(f'<font size="6.8" color="#5b6470">[{position}]</font>')

    # parts

    def put(self, *parts: Flowable) -> None:
        """At the end of what is there."""
        self._parts += parts

    def paragraph(self, *values: Any, style: ParagraphStyle = TEXT) -> None:
        """Values one after the other, as one paragraph."""
        self.put(Paragraph("".join(map(self.cell, values)), style))

    def section(self, title: str) -> None:
        """A heading, which is in the document's outline, too."""
        self.put(_Section(self.text(title, BOLD), title))

    def values(self, name: str, value: Any) -> None:
        """A value in lines, under its name; nothing if there is none."""
        if value in (None, {}, "", []):
            return
        self.put(Paragraph(self.text(name), _label()))
        self.pre(wording.shown(value))

    def pre(self, value: str) -> None:
        """Lines as they are, broken where they are too long."""
        self.put(_Code(self.plain(value.rstrip("\n"), MONO), CODE, maxLineLength=CODE_LINE))

    def facts(self, rows: Iterable[tuple[str, Any]], label: float = 36 * mm) -> None:
        """Names with values, of which those without are left out."""
        kept = [
            [Paragraph(self.text(name), _label()), Paragraph(self.cell(value), CELL)] for name, value in rows if value
        ]
        if kept:
            style = [("VALIGN", (0, 0), (-1, -1), "TOP"), *_padding(1.4)]
            self.put(Table(kept, colWidths=[label, WIDTH - label], style=style, splitInRow=1, spaceAfter=4))

    def table(self, headings: Sequence[str], widths: Sequence[float], rows: Iterable[Sequence[Any]]) -> None:
        """Rows under headings that stand on each page. Widths are shares of the page's."""
        head = [Paragraph(self.text(one), _label()) for one in headings]
        body = [[Paragraph(self.cell(value), CELL) for value in row] for row in rows]
        style = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, 0), 0.8, LINE),
            ("LINEBELOW", (0, 1), (-1, -1), 0.3, LINE),
            *_padding(2.2),
        ]
        whole = sum(widths)
        columns = [WIDTH * one / whole for one in widths]
        self.put(
            LongTable([head, *body], colWidths=columns, style=style, repeatRows=1, splitInRow=1, spaceAfter=6, spaceBefore=2)
        )  # fmt: skip

    def space(self, height: float = 4) -> None:
        """Some room."""
        self.put(Spacer(1, height))

    def insert(self, at: int, part: Flowable) -> None:
        """Something that is known only when all else is."""
        self._parts.insert(at, part)

    @property
    def length(self) -> int:
        """How many parts there are."""
        return len(self._parts)

    def printed(self) -> bytes:
        """The document, as PDF."""
        out = io.BytesIO()
        day = self._at.astimezone(UTC).strftime("D:%Y%m%d%H%M%S+00'00'")

        def opened(canvas: Canvas, document: BaseDocTemplate) -> None:
            canvas.setDateFormatter(lambda *_: day)
            canvas.setViewerPreference("DisplayDocTitle", "true")
            self._framed(canvas, document)

        document = BaseDocTemplate(
            out, pagesize=A4, invariant=1, lang="en-GB", title=self._title, author=self._author, subject=self._foot,
            creator=self._author,
        )  # fmt: skip
        frame = Frame(SIDE, FOOT, WIDTH, A4[1] - TOP - FOOT, 0, 0, 0, 0)
        document.addPageTemplates([PageTemplate("page", [frame], onPage=opened)])
        document.build([*self._parts, _Pages()])
        return out.getvalue()

    def _framed(self, canvas: Canvas, document: BaseDocTemplate) -> None:
        """Head and foot of a page."""
        canvas.saveState()
        canvas.setFillColor(QUIET)
        canvas.setFont(SANS, RUNNING)
        canvas.setStrokeColor(LINE)
        canvas.setLineWidth(0.5)
        canvas.line(SIDE, A4[1] - 18 * mm, A4[0] - SIDE, A4[1] - 18 * mm)
        canvas.line(SIDE, 14.5 * mm, A4[0] - SIDE, 14.5 * mm)
        for text, height in ((self._head, A4[1] - 16 * mm), (self._foot, FOOT_LINE)):
            canvas.drawString(SIDE, height, self._within(text, WIDTH - 26 * mm))
        canvas.drawRightString(A4[0] - SIDE - 6 * mm, FOOT_LINE, f"Page {document.page} of")
        canvas.translate(A4[0] - SIDE - 5 * mm, FOOT_LINE)
        canvas.doForm(_Pages.NAME)
        canvas.restoreState()

    def _within(self, text: str, width: float) -> str:
        """As much of a line as there is room for."""
        whole = self.plain(text)
        kept = whole
        while pdfmetrics.stringWidth(kept, SANS, RUNNING) > width:
            kept = f"{kept.removesuffix('…')[:-1]}…"
        return kept


class _Pages(Flowable):  # type: ignore[misc]
    """The last of all: how many pages there are, which each page's foot has to say."""

    NAME: Final = "pages"

    def wrap(self, *_: float) -> tuple[float, float]:
        return 0, 0

    def draw(self) -> None:
        canvas = self.canv
        pages = canvas.getPageNumber()
        canvas.beginForm(self.NAME)
        canvas.setFillColor(QUIET)
        canvas.setFont(SANS, RUNNING)
        canvas.drawString(0, 0, str(pages))
        canvas.endForm()


class _Code(Preformatted):  # type: ignore[misc]
    """What a machine wrote, on a tint."""

    def split(self, width: float, height: float) -> list[Flowable]:
        fitting = int((height - 2 * CODE_EDGE) / self.style.leading)
        parts = (self.lines[:fitting], self.lines[fitting:])
        return [_Code("\n".join(lines), self.style) for lines in parts] if 0 < fitting < len(self.lines) else []

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        wide, high = super().wrap(width, height)
        self.height = high + 2 * CODE_EDGE
        return wide, self.height

    def draw(self) -> None:
        self.canv.setFillColor(TINT)
        self.canv.rect(0, 0, self.width, self.height, stroke=0, fill=1)
        self.canv.translate(0, -CODE_EDGE)
        super().draw()


class _Section(Paragraph):  # type: ignore[misc]
    """A heading that the outline of the document leads to."""

    def __init__(self, markup: str, title: str) -> None:
        super().__init__(markup, SECTION)
        self._name = title

    def draw(self) -> None:
        self.canv.bookmarkPage(self._name)
        self.canv.addOutlineEntry(self._name, self._name, 0)
        super().draw()


def _label() -> ParagraphStyle:
    return ParagraphStyle("label", parent=CELL, textColor=QUIET)


def _padding(height: float) -> list[tuple[Any, ...]]:
    every = ((0, 0), (-1, -1))
    return [
        ("LEFTPADDING", *every, 0), ("RIGHTPADDING", *every, 6), ("TOPPADDING", *every, height), ("BOTTOMPADDING", *every, height),
    ]  # fmt: skip

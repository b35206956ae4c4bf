"""SOAP 1.1 as SAPControl speaks it: one element per call, one element per answer, rows of plain text.

Written by hand, as an envelope is three lines. Document types, and with them entities, are refused; so are answers that
are nested deeper or hold more elements than any real one. Names are kept without their namespace: sapstartsrv answers
from one namespace only.
"""

from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape

import msgspec

NAMESPACE: Final = "urn:SAPControl"
ENVELOPE: Final = "http://schemas.xmlsoap.org/soap/envelope/"

DEPTH_LIMIT: Final = 32
ELEMENTS_LIMIT: Final = 1_000_000


class Malformed(Exception):
    """It is not XML, or not XML as it may come here."""


class Node(msgspec.Struct):
    """An element: its name without namespace, its own text, its children in order."""

    name: str
    text: str = ""
    children: list["Node"] = []

    def child(self, name: str) -> "Node | None":
        """The first child of this name."""
        return next((one for one in self.children if one.name == name), None)

    def said(self, name: str) -> str:
        """The text of the first child of this name, without white space around it; empty if there is none."""
        found = self.child(name)
        return found.text.strip() if found is not None else ""


def envelope(method: str, parameters: dict[str, str | int] | None = None) -> bytes:
    """The request that calls a method. Parameters come in the order of its signature."""
    given = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in (parameters or {}).items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{ENVELOPE}" xmlns:SAPControl="{NAMESPACE}"><SOAP-ENV:Body>'
        f"<SAPControl:{method}>{given}</SAPControl:{method}>"
        "</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()


def parse(document: bytes) -> Node:
    """The root element. Raises `Malformed`."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    root = Node("")
    open_: list[Node] = [root]
    elements = 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal elements
        elements += 1
        if elements > ELEMENTS_LIMIT or len(open_) > DEPTH_LIMIT:
            raise Malformed("nested too deeply, or too many elements")
        node = Node(name.rpartition(" ")[2])
        open_[-1].children.append(node)
        open_.append(node)

    def end(name: str) -> None:
        open_.pop()

    def text(value: str) -> None:
        open_[-1].text += value

    def document_type(name: str, system: str | None, public: str | None, internal: bool) -> None:
        raise Malformed("it has a document type")

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = document_type
    try:
        parser.Parse(document.strip(), True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise Malformed(str(error)) from error
    return root.children[0]


def body(document: bytes) -> Node:
    """What the envelope holds: the answer, the fault, or the call. Raises `Malformed`."""
    root = parse(document)
    found = root.child("Body")
    if root.name != "Envelope" or found is None or not found.children:
        raise Malformed(f"<{root.name}> is not a SOAP envelope with a body")
    return found.children[0]

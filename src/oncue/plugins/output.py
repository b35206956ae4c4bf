"""What a program writes, wherever it runs: the end of it is kept, its first lines are told to whoever looks on.

However much is written, what is held of it is bounded, and so is what is told.
"""

from typing import Final, Protocol

import msgspec

from oncue.sdk import Context, Stream
from oncue.sdk.telling import LINE_LIMIT

OUTPUT_LIMIT: Final = 30_000
"""Bytes of each stream that are kept, reckoned as JSON: the end, where the reason usually stands. Both streams fit into
what a worker reports."""
SHORT_OUTPUT: Final = 15_000
"""The same where there is more to report than output."""
TOLD_LIMIT: Final = 2_000
"""Lines of each stream that are told while the program runs."""
LAST_WORDS: Final = 500
"""Characters of the output that an error quotes."""

_FRAGMENT: Final = 1_024
"""A first line that was cut is left out if it is no longer than this, as half a secret is not known as one."""


class Ended(msgspec.Struct, frozen=True):
    """What the program did."""

    exit_code: int
    """A signal that ended it counts as below zero here, and as 128 and more on another machine."""
    stdout: str
    """The end of its output, at most some 30 KB of it."""
    stderr: str
    """The same of its error output."""
    truncated: bool = False
    """Whether some of the output was not kept."""


class Readable(Protocol):
    """A stream of bytes, of a process here or on another machine."""

    async def read(self, n: int = -1, /) -> bytes:
        """At most `n` bytes; none at its end."""
        ...


class Output:
    """One stream of a program: fed as it is read."""

    def __init__(self, stream: Stream, context: Context | None = None, keep: int = OUTPUT_LIMIT) -> None:
        self._stream: Stream = stream
        self._context = context
        self._keep = keep
        self._kept = bytearray()
        self._line = bytearray()
        self._told = 0
        self._cut = False

    async def read(self, readable: Readable) -> None:
        """All of it was read, to its end."""
        while chunk := await readable.read(65_536):
            self.feed(chunk)
        self.end()

    def feed(self, chunk: bytes) -> None:
        """Keep and tell this."""
        self._kept += chunk
        if len(self._kept) > self._keep:
            self._cut = True
            del self._kept[: -self._keep]
        if self._context is None or self._told >= TOLD_LIMIT:
            return
        *lines, rest = (self._line + chunk).split(b"\n")
        for line in lines:
            self._tell(line)
        self._line = rest
        if len(rest) > LINE_LIMIT:
            self.end()

    def end(self) -> None:
        """Tell the line that was begun."""
        if self._line:
            self._tell(self._line)
            self._line = bytearray()

    def kept(self) -> tuple[str, bool]:
        """The end of what was written, and whether it is not all of it. What is no UTF-8 is replaced."""
        text = self._kept.decode("utf-8", "replace")
        whole = len(text)
        while (size := len(msgspec.json.encode(text))) > self._keep:
            text = text[len(text) - len(text) * self._keep // size + 1 :]
        cut = self._cut or len(text) < whole
        fragment = text.find("\n", 0, _FRAGMENT) if cut else -1
        return text[fragment + 1 :], cut

    def _tell(self, line: bytes | bytearray) -> None:
        if self._context is None:
            return
        # A line may hold others, which a terminal would draw over each other.
        for part in line.decode("utf-8", "replace").splitlines():
            if self._told < TOLD_LIMIT:
                self._told += 1
                self._context.say(part, self._stream)
                if self._told == TOLD_LIMIT:
                    self._context.say("More is not shown while it runs; its end will be in the result.")


def ended(exit_code: int, stdout: Output, stderr: Output) -> Ended:
    """A program ended like this."""
    (out, out_cut), (err, err_cut) = stdout.kept(), stderr.kept()
    return Ended(exit_code=exit_code, stdout=out, stderr=err, truncated=out_cut or err_cut)


def length(text: str) -> str:
    """How long a text is, for people: `1 line`, `20 lines`."""
    lines = len(text.splitlines())
    return f"{lines} line{'s' if lines != 1 else ''}"


def last_words(one: Ended, context: Context) -> str:
    """What it said at last, for an error. Masked before it is cut, so that no half of a secret stays."""
    return context.mask.text((one.stderr.strip() or one.stdout.strip()) or "it said nothing")[-LAST_WORDS:]

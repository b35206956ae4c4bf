"""Masks secret values in everything that leaves the worker: results, errors, logs.

A value is found as it is and in the forms it takes on the way: base64 (at any of the three alignments, standard and
URL-safe), percent-encoded, JSON-escaped.
"""

import base64
import json
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote, quote_plus

MASK: Final = "[secret]"
SHORTEST: Final = 4
"""Shorter values are not masked: their replacement would eat the text and tell what they are."""


class Mask:
    """Replaces the values it knows by `[secret]`. More may be added as they are resolved."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for value in values:
            self.add(value)

    def add(self, value: str) -> None:
        """From now on this value is masked, too, and each line of it if it has several."""
        forms = _forms(value)
        for line in value.splitlines():
            forms |= _forms(line.strip())
        forms = {form for form in forms if len(form) >= SHORTEST}
        if not forms <= self._forms:
            self._forms |= forms
            self._pattern = re.compile(
                "|".join(map(re.escape, sorted(self._forms, key=lambda form: (-len(form), form))))
            )

    def text(self, text: str) -> str:
        """The text without the values."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def value(self, value: Any) -> Any:
        """A JSON value without the values, in keys and strings at any depth."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(member) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(member) for member in value]
        return value


def _forms(value: str) -> set[str]:
    forms = {value, quote(value), quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]}
    forms.add(json.dumps(value, ensure_ascii=False)[1:-1])
    if len(value) >= SHORTEST:
        raw = value.encode()
        for offset in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                text = encode(b"\0" * offset + raw).decode().rstrip("=")
                # Characters that mix in bits of what stands before or after the value are not part of the form.
                start = (0, 2, 3)[offset]
                end = len(text) if (offset + len(raw)) % 3 == 0 else len(text) - 1
                if end - start >= 4:
                    forms.add(text[start:end])
    return forms

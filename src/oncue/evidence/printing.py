"""PDF of evidence, where what makes it is installed: the extra `oncue[pdf]`."""

import io
import zipfile
from importlib.util import find_spec
from typing import Final

from oncue.core.errors import Refusal
from oncue.evidence.bundle import Bundle

NEEDS: Final = ("reportlab", "pymupdf_fonts")
"""What the extra brings."""
LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)
"""What an archive says of when its members were written: nothing."""


def possible() -> bool:
    """Whether PDF can be made here."""
    return all(find_spec(name) is not None for name in NEEDS)


def pdf(bundle: Bundle) -> bytes:
    """A bundle on paper. Raises `Refusal` evidence.pdf_missing."""
    try:
        from oncue.evidence.pdf import document
    except ImportError as error:
        raise Refusal("evidence.pdf_missing", f"{error.name} is not installed") from error
    return document(bundle)


def archive(name: str, content: bytes, bundle: Bundle) -> bytes:
    """A bundle, as it is written, and its PDF, in one ZIP. Raises `Refusal` evidence.pdf_missing."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for suffix, member in (("json", content), ("pdf", pdf(bundle))):
            file.writestr(zipfile.ZipInfo(f"{name}.{suffix}", LONG_AGO), member, zipfile.ZIP_DEFLATED)
    return out.getvalue()

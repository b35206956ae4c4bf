"""A database's values as JSON.

NULL is null; whole and decimal numbers are numbers, as near as a double comes; instants, dates and times are text in the form
of ISO 8601; intervals are seconds; bytes are base64; arrays and JSON are what they are. What has no such form is text: numbers
that are not finite, whole ones beyond 64 bits, and every other type.
"""

import base64
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

_LARGEST: Final = 2**63


def plain(cell: Any) -> Any:
    """The cell as a JSON value."""
    if cell is None or isinstance(cell, bool | str):
        return cell
    if isinstance(cell, int):
        return cell if -_LARGEST <= cell < _LARGEST else str(cell)
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else str(cell)
    if isinstance(cell, Decimal):
        return _decimal(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    if isinstance(cell, bytes | bytearray | memoryview):
        return base64.b64encode(cell).decode()
    if isinstance(cell, list | tuple):
        return [plain(one) for one in cell]
    if isinstance(cell, dict):
        return {str(name): plain(one) for name, one in cell.items()}
    return str(cell)


def _decimal(cell: Decimal) -> Any:
    if not cell.is_finite():
        return str(cell)
    if cell == cell.to_integral_value():
        return plain(int(cell))
    return plain(float(cell))

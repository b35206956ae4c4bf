"""What the actions take that the engine does itself, in the transaction of their step."""

from typing import Final

import msgspec

from oncue.core.run_acts import ACTS, OWN

ENGINE_INPUTS: Final[dict[str, type[msgspec.Struct]]] = {
    name: one.takes for name, one in ACTS.items() if name not in OWN
}
"""The name of each, and what it takes."""

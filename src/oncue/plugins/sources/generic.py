"""What is posted to a configured source at `/in/{name}`, by the type that its manifest names."""

from functools import cache
from importlib.metadata import entry_points
from typing import Final

from oncue.sdk.source import Message, Parsed, Refusal, Source

GROUP: Final = "oncue.sources"


@cache
def source(type: str) -> Source:
    """The source of this type. Raises `Refusal` request.not_found."""
    for point in entry_points(group=GROUP, name=type):
        found = point.load()()
        assert isinstance(found, Source), f"{point.value} is not a source"
        return found
    raise Refusal("request.not_found", f"there is no source of type {type!r}; there are {', '.join(types())}")


def types() -> list[str]:
    """The types that a Source manifest may name, sorted; nothing is imported."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def receive(type: str, message: Message) -> Parsed:
    """The events in the message. Raises `Refusal` if it cannot be read at all."""
    return source(type).parse(message)

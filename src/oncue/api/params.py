"""Query parameters that lists share, and pages as responses."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from litestar import MediaType, Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from oncue.access.roles import Principal, namespaces
from oncue.api.guard import require
from oncue.core.errors import Refusal
from oncue.store.queries import LIMIT, Filters, Page

T = TypeVar("T")


class Listing(msgspec.Struct, Generic[T]):
    """One page of a list; `next` is the cursor of the following one, null at the end."""

    items: list[T]
    next: str | None


Narrowing = NamedDependency[SkipValidation[Filters]]

Many = list[str] | None


async def filters(
    state_: Annotated[
        Many, QueryParameter(name="state", description="Any of these; repeat it or separate with commas")
    ] = None,
    type_: Annotated[
        Many, QueryParameter(name="type", description="Any of these; `*` at the end matches the rest")
    ] = None,
    severity: Many = None,
    namespace: Many = None,
    resource: Many = None,
    service: Many = None,
    since: Annotated[str | None, QueryParameter(description="RFC 3339; changed at or after it")] = None,
    until: Annotated[str | None, QueryParameter(description="RFC 3339; begun at or before it")] = None,
    q: Annotated[str | None, QueryParameter(max_length=200, description="A part of the title or the id")] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT)] = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=400, description="`next` of the page before")] = None,
) -> Filters:
    """The filters of a list, from its query."""
    return Filters(
        state=_split(state_),
        type=_split(type_),
        severity=_split(severity),
        namespace=_split(namespace),
        resource=_split(resource, commas=False),
        service=_split(service),
        since=asked_instant("since", since),
        until=asked_instant("until", until),
        q=q or None,
        limit=limit,
        cursor=cursor or None,
    )


def _split(values: Iterable[str] | None, *, commas: bool = True) -> tuple[str, ...]:
    found = (part.strip() for value in values or () for part in (value.split(",") if commas else (value,)))
    return tuple(dict.fromkeys(part for part in found if part))[:100]


def asked_instant(name: str, text: str | None) -> datetime | None:
    """The instant in a query; without an offset it is UTC. Raises `Refusal` request.invalid.

    Numbers are refused, though they could be seconds since 1970: `since=2026` is meant otherwise.
    """
    if text is None:
        return None
    try:
        at = msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        raise Refusal("request.invalid", f"{name}: {text[:60]!r} is no instant; write 2026-05-01T12:00:00Z") from error
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def visible(narrowing: Filters, who: Principal, permission: str) -> Filters:
    """The filters, narrowed to what the principal may read. Raises `Refusal` for a named namespace that is not."""
    for namespace in narrowing.namespace:
        require(who, permission, namespace)
    return msgspec.structs.replace(narrowing, visible=namespaces(who, permission))


def json_response(body: bytes, status: int = 200) -> Response[Any]:
    """A JSON document as it is."""
    return Response(body, status_code=status, media_type=MediaType.JSON)


def listing(items: list[bytes], following: str | None) -> Response[Any]:
    """A page of JSON documents."""
    return json_response(msgspec.json.encode({"items": [msgspec.Raw(item) for item in items], "next": following}))


def page_response(page: Page) -> Response[Any]:
    """A page as the queries give it."""
    return listing(page.items, page.next)

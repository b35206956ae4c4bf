"""Query parameters that lists share, and pages as responses."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from litestar import MediaType, Request, Response
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter, SkipValidation

from oncue.access.roles import Principal, namespaces
from oncue.api.guard import require
from oncue.core.errors import Refusal
from oncue.core.severity import NAMES as SEVERITIES
from oncue.manifests.shape import near
from oncue.store.queries import LIMIT, Filters, Page

T = TypeVar("T")


class Listing(msgspec.Struct, Generic[T]):
    """One page of a list; `next` is the cursor of the following one, null at the end."""

    items: list[T]
    next: str | None


Narrowing = NamedDependency[SkipValidation[Filters]]

Many = list[str] | None


async def filters(
    request: Request[Any, Any, Any],
    who: NamedDependency[SkipValidation[Principal]],
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
    """The filters of a list, from its query, found once it is known `who` asks (as `app._who` says why). Raises `Refusal` request.invalid for a
    state or severity that there is not."""
    state, severities = _split(state_), _split(severity)
    _known("state", state, states_of(request.route_handler))
    _known("severity", severities, SEVERITIES)
    return Filters(
        state=state,
        type=_split(type_),
        severity=severities,
        namespace=_split(namespace),
        resource=_split(resource, commas=False),
        service=_split(service),
        since=asked_instant("since", since),
        until=asked_instant("until", until),
        q=q or None,
        limit=limit,
        cursor=cursor or None,
    )


def states_of(handler: BaseRouteHandler) -> tuple[str, ...]:
    """The states that a list can be narrowed to: those that its items are in, or what the route says of itself (`states`). None, if
    its items have no states."""
    own: tuple[str, ...] | None = handler.opt.get("states")
    return own if own is not None else _states(handler.fn)


@cache
def _states(fn: Any) -> tuple[str, ...]:
    (listed,) = get_args(get_type_hints(fn)["return"])
    found = get_type_hints(get_args(listed)[0]).get("state") if get_origin(listed) is Listing else None
    return get_args(found) if get_origin(found) is Literal else ()


def _known(name: str, asked: tuple[str, ...], known: tuple[str, ...]) -> None:
    strange = next((one for one in asked if known and one not in known), None)
    if strange is not None:
        raise Refusal(
            "request.invalid", f"{name}: {strange[:60]!r} is none of {', '.join(known)}{near(strange[:60], known)}"
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

"""`oncue get`: lists and details of everything that the server keeps."""

from collections.abc import Callable
from itertools import islice
from typing import Any, Final

import msgspec
import typer

from oncue.cli import show
from oncue.cli.server import Server
from oncue.core.errors import Refusal
from oncue.core.manifest import API_VERSION, KINDS

Column = tuple[str, Callable[[dict[str, Any]], Any]]


def _field(name: str) -> Column:
    return name.removesuffix("_at").replace("_", " "), lambda item: item.get(name)


def _age(name: str, title: str = "age") -> Column:
    return title, lambda item: show.ago(item.get(name))


def _said(one: dict[str, Any]) -> str:
    """As `approve by user:basis-1: go on`."""
    return f"{one['decision']} by {one['by']}" + (f": {one['reason']}" if one.get("reason") else "")


def _actor(item: dict[str, Any]) -> str:
    """As `token:deploy of user:basis-1`."""
    actor, person = item["actor"] or "", item["person"]
    return f"{actor} of {person}" if person and person != actor else actor


def _fields(*names: str) -> list[Column]:
    return [_field(name) for name in names]


class Kind(msgspec.Struct, frozen=True):
    """A list of the API and how it is shown."""

    path: str
    columns: list[Column]
    params: dict[str, str] = {}
    """What is asked for besides what the command line says."""
    wrap: bool = False
    """Whether words are shown whole, on several lines."""


LISTS: Final[dict[str, Kind]] = {
    "alerts": Kind("alerts", [
        *_fields("id", "severity", "state", "title", "resource", "service", "count"),
        _age("last_seen_at", "seen"), ("quiet", lambda item: [one["reason"] for one in item["quiet"]]),
    ]),
    "incidents": Kind("incidents", [
        *_fields("id", "priority", "state", "title", "service", "alerts_firing", "assignee"), _age("opened_at"),
    ]),
    "escalations": Kind("escalations", [
        *_fields("id", "incident", "policy", "state", "level", "why"),
        ("next", lambda item: show.instant(item["next_at"]) if item["next_at"] else "-"),
    ]),
    "events": Kind("events", [
        *_fields("position"), ("at", lambda item: show.instant(item["recorded_at"])),
        *_fields("type"), ("actor", _actor), *_fields("severity", "resource", "namespace", "title"),
    ]),
    "runs": Kind("runs", [
        *_fields("id", "workflow", "state", "reason", "requester"), _age("created_at"),
    ]),
    "approvals": Kind("approvals", [
        *_fields("id", "state"),
        ("until", lambda item: show.until(item["expires_at"]) if item["state"] == "pending" else ""),
        *_fields("ask"), ("asks", lambda item: item["stages"][item.get("at", 0)]["by"]), *_fields("workflow", "run"),
        ("said", lambda item: "; ".join(_said(one) for one in item["decisions"])),
    ], wrap=True),
    "requests": Kind("requests", [
        *_fields("id", "title"), ("state", show.came), ("run", lambda item: item.get("run") or "-"),
        *_fields("requester"), _age("created_at"),
    ], {"everyones": "true"}),
    "schedules": Kind("schedules", [
        *_fields("workflow", "trigger"), ("next", lambda item: show.instant(item["next"][0]) if item["next"] else "never"),
        ("when", lambda item: f"{item['spec'].get('cron') or item['spec'].get('rrule')} {item['spec'].get('zone', 'UTC')}"),
        ("last", lambda item: item["run"] or "-"), ("fault", lambda item: item["fault"] or "-"),
    ]),
    "workers": Kind("workers", [
        *_fields("name"), ("state", lambda item: "silent" if item["silent"] else "well"), _age("heard_at", "heard"),
        ("in hand", lambda item: item["in_hand_total"]),
        *_fields("labels"), ("doing", lambda item: [f"{one['uses']} {one['run'] or ''}".rstrip() for one in item["in_hand"]]),
        *_fields("room"),
    ]),
    "tickets": Kind("tickets", [*_fields("id", "type", "state", "title", "incident", "assignee"), _age("opened_at")]),
    "ticket-mirrors": Kind("ticket-mirrors", [
        *_fields("ticket", "mirror", "state", "number"), ("waits", lambda item: len(item["waiting"])),
        ("next try", lambda item: show.instant(item["next_try_at"]) if item["next_try_at"] else "-"),
        ("error", lambda item: f"{item['error_code']}: {item['error']}" if item["error_code"] else "-"),
    ]),
    "tasks": Kind("tasks", [
        *_fields("id", "kind", "state", "title", "incident", "assignee"), ("due", lambda item: show.instant(item["due_at"])),
    ]),
    "problems": Kind("problems", [
        *_fields("id", "state", "title", "service", "assignee"), ("incidents", lambda item: item["incidents_total"]),
        _age("last_seen_at", "seen"),
    ]),
    "changes": Kind("changes", [
        *_fields("id", "type"), ("state", show.stands), *_fields("title"),
        ("targets", lambda item: len([name for wave in (item["plan"] or {"waves": []})["waves"] for name in wave["targets"]])),
        ("begins", lambda item: show.instant(item["starts_at"]) if item["starts_at"] else "-"), *_fields("requester"),
    ]),
    "change-records": Kind("change-records", [
        *_fields("id", "state", "kind", "title"),
        ("where", lambda item: [*item["resources"], *item["services"]]), *_fields("by"), _age("started_at"),
    ]),
    "reviews": Kind("reviews", [
        *_fields("id", "state", "priority", "title", "created_by"), ("actions", lambda item: len(item["actions"])),
        _age("created_at"),
    ]),
    "handovers": Kind("handovers", [
        *_fields("id", "state", "team", "created_by", "confirmed_by"), _age("created_at"),
    ]),
    "decisions": Kind("decisions", [
        ("at", lambda item: show.instant(item["recorded_at"])), *_fields("policy", "outcome", "reason", "detail", "alert"),
    ]),
    "dead-letters": Kind("dead-letters", [*_fields("id", "state", "code", "detail", "origin"), _age("at")]),
    "silences": Kind("silences", [
        *_fields("id", "state", "comment", "created_by"), ("ends", lambda item: show.instant(item["ends_at"])),
    ]),
}  # fmt: skip
"""What is not a manifest."""

WINDOW_COLUMNS: Final[list[Column]] = [
    *_fields("key", "condition", "holds", "count", "value", "limit"), _age("since", "since"), _field("alert"),
]  # fmt: skip
"""What a policy's condition over time remembers."""

MANIFEST_COLUMNS: Final[list[Column]] = [
    *_fields("namespace", "name", "generation", "owner"), _age("updated_at", "changed"), _field("applied_by"),
]  # fmt: skip

MONITOR_COLUMNS: Final[list[Column]] = [
    *_fields("namespace", "name"), ("uses", lambda item: item["spec"]["uses"]),
    ("state", lambda item: item["found"].get("state")), ("since", lambda item: show.ago(item["found"].get("since"))),
    ("detail", lambda item: item["found"].get("detail")),
]  # fmt: skip
"""What a monitor found last stands beside its manifest."""

SOURCE_COLUMNS: Final[list[Column]] = [
    *_fields("namespace", "name", "type"), ("a minute", lambda item: f"{item['rate_per_minute']:g}"),
    *_fields("accepted", "rejected"), ("lost", lambda item: (item["listening"] or {}).get("lost")),
    _age("last_event_at", "last event"), ("listening", lambda item: (item["listening"] or {}).get("state")),
    ("detail", lambda item: (item["listening"] or {}).get("detail") or item["last_error"]),
]  # fmt: skip
"""What came through each source since the server started, those without a manifest included."""

SAP_SYSTEM_COLUMNS: Final[list[Column]] = [
    *_fields("namespace", "name"),
    *((name, lambda item, name=name: item["found"].get(name)) for name in ("tier", "role")),
    ("database", lambda item: " ".join(filter(None, (item["found"].get("database") or {}).values()))),
    ("running", lambda item: _running(item["found"])), ("differs", lambda item: _differing(item["found"])),
    ("alerts", lambda item: item["found"].get("alerts_firing")),
]  # fmt: skip
"""What its monitors saw last stands beside what is declared."""


def _running(system: dict[str, Any]) -> str:
    """As `3/4`: how many of the declared instances are GREEN."""
    declared = [one for one in system.get("instances", []) if one["declared"]]
    return f"{sum(one['state'] == 'GREEN' for one in declared)}/{len(declared)}"


def _differing(system: dict[str, Any]) -> list[str]:
    """Instances that are not GREEN or not declared."""
    found = []
    for one in system.get("instances", []):
        words = ([] if one["state"] == "GREEN" else [one["state"]]) + ([] if one["declared"] else ["undeclared"])
        found += [f"{one['host']} {one['number']} {' '.join(words)}"] if words else []
    return found


def get(
    kind: str = typer.Argument(help=f"{', '.join(LISTS)}, windows, or a kind of manifest, as policy."),
    name: str | None = typer.Argument(
        None,
        help="The id: all that is kept of it. Of a manifest its name, or NAMESPACE/NAME. With windows, the policy that has them.",
    ),
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="Only this namespace."),
    state: str | None = typer.Option(None, "--state", help="Only these states, separated by commas."),
    severity: str | None = typer.Option(None, "--severity", help="Only these severities, separated by commas."),
    type: str | None = typer.Option(
        None, "--type", help="Only this type, of runs the workflow; * at its end matches the rest."
    ),
    resource: str | None = typer.Option(None, "--resource", help="Only about this resource."),
    service: str | None = typer.Option(None, "--service", help="Only about this service."),
    since: str | None = typer.Option(None, "--since", help="RFC 3339: only changed at or after it."),
    until: str | None = typer.Option(None, "--until", help="RFC 3339: only begun at or before it."),
    limit: int = typer.Option(50, "--limit", min=1, help="At most so many."),
    output: show.Format = show.Output,
) -> None:
    """List things, newest first, or show one.

    A manifest in YAML is printed as `oncue apply` takes it.
    """
    if kind.lower() in ("window", "windows"):
        _windows(name, namespace, limit, output)
        return
    found = kind_of(kind)
    params = {
        "namespace": namespace, "state": state, "severity": severity, "type": type, "resource": resource,
        "service": service, "since": since, "until": until,
    }  # fmt: skip
    with Server() as server:
        if isinstance(found, Kind):
            if name is not None:
                one = server.get(server.path(found.path, name))
                show.document(one, show.Format.yaml if output is show.Format.table else output)
                return
            items = list(server.items(f"/{found.path}", limit, **params, **found.params))
            columns = found.columns
        else:
            items = list(islice(_manifests(server, found, name, namespace), limit))
            columns = MANIFEST_COLUMNS
            if found == "Monitor" and output is show.Format.table:
                seen = {view["manifest"]["id"]: view["state"] for view in server.get("/monitors")["items"]}
                items = [{**item, "found": seen.get(item["id"]) or {}} for item in items]
                columns = MONITOR_COLUMNS
            if found == "Source" and output is show.Format.table:
                items = list(islice(_matching(server.get("/sources")["items"], name, namespace), limit))
                columns = SOURCE_COLUMNS
            if found == "SAPSystem" and output is show.Format.table:
                seen = {view["manifest"]["id"]: view for view in server.get("/sap-systems")["items"]}
                items = [{**item, "found": seen.get(item["id"]) or {}} for item in items]
                columns = SAP_SYSTEM_COLUMNS
            if name is not None and not items:
                raise Refusal("manifest.not_found", f"{found} {name}")
    if output is show.Format.table:
        show.table(
            ([value(item) for _, value in columns] for item in items),
            [title for title, _ in columns],
            wrap=isinstance(found, Kind) and found.wrap,
        )
        if not items:
            show.note(f"There are no {kind}.")
    elif isinstance(found, Kind) or output is show.Format.json:
        show.document(items, output)
    else:
        print("---\n".join(show.as_yaml(as_document(item)) for item in items), end="")


def _windows(policy: str | None, namespace: str | None, limit: int, output: show.Format) -> None:
    if policy is None:
        raise Refusal("request.invalid", "name the policy: oncue get windows NAMESPACE/NAME")
    where, _, name = policy.rpartition("/")
    with Server() as server:
        items = list(server.items(server.path("policies", where or namespace or "default", name, "windows"), limit))
    if output is not show.Format.table:
        show.document(items, output)
        return
    show.table(([value(item) for _, value in WINDOW_COLUMNS] for item in items), [title for title, _ in WINDOW_COLUMNS])
    if not items:
        show.note("It has no windows.")


def kind_of(word: str) -> Kind | str:
    """What a word on the command line means: a list of the API, or a kind of manifest. Changes are both: `Change`, as manifests
    spell it, is the kind.

    Raises `Refusal` manifest.kind_unknown.
    """
    plain = word.lower().replace("_", "-")
    if word not in KINDS:
        for name, kind in LISTS.items():
            if plain in (name, name.removesuffix("s")):
                return kind
    if (found := manifest_kind(word)) is not None:
        return found
    from oncue.manifests.shape import near

    known = [*LISTS, "windows", *(name.lower() for name in KINDS)]
    raise Refusal("manifest.kind_unknown", f"{word}{near(plain, known)}; there are {', '.join(known)}")


def manifest_kind(word: str) -> str | None:
    """The kind of manifest that a word means, in any spelling; None if it means none."""
    plain = word.lower().replace("_", "").replace("-", "")
    for name in KINDS:
        small = name.lower()
        if plain in (small, small + "s", small.removesuffix("y") + "ies"):
            return name
    return None


def as_document(manifest: dict[str, Any]) -> dict[str, Any]:
    """A kept manifest as its author would write it."""
    names = ("name", "namespace", "labels", "owner", "review_by", "description")
    metadata = {name: manifest[name] for name in names if manifest.get(name)}
    return {"apiVersion": API_VERSION, "kind": manifest["kind"], "metadata": metadata, "spec": manifest["spec"]}


def _manifests(server: Server, kind: str, name: str | None, namespace: str | None) -> Any:
    return _matching(server.get(f"/manifests/{kind}")["items"], name, namespace)


def _matching(items: list[dict[str, Any]], name: str | None, namespace: str | None) -> Any:
    where, _, wanted = (name or "").rpartition("/")
    for item in items:
        if wanted and item["name"] != wanted:
            continue
        if (where and item["namespace"] != where) or (namespace and item["namespace"] != namespace):
            continue
        yield item

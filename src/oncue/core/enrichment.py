"""Enrich: what people and workflows find out about an alert after it began is added to it, and is seen by all that looks
at the alert from then on: silences, windows, inhibitions, correlation when it is heard again, messages.

It lasts as long as the alert is the same one, through repeats, changes of severity and a return within the reopen window;
the next alert about the same condition begins without it.
"""

from sys import intern
from typing import Annotated, Any, Final

import msgspec

from oncue.core import deduplicate, suppress
from oncue.core.alert import Alert
from oncue.core.change_record import Pointer
from oncue.core.enriched import AddedLink, Enriched, Given, Note
from oncue.core.errors import Refusal
from oncue.core.expression import spoken
from oncue.core.tx import Tx

LABELS: Final = 32
"""Labels, and annotations, that are added to one alert at the most."""
LINKS: Final = 20
NOTES: Final = 20
"""Beyond these the oldest goes."""

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class Wanted(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is to be added: the data of `oncue.command.alert.enrich`. An empty label or annotation takes the added one back."""

    alert: str
    labels: Annotated[dict[_Name, Annotated[str, msgspec.Meta(max_length=255)]], msgspec.Meta(max_length=LABELS)] = {}
    annotations: Annotated[
        dict[_Name, Annotated[str, msgspec.Meta(max_length=2000)]], msgspec.Meta(max_length=LABELS)
    ] = {}
    links: Annotated[list[Pointer], msgspec.Meta(max_length=LINKS)] = []
    """`http://` or `https://`. One whose address is there already has its title changed."""
    note: Annotated[str, msgspec.Meta(max_length=4000)] = ""


def enrich(tx: Tx, alert: Alert, wanted: Wanted, by: str) -> bool:
    """Add it. Gives whether anything is otherwise than before. Raises `Refusal` request.invalid, alert.enriched_full."""
    if not (wanted.labels or wanted.annotations or wanted.links or wanted.note.strip()):
        raise Refusal("request.invalid", "name labels, annotations, links or a note")
    for link in wanted.links:
        _check(link)
    before = alert.enriched or Enriched()
    labels, own_labels = _with(tx, before.labels, alert.labels, wanted.labels, by, "labels")
    annotations, own_annotations = _with(
        tx, before.annotations, alert.annotations, wanted.annotations, by, "annotations"
    )
    now = Enriched(labels, annotations, _links(tx, before, wanted, by), _notes(tx, before, wanted, by))
    if now == before:
        return False
    tx.touch(alert)
    alert.labels, alert.annotations = own_labels, own_annotations
    alert.enriched = now if now != Enriched() else None
    deduplicate.changed(tx, alert, "oncue.alert.enriched")
    if alert.state == "firing" and labels != before.labels:
        suppress.reworded(tx, alert)
    return True


def by_run(tx: Tx, run: str, namespace: str, own: str | None, inputs: dict[str, Any]) -> Any:
    """A run adds its findings to the alert that it names, or to its `own`. Raises `Refusal` as `enrich`, alert.not_found."""
    given = {name: value for name, value in inputs.items() if value is not None}
    for name in ("labels", "annotations"):
        if isinstance(texts := given.get(name), dict):
            given[name] = {
                str(key): spoken(value) for key, value in sorted(texts.items(), key=lambda item: str(item[0]))
            }
    if "note" in given:
        given["note"] = spoken(given["note"])
    id = str(given.get("alert") or own or "")
    try:
        wanted = msgspec.convert({**given, "alert": id}, Wanted)
    except msgspec.ValidationError as error:
        raise Refusal("request.invalid", str(error)) from error
    alert = tx.state.alerts.get(id)
    if alert is None or alert.namespace != namespace:
        raise Refusal("alert.not_found", f"{id} is not there, or was over long ago" if id else "the run has no alert")
    return {"alert": alert.id, "changed": enrich(tx, alert, wanted, f"run:{run}")}


def _check(link: Pointer) -> None:
    if not link.url.startswith(("http://", "https://")) or len(link.url) > 2000 or len(link.title) > 200:
        detail = f"{link.url[:100]!r}: a link is an http address of at most 2000 characters, its title of at most 200"
        raise Refusal("request.invalid", detail)


def _with(
    tx: Tx, given: dict[str, Given], holds: dict[str, str], wanted: dict[str, str], by: str, what: str
) -> tuple[dict[str, Given], dict[str, str]]:  # fmt: skip
    """What is added, and what holds with it."""
    given, holds = dict(given), dict(holds)
    for name, value in wanted.items():
        known = given.get(name)
        if known is not None and known.value == value:
            continue
        beneath = known.beneath if known is not None else holds.get(name)
        if value:
            given[intern(name)] = Given(value, by, tx.now, beneath)
            holds[intern(name)] = intern(value)
        elif known is not None:
            del given[name]
            if beneath is None:
                del holds[name]
            else:
                holds[name] = beneath
    if len(given) > LABELS:
        raise Refusal("alert.enriched_full", f"{len(given)} {what}; at most {LABELS} are added")
    return given, holds


def _links(tx: Tx, before: Enriched, wanted: Wanted, by: str) -> tuple[AddedLink, ...]:
    found = {link.url: link for link in before.links}
    for link in wanted.links:
        known = found.get(link.url)
        if known is None or known.title != link.title:
            found[link.url] = AddedLink(link.url, link.title, by, tx.now)
    return tuple(found.values())[-LINKS:]


def _notes(tx: Tx, before: Enriched, wanted: Wanted, by: str) -> tuple[Note, ...]:
    text = wanted.note.strip()
    if not text or (before.notes and before.notes[-1].text == text):
        return before.notes
    return (*before.notes, Note(text, by, tx.now))[-NOTES:]

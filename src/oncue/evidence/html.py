"""Evidence as one page to be read and printed: no scripts, nothing from elsewhere, and every word of others escaped.

The page proves nothing by itself. It names the seal of the bundle that it was made of, and each thing that it tells the
position of the record that says so.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import msgspec

from oncue.evidence import wording
from oncue.evidence.bundle import Bundle, Evidence
from oncue.evidence.check import UNSHOWN
from oncue.evidence.facts import instant
from oncue.evidence.page import PAGE
from oncue.evidence.story import Account, Attempt, Done
from oncue.evidence.wording import RECORDS_SHOWN
from oncue.store import signed_note


class Markup(str):
    """HTML, which is not escaped again."""

    __slots__ = ()


def page(bundle: Bundle) -> str:
    """The page of a bundle that was verified, or comes from where it was made."""
    evidence, story = bundle.evidence, bundle.evidence.story
    change = story.change
    parts = [
        _head(bundle),
        _section("Outcome", _outcome(story)),
        _section("Who agreed", *_agreed(story)),
        _section("What was planned", *_planned(story)),
        _section("Course", _course(story)),
        _section("What was done", *_done(story)),
        _section("What followed", _followed(story)),
        _section("Ticket", *_ticket(story)),
        _section("What this does not show", _list([*story.gaps, *evidence.made.left_out, *UNSHOWN])),
        _section("Proof", *_proof(bundle)),
        _section("Records", *_records(evidence)),
    ]
    title = f"Evidence of {change['id']}: {change['title']}"
    return PAGE.replace("{title}", escape(title)).replace("{body}", "\n".join(parts))


def _head(bundle: Bundle) -> str:
    made, change = bundle.evidence.made, bundle.evidence.story.change
    taken = _facts([
        ("Taken", f"{wording.time(made.at)}, by {made.by}, with OnCue {made.version}"),
        ("Journal", made.journal_id),
        ("Namespace", change["namespace"]),
        ("Seal", _code(signed_note.opened(bundle.seal).lines[-1])),
        ("Signed by the key", _code(bundle.key)),
    ])  # fmt: skip
    how = (
        "This page is for reading. What it is made of is the bundle with this seal, a JSON file, which anybody can check without "
        "the server: <code>oncue evidence verify FILE --key KEY</code>. Compare the key with one that you were given another way: "
        "by itself it shows that nothing was changed, not whose it is. Numbers in brackets are positions in the journal."
    )
    return f"<header><p class=kind>Evidence of a change</p><h1>{_text(change['id'])}: {_text(change['title'])}</h1>{taken}<p class=note>{how}</p></header>"


def _outcome(story: Account) -> str:
    change = story.change
    glass = change.get("glass")
    rows: list[tuple[str, Any]] = [
        ("State", _word(change["state"])),
        ("Close code", _word(change["close_code"]) if change["close_code"] else None),
        ("Close note", change["close_note"]),
        ("Said last", change["said"]),
        ("Type", change["type"]),
        ("Reason", change["reason"]),
        ("Wanted by", change["requester"]),
        ("Drafted and edited by", ", ".join(change["hands"])),
        ("Template", change["template"]),
        ("Glass broken", f"by {glass['by']} at {wording.time(glass['at'])}: {glass['reason']}" if glass else None),
        ("Drafted", wording.time(change["created_at"])),
        ("Began", wording.time(change["began_at"])),
        ("Ended", wording.time(change["ended_at"])),
        ("Closed", wording.time(change["closed_at"])),
        ("Run, ticket, record", ", ".join(one for one in (change["run"], change["ticket"], change["record"]) if one)),
    ]
    return _facts(rows)


def _agreed(story: Account) -> Iterable[str]:
    if not story.approvals:
        yield "<p>Nobody was asked.</p>"
    for one in story.approvals:
        yield f"<h3>{_text(one.id)} {_word(one.state)} {_at(one.position)}</h3>"
        yield _facts(
            [
                ("Asked", one.ask),
                ("Of", wording.asked(one)),
                ("Could not decide", ", ".join(one.barred)),
                ("Why", one.reason),
            ]
        )
        rows = [
            (
                wording.time(said.at), said.by, _word(said.decision), said.stage, said.instead_of or "", said.reason or "",
                Markup(f"{_text(said.actor or 'not among the records')} {_at(said.input or said.position)}"),
            )
            for said in one.decisions
        ]  # fmt: skip
        yield _table(("At", "Who", "Decision", "Stage", "Instead of", "Reason", "The command came from"), rows, "timed")


def _planned(story: Account) -> Iterable[str]:
    change = story.change
    plan, spec = change["plan"], change["spec"]
    if plan is None:
        yield "<p>It was not planned.</p>"
        return
    agreed = change["approved"]
    same = "the one that was agreed to" if agreed == plan["hash"] else f"agreed to was {agreed or 'none'}"
    yield _facts([
        ("Hash of the plan", Markup(f"{_code(plan['hash'])}, {_text(same)}")),
        ("Not in the catalogue", ", ".join(plan["unknown"])),
        ("Window", wording.compact(spec.get("window")) if spec.get("window") else None),
        ("Expected alerts", wording.compact(spec["expects"]) if spec.get("expects") else None),
    ])  # fmt: skip
    yield _table(
        ("Wave", "Targets"),
        [(one["name"], f"{len(one['targets'])}: {', '.join(one['targets'])}") for one in plan["waves"]],
        "waves",
    )
    yield f"<h3>Steps for each target</h3>{_pre(spec.get('steps'))}"
    if change["inputs"]:
        yield f"<h3>Inputs</h3>{_pre(change['inputs'])}"
    if spec.get("on_failure"):
        yield f"<h3>On failure</h3>{_pre(spec['on_failure'])}"


def _course(story: Account) -> str:
    rows = [
        (wording.time(one.at), _word(one.state), one.said or "", one.by or "", _at(one.position))
        for one in story.history
    ]
    return _table(("At", "State", "Why", "Asked for by", ""), rows, "timed")


def _done(story: Account) -> Iterable[str]:
    for run in story.runs:
        if run.parent is None:
            lasted = f"{wording.time(run.started_at)} to {wording.time(run.ended_at) or 'now'}"
            yield f"<p>{_text(run.id)} {_word(run.state)}, {lasted} {_at(run.position)}. {_text(run.reason or '')}</p>"
    places = list(wording.by_place(story))
    if not places:
        yield "<p>Nothing was done.</p>"
    for place, steps in places:
        yield f"<h3>{_text(wording.named(place))}</h3>"
        yield _table(
            ("Step", "Came to", "Began", "Lasted", "What it was given, and what it gave", ""),
            map(_step, steps),
            "steps",
        )


def _step(one: Done) -> tuple[Any, ...]:
    came = _word(one.state) + (Markup(" <b>undone</b>") if one.undone else Markup(""))
    why = f"<p>{_text(one.error_code or '')} {_text(one.reason)}</p>" if one.reason else ""
    details = [
        _value("given", one.inputs),
        *(_attempt(f"attempt {said.attempt}", said) for said in one.attempts),
        *(_attempt(f"look {number}", said) for number, said in enumerate(one.readings, 1)),
        _value("result", one.result) if not one.attempts else "",
        _value("outputs", one.outputs),
    ]
    looked = f"<p>validated in {one.looks} look{'s' if one.looks > 1 else ''}</p>" if one.looks else ""
    return (
        Markup(f"<b>{_text(wording.called(one))}</b><br>{_text(one.uses)}"),
        Markup(f"{came}{why}"),
        wording.time(one.started_at), wording.lasted(one), Markup("".join(details) + looked), _at(one.positions[-1]),
    )  # fmt: skip


def _attempt(name: str, said: Attempt) -> str:
    failed = f": {_text(said.error_code or '')} {_text(said.detail or '')}" if said.outcome != "succeeded" else ""
    return f"<p><i>{name}</i> {_word(said.outcome)}{failed} {_at(said.position)}</p>{_pre(said.result) if said.result is not None else ''}"


def _value(name: str, value: Any) -> str:
    return f"<p><i>{name}</i></p>{_pre(value)}" if value not in (None, {}, "") else ""


def _followed(story: Account) -> str:
    if not story.followed:
        return (
            "<p>No alert began on its targets while it was made or within an hour after, and no incident names it.</p>"
        )
    rows = [
        (
            one.kind, one.id, one.title or "", one.resource or "", one.severity or "", _word(one.state), wording.time(one.began_at),
            wording.time(one.ended_at), "expected" if one.expected else "", _at(one.position),
        )
        for one in story.followed
    ]  # fmt: skip
    return _table(("", "Id", "Title", "Resource", "Severity", "State", "Began", "Ended", "", ""), rows)


def _ticket(story: Account) -> Iterable[str]:
    ticket = story.ticket
    if ticket is None:
        yield "<p>It has none.</p>"
        return
    yield f"<p>{_text(ticket.id)}, {_word(ticket.state)}: {_text(ticket.title)} {_at(ticket.position)}</p>"
    rows = [
        (wording.time(one.at), one.by, Markup(_text(one.text).replace("\n", "<br>")), _at(one.position))
        for one in ticket.remarks
    ]
    yield _table(("At", "By", "What", ""), rows, "timed")


def _proof(bundle: Bundle) -> Iterable[str]:
    evidence = bundle.evidence
    yield (
        f"<p>{len(evidence.records)} records in {len(evidence.leaves)} leaves. Each record's SHA-256 stands in a leaf, each leaf leads to "
        "the root of its batch, each batch is a link of the hash chain, and the chain leads to these checkpoints, which the key signed.</p>"
    )
    for one in evidence.chain:
        first, last = one.links[0], one.links[-1]
        yield f"<p>Batches {first[0]} to {last[0]}, positions {first[1]} to {last[2]}:</p><pre>{_text(one.checkpoint)}</pre>"
    yield f"<p>The seal over the whole bundle:</p><pre>{_text(bundle.seal)}</pre>"


def _records(evidence: Evidence) -> Iterable[str]:
    at = {leaf.first_position + index: row for leaf in evidence.leaves for index, row in enumerate(leaf.rows)}
    rows = []
    for one in evidence.records[:RECORDS_SHOWN]:
        recorded_at, _, content = at[one.position]
        kind = msgspec.json.decode(one.body, type=_Typed).type
        rows.append((one.position, wording.time(instant(recorded_at)), kind, _code(content)))
    yield _table(("Position", "Recorded", "Type", "SHA-256 of envelope and body"), rows, "records")
    if len(evidence.records) > RECORDS_SHOWN:
        yield f"<p>And {len(evidence.records) - RECORDS_SHOWN} more, in the bundle.</p>"


class _Typed(msgspec.Struct):
    type: str


# words and marks


def _text(value: Any) -> str:
    return escape(str(value))


def _cell(value: Any) -> str:
    return value if isinstance(value, Markup) else _text("" if value is None else value)


def _word(text: str) -> Markup:
    """A state, as people say it; its colour says the same once more."""
    return Markup(f'<span class="{wording.mood(text)}">{_text(wording.plain(text))}</span>')


def _at(position: int) -> Markup:
    return Markup(f"<small>[{position}]</small>")


def _code(text: str) -> Markup:
    return Markup(f"<code>{_text(text)}</code>")


def _pre(value: Any) -> Markup:
    return Markup(f"<pre>{_text(wording.shown(value))}</pre>")


def _facts(rows: Iterable[tuple[str, Any]]) -> str:
    return f"<dl>{''.join(f'<dt>{_text(name)}</dt><dd>{_cell(value)}</dd>' for name, value in rows if value)}</dl>"


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{_text(one)}</li>' for one in items)}</ul>"


def _table(headings: Sequence[str], rows: Iterable[Sequence[Any]], kind: str = "") -> str:
    head = "".join(f"<th>{_text(one)}</th>" for one in headings)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in rows)
    return f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{_text(title)}</h2>{''.join(parts)}</section>"

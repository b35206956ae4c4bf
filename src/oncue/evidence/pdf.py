"""Evidence on paper: a PDF that names the bundle that it was made of, to be read, filed and printed.

It says what the page of `html` says, in the same order, with the results of waves and targets at a glance before their
steps. It proves nothing by itself. The same bundle gives the same bytes.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from reportlab.platypus import Paragraph, Table

from oncue.evidence import wording
from oncue.evidence.bundle import Bundle
from oncue.evidence.check import UNSHOWN
from oncue.evidence.facts import instant
from oncue.evidence.paper import CELL, KIND, LINE, PLACE, SMALL, TEXT, TINT, TITLE, WIDTH, Markup, Paper
from oncue.evidence.story import Account, Agreement, Attempt, Done
from oncue.evidence.wording import RECORDS_SHOWN, time
from oncue.store import signed_note

DETAILED: Final = 500
"""Steps whose values are shown; of the others there is the result of their target, and what went wrong with them."""
UNSET_SHOWN: Final = 40
WAVES_SHOWN: Final = 12


def document(bundle: Bundle) -> bytes:
    """The PDF of a bundle that was verified, or comes from where it was made."""
    evidence, story = bundle.evidence, bundle.evidence.story
    made, change = evidence.made, story.change
    title = f"{change['id']}: {change['title']}"
    seal = signed_note.opened(bundle.seal).lines[-1]
    paper = Paper(
        f"Evidence of {title}", title, f"Bundle {seal}, taken {time(made.at)}", f"OnCue {made.version}", datetime.fromisoformat(made.at)
    )  # fmt: skip
    _head(paper, bundle, seal)
    noted = paper.length
    _outcome(paper, story)
    _agreed(paper, story)
    _planned(paper, story)
    _course(paper, story)
    _done(paper, story)
    _followed(paper, story)
    _ticket(paper, story)
    _proof(paper, bundle)
    if paper.unset:
        paper.insert(noted, Paragraph(_unset(paper), SMALL))
    return paper.printed()


def _head(paper: Paper, bundle: Bundle, seal: str) -> None:
    story, made = bundle.evidence.story, bundle.evidence.made
    change, plan = story.change, story.change["plan"]
    paper.paragraph("Evidence of a change", style=KIND)
    paper.paragraph(f"{change['id']}: {change['title']}", style=TITLE)
    state = paper.word(change["state"])
    code = Markup(f", {paper.word(change['close_code'])}") if change["close_code"] else Markup("")
    period = f"{time(change['began_at'])} to {time(change['ended_at']) or 'now'}" if change["began_at"] else "not begun"
    paper.facts([
        ("State", Markup(state + code)),
        ("Made", period),
        ("Type", f"{change['type']}, in {change['namespace']}"),
        ("Wanted by", change["requester"]),
        ("Agreed to by", _agreed_by(story)),
        ("Targets", _counted(plan) if plan is not None else None),
        ("Hash of the plan", paper.code(plan["hash"]) if plan is not None else "It was not planned."),
    ])  # fmt: skip
    box = [
        Paragraph(paper.strong("What this was made of, and how to verify it"), CELL),
        Paragraph(paper.text(_HOW), SMALL),
        Paragraph(paper.code(f"oncue evidence verify {change['id']}.json --key KEY"), CELL),
        Paragraph(f"{paper.text('Seal of the bundle: ')}{paper.code(seal)}", SMALL),
        Paragraph(f"{paper.text('Signed by the key: ')}{paper.code(bundle.key)}", SMALL),
        Paragraph(paper.text(f"Taken {time(made.at)}, by {made.by}, with OnCue {made.version}, of the journal {made.journal_id}."), SMALL),
    ]  # fmt: skip
    style = [
        ("BACKGROUND", (0, 0), (-1, -1), TINT), ("LINEBEFORE", (0, 0), (0, -1), 2, LINE), ("LEFTPADDING", (0, 0), (-1, -1), 9),
        ("TOPPADDING", (0, 0), (-1, -1), 1.6), ("BOTTOMPADDING", (0, 0), (-1, -1), 1.6),
    ]  # fmt: skip
    paper.put(Table([[one] for one in box], colWidths=[WIDTH], style=style, splitInRow=1, spaceBefore=4, spaceAfter=4))


_HOW: Final = (
    "This document is for reading. What it is made of is a bundle of evidence, a JSON file that holds each record of the journal with "
    "its proof. Whoever has the bundle checks it without the server; the command says the bundle's seal, which must be the one "
    "below. Compare the key with one that you were given another way: by itself it shows that nothing was changed, not whose it is. "
    "Numbers in brackets are positions in the journal."
)


def _agreed_by(story: Account) -> str:
    said = [
        f"{one.by}{f' for {one.instead_of}' if one.instead_of else ''}, {time(one.at)}"
        for approval in story.approvals
        for one in approval.decisions
        if one.decision == "approve" and approval.state == "approved"
    ]
    return "; ".join(said) or ("nobody" if story.approvals else "nobody was asked")


def _counted(plan: dict[str, Any]) -> str:
    waves = [f"{one['name']}: {len(one['targets'])}" for one in plan["waves"]]
    more = f" and {len(waves) - WAVES_SHOWN} more" if len(waves) > WAVES_SHOWN else ""
    return f"{sum(len(one['targets']) for one in plan['waves'])} ({', '.join(waves[:WAVES_SHOWN])}{more})"


def _unset(paper: Paper) -> Markup:
    """What is said of characters that the fonts lack."""
    named = ", ".join(f"U+{ord(one):04X}" for one in list(paper.unset)[:UNSET_SHOWN])
    more = f" and {len(paper.unset) - UNSET_SHOWN} more" if len(paper.unset) > UNSET_SHOWN else ""
    return paper.text(
        f"The fonts of this document cannot set {len(paper.unset)} of the characters that the bundle has. They are written as their "
        f"Unicode code points in brackets: {named}{more}. The bundle, and the page in HTML, have them as they are."
    )


def _outcome(paper: Paper, story: Account) -> None:
    change = story.change
    glass = change.get("glass")
    paper.section("Outcome")
    paper.facts([
        ("Close note", change["close_note"]),
        ("Said last", change["said"]),
        ("Reason", change["reason"]),
        ("Drafted and edited by", ", ".join(change["hands"])),
        ("Template", change["template"]),
        ("Glass broken", f"by {glass['by']} at {time(glass['at'])}: {glass['reason']}" if glass else None),
        ("Drafted", time(change["created_at"])),
        ("Began", time(change["began_at"])),
        ("Ended", time(change["ended_at"])),
        ("Closed", time(change["closed_at"])),
        ("Run, ticket, record", ", ".join(one for one in (change["run"], change["ticket"], change["record"]) if one)),
    ])  # fmt: skip


def _agreed(paper: Paper, story: Account) -> None:
    paper.section("Who agreed")
    if not story.approvals:
        paper.paragraph("Nobody was asked.")
    for one in story.approvals:
        _agreement(paper, one)


def _agreement(paper: Paper, one: Agreement) -> None:
    paper.paragraph(f"{one.id} ", paper.word(one.state), " ", paper.at(one.position), style=PLACE)
    rows = [
        ("Asked", one.ask),
        ("Of", wording.asked(one)),
        ("Could not decide", ", ".join(one.barred)),
        ("Why", one.reason),
    ]
    paper.facts(rows)
    if one.decisions:
        paper.table(
            ("At", "Who", "Decision", "Stage", "Reason", "The command came from"),
            (20, 21, 12, 12, 22, 22),
            [
                (
                    time(said.at), f"{said.by}{f' for {said.instead_of}' if said.instead_of else ''}", paper.word(said.decision),
                    said.stage, said.reason,
                    Markup(f"{paper.text(said.actor or 'not among the records')} {paper.at(said.input or said.position)}"),
                )
                for said in one.decisions
            ],
        )  # fmt: skip


def _planned(paper: Paper, story: Account) -> None:
    change = story.change
    plan, spec = change["plan"], change["spec"]
    paper.section("What was planned")
    if plan is None:
        paper.paragraph("It was not planned.")
        return
    agreed = change["approved"]
    same = "the one that was agreed to" if agreed == plan["hash"] else f"agreed to was {agreed or 'none'}"
    paper.facts([
        ("Hash of the plan", Markup(f"{paper.code(plan['hash'])}<br/>{paper.text(same)}")),
        ("Not in the catalogue", ", ".join(plan["unknown"])),
        ("Window", wording.compact(spec["window"]) if spec.get("window") else None),
        ("Expected alerts", wording.compact(spec["expects"]) if spec.get("expects") else None),
    ])  # fmt: skip
    rows = [(one["name"], str(len(one["targets"])), ", ".join(one["targets"])) for one in plan["waves"]]
    paper.table(("Wave", "Targets", "Which"), (14, 10, 80), rows)
    paper.values("Steps for each target", spec.get("steps"))
    paper.values("Inputs", change["inputs"])
    paper.values("On failure", spec.get("on_failure"))


def _course(paper: Paper, story: Account) -> None:
    paper.section("Course")
    paper.table(
        ("At", "State", "Why", "Asked for by"),
        (20, 14, 46, 24),
        [
            (time(one.at), paper.word(one.state), one.said, Markup(f"{paper.text(one.by or '')} {paper.at(one.position)}"))
            for one in story.history
        ],
    )  # fmt: skip


def _done(paper: Paper, story: Account) -> None:
    paper.section("What was done")
    for run in story.runs:
        if run.parent is None:
            period = f", {time(run.started_at)} to {time(run.ended_at) or 'now'} "
            paper.paragraph(
                f"{run.id} ", paper.word(run.state), period, paper.at(run.position), f". {run.reason or ''}"
            )
    places = list(wording.by_place(story))
    if not places:
        paper.paragraph("Nothing was done.")
        return
    results = list(_results(paper, places))
    if results:
        paper.paragraph("Waves and targets", style=PLACE)
        paper.table(
            ("Wave", "Target", "Came to", "Steps", "Looks", "Undone", "Began (UTC)", "Ended (UTC)"),
            (14, 24, 20, 8, 8, 10, 23, 23),
            results,
        )
    left = DETAILED
    for place, steps in places:
        shown = steps if left > 0 else [one for one in steps if wording.mood(one.state) == "ill"]
        if not shown:
            continue
        paper.paragraph(wording.named(place), style=PLACE)
        for one in shown:
            _step(paper, one, detailed=left > 0)
            left -= 1
    if left < 0:
        paper.paragraph(f"The values of {-left} further steps are in the bundle.")


def _results(paper: Paper, places: list[tuple[wording.Place, list[Done]]]) -> Iterator[tuple[Any, ...]]:
    """How each target came out."""
    for (wave, target), steps in places:
        own = [one for one in steps if not one.undoes]
        if target is None or not own:
            continue
        ill = next((one for one in own if wording.mood(one.state) == "ill"), None)
        came = paper.word((ill or own[-1]).state)
        where = paper.text(f" at {wording.called(ill)}" if ill is not None else "")
        looks = sum(one.looks for one in own)
        undone = sum(one.undone for one in own)
        begun = min((one.started_at for one in own if one.started_at), default=None)
        ended = max((one.ended_at for one in steps if one.ended_at), default=None)
        yield (
            wave, target, Markup(came + where), str(len(own)), str(looks or ""), str(undone or ""), _bare(begun), _bare(ended)
        )  # fmt: skip


def _bare(at: str | None) -> str:
    return time(at).removesuffix(" UTC")


def _step(paper: Paper, one: Done, *, detailed: bool) -> None:
    undone = Markup(f" {paper.strong('undone')}") if one.undone else ""
    timed = f"  {time(one.started_at)}{f', {wording.lasted(one)}' if wording.lasted(one) else ''} "
    paper.paragraph(
        paper.strong(wording.called(one)), f"  {one.uses}  ", paper.word(one.state), undone, timed, paper.at(one.positions[-1]),
        style=_STEP,
    )  # fmt: skip
    if one.reason:
        paper.paragraph(f"{one.error_code or ''} {one.reason}", style=CELL)
    if not detailed:
        return
    paper.values("given", one.inputs)
    for said in one.attempts:
        _attempt(paper, f"attempt {said.attempt}", said)
    for number, said in enumerate(one.readings, 1):
        _attempt(paper, f"look {number} of {one.looks}", said)
    if not one.attempts:
        paper.values("result", one.result)
    paper.values("outputs", one.outputs)
    if one.looks and not one.readings:
        paper.paragraph(f"Validated in {one.looks} look{'s' if one.looks > 1 else ''}.", style=CELL)


_STEP: Final = TEXT.clone("step", spaceBefore=5, spaceAfter=1, keepWithNext=1, borderPadding=0)


def _attempt(paper: Paper, name: str, said: Attempt) -> None:
    failed = f": {said.error_code or ''} {said.detail or ''}" if said.outcome != "succeeded" else ""
    paper.paragraph(f"{name} ", paper.word(said.outcome), failed, " ", paper.at(said.position), style=CELL)
    if said.result is not None:
        paper.pre(wording.shown(said.result))


def _followed(paper: Paper, story: Account) -> None:
    paper.section("What followed")
    if not story.followed:
        paper.paragraph(
            "No alert began on its targets while it was made or within an hour after, and no incident names it."
        )
        return
    paper.table(
        ("What", "Title", "Resource", "Severity", "State", "Began", "Ended"),
        (16, 26, 18, 13, 16, 20, 20),
        [
            (
                Markup(f"{paper.text(f'{one.kind} {one.id}')} {paper.at(one.position)}"), one.title, one.resource, one.severity,
                Markup(f"{paper.word(one.state)}{paper.text(', expected' if one.expected else '')}"), time(one.began_at),
                time(one.ended_at),
            )
            for one in story.followed
        ],
    )  # fmt: skip


def _ticket(paper: Paper, story: Account) -> None:
    ticket = story.ticket
    paper.section("Ticket")
    if ticket is None:
        paper.paragraph("It has none.")
        return
    paper.paragraph(f"{ticket.id}, ", paper.word(ticket.state), f": {ticket.title} ", paper.at(ticket.position))
    rows = [
        (time(one.at), one.by, Markup(f"{paper.cell(one.text)} {paper.at(one.position)}")) for one in ticket.remarks
    ]
    if rows:
        paper.table(("At", "By", "What"), (20, 20, 64), rows)


def _proof(paper: Paper, bundle: Bundle) -> None:
    evidence = bundle.evidence
    paper.section("What this does not show")
    for gap in [*evidence.story.gaps, *evidence.made.left_out, *UNSHOWN]:
        paper.paragraph(f"• {gap}")
    paper.section("Proof")
    paper.paragraph(
        f"{len(evidence.records)} records in {len(evidence.leaves)} leaves. Each record's SHA-256 stands in a leaf, each leaf leads to the "
        "root of its batch, each batch is a link of the hash chain, and the chain leads to these checkpoints, which the key signed."
    )
    for one in evidence.chain:
        first, last = one.links[0], one.links[-1]
        paper.paragraph(f"Batches {first[0]} to {last[0]}, positions {first[1]} to {last[2]}:", style=CELL)
        paper.pre(one.checkpoint)
    paper.paragraph("The seal over the whole bundle:", style=CELL)
    paper.pre(bundle.seal)
    paper.section("Records")
    at = {leaf.first_position + index: row for leaf in evidence.leaves for index, row in enumerate(leaf.rows)}
    rows = []
    for record in evidence.records[:RECORDS_SHOWN]:
        recorded_at, _, content = at[record.position]
        kind = msgspec.json.decode(record.body, type=_Typed).type
        rows.append((str(record.position), time(instant(recorded_at)), kind, paper.code(content)))
    paper.table(("Position", "Recorded", "Type", "SHA-256 of envelope and body"), (11, 22, 28, 52), rows)
    if len(evidence.records) > RECORDS_SHOWN:
        paper.paragraph(f"And {len(evidence.records) - RECORDS_SHOWN} more, in the bundle.")


class _Typed(msgspec.Struct):
    type: str

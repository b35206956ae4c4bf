"""What comes back from systems that tickets are mirrored in: their states and remarks, asked for from time to time, and
within seconds of an event that says that something changed there.

What we sent ourselves is no news: a state counts only if it is not the one that we know the system to have, and remarks of
ours are left out by the plugin. Where both sides changed a state, the newer one stands, and the other is remarked.
"""

from datetime import timedelta
from typing import Final

import msgspec

from oncue.core import event as events
from oncue.core import mirrors, tickets
from oncue.core.duration import seconds
from oncue.core.effect import Effect, EffectResult
from oncue.core.expression import glob
from oncue.core.manifest import Manifest
from oncue.core.mirror import CELL, KIND, ROW, Mirrored, News, Pull, Pulled
from oncue.core.normalise import Seen
from oncue.core.ticket import Ticket
from oncue.core.tx import Tx

SHORTEST_S: Final = 5.0
"""The least time between two questions."""
SKEW: Final = timedelta(minutes=5)
"""How far behind ours the system's clock may be: the first question goes back so far. All others go by its own clock."""
TAKEN: Final = 200
"""Ids of remarks that are kept of each ticket, to know them again."""


def expect(tx: Tx, manifest: Manifest) -> None:
    """The mirror was applied: it is asked from now on, or no more."""
    name = f"{manifest.namespace}/{manifest.name}"
    state = mirrors.known(tx, name)
    if not mirrors.spec_of(manifest).inbound:
        tx.cancel(f"mirror.poll/{name}")
        mirrors.turned(tx, name, vain=0)
        return
    if state.cursor is None:
        tx.cell(CELL, name, msgspec.structs.replace(state, cursor=events.said(tx.now - SKEW)))
    if state.asking is None:
        tx.timer_after(f"mirror.poll/{name}", SHORTEST_S)


def heard(tx: Tx, seen: Seen) -> None:
    """An event came: mirrors of the namespace that hear it are asked soon. One that fails keeps to its pauses."""
    for id in tx.state.mirrors[seen.namespace]:
        spec = mirrors.spec_of(tx.state.manifests[id])
        if not spec.inbound or not any(glob(one).fullmatch(seen.type) for one in spec.hears):
            continue
        name = id.partition("/")[2]
        state = mirrors.known(tx, name)
        due = tx.state.timers.by_key.get(f"mirror.poll/{name}")
        if state.asking is not None:
            tx.cell(CELL, name, msgspec.structs.replace(state, heard=True))
        elif due is not None and not state.vain and due.due_at > tx.now + timedelta(seconds=SHORTEST_S):
            tx.timer_after(f"mirror.poll/{name}", SHORTEST_S)


def due(tx: Tx, name: str) -> None:
    """It is time to ask what is new."""
    manifest = tx.state.manifests.get(f"{KIND}/{name}")
    state = mirrors.known(tx, name)
    if manifest is None or state.asking is not None or state.cursor is None:
        return
    spec = mirrors.spec_of(manifest)
    if not any(row.mirror == name for row in tx.state.ticket_mirrors.values()):
        tx.timer_after(f"mirror.poll/{name}", max(seconds(spec.poll), SHORTEST_S))
        return
    pull = Pull(
        mirror=name, url=spec.url, with_=spec.with_, cursor=state.cursor, types=list(spec.types),
        states=dict(spec.states), inbound_states=dict(spec.inbound_states),
    )  # fmt: skip
    effect = mirrors.ask(tx, manifest, {"do": "pull", **msgspec.to_builtins(pull)})
    tx.cell(CELL, name, msgspec.structs.replace(state, asking=effect.id))


def settled(tx: Tx, effect: Effect, result: EffectResult) -> None:
    """The system was asked, and the result was taken."""
    name = effect.payload["mirror"]
    manifest = tx.state.manifests.get(f"{KIND}/{name}")
    state = mirrors.known(tx, name)
    if manifest is None or state.asking != effect.id:
        return
    tx.cell(CELL, name, msgspec.structs.replace(state, asking=None, heard=False))
    if effect.state != "succeeded":
        vain = state.vain + 1
        error = f"{result.error_code or 'unknown'}: {result.detail or ''}"
        mirrors.turned(tx, name, vain=vain, error=error)
        tx.timer_after(f"mirror.poll/{name}", mirrors.pause_s(vain, result.retry_after_s))
        return
    mirrors.turned(tx, name, vain=0)
    pulled = msgspec.convert(result.result, Pulled)
    whole = _take_all(tx, name, effect, pulled)
    if whole:
        tx.cell(CELL, name, msgspec.structs.replace(mirrors.known(tx, name), cursor=pulled.cursor))
    every_s = max(seconds(mirrors.spec_of(manifest).poll), SHORTEST_S)
    tx.timer_after(f"mirror.poll/{name}", every_s if whole and not pulled.more and not state.heard else SHORTEST_S)


def _take_all(tx: Tx, name: str, effect: Effect, pulled: Pulled) -> bool:
    """Take the news. Gives whether all of it was taken: what may be older than what we sent meanwhile is asked for again."""
    rows = {row.remote: row for row in mirrors.rows_of(tx, name) if row.remote is not None}
    whole = True
    for news in pulled.news:
        row = rows.get(news.remote)
        ticket = tx.state.tickets.get(row.ticket) if row is not None else None
        if row is None or ticket is None:
            continue
        tx.touch(row)
        _remarks(tx, row, ticket, news)
        if row.effect is not None or row.settled_in > effect.request_position:
            whole = whole and news.state == row.remote_state
        else:
            _state(tx, row, ticket, news)
        tx.save(ROW, row)
    return whole


def _remarks(tx: Tx, row: Mirrored, ticket: Ticket, news: News) -> None:
    for remark in news.remarks:
        if remark.id not in row.taken:
            row.taken = (*row.taken, remark.id)[-TAKEN:]
            tickets.comment(tx, ticket, remark.text, f"{row.system}:{remark.by}", but=row.id)


def _state(tx: Tx, row: Mirrored, ticket: Ticket, news: News) -> None:
    """The state there is known to be `news.state`. The row was touched, and nothing is under way."""
    if news.state == row.remote_state:
        return
    row.remote_state = news.state
    # What was over and is open again there goes on here.
    means = "in_progress" if news.means == "new" and ticket.state == "resolved" else news.means
    by = f"{row.system}:{news.by or row.number or row.remote}"
    what = f"{row.system} {row.number or row.remote} went to {news.state!r} at {events.said(news.updated_at)}"
    if means is None:
        tickets.comment(tx, ticket, f"{what}, which stands for none of our states.", by, but=row.id)
        return
    if means == ticket.state:
        _knows(row, ticket)
        return
    if row.sent is not None and row.sent.state != row.wanted.state:
        ours = f"{ticket.id} went to {ticket.state} at {events.said(row.wanted_at)}"
        if news.updated_at < row.wanted_at:
            tickets.comment(tx, ticket, f"{what}; {ours}, which is newer and stands.", by, but=row.id)
            return
        tickets.comment(tx, ticket, f"{ours}; {what}, which is newer and stands.", by, but=row.id)
    if means not in tickets.ways(tx, ticket):
        text = f"{what}, which is {means} here; from {ticket.state} that cannot be."
        tickets.comment(tx, ticket, text, by, but=row.id)
        return
    if row.sent is not None:
        row.sent = msgspec.structs.replace(row.sent, state=means, close_code=None, resolution="")
    tickets.transition(tx, ticket, means, by=by)
    _knows(row, ticket)


def _knows(row: Mirrored, ticket: Ticket) -> None:
    """The system has this state by itself: it need not be told."""
    if row.sent is not None:
        row.sent = msgspec.structs.replace(
            row.sent, state=ticket.state, close_code=ticket.close_code, resolution=ticket.resolution
        )

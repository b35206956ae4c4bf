"""Delivery: what becomes of notifications. A channel that cannot be reached is replaced by its next one, and there is an
alert about it until it can.
"""

from typing import Final

import msgspec

from oncue.core import escalations, notify, outbox
from oncue.core.channel import ChannelState
from oncue.core.contact import ChannelSpec
from oncue.core.effect import Effect
from oncue.core.escalation import Escalation
from oncue.core.manifest import Manifest
from oncue.core.tx import Tx

GIVEN_UP: Final = 2
"""Tries after which a notification counts as not to be delivered, though it is still tried."""
FAILING = "oncue.channel.failing"
RECOVERED = "oncue.channel.recovered"


def settled(tx: Tx, effect: Effect, *, final: bool) -> None:
    """A try to tell someone has ended, and its result was taken."""
    _health(tx, effect)
    wanted = _wanted(tx, effect)
    lost = _settled(tx, effect, final=final)
    if effect.state != "succeeded" and not wanted:
        if not final:
            outbox.cancel(tx, effect, "nobody is to be told any more")
        return
    if not lost:
        return
    other = _next(tx, effect)
    path = (*effect.payload.get("path", ()), effect.payload["channel"])
    instead = notify.instead(tx, effect, other, path) if other is not None else None
    _took_over(tx, effect, instead)


def _settled(tx: Tx, effect: Effect, *, final: bool) -> bool:
    """A try to tell someone has ended. Gives whether it counts as not to be delivered from now on."""
    delivered = effect.state == "succeeded"
    if delivered and effect.payload["reason"] != "resolved":
        for id in effect.incidents or ((effect.incident,) if effect.incident else ()):
            if (incident := tx.state.incidents.get(id)) is not None:
                notify.reached(tx, incident, effect.payload["channel"])
    one = _of(tx, effect)
    lost = not delivered and (_tries(effect) == GIVEN_UP or (final and _tries(effect) < GIVEN_UP))
    if one is None:
        return lost
    tx.touch(one)
    one.reached = one.reached or delivered
    if final:
        one.pending = tuple(id for id in one.pending if id != effect.id)
    tx.save("escalation", one)
    return lost


def _took_over(tx: Tx, effect: Effect, other: Effect | None) -> None:
    """The notification is not to be delivered; `other` goes out instead. Without one, the next level is told at once if
    nobody of the present one is reached.
    """
    one = _of(tx, effect)
    if one is None:
        return
    tx.touch(one)
    if other is not None:
        one.pending = (*one.pending, other.id)
        tx.save("escalation", one)
        return
    tx.save("escalation", one)
    effects = tx.state.effects
    hope = [id for id in one.pending if id in effects and id != effect.id and _tries(effects[id]) < GIVEN_UP]
    last = one.level >= len(one.levels) and one.cycle < one.branches[one.branch].repeat  # it begins again in its time
    if one.state == "running" and one.next_at is not None and not one.reached and not hope and not last:
        incident = tx.state.incidents[one.incident]
        tx.touch(incident)
        tx.cancel(f"escalation.due/{one.id}")
        escalations.go_on(tx, one, incident, "unreachable")
        tx.save("incident", incident)


def _tries(effect: Effect) -> int:
    """Tries that failed, of a notification that is not delivered."""
    return effect.attempt if effect.state == "failed" else effect.attempt - 1


def _wanted(tx: Tx, effect: Effect) -> bool:
    """Whether a notification that did not arrive is still to: not once people are told no more of its incident."""
    incident = tx.state.incidents.get(effect.incident or "")
    if incident is not None and incident.state in notify.OVER:
        return bool(effect.payload["reason"] == "resolved")
    if "escalation" not in effect.payload:
        return True
    one = _of(tx, effect)
    return one is not None and effect.id in one.pending


def _of(tx: Tx, effect: Effect) -> Escalation | None:
    """The escalation that the notification is of; what one handed on to the next is of that one."""
    if "escalation" not in effect.payload:
        return None
    one = tx.state.escalations.get(effect.payload["escalation"])
    incident = tx.state.incidents.get(effect.incident or "")
    if one is None and incident is not None:
        one = next((other for other in escalations.live_of(tx, incident) if effect.id in other.pending), None)
    return one


def _next(tx: Tx, effect: Effect) -> Manifest | None:
    """The first channel to fall back on that was not tried for this message: the latest one's own come first."""
    tried = [*effect.payload.get("path", ()), effect.payload["channel"]]
    for name in reversed(tried):
        manifest = tx.state.manifests.get(f"Channel/{name}")
        if manifest is None:
            continue
        for other in msgspec.convert(manifest.spec, ChannelSpec).failover:
            found = tx.state.manifests.get(f"Channel/{manifest.namespace}/{other}")
            if found is not None and f"{found.namespace}/{found.name}" not in tried:
                return found
    return None


def _health(tx: Tx, effect: Effect) -> None:
    name: str = effect.payload["channel"]
    if f"Channel/{name}" not in tx.state.manifests:
        return
    known: ChannelState = tx.state.cells["channel"].get(name) or ChannelState()
    if effect.state == "succeeded":
        if known.failures:
            tx.cell("channel", name, msgspec.structs.replace(known, failures=0, failing_since=None, error=""))
        if known.failing_since is not None:
            _say(tx, name, "clear", f"The channel {name} can be reached again", "")
        return
    if effect.state == "cancelled":
        return
    failures, error = known.failures + 1, effect.reason or ""
    fails = failures >= GIVEN_UP or effect.state == "failed"
    since = known.failing_since or (tx.now if fails else None)
    tx.cell("channel", name, msgspec.structs.replace(known, failures=failures, error=error, failing_since=since))
    if fails and known.failing_since is None:
        _say(tx, name, "major", f"The channel {name} cannot be reached", error)


def _say(tx: Tx, name: str, severity: str, title: str, error: str) -> None:
    """An event like one from outside: it makes the alert about the channel, and ends it."""
    namespace = name.partition("/")[0]
    tx.emit(
        {
            "type": FAILING if severity != "clear" else RECOVERED, "namespace": namespace, "severity": severity,
            "resource": f"channel/{name}", "check": "channel.reachable", "title": title, "subject": name,
            "datacontenttype": "application/json",
            "data": {"channel": name, "description": error or title, "runbook": "/help/how-to/escalation.md#a-channel-that-cannot-be-reached"},
        }
    )  # fmt: skip


def forget(tx: Tx, name: str) -> None:
    """The channel is gone from configuration, and so is what is wrong with it."""
    known: ChannelState | None = tx.state.cells["channel"].get(name)
    if known is not None and known.failing_since is not None:
        _say(tx, name, "clear", f"The channel {name} is gone", "")
    for incident in dict.fromkeys(held.incident for held in known.held) if known is not None else ():
        detail = f"the channel {name}, which was to be told with others, is gone"
        notify.skip(tx, name.partition("/")[0], incident, "no_addressee", detail)
    tx.cancel(f"channel.bundle/{name}")
    tx.cell("channel", name, None)

"""Alertmanager's configuration as OnCue's manifests: who is told of what, when not, and what could not be converted.

Each integration of a receiver becomes a Channel, each route that alerts can choose a Policy, each pair of a receiver and a
`repeat_interval` an EscalationPolicy that tells again while nobody acknowledges; inhibition rules become Inhibitions, mute
times MaintenanceWindows, or hours of a policy where an alert may go to several receivers. What is lost or means something
else is a `Remark` with its place: nothing is dropped in silence.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from oncue import manifests
from oncue.core.manifest import API_VERSION
from oncue.core.silence import Matcher
from oncue.manifests.alertmanager import durations, expressions, inhibitions, routes, times
from oncue.manifests.alertmanager.matchers import Unreachable, negated, selection
from oncue.manifests.alertmanager.reading import Reading, Remark, Secret
from oncue.manifests.alertmanager.receivers import Receiver, Receivers
from oncue.manifests.document import Parsed, Path_
from oncue.manifests.imported import valid_name

__all__ = ["Conversion", "Remark", "Secret", "convert"]

REPEATS: Final = 50
"""How often an EscalationPolicy begins again, at the most."""
WINDOWS: Final = 36
"""Maintenance windows that the mute times of one route become, at the most."""
RULES: Final = 6
"""Correlation rules that the grouping of one route becomes, at the most."""
FIELDS: Final = frozenset({"global", "route", "receivers", "inhibit_rules", "templates", "time_intervals",
                            "mute_time_intervals", "tracing"})  # fmt: skip
_GLOBAL_LATER: Final = ("slack_", "opsgenie_", "victorops_", "pagerduty_", "telegram_", "wechat_", "rocketchat_",
                        "jira_", "webex_", "mattermost_")  # fmt: skip
"""Beginnings of defaults that the receivers take up."""


class Conversion(msgspec.Struct):
    """What has come of a configuration."""

    manifests: list[dict[str, Any]]
    remarks: list[Remark]
    """What could not be converted, or means something else; in the order of the file."""
    secrets: list[Secret]


def convert(parsed: Parsed, namespace: str | None = None, owner: str | None = None) -> Conversion:
    """The manifests, each of which passes `validate`. What is no configuration at all gives none."""
    return _Converter(parsed, namespace, owner).whole()


class _Converter:
    def __init__(self, parsed: Parsed, namespace: str | None, owner: str | None) -> None:
        self._reading = Reading(parsed)
        self._namespace = namespace
        self._owner = owner
        self._found: list[dict[str, Any]] = []
        self._taken: set[tuple[str, str]] = set()
        self._levels: dict[tuple[str, float], str] = {}
        """Receiver and seconds to the name of its EscalationPolicy."""

    def whole(self) -> Conversion:
        reading = self._reading
        given = reading.mapping(reading.parsed.value, ())
        reading.unknown(given, FIELDS, ())
        self._globals(reading.mapping(given.get("global"), ("global",)))
        receivers = Receivers(reading, given)
        for name, spec, path in receivers.channels:
            self._add("Channel", name, spec, path)
        root = routes.read(reading, given.get("route"))
        if root is not None:
            intervals = times.read(reading, given)
            chosen = routes.chosen(reading, root)
            if chosen:
                self._raise_info()
            for one in chosen:
                self._route(one, receivers, intervals)
        for name, spec, path in inhibitions.convert(reading, given):
            self._add("Inhibition", name, spec, path)
        if reading.items(given.get("templates"), ("templates",)):
            reading.left_out(
                ("templates",), "OnCue writes its own messages, without templates",
                "give alerts a title, a description and a runbook, in Prometheus' annotations or a policy's `alert`",
            )  # fmt: skip
        if given.get("tracing") is not None:
            reading.left_out(("tracing",), "OnCue sends no traces", "nothing")
        remarks = sorted(reading.remarks, key=lambda one: (one.line, one.column, one.field))
        return Conversion(self._found, remarks, reading.secrets)

    def _globals(self, given: dict[str, Any]) -> None:
        reading = self._reading
        mail = [name for name in given if name.startswith("smtp_")]
        if mail:
            reading.left_out(
                ("global", mail[0]), "the relay for mail is the server's own setting, not a manifest's",
                "set ONCUE_SMTP_URL=smtp://USER:PASSWORD@HOST:PORT?starttls and ONCUE_SMTP_SENDER; see docs/how-to/send-mail.md",
            )  # fmt: skip
        for name, value in given.items():
            path: Path_ = ("global", name)
            if name == "resolve_timeout":
                if durations.seconds(reading.text(value, path)) != 300.0:
                    reading.differs(
                        path, "an alert that comes without an end, which Prometheus never sends, is over after five minutes",
                        "nothing, if Prometheus sends your alerts",
                    )  # fmt: skip
            elif name == "http_config":
                reading.left_out(
                    path, "proxies, certificates and credentials of the connection are not carried over",
                    "OnCue connects directly; `oncue doctor` says what it reaches",
                )  # fmt: skip
            elif not name.startswith(("smtp_", *_GLOBAL_LATER)):
                reading.left_out(
                    path, "it is no default that this importer knows", "look it up in Alertmanager's documentation"
                )

    # manifests

    def _add(self, kind: str, name: str, spec: dict[str, Any], path: Path_ | None, what: str = "") -> bool:
        """Take a manifest if it is sound, else say why it is not."""
        metadata: dict[str, Any] = {"name": name}
        if self._namespace is not None:
            metadata["namespace"] = self._namespace
        if self._owner is not None:
            metadata["owner"] = self._owner
        if path is not None:
            line = self._reading.line(path)
            metadata["description"] = f"Alertmanager, line {line}{f': {what}' if what else ''}"
        document = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
        _, problems = manifests.check(Parsed(document, {}, {}))
        errors = [str(one) for one in problems if one.level == "error"]
        if errors:
            self._reading.left_out(path or (), f"the {kind} would be refused: {errors[0]}", "write it by hand")
            return False
        self._found.append(document)
        return True

    def _free(self, kind: str, wanted: str) -> str:
        name, number = wanted, 2
        while (kind, name) in self._taken:
            name = f"{wanted[: 63 - len(str(number)) - 1].rstrip('.-')}-{number}"
            number += 1
        self._taken.add((kind, name))
        return name

    # routes

    def _raise_info(self) -> None:
        """Alertmanager tells of every alert, whatever its severity; OnCue's `info` calls nobody."""
        # Policies shape an alert in the order of their names: a route to nobody, `route-...`, has the last word.
        spec = {"match": {"types": [expressions.TYPE], "severities": ["info"]}, "alert": {"severity": "warning"}}
        self._add(
            "Policy", self._free("Policy", "raise-info"), spec, ("route",), "it tells of every alert, `info` or not"
        )
        self._reading.differs(
            ("route",), "alerts with the severity info or none call people here as any others; OnCue's `info` calls nobody",
            "delete the policy raise-info if they need not call anyone",
        )  # fmt: skip

    def _route(
        self, one: routes.Chosen, receivers: Receivers, intervals: dict[str, list[times.Interval] | None]
    ) -> None:
        reading, route = self._reading, one.route
        receiver = receivers.by_name.get(route.receiver or "")
        if receiver is None:
            reading.left_out(
                (*route.path, "receiver"), f"there is no receiver {route.receiver}", "Alertmanager refuses it, too"
            )
            return
        try:
            spec = expressions.fields(one.selection)
        except expressions.TooLong:
            reading.left_out(
                route.path, "which alerts choose it cannot be said within the bounds of expressions",
                "shorten its regular expressions, or those of the routes before it",
            )  # fmt: skip
            return
        name = self._free("Policy", f"route-{valid_name(receiver.name)[:50] or 'unnamed'}")
        if not receiver.channels:
            self._to_nobody(one, receiver, name, spec)
            return
        allowed = self._mute(one, name, intervals)
        if allowed == "":
            reading.differs(route.path, "the route is never active", "there is no policy for it")
            return
        if allowed is not None:
            spec["only_during"] = allowed
        spec["notify"] = {"escalation": self._escalation(receiver, route)}
        self._add("Policy", name, spec, route.path, f"route to {receiver.name}")
        self._group(one, name)

    def _group(self, one: routes.Chosen, name: str) -> None:
        """Alerts of the route that agree in its `group_by`, and come one after the other, are one incident.

        Not where some of them go to other receivers as well: those would not be told of what joins.
        """
        labels = one.route.group_by
        if not one.alone or not labels or "..." in labels or len(labels) > 10:
            return
        whom = list(_conjunctions(one.selection))
        for matchers in whom if len(whom) <= RULES else ():
            spec = {
                "matchers": inhibitions.said(matchers), "by": list(labels),
                "within": durations.written(one.route.group_interval_s),
            }  # fmt: skip
            what = f"what the route to {one.route.receiver} tells together"
            self._add("CorrelationRule", self._free("CorrelationRule", name), spec, one.route.path, what)

    def _to_nobody(self, one: routes.Chosen, receiver: Receiver, name: str, spec: dict[str, Any]) -> None:
        reading, route = self._reading, one.route
        if not receiver.silent:
            reading.left_out(
                route.path, f"nothing of the receiver {receiver.name} could be converted, so nobody is told",
                "make a Channel, and a Policy that names it",
            )  # fmt: skip
        elif one.alone:
            spec["alert"] = {"severity": "info"}
            self._add("Policy", name, spec, route.path, f"route to {receiver.name}, which tells nobody")
            reading.differs(
                route.path, f"{receiver.name} tells nobody: its alerts become `info`, which open no incident",
                "nothing; or drop the alerts where they come from",
            )  # fmt: skip
        else:
            reading.differs(
                route.path, f"{receiver.name} tells nobody, and others may be told of the same alerts; those that nobody is "
                "told of open incidents", "let nothing else take these alerts; then they become `info`",
            )  # fmt: skip

    def _escalation(self, receiver: Receiver, route: routes.Route) -> str:
        key = (receiver.name, route.repeat_s)
        if key not in self._levels:
            plain = valid_name(receiver.name)[:50] or "unnamed"
            first = all(name != receiver.name for name, _ in self._levels)
            wait = durations.written(route.repeat_s)
            name = self._levels[key] = self._free("EscalationPolicy", plain if first else f"{plain}-{wait}")
            level = {"tell": [f"channel:{channel}" for channel in receiver.channels], "wait": wait}
            spec = {"levels": [level], "repeat": REPEATS}
            self._add("EscalationPolicy", name, spec, route.path, f"the receiver {receiver.name}, again after {wait}")
            given = route
            while given.parent is not None and given.repeat_s == given.parent.repeat_s:
                given = given.parent
            self._reading.differs(
                (*given.path, "repeat_interval"),
                f"people are told again every {wait} until someone acknowledges the incident, {REPEATS} times at the most; "
                "Alertmanager goes on until the alert ends",
                "acknowledge what someone works on; change `wait` and `repeat` of the EscalationPolicies",
            )
        return self._levels[key]

    # times

    def _mute(
        self, one: routes.Chosen, name: str, intervals: dict[str, list[times.Interval] | None]
    ) -> str | None:  # fmt: skip
        """See to it that the route tells nobody while it is mute: by windows, else by the hours that are given back."""
        route = one.route
        mute = self._named(route, "mute_time_intervals", route.mute, intervals)
        active = self._named(route, "active_time_intervals", route.active, intervals)
        path: Path_ = (*route.path, "mute_time_intervals" if route.mute else "active_time_intervals")
        if active is not None:
            weeks = times.weeks(active)
            if not all(interval.weekly for interval in active) or len(weeks) != 1:
                self._reading.left_out(
                    (*route.path, "active_time_intervals"),
                    "the times outside of several zones, or of days of the month, months or years cannot be worked out: the "
                    "route is active always", "write MaintenanceWindows by hand",
                )  # fmt: skip
                active = None
        if not mute and active is None:
            return None
        openings = times.openings(mute or ())
        if active is not None:
            ((zone, spans),) = times.weeks(active).items()
            openings += times.weekly(times.rest(spans), zone)
        if not openings:
            return None
        whom = list(_conjunctions(one.selection)) if one.alone else []
        if whom and len(whom) * len(openings) <= WINDOWS:
            self._windows(one, name, openings, whom, path)
            return None
        return self._hours(path, mute or [], active)

    def _named(
        self, route: routes.Route, field: str, names: list[str], intervals: dict[str, list[times.Interval] | None]
    ) -> list[times.Interval] | None:
        """The intervals of these names; None if none was named, or one could not be read."""
        found: list[times.Interval] = []
        for name in names:
            some = intervals.get(name)
            if some is None:
                path: Path_ = (*route.path, field)
                if name in intervals:
                    self._reading.left_out(path, f"{name} could not be read: the route is never mute for it",
                                           "write a MaintenanceWindow by hand")  # fmt: skip
                else:
                    self._reading.left_out(path, f"there is no time interval {name}", "Alertmanager refuses it, too")
                if field.startswith("active"):
                    return None
                continue
            found += some
        return found if names else None

    def _windows(
        self, one: routes.Chosen, name: str, openings: list[times.Opening], whom: list[tuple[Matcher, ...]], path: Path_
    ) -> None:  # fmt: skip
        for opening in openings:
            for matchers in whom:
                fields: dict[str, Any] = msgspec.to_builtins(opening)
                spec = {"matchers": inhibitions.said(matchers), **fields}
                window = self._free("MaintenanceWindow", name)
                self._add("MaintenanceWindow", window, spec, path, f"{one.route.receiver} is not told then")
        own = sorted({matcher.name for matchers in whom for matcher in matchers if matcher.name in inhibitions.OWN})
        if own:
            self._reading.differs(
                path, f"to the window, an alert without the label {' or '.join(own)} has OnCue's own value of that name",
                "nothing, if your alerts have those labels",
            )  # fmt: skip
        zones = sorted({opening.zone for opening in openings} - {"UTC", "Etc/UTC"})
        if zones:
            self._reading.differs(
                path, f"a window lasts in real time: where the clocks of {', '.join(zones)} change within it, it ends an hour "
                "earlier or later", "nothing, if that one hour does not matter",
            )  # fmt: skip

    def _hours(self, path: Path_, mute: list[times.Interval], active: list[times.Interval] | None) -> str | None:
        """The hours of the week that are left, `""` if there are none; None if they cannot be said so."""
        muted = times.weeks(mute)
        zones = {*muted, *(times.weeks(active) if active is not None else ())}
        if len(zones) != 1 or not all(one.weekly for one in mute):
            self._reading.left_out(
                path, "an alert of this route may go to other receivers, too, or what selects it is too long for windows; and "
                "these times are no hours of a week in one zone: the route is never mute", "write MaintenanceWindows by hand",
            )  # fmt: skip
            return None
        (zone,) = zones
        spans = muted.get(zone, [])
        if active is not None:
            spans = times.joined([*spans, *times.rest(times.weeks(active)[zone])])
        left = times.rest(spans)
        self._reading.differs(
            path, "what begins in muted hours, and still fires at their end, is not told to this receiver then; Alertmanager "
            "would", "give the route alerts of its own, without `continue` around it; then it becomes MaintenanceWindows",
        )  # fmt: skip
        return times.hours(left, zone) if left else ""


def _conjunctions(chosen: Any) -> Iterator[tuple[Matcher, ...]]:
    """The selection as sets of matchers of which one must hold as a whole; nothing if there would be too many."""
    first = [
        Matcher(name, values[0]) if len(values) == 1 else Matcher(name, "|".join(map(_literal, values)), True)
        for name, values in sorted(chosen.only.items())
    ]
    found: list[tuple[Matcher, ...]] = [(*first, *chosen.must)]
    for conjunction in chosen.never:
        found = [(*one, negated(matcher)) for one in found for matcher in conjunction]
        if len(found) > WINDOWS:
            return
    for one in found:
        try:
            selection(one, ())
        except Unreachable:
            continue
        if not one or len(one) > 49:
            one = (*one, Matcher("alertname", ".+", True))
        yield (
            one
            if any(matcher.is_equal and matcher.value for matcher in one)
            else (*one, Matcher("alertname", ".+", True))
        )


def _literal(text: str) -> str:
    return "".join(one if one.isalnum() or one in "_- " else f"\\{one}" for one in text)

"""Policies, compiled and indexed: an event meets only those that can match it.

Every policy is filed under one thing that must be so for it to match: a resource, a label's value, a service, or just its
type. So 10,000 policies cost about what 10 do. Policies with a condition over time are filed apart from the others,
because a mere repeat of a firing alert concerns only them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from oncue.core import brought, hours
from oncue.core.condition import Condition, Match
from oncue.core.duration import seconds, seconds_of
from oncue.core.expression import glob, is_glob
from oncue.core.manifest import Manifest, PolicySpec, ServiceSpec
from oncue.core.override import About, Overrides, label, merged

NEAR_MISSES: Final = 20
"""How many a policy keeps."""


LATE_AFTER: Final = "10m"
"""How old an event may be by its own time, and still be one of the present."""


class NearMiss(msgspec.Struct, frozen=True):
    """An event that the policy's selector took, and what it failed on."""

    at: datetime
    event: str
    position: int
    reason: str
    detail: str


class PolicyStats(msgspec.Struct, frozen=True):
    """How a policy fares."""

    fired: int = 0
    blocked: int = 0
    failed: int = 0
    """It should have responded, and could not, or not wholly."""
    last_fired_at: datetime | None = None
    near_misses: tuple[NearMiss, ...] = ()
    unjudged: int = 0
    """Events that were not judged, because there were windows for too many keys."""


FORMS: Final = (
    "count", "avg", "min", "max", "sum", "p95", "rate", "absent", "sequence", "all", "any", "first", "once_after",
    "accumulate", "new_value", "value", "for",
)  # fmt: skip
"""The conditions over time. A policy's is the first of these that it gives: `for` with `value` is a `value`."""

COUNTS_PROBLEMS: Final = frozenset({"for", "count", "rate", "first", "once_after", "accumulate", "new_value"})
"""Conditions that a recovery does not count for, unless `match.severities` names `clear`."""


def form_of(condition: Condition) -> str:
    """Which of `FORMS` it is; empty if none."""
    return next((form for form in FORMS if getattr(condition, "for_" if form == "for" else form) is not None), "")


class Selector:
    """One of several selectors of a condition, within the policy's own."""

    __slots__ = ("labels", "match", "unless")

    def __init__(self, match: Match) -> None:
        self.match: Final = match
        self.labels: Final = [(name, _values(wanted)) for name, wanted in sorted(match.labels.items())]
        self.unless: Final = bool(getattr(match, "not_", False))

    def selects(self, type: str, severity: str | None, resource: str, service: str | None, source: str,
                labels: dict[str, str]) -> bool:  # fmt: skip
        """Whether all of it but `where` holds."""
        match = self.match
        return (
            (not match.types or _any(match.types, type))
            and (not match.severities or severity in match.severities)
            and (not match.resources or _any(match.resources, resource))
            and (not match.services or (service is not None and _any(match.services, service)))
            and (not match.sources or _any(match.sources, source))
            and all(labels.get(name) in wanted for name, wanted in self.labels)
        )


class Policy:
    """A compiled policy. Its expressions compile at first use, so that 10,000 of them load at once."""

    __slots__ = (
        "about_event", "absent_s", "alert", "condition", "cooldown_s", "counts_kept", "for_s", "form", "generation",
        "hears_recovery", "hours", "id", "keys", "labels", "late_after_s", "manifest", "max_runs", "max_runs_within_s", "name",
        "namespace", "number", "observe", "off", "once_after_s", "override", "overrides", "rank", "resources",
        "selectors", "services", "severities", "shapes", "skip_when", "sources", "spec", "trigger", "types", "variants",
        "where", "windowed", "within_s",
    )  # fmt: skip

    def __init__(self, manifest: Manifest, number: int = 0, whole: PolicySpec | None = None) -> None:
        base = whole or msgspec.convert(manifest.spec, PolicySpec)
        spec = _with_override(base, number)
        self.number: Final = number
        """0, or which of its overrides counts here."""
        self.override: Final = label(base.overrides, number - 1) if number else None
        self.off: Final = number > 0 and base.overrides[number - 1].mode == "off"
        self.overrides: Final = Overrides(base.overrides) if base.overrides and not number else None
        self.manifest: Final = manifest
        self.variants: Final[dict[int, Policy]] = {}
        """The policy as it is with its overrides, each from when it first counts."""
        counts = [one.condition.count for one in base.overrides if one.condition is not None and one.condition.count]
        own = base.condition.count if base.condition is not None else None
        self.counts_kept: Final = max([own, *counts]) if own is not None else 0
        self.spec: Final = spec
        self.namespace: Final = manifest.namespace
        self.name: Final = manifest.name
        self.trigger: Final = manifest.name.rpartition(brought.SEPARATOR)[2] if manifest.kind == brought.KIND else None
        """The workflow's trigger that it stands for; None for a policy of its own."""
        self.id: Final = f"{manifest.namespace}/{manifest.name}"
        self.generation: Final = manifest.generation
        self.observe: Final = spec.mode == "observe"
        self.shapes: Final = spec.stage == "shape"
        """Whether it is of the stage `shape`."""
        self.rank: Final = (spec.priority, self.id)
        """The order of that stage."""
        match, condition = spec.match, spec.condition
        steps: list[Any] = [] if condition is None else condition.sequence or condition.all or condition.any or []
        self.selectors: Final = [Selector(step) for step in steps]
        self.types: Final = match.types or _types_of(steps)
        self.severities: Final = frozenset(match.severities)
        self.labels: Final = [(name, _values(wanted)) for name, wanted in sorted(match.labels.items())]
        self.resources: Final = match.resources
        self.services: Final = match.services
        self.sources: Final = match.sources
        self.where: Final = match.where
        self.condition: Final = condition
        self.form: Final = form_of(condition) if condition is not None else ""
        self.about_event: Final = condition is None or (self.form in ("for", "count") and not condition.by)
        """Whether what it judges is the event's own alert, and not one that the policy makes for a key of its own."""
        self.hears_recovery: Final = self.form not in COUNTS_PROBLEMS or "clear" in match.severities
        self.alert: Final = spec.alert
        self.skip_when: Final = spec.skip_when
        self.windowed: Final = spec.condition is not None
        self.for_s: Final = seconds(condition.for_) if condition is not None and condition.for_ else 0.0
        self.within_s: Final = seconds(condition.within) if condition is not None and condition.within else 0.0
        self.absent_s: Final = seconds(condition.absent) if condition is not None and condition.absent else 0.0
        self.once_after_s: Final = seconds(condition.once_after) if condition and condition.once_after else 0.0
        self.keys: Final = frozenset(condition.keys) if condition is not None else frozenset()
        self.hours: Final = hours.parse(spec.only_during) if spec.only_during is not None else None
        self.late_after_s: Final = seconds((spec.alert.late_after if spec.alert is not None else None) or LATE_AFTER)
        limits = spec.limits
        self.cooldown_s: Final = seconds(limits.cooldown) if limits and limits.cooldown else 0.0
        self.max_runs: Final = limits.max_runs.count if limits and limits.max_runs else 0
        self.max_runs_within_s: Final = seconds(limits.max_runs.within) if limits and limits.max_runs else 0.0

    def on(self, about: About, now: datetime) -> "Policy":
        """The policy as it is for this event, at this moment: with the override that counts, if any does."""
        if self.overrides is None:
            return self
        return self.stamped(next(self.overrides.fitting(about, now), 0))

    def stamped(self, number: int) -> "Policy":
        """The policy with this override of its own; with 0, without any."""
        if not number:
            return self
        found = self.variants.get(number)
        if found is None:
            found = self.variants[number] = Policy(self.manifest, number, self.spec)
        return found

    @property
    def quietens(self) -> bool:
        """Whether it makes alerts quiet."""
        return self.shapes and not self.observe and self.spec.set_ is not None and self.spec.set_.quiet

    @property
    def varies(self) -> bool:
        """Whether what it compares may be another number from event to event."""
        return bool(self.spec.overrides)

    @property
    def version(self) -> str:
        """`namespace/name@generation`."""
        return f"{self.id}@{self.generation}"

    def selects(
        self, severity: str | None, resource: str, service: str | None, source: str, labels: dict[str, str]
    ) -> bool:
        """Whether all of the selector but type and `where` holds."""
        if self.severities and severity not in self.severities:
            return False
        for name, wanted in self.labels:
            if labels.get(name) not in wanted:
                return False
        return (
            (not self.resources or _any(self.resources, resource))
            and (not self.services or (service is not None and _any(self.services, service)))
            and (not self.sources or _any(self.sources, source))
        )


def _with_override(spec: PolicySpec, number: int) -> PolicySpec:
    if not number:
        return spec
    given = spec.overrides[number - 1]
    alert = spec.alert
    if alert is not None and given.alert is not None:
        there = {name: value for name, value in msgspec.structs.asdict(given.alert).items() if value is not None}
        alert = msgspec.structs.replace(alert, **{**there, "labels": {**alert.labels, **given.alert.labels}})
    mode = spec.mode if given.mode in (None, "off") else given.mode
    return msgspec.structs.replace(spec, condition=merged(spec.condition, given.condition), alert=alert, mode=mode)


def _types_of(steps: list[Any]) -> list[str]:
    """The types that any of the selectors takes; empty if one of them takes every type."""
    return list(dict.fromkeys(type for step in steps for type in step.types)) if all(s.types for s in steps) else []


def _values(wanted: str | list[str]) -> tuple[str, ...]:
    return (wanted,) if isinstance(wanted, str) else tuple(wanted)


def _any(patterns: list[str], text: str) -> bool:
    return any(text == pattern or (is_glob(pattern) and glob(pattern).match(text)) for pattern in patterns)


def covers(types: list[str], type: str) -> bool:
    """Whether types and globs mean this type. Own facts must be named: neither a policy without types nor a glob like `*` means them."""
    if type.startswith("oncue."):
        types = [pattern for pattern in types if pattern.startswith("oncue.")]
        return _any(types, type)
    return not types or _any(types, type)


class Bucket:
    """The policies that a type can concern, filed by what else must hold."""

    __slots__ = ("by_label", "by_resource", "by_service", "size", "unfiled")

    def __init__(self, policies: list[Policy]) -> None:
        self.size = len(policies)
        self.unfiled: list[Policy] = []
        self.by_resource: dict[str, list[Policy]] = {}
        self.by_service: dict[str, list[Policy]] = {}
        self.by_label: dict[str, dict[str, list[Policy]]] = {}
        for policy in policies:
            if policy.resources and not any(map(is_glob, policy.resources)):
                for resource in dict.fromkeys(policy.resources):
                    self.by_resource.setdefault(resource, []).append(policy)
            elif policy.labels:
                name, wanted = policy.labels[0]
                values = self.by_label.setdefault(name, {})
                for value in dict.fromkeys(wanted):
                    values.setdefault(value, []).append(policy)
            elif policy.services and not any(map(is_glob, policy.services)):
                for service in dict.fromkeys(policy.services):
                    self.by_service.setdefault(service, []).append(policy)
            else:
                self.unfiled.append(policy)

    def candidates(self, resource: str, service: str | None, labels: dict[str, str]) -> list[Policy]:
        """Policies that can match, in the order of their ids."""
        found = self.unfiled
        if self.by_resource and (more := self.by_resource.get(resource)):
            found = found + more
        if self.by_service and service is not None and (more := self.by_service.get(service)):
            found = found + more
        for name, values in self.by_label.items():
            if (value := labels.get(name)) is not None and (more := values.get(value)):
                found = found + more
        return sorted(found, key=_by_id) if len(found) > 1 else found


def _by_id(policy: Policy) -> str:
    return policy.id


class Service(msgspec.Struct, frozen=True):
    """A service of the catalogue, ready to be matched."""

    name: str
    namespace: str
    owner: str | None
    criticality: str
    resources: tuple[str, ...]
    labels: tuple[tuple[str, tuple[str, ...]], ...]
    escalation: str | None = None
    targets: tuple[tuple[str, float | None, float | None], ...] = ()
    """(priority, seconds until it is to be acknowledged, until it is to be over)."""


EMPTY: Final = Bucket([])
_TYPES_KEPT: Final = 10_000


class Policies:
    """All policies of all namespaces, and the service catalogue that events are matched to."""

    def __init__(self) -> None:
        self.by_id: dict[str, Policy] = {}
        self._brought: dict[tuple[str, str], list[str]] = {}
        self._buckets: dict[tuple[str, str, bool | None], Bucket] = {}
        self._wanted: dict[tuple[str, str], bool] = {}
        """(namespace, type) -> whether any policy can match such events."""
        self._exact: dict[tuple[str, str], dict[str, Policy]] = {}
        self._loose: dict[str, dict[str, Policy]] = {}
        self._services: dict[str, list[Service]] = {}
        self._service_of: dict[tuple[str, str], Service] = {}
        self._namespaces: list[str] | None = None

    def namespaces(self) -> list[str]:
        """Those that have policies, by name."""
        if self._namespaces is None:
            self._namespaces = sorted({policy.namespace for policy in self.by_id.values()})
        return self._namespaces

    def put(self, manifest: Manifest) -> None:
        """Add or replace a policy."""
        self.drop(manifest.namespace, manifest.name)
        policy = Policy(manifest)
        self.by_id[policy.id] = policy
        for rows in self._files(policy):
            rows[policy.id] = policy
        self._forget(policy)

    def put_triggers(self, workflow: Manifest) -> None:
        """Add or replace the policies that a workflow brings along."""
        self.drop_triggers(workflow.namespace, workflow.name)
        given = brought.policies(workflow)
        for one in given:
            self.put(one)
        if given:
            self._brought[(workflow.namespace, workflow.name)] = [one.name for one in given]

    def drop_triggers(self, namespace: str, workflow: str) -> None:
        """Remove the policies that a workflow brought along."""
        for name in self._brought.pop((namespace, workflow), ()):
            self.drop(namespace, name)

    def drop(self, namespace: str, name: str) -> None:
        """Remove a policy, if it is there."""
        policy = self.by_id.pop(f"{namespace}/{name}", None)
        if policy is not None:
            for rows in self._files(policy):
                rows.pop(policy.id, None)
            self._forget(policy)

    def _files(self, policy: Policy) -> list[dict[str, Policy]]:
        if policy.types and not any(map(is_glob, policy.types)):
            return [self._exact.setdefault((policy.namespace, type), {}) for type in dict.fromkeys(policy.types)]
        return [self._loose.setdefault(policy.namespace, {})]

    def _forget(self, policy: Policy) -> None:
        self._namespaces = None
        self._wanted.clear()
        if policy.types and not any(map(is_glob, policy.types)):
            for type in policy.types:
                self._buckets.pop((policy.namespace, type, None if policy.shapes else policy.windowed), None)
        else:
            self._buckets.clear()

    def bucket(self, namespace: str, type: str, windowed: bool) -> Bucket:
        """The policies that an event of this type can concern; `EMPTY` if there are none."""
        return self._bucket((namespace, type, windowed))

    def shaping(self, namespace: str, type: str) -> Bucket:
        """The policies of the stage `shape` that an event of this type can concern; `EMPTY` if there are none."""
        return self._bucket((namespace, type, None))

    def _bucket(self, key: tuple[str, str, bool | None]) -> Bucket:
        """Those of the stage `shape` if the key's last part is None."""
        found = self._buckets.get(key)
        if found is None:
            namespace, type, kind = key
            policies = dict(self._exact.get((namespace, type), {}))
            loose = self._loose.get(namespace, {}).items()
            policies.update((id, policy) for id, policy in loose if covers(policy.types, type))
            sorts = {id: None if policies[id].shapes else policies[id].windowed for id in sorted(policies)}
            chosen = [policies[id] for id, sort in sorts.items() if sort is kind]
            found = Bucket(chosen) if chosen else EMPTY
            if len(self._buckets) >= _TYPES_KEPT:
                self._buckets.clear()
            self._buckets[key] = found
        return found

    def wants(self, namespace: str, type: str) -> bool:
        """Whether any policy can match an event of this type."""
        known = self._wanted.get((namespace, type))
        if known is None:
            known = self.bucket(namespace, type, False) is not EMPTY or self.bucket(namespace, type, True) is not EMPTY
            if len(self._wanted) >= _TYPES_KEPT:
                self._wanted.clear()
            self._wanted[(namespace, type)] = known
        return known

    # services

    def catalogue(self, manifests: Mapping[str, Manifest]) -> None:
        """Take the services from configuration."""
        self._services.clear()
        self._service_of.clear()
        for id in sorted(manifests):
            manifest = manifests[id]
            if manifest.kind == "Service":
                spec = msgspec.convert(manifest.spec, ServiceSpec)
                service = Service(
                    manifest.name, manifest.namespace, spec.owner or manifest.owner, spec.criticality,
                    tuple(spec.resources), tuple((k, _values(v)) for k, v in sorted(spec.labels.items())),
                    spec.escalation,
                    tuple((k, seconds_of(v.respond), seconds_of(v.resolve)) for k, v in sorted(spec.targets.items())),
                )  # fmt: skip
                self._services.setdefault(manifest.namespace, []).append(service)
                self._service_of[(manifest.namespace, manifest.name)] = service

    def service(self, namespace: str, name: str) -> Service | None:
        """The service of this name in the catalogue."""
        return self._service_of.get((namespace, name))

    def service_for(self, namespace: str, resource: str, labels: dict[str, str]) -> str | None:
        """The first service, by name, that this resource or these labels belong to."""
        for service in self._services.get(namespace, ()):
            if service.resources and _any(list(service.resources), resource):
                return service.name
            if service.labels and all(labels.get(name) in wanted for name, wanted in service.labels):
                return service.name
        return None


def stats_with(stats: PolicyStats, **changes: Any) -> PolicyStats:
    """The statistics with some fields replaced."""
    return msgspec.structs.replace(stats, **changes)

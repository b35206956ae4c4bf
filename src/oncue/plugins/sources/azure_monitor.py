"""Azure Monitor's action groups: the common alert schema, and the schemas before it.

| event | common alert schema | classic and metric alerts | log alerts (v1) | budgets |
|---|---|---|---|---|
| `type` | `azure.alert` | `azure.metric_alert` | `azure.log_alert` | `azure.budget` |
| `severity` | `Sev0` critical, 1 major, 2 minor, 3 warning, 4 info | `context.severity`, else warning | by word | warning |
| recovery | `monitorCondition` `Resolved` | `Deactivated`, `Resolved` | none: it lapses | none |
| `resource` | the first of `configurationItems`, else of `alertTargetIDs` | `resourceName` | the workspace | subscription |
| `check` | `alertRule` | `name` | `AlertRuleName` | the budget |
| `fingerprint` | `alertId`, which firing and recovery share | rule and resource | rule and workspace | the budget |

Azure gives resource health and service health alerts the severity 4 whatever happened. They are judged by what they say:
an unavailable resource is `major`, a degraded one `minor`, an available one `clear`; an incident of a service is `major`
until its stage is resolved, and all its messages are one alert (its tracking id). Other activity log alerts keep theirs.

`value`, `limit` and `metric` come from the first criterion; `data` is the message, verbatim.
Source: Azure Monitor's documentation of the common alert schema and of non-common schemas.
"""

from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from oncue.plugins.sources.envelope import (
    WORDS,
    Wrapping,
    crossing,
    decoded,
    first,
    first_line,
    instant,
    line,
    links,
    listing,
    mapping,
    number,
    unknown,
    word,
)
from oncue.sdk.source import Message, NoSettings, Parsed

SEV: Final = ("critical", "major", "minor", "warning", "info")
RESOLVED: Final = ("resolved", "deactivated")
PORTAL: Final = "https://portal.azure.com/#blade/Microsoft_Azure_Monitoring/AlertDetailsTemplateBlade/alertId/"
LONGEST: Final = timedelta(days=2)


class AzureMonitorSource:
    """A webhook of an action group. Azure sets no header of yours: the token is in the address."""

    name = "azure_monitor"
    settings = NoSettings

    def parse(self, message: Message) -> Parsed:
        """The alert; a neutral event for JSON of another form. Raises `Refusal`: request.malformed."""
        body = decoded(message.body)
        said = mapping(body)
        data = mapping(said.get("data"))
        wrapping = Wrapping(message)
        if data.get("essentials"):
            _common(wrapping, message, mapping(data["essentials"]), mapping(data.get("alertContext")))
        elif data.get("context") and mapping(data["context"]).get("activityLog"):
            _activity(wrapping, message, mapping(mapping(data["context"])["activityLog"]), data)
        elif mapping(data.get("context")).get("name"):
            _metric(wrapping, message, mapping(data["context"]), data)
        elif "status" in said and mapping(said.get("context")).get("name"):
            _metric(wrapping, message, mapping(said["context"]), said)
        elif "BudgetName" in data:
            _budget(wrapping, message, data)
        elif "AlertRuleName" in data and "SearchQuery" in data:
            _log(wrapping, message, data)
        elif "AlertRuleName" in said and "SearchQuery" in said:
            _log(wrapping, message, said)
        else:
            return unknown(message, body, "azure")
        return wrapping.parsed()


def _common(wrapping: Wrapping, message: Message, essentials: dict[str, Any], context: dict[str, Any]) -> None:
    alert = line(essentials.get("alertId"))
    condition = line(essentials.get("monitorCondition")) or "Fired"
    properties = mapping(context.get("properties"))
    targets = [text for one in listing(essentials.get("alertTargetIDs")) if (text := line(one))]
    items = [text for one in listing(essentials.get("configurationItems")) if (text := line(one))]
    service = (word(essentials.get("monitoringService")) or "").replace(" ", "")
    budget = mapping(context.get("AlertData"))
    rule = first(essentials.get("alertRule"), budget.get("BudgetName"), service) or "alert"
    resource = first(*items, *(_tail(target) for target in targets)) or message.name
    if budget:
        resource = _part(alert or "", "subscriptions") or resource
    severity = _rated(essentials.get("severity"))
    fingerprint = alert
    resolved = word(condition) in RESOLVED
    if service == "resourcehealth":
        severity, resolved = _resource_health(properties, context, severity, resolved)
        fingerprint = f"azure:resource-health:{(targets[0] if targets else resource).lower()}"
    elif service == "servicehealth":
        severity, resolved = _service_health(properties, context, severity, resolved)
        tracking = line(properties.get("trackingId"))
        fingerprint = f"azure:service-health:{tracking}" if tracking else alert
        resource = first(properties.get("service")) or resource
    fired_at = instant(essentials.get("firedDateTime"))
    at = (instant(essentials.get("resolvedDateTime")) if resolved else None) or fired_at
    criterion = _criterion(context)
    wrapping.add(
        message.body,
        type="azure.budget" if service == "costalerts" else "azure.alert",
        id=f"{alert}/{condition}/{at.isoformat()}" if alert and at else None,
        severity="clear" if resolved else severity,
        resource=resource,
        check=rule,
        fingerprint=first(budget.get("BudgetId")) if service == "costalerts" else fingerprint,
        title=f"{rule}: {first_line(properties.get('title')) or first_line(essentials.get('description')) or resource}",
        labels={
            "subscription": _part(alert or "", "subscriptions"),
            "resource_group": _part(targets[0], "resourcegroups") if targets else None,
            "signal": essentials.get("signalType"),
            "monitoring_service": essentials.get("monitoringService"),
            "condition": condition,
        },
        time=at,
        starts_at=None if resolved else fired_at,
        more={
            **(_crossed(criterion, context, budget) if not resolved else {}),
            "description": line(essentials.get("description")),
            **links(
                ("link", criterion.get("linkToSearchResultsUI")),
                ("link", context.get("LinkToSearchResults")),
                ("link", PORTAL + quote(alert, safe="") if alert else None),
                ("runbook_url", properties.get("runbook_url")),
                ("runbook_url", mapping(context.get("customProperties")).get("runbook_url")),
            ),
        },
    )


def _resource_health(
    properties: dict[str, Any], context: dict[str, Any], severity: str, resolved: bool
) -> tuple[str, bool]:
    now = word(properties.get("currentHealthStatus"))
    over = resolved or now == "available" or word(context.get("status")) == "resolved"
    return {"unavailable": "major", "degraded": "minor"}.get(now or "", severity), over


def _service_health(
    properties: dict[str, Any], context: dict[str, Any], severity: str, resolved: bool
) -> tuple[str, bool]:
    over = resolved or "resolved" in (word(properties.get("stage")), word(context.get("status")))
    kind = word(properties.get("incidentType"))
    return {"incident": "major", "security": "major", "actionrequired": "warning"}.get(kind or "", severity), over


def _metric(wrapping: Wrapping, message: Message, context: dict[str, Any], around: dict[str, Any]) -> None:
    resolved = word(around.get("status")) in RESOLVED
    properties = mapping(around.get("properties"))
    criterion = _criterion(context)
    name = line(context.get("name")) or "alert"
    resource = first(context.get("resourceName"), _tail(line(context.get("resourceId")))) or message.name
    at = instant(context.get("timestamp"))
    about = first(context.get("resourceId"), resource) or ""
    wrapping.add(
        message.body,
        type="azure.metric_alert",
        id=f"{context.get('id')}/{around.get('status')}/{about}/{at.isoformat()}" if at else None,
        severity="clear" if resolved else _rated(first(context.get("severity"), properties.get("severity"))),
        resource=resource,
        check=name,
        fingerprint=f"{first(context.get('id'), name)}:{about}".lower(),
        title=f"{name}: {first_line(context.get('description')) or first(criterion.get('metricName')) or ''} on {resource}",
        labels={
            "subscription": context.get("subscriptionId"),
            "resource_group": context.get("resourceGroupName"),
            "region": context.get("resourceRegion"),
        },
        time=at,
        starts_at=None if resolved else at,
        more={
            **(_crossed(criterion, context, {}) if not resolved else {}),
            **links(("link", context.get("portalLink")), ("runbook_url", properties.get("runbook_url"))),
        },
    )


def _log(wrapping: Wrapping, message: Message, data: dict[str, Any]) -> None:
    rule = line(data.get("AlertRuleName")) or "log alert"
    workspace = first(data.get("WorkspaceId"), data.get("ApplicationId"), data.get("SubscriptionId")) or message.name
    said = WORDS.get(word(data.get("Severity")) or "", "warning")
    interval = number(data.get("SearchIntervalInSeconds")) or 300.0
    lease = timedelta(seconds=min(LONGEST.total_seconds(), max(600.0, 2 * interval)))
    wrapping.add(
        message.body,
        type="azure.log_alert",
        severity="warning" if said == "clear" else said,
        resource=workspace,
        check=rule,
        fingerprint=f"azure:log:{workspace}:{rule}",
        title=f"{rule}: {first_line(data.get('Description')) or str(line(data.get('ResultCount'))) + ' results'}",
        time=instant(data.get("SearchIntervalEndtimeUtc")),
        ends_at=message.now + lease,
        more={
            **crossing(data.get("ResultCount"), data.get("AlertThresholdValue"), metric="results"),
            **links(("link", data.get("LinkToSearchResults"))),
        },
    )


def _activity(wrapping: Wrapping, message: Message, log: dict[str, Any], data: dict[str, Any]) -> None:
    """An entry of the activity log: a failure lapses, because no entry says that it is over."""
    level = WORDS.get(word(log.get("level")) or "", "info")
    operation = line(log.get("operationName")) or "operation"
    about = first(log.get("resourceId"), log.get("resourceGroupName")) or message.name
    bad = level not in ("info", "clear")
    wrapping.add(
        message.body,
        type="azure.activity",
        id=line(log.get("eventDataId")),
        severity=level if bad else None,
        resource=_tail(about),
        check=operation,
        fingerprint=f"azure:activity:{operation}:{about}".lower() if bad else None,
        title=f"{operation}: {first(log.get('status'), log.get('level'))}",
        labels={"subscription": log.get("subscriptionId"), "resource_group": log.get("resourceGroupName")},
        time=instant(log.get("eventTimestamp")),
        ends_at=message.now + timedelta(hours=1) if bad else None,
    )


def _budget(wrapping: Wrapping, message: Message, data: dict[str, Any]) -> None:
    name = line(data.get("BudgetName")) or "budget"
    subscription = first(data.get("SubscriptionName"), data.get("SubscriptionId")) or message.name
    wrapping.add(
        message.body,
        type="azure.budget",
        severity="warning",
        resource=subscription,
        check=name,
        fingerprint=f"azure:budget:{first(data.get('SubscriptionId'), subscription)}:{name}",
        title=f"Budget {name}: {line(data.get('SpendingAmount'))} {line(data.get('Unit')) or ''} are spent",
        labels={"subscription": data.get("SubscriptionId"), "resource_group": data.get("ResourceGroup")},
        more=crossing(data.get("SpendingAmount"), data.get("NotificationThresholdAmount"), data.get("Unit"), "spent"),
    )


def _criterion(context: dict[str, Any]) -> dict[str, Any]:
    condition = mapping(context.get("condition"))
    criteria = [mapping(one) for one in listing(condition.get("allOf"))]
    return criteria[0] if criteria else condition


def _crossed(criterion: dict[str, Any], context: dict[str, Any], budget: dict[str, Any]) -> dict[str, Any]:
    if budget:
        spent, limit = (_money(budget.get(name)) for name in ("SpentAmount", "NotificationThresholdAmount"))
        return crossing(spent, limit, budget.get("Unit"), "spent")
    if "metricValue" in criterion:
        metric = first(criterion.get("metricName"), criterion.get("metricMeasureColumn"))
        return crossing(criterion.get("metricValue"), criterion.get("threshold"), criterion.get("metricUnit"), metric)
    return crossing(context.get("ResultCount"), context.get("Threshold"), metric="results")


def _money(value: Any) -> Any:
    return value.lstrip("$€£ ") if isinstance(value, str) else value


def _rated(said: Any) -> str:
    """`Sev0` to `Sev4`, or the bare digit."""
    text = (line(said) or "").lower().removeprefix("sev")
    return SEV[int(text)] if text in ("0", "1", "2", "3", "4") else "warning"


def _tail(path: str | None) -> str | None:
    return None if path is None else (path.rstrip("/").rpartition("/")[2] or path)


def _part(path: str, name: str) -> str | None:
    """What follows `/NAME/` in a resource id."""
    parts = path.split("/")
    lowered = [part.lower() for part in parts]
    return parts[lowered.index(name) + 1] if name in lowered[:-1] else None

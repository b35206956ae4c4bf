"""Amazon SNS over HTTPS: CloudWatch alarms, EventBridge events, and whatever else a topic carries.

| event | CloudWatch alarm | EventBridge event |
|---|---|---|
| `type` | `aws.cloudwatch.alarm` | its `source` and `detail-type`, as in `aws.health.aws-health-event` |
| `severity` | `ALARM`: `severity` or `severities` of the manifest; `OK`: `clear`; else `insufficient_data` | `major` or as bad as it says for failures; `clear` for recoveries; else none |
| `resource` | the first dimension's value, else the alarm | the last part of the first ARN in `resources` |
| `check` | the alarm's name | pipeline, deployment group, project, check, ...; else `detail-type` |
| `fingerprint` | the alarm's ARN | what it is about, without the run; of an AWS Health event its ARN |
| `id` | SNS' `MessageId` | the event's `id` |
| `data` | the message, verbatim, with `value`, `limit`, `unit`, `metric` | the event, verbatim |

EventBridge may post without SNS, too (an API destination); Lambda and SQS may wrap messages once more in `Records`. Events
that are neither known failures nor their recoveries are neutral, as is any other notification.

Envelopes of SNS are checked against the certificate that they name: its address must be SNS' own, it is fetched through
the outbound guard and kept. `confirm: true` visits the address in a subscription's confirmation.
Source: the Amazon SNS developer guide, "Verifying message signatures"; Amazon CloudWatch and EventBridge user guides.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import Certificate, load_pem_x509_certificate

from oncue.plugins.sources.envelope import (
    Wrapping,
    crossing,
    decoded,
    elements,
    first,
    first_line,
    fitted,
    instant,
    line,
    links,
    listing,
    mapping,
    members,
    unknown,
    word,
)
from oncue.sdk import ActionError, fetch
from oncue.sdk.source import Host, Message, Parsed, Refusal

Severity = Literal["info", "warning", "minor", "major", "critical"]

ENVELOPES: Final = ("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation")
SIGNED: Final = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
CERTIFICATES_LIMIT: Final = 32
"""Certificates that are kept."""
NAMING: Final[tuple[str, ...]] = (
    "InstanceId", "DBInstanceIdentifier", "DBClusterIdentifier", "LoadBalancer", "LoadBalancerName", "FunctionName",
    "QueueName", "BucketName", "TableName", "VolumeId", "FileSystemId", "ServiceName", "ClusterName",
)  # fmt: skip
"""Dimensions that name the thing an alarm is about, the most telling first."""
NESTING_LIMIT: Final = 4
"""Messages inside messages."""

_HOST: Final = re.compile(r"sns\.[a-z0-9-]{1,32}\.amazonaws\.com(?:\.cn)?").fullmatch
_DATAPOINT: Final = re.compile(r"\[\s*(-?[0-9.]+(?:[eE][+-]?\d+)?) \(")
_REGION: Final = re.compile(r"[a-z]{2}(?:-[a-z]{2,12}){1,3}-\d").fullmatch
_SLUG: Final = re.compile(r"[^a-z0-9]+")


class AwsSnsSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What is believed, and how bad an alarm is."""

    verify: bool = True
    """Whether signatures of SNS are checked. Messages that come in no envelope of SNS' have none."""
    confirm: bool = False
    """Whether subscriptions are confirmed. Limit `topics` when it is on."""
    topics: list[str] = []
    """ARNs of topics, or globs with `*`; messages of other topics are refused. Empty means all."""
    severity: Severity = "major"
    """Of a CloudWatch alarm in state ALARM."""
    severities: dict[str, Severity] = {}
    """Of alarms by name: names, or globs with `*`, as in `{"*-critical": critical}`. The first that matches counts."""
    insufficient_data: Severity | None = None
    """Of an alarm in state INSUFFICIENT_DATA; neutral if it is not given."""


class AwsSnsSource:
    """An HTTPS subscription of Amazon SNS, or an API destination of EventBridge. SNS sets no header of yours: the token is
    in the address, or basic credentials are, with the token as password. Its messages are signed."""

    name = "aws_sns"
    settings = AwsSnsSettings

    def __init__(self) -> None:
        self._certificates: dict[str, Certificate] = {}

    async def admit(self, message: Message, host: Host) -> None:
        """Check the envelope's signature, and confirm a subscription if that is wanted.

        Raises `Refusal`: auth.invalid, outbound.refused, timeout, source.handshake_failed.
        """
        settings = fitted(message, AwsSnsSettings)
        try:
            body = decoded(message.body)
        except Refusal:
            return  # `parse` says what is wrong
        if not isinstance(body, dict) or body.get("Type") not in ENVELOPES or "TopicArn" not in body:
            return
        topic = str(body["TopicArn"])
        if settings.topics and not any(fnmatchcase(topic, wanted) for wanted in settings.topics):
            raise Refusal("auth.invalid", f"the topic {line(topic, 256)} is not among the source's topics")
        if settings.verify:
            await self._verify(body, message.now, host)
        if settings.confirm and body["Type"] == "SubscriptionConfirmation":
            await _visited(_checked_url(body.get("SubscribeURL"), "SubscribeURL"), host, 65_536)

    def parse(self, message: Message) -> Parsed:
        """The events. Raises `Refusal`: request.malformed, event.too_deep."""
        body = decoded(message.body)
        if not isinstance(body, dict | list):
            return unknown(message, body, "aws")
        wrapping = Wrapping(message)
        reader = _Reader(wrapping, fitted(message, AwsSnsSettings))
        raws = elements(message.body) if isinstance(body, list) else [message.body]
        for index, (raw, one) in enumerate(zip(raws, body if isinstance(body, list) else [body], strict=True)):
            records = mapping(one).get("Records")
            if isinstance(records, list):
                for place, inner in enumerate(elements(members(raw)["Records"])):
                    reader.read(inner, records[place], place, {}, 0)
            else:
                reader.read(raw, one, index, {}, 0)
        return wrapping.parsed()

    async def _verify(self, body: dict[str, Any], now: datetime, host: Host) -> None:
        certificate = await self._certificate(_checked_url(body.get("SigningCertURL"), "SigningCertURL"), host)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise Refusal("auth.invalid", "the certificate that signed the message does not hold now")
        names = SIGNED[body["Type"]]
        text = "".join(f"{name}\n{body[name]}\n" for name in names if body.get(name) is not None)
        versions: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - SNS' default
        algorithm = versions.get(str(body.get("SignatureVersion")))
        key = certificate.public_key()
        if algorithm is None or not isinstance(key, RSAPublicKey):
            raise Refusal("auth.invalid", "the signature's version is neither 1 nor 2")
        try:
            signature = b64decode(str(body.get("Signature")), validate=True)
            key.verify(signature, text.encode("utf-8", "surrogatepass"), PKCS1v15(), algorithm)
        except (binascii.Error, ValueError, InvalidSignature) as error:
            raise Refusal("auth.invalid", "the signature is not the message's") from error

    async def _certificate(self, url: str, host: Host) -> Certificate:
        found = self._certificates.get(url)
        if found is None:
            pem = await _visited(url, host, 65_536)
            try:
                found = load_pem_x509_certificate(pem)
            except ValueError as error:
                raise Refusal("source.handshake_failed", "SigningCertURL does not lead to a certificate") from error
            if len(self._certificates) >= CERTIFICATES_LIMIT:
                self._certificates.clear()
            self._certificates[url] = found
        return found


def _checked_url(value: Any, name: str) -> str:
    """An address of SNS itself. Raises `Refusal` auth.invalid."""
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        fits = parts.scheme == "https" and parts.port in (None, 443) and _HOST(parts.netloc.removesuffix(":443"))
    except ValueError:
        fits = None
    if not fits:
        raise Refusal("auth.invalid", f"{name} is not an address of SNS (https://sns.REGION.amazonaws.com)")
    return str(value)


async def _visited(url: str, host: Host, limit: int) -> bytes:
    try:
        async with await host.client() as client:
            answer = await fetch(client, "GET", url, body_limit=limit)
    except ActionError as error:
        code = error.code if error.code in ("outbound.refused", "timeout") else "source.handshake_failed"
        raise Refusal(code, error.detail) from error
    if answer.status != 200:
        raise Refusal("source.handshake_failed", f"{urlsplit(url).hostname} answered {answer.status}")
    return answer.body


class _Reader:
    """Reads a message and what is inside it."""

    def __init__(self, wrapping: Wrapping, settings: AwsSnsSettings) -> None:
        self._wrapping = wrapping
        self._settings = settings

    def read(self, raw: bytes, said: Any, index: int, envelope: dict[str, Any], depth: int) -> None:
        """Add the event of one message; `envelope` has `id`, `title`, `topic` and `time` of what it came in."""
        body = mapping(said)
        inner = mapping(body.get("Sns")) or (body if body.get("Type") in ENVELOPES and "TopicArn" in body else {})
        if inner and depth < NESTING_LIMIT:
            self._sns(raw if inner is body else members(raw)["Sns"], inner, index, depth)
        elif isinstance(body.get("body"), str) and "eventSource" in body and depth < NESTING_LIMIT:
            known = {"id": body.get("messageId"), "queue": _tail(body.get("eventSourceARN"))}
            self._message(raw, body["body"], index, known, depth)
        elif "AlarmName" in body and "NewStateValue" in body:
            self._alarm(raw, index, envelope, _from_message(body))
        elif "alarmData" in body:
            self._alarm(raw, index, envelope, _from_data(body))
        elif body.get("detail-type") == "CloudWatch Alarm State Change":
            self._alarm(raw, index, {**envelope, "id": body.get("id")}, _from_event(body))
        elif "detail-type" in body or ("DetailType" in body and "Detail" in body):
            self._event(raw, index, envelope, body)
        else:
            self._other(raw, index, envelope)

    def _sns(self, raw: bytes, body: dict[str, Any], index: int, depth: int) -> None:
        topic = _tail(body.get("TopicArn"))
        known: dict[str, Any] = {
            "id": body.get("MessageId"), "title": body.get("Subject"), "topic": topic, "time": instant(body.get("Timestamp"))
        }  # fmt: skip
        if body.get("Type", "Notification") == "Notification":
            self._message(raw, body.get("Message"), index, known, depth)
            return
        confirmed = body["Type"] == "SubscriptionConfirmation"
        said = "confirmed" if self._settings.confirm else "not confirmed: set `confirm: true`, and request it again"
        self._wrapping.add(
            raw,
            index=index,
            type="aws.sns.subscription" if confirmed else "aws.sns.unsubscription",
            id=line(body.get("MessageId")),
            resource=topic,
            check="subscription",
            title=f"SNS topic {topic}: subscription {said}" if confirmed else f"SNS topic {topic}: subscription ended",
            labels={"topic": topic},
            time=known["time"],
        )

    def _message(self, raw: bytes, text: Any, index: int, known: dict[str, Any], depth: int) -> None:
        """What SNS or SQS carries: JSON, which is read, or text, which stays in its envelope."""
        if isinstance(text, str) and text.lstrip()[:1] in ("{", "["):
            inner = text.encode("utf-8", "replace")
            try:
                said = decoded(inner)
            except Refusal:
                said = None
            if isinstance(said, dict):
                self.read(inner, said, index, known, depth + 1)
                return
        self._other(raw, index, {**known, "title": first_line(known.get("title")) or first_line(text)})

    def _other(self, raw: bytes, index: int, known: dict[str, Any]) -> None:
        recognised = known.get("topic") or known.get("queue")
        kind = "sns.notification" if known.get("topic") else "sqs.message" if known.get("queue") else "unknown"
        self._wrapping.add(
            raw,
            index=index,
            type=f"aws.{kind}",
            id=line(known.get("id")),
            resource=recognised or self._wrapping.name,
            title=first_line(known.get("title"))
            or (f"Message of {recognised}" if recognised else f"{self._wrapping.name} sent what is not known here"),
            labels={"topic": known.get("topic"), "queue": known.get("queue")},
            time=known.get("time"),
        )

    def _alarm(self, raw: bytes, index: int, known: dict[str, Any], alarm: "_Alarm") -> None:
        arn = alarm.arn or ""
        region = arn.split(":")[3] if arn.count(":") >= 6 else ""
        console = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#alarmsV2:alarm/"
        link = console + quote(alarm.name, safe="") if _REGION(region) else None
        firing = alarm.state == "ALARM"
        self._wrapping.add(
            raw,
            index=index,
            type="aws.cloudwatch.alarm",
            id=line(known.get("id")),
            severity=self._severity(alarm),
            resource=_about(alarm.dimensions) or alarm.name,
            check=alarm.name,
            fingerprint=arn or f"cloudwatch:{alarm.account}:{alarm.region}:{alarm.name}",
            title=f"{alarm.name}: {alarm.description or first_line(alarm.reason) or alarm.state}",
            labels={
                **alarm.dimensions, "account": alarm.account, "region": region or alarm.region, "state": alarm.state,
                "topic": known.get("topic"),
            },
            time=alarm.changed_at or known.get("time"),
            starts_at=alarm.changed_at if firing else None,
            more={
                **(crossing(alarm.value, alarm.limit, alarm.unit, alarm.metric) if firing else {}),
                "description": alarm.reason,
                **links(("link", link)),
            },
        )  # fmt: skip

    def _severity(self, alarm: "_Alarm") -> str | None:
        if alarm.state == "OK":
            return "clear"
        if alarm.state != "ALARM":
            return self._settings.insufficient_data
        severities = self._settings.severities
        return next((severities[name] for name in severities if fnmatchcase(alarm.name, name)), self._settings.severity)

    def _event(self, raw: bytes, index: int, known: dict[str, Any], body: dict[str, Any]) -> None:
        kind = line(body.get("detail-type", body.get("DetailType"))) or "event"
        source = line(body.get("source", body.get("Source"))) or "unknown"
        resources = [text for one in listing(body.get("resources", body.get("Resources"))) if (text := line(one))]
        detail = body.get("detail", body.get("Detail"))
        if isinstance(detail, str):
            try:
                detail = decoded(detail.encode("utf-8", "replace"))
            except Refusal:
                detail = {}
        detail = mapping(detail)
        judge = EVENTS.get(kind, _neutral)
        verdict = judge(detail, kind)
        resource = _tail(resources[0]) if resources else None
        self._wrapping.add(
            raw,
            index=index,
            type=f"{'' if source.startswith('aws.') else 'aws.'}{source}.{_SLUG.sub('-', kind.lower()).strip('-')}",
            id=line(body.get("id")) or line(known.get("id")),
            severity=verdict.severity,
            resource=verdict.resource or resource or line(detail.get("service")) or self._wrapping.name,
            check=verdict.check or kind,
            fingerprint=None if verdict.severity is None else f"aws:{source}:{verdict.key or kind}",
            title=verdict.title or (f"{kind} of {resource}" if resource else kind),
            labels={
                "account": body.get("account"), "region": body.get("region"), "arn": resources[0] if resources else None,
                "topic": known.get("topic"),
            },
            time=instant(body.get("time", body.get("Time"))) or known.get("time"),
        )  # fmt: skip


def _tail(arn: Any) -> str | None:
    """The last part of an ARN: the instance, the bucket, the pipeline."""
    text = line(arn)
    return None if text is None else (re.split(r"[:/]", text)[-1] or text)


# CloudWatch alarms


class _Alarm(msgspec.Struct, kw_only=True):
    name: str
    state: str
    arn: str | None = None
    account: str | None = None
    region: str | None = None
    description: str | None = None
    reason: str | None = None
    changed_at: datetime | None = None
    dimensions: dict[str, str] = {}
    metric: str | None = None
    value: Any = None
    limit: Any = None
    unit: str | None = None


def _from_message(body: dict[str, Any]) -> _Alarm:
    """The alarm as CloudWatch tells SNS."""
    trigger = mapping(body.get("Trigger"))
    metrics = [
        mapping(mapping(mapping(one).get("MetricStat")).get("Metric")) for one in listing(trigger.get("Metrics"))
    ]
    metric = next((one for one in metrics if one), {})
    reason = line(body.get("NewStateReason"))
    point = _DATAPOINT.search(reason or "")
    return _Alarm(
        name=line(body.get("AlarmName")) or "alarm",
        state=(line(body.get("NewStateValue")) or "").upper(),
        arn=line(body.get("AlarmArn")),
        account=line(body.get("AWSAccountId")),
        region=line(body.get("Region")),
        description=first_line(body.get("AlarmDescription")),
        reason=reason,
        changed_at=instant(body.get("StateChangeTime")),
        dimensions=_dimensions(trigger.get("Dimensions") or metric.get("Dimensions")),
        metric=first(trigger.get("MetricName"), metric.get("MetricName")),
        value=point[1] if point else None,
        limit=trigger.get("Threshold"),
        unit=line(trigger.get("Unit")),
    )


def _from_data(body: dict[str, Any]) -> _Alarm:
    """The alarm as CloudWatch invokes a function with it."""
    data = mapping(body.get("alarmData"))
    return _configured(data, line(body.get("alarmArn")), line(body.get("accountId")), line(body.get("region")))


def _from_event(body: dict[str, Any]) -> _Alarm:
    """The alarm as CloudWatch tells EventBridge."""
    arn = next((line(one) for one in listing(body.get("resources"))), None)
    return _configured(mapping(body.get("detail")), arn, line(body.get("account")), line(body.get("region")))


def _configured(data: dict[str, Any], arn: str | None, account: str | None, region: str | None) -> _Alarm:
    state, configuration = mapping(data.get("state")), mapping(data.get("configuration"))
    stats = [mapping(mapping(one).get("metricStat")) for one in listing(configuration.get("metrics"))]
    metric = mapping(next((one for one in stats if one), {}).get("metric"))
    try:
        reasons = mapping(decoded((line(state.get("reasonData"), 65_536) or "{}").encode()))
    except (Refusal, UnicodeEncodeError):
        reasons = {}
    points = listing(reasons.get("recentDatapoints"))
    return _Alarm(
        name=line(data.get("alarmName")) or "alarm",
        state=(line(state.get("value")) or "").upper(),
        arn=arn,
        account=account,
        region=region,
        description=first_line(configuration.get("description")),
        reason=line(state.get("reason")),
        changed_at=instant(state.get("timestamp")),
        dimensions=_dimensions(metric.get("dimensions")),
        metric=line(metric.get("name")),
        value=points[-1] if points else None,
        limit=reasons.get("threshold"),
        unit=line(reasons.get("unit")),
    )


def _dimensions(said: Any) -> dict[str, str]:
    if isinstance(said, dict):
        return {name: text for name, value in said.items() if (text := line(value))}
    pairs = [mapping(one) for one in listing(said)]
    return {name: text for one in pairs if (name := line(one.get("name"))) and (text := line(one.get("value")))}


def _about(dimensions: dict[str, str]) -> str | None:
    """Of an alarm's dimensions, the one that names the thing."""
    named = next((name for name in NAMING if name in dimensions), None)
    named = named or next((name for name in dimensions if name.endswith(("Id", "Identifier", "Name"))), None)
    return dimensions[named] if named else next(iter(dimensions.values()), None)


# EventBridge events


class _Verdict(msgspec.Struct):
    severity: str | None = None
    key: str | None = None
    """What it is about, the same for failure and recovery."""
    check: str | None = None
    title: str | None = None
    resource: str | None = None


FAILED: Final = ("failed", "failure", "timed_out", "timedout", "timeout", "error", "fault")
RECOVERED: Final = ("succeeded", "success", "completed")


def _neutral(detail: dict[str, Any], kind: str) -> _Verdict:
    return _Verdict()


def _outcome(names: tuple[str, ...], state: str = "state") -> Callable[[dict[str, Any], str], _Verdict]:
    """Something that ends well or not; `names` are the members that say what it is."""

    def judge(detail: dict[str, Any], kind: str) -> _Verdict:
        said = word(detail.get(state))
        what = " / ".join(text for name in names if (text := line(detail.get(name))))
        severity = "major" if said in FAILED else "clear" if said in RECOVERED else None
        resource = _tail(what.partition(" / ")[0])
        return _Verdict(
            severity, f"{kind}:{what}", what or None, f"{what or kind}: {line(detail.get(state))}", resource
        )

    return judge


def _health(detail: dict[str, Any], kind: str) -> _Verdict:
    issue = word(detail.get("eventTypeCategory")) == "issue"
    ended = word(detail.get("statusCode")) == "closed" or (issue and bool(line(detail.get("endTime"))))
    said = next((mapping(one).get("latestDescription") for one in listing(detail.get("eventDescription"))), None)
    code = line(detail.get("eventTypeCode"))
    entity = next((mapping(one).get("entityValue") for one in listing(detail.get("affectedEntities"))), None)
    return _Verdict(
        ("clear" if ended else "major") if issue else None,
        line(detail.get("eventArn")) or code,
        code,
        f"{code}: {first_line(said) or kind}",
        _tail(entity) if isinstance(entity, str) and entity.startswith("arn:") else line(entity),
    )


def _launch(detail: dict[str, Any], kind: str) -> _Verdict:
    group = line(detail.get("AutoScalingGroupName")) or "a group"
    failed = "Unsuccessful" in kind
    title = (
        f"{kind} in {group}: {first(detail.get('StatusMessage'), detail.get('Description'), detail.get('StatusCode'))}"
    )
    return _Verdict("major" if failed else "clear", f"launch:{group}", f"launch in {group}", title, group)


def _advice(detail: dict[str, Any], kind: str) -> _Verdict:
    severity = {"error": "major", "warn": "warning", "ok": "clear"}.get(word(detail.get("status")) or "")
    check, about = line(detail.get("check-name")), first(detail.get("resource_id"), detail.get("uuid"))
    return _Verdict(severity, f"{check}:{about}", check, f"{check}: {line(detail.get('status'))}", _tail(about))


def _compliance(detail: dict[str, Any], kind: str) -> _Verdict:
    new = mapping(detail.get("newEvaluationResult"))
    said = word(first(detail.get("compliance-status"), new.get("complianceType"))) or ""
    severity = {"non_compliant": "warning", "compliant": "clear"}.get(said)
    rule = first(detail.get("configRuleName"), detail.get("compliance-type")) or kind
    about = first(detail.get("resource-id"), detail.get("resourceId"))
    return _Verdict(severity, f"{rule}:{about}", rule, f"{rule}: {about} is {said}", about)


def _guard_duty(detail: dict[str, Any], kind: str) -> _Verdict:
    score = detail.get("severity")
    bad = float(score) if isinstance(score, int | float) and not isinstance(score, bool) else 0.0
    severity = "critical" if bad >= 9 else "major" if bad >= 7 else "minor" if bad >= 4 else "warning"
    archived = mapping(detail.get("service")).get("archived") is True
    about = _tail(detail.get("arn")) or line(detail.get("id"))
    return _Verdict("clear" if archived else severity, line(detail.get("id")), line(detail.get("type")),
                    first_line(detail.get("title")), about)  # fmt: skip


EVENTS: Final[dict[str, Callable[[dict[str, Any], str], _Verdict]]] = {
    "AWS Health Event": _health,
    "AWS Health Abuse Event": _health,
    "EC2 Instance Launch Unsuccessful": _launch,
    "EC2 Instance Launch Successful": _launch,
    "CodePipeline Pipeline Execution State Change": _outcome(("pipeline",)),
    "CodePipeline Stage Execution State Change": _outcome(("pipeline", "stage")),
    "CodePipeline Action Execution State Change": _outcome(("pipeline", "stage", "action")),
    "CodeDeploy Deployment State-change Notification": _outcome(("application", "deploymentGroup")),
    "CodeBuild Build State Change": _outcome(("project-name",), "build-status"),
    "Step Functions Execution Status Change": _outcome(("stateMachineArn",), "status"),
    "Glue Job State Change": _outcome(("jobName",)),
    "Batch Job State Change": _outcome(("jobName",), "status"),
    "Trusted Advisor Check Item Refresh Notification": _advice,
    "Configuration Compliance State Change": _compliance,
    "Config Rules Compliance Change": _compliance,
    "GuardDuty Finding": _guard_duty,
}
"""What EventBridge's events mean, by their `detail-type`; others are neutral."""

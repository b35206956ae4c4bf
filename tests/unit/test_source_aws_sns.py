"""Amazon SNS: signatures and confirmations for real, CloudWatch alarms, EventBridge events, messages in messages."""

import json
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import NameOID

from oncue.plugins.sources.aws_sns import SIGNED, AwsSnsSource
from oncue.sdk.source import Refusal
from tests.sources import NOW, Vault, event, events, faults, message, told

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem"
SUBSCRIBE_URL = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=x&Token=2336412f37"


def certificate(days: int = 30) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(NOW - timedelta(days=60)).not_valid_after(NOW + timedelta(days=days))
    )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def envelope(text: str, type: str = "Notification", version: str = "1", **more: Any) -> dict[str, Any]:
    """An envelope with a right signature."""
    body = {"Type": type, "MessageId": "22b80b92-fdea", "TopicArn": TOPIC, "Message": text, "Timestamp": "2026-03-01T11:59:00.655Z",
            "SignatureVersion": version, "SigningCertURL": CERTIFICATE_URL, **more}  # fmt: skip
    text = "".join(f"{name}\n{body[name]}\n" for name in SIGNED[type] if name in body)
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
    body["Signature"] = b64encode(KEY.sign(text.encode(), PKCS1v15(), algorithm)).decode()
    return body


def alarm(state: str = "ALARM", **more: Any) -> dict[str, Any]:
    return {
        "AlarmName": "cpu-critical", "AlarmDescription": "CPU of the shop", "AWSAccountId": "123456789012", "NewStateValue": state,
        "NewStateReason": "Threshold Crossed: 1 datapoint [93.5 (01/03/26 11:58:00)] was greater than the threshold (90.0).",
        "StateChangeTime": "2026-03-01T11:59:00.123+0000", "Region": "EU (Ireland)",
        "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:cpu-critical", "OldStateValue": "OK",
        "Trigger": {"MetricName": "CPUUtilization", "Namespace": "AWS/EC2", "Statistic": "AVERAGE", "Unit": "Percent",
                    "Dimensions": [{"name": "AutoScalingGroupName", "value": "g"}, {"name": "InstanceId", "value": "i-1"}],
                    "Threshold": 90.0}, **more,
    }  # fmt: skip


def test_an_alarm() -> None:
    found = event("aws_sns", envelope(json.dumps(alarm())))
    assert {
        name: found[name]
        for name in ("type", "id", "severity", "resource", "check", "fingerprint", "title", "startsat")
    } == {
        "type": "aws.cloudwatch.alarm",
        "id": "22b80b92-fdea",
        "severity": "major",
        "resource": "i-1",
        "check": "cpu-critical",
        "fingerprint": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:cpu-critical",
        "title": "cpu-critical: CPU of the shop",
        "startsat": "2026-03-01T11:59:00.123000Z",
    }
    data = found["data"]
    assert (data["value"], data["limit"], data["unit"], data["metric"]) == (93.5, 90.0, "Percent", "CPUUtilization")
    assert data["link"].startswith("https://eu-west-1.console.aws.amazon.com/") and data["AlarmName"] == "cpu-critical"
    assert found["labels"]["topic"] == "alarms" and found["labels"]["region"] == "eu-west-1"


@pytest.mark.parametrize(
    ("state", "settings", "severity"),
    [("ALARM", {"severity": "minor"}, "minor"), ("ALARM", {"severities": {"*-critical": "critical"}}, "critical"), ("OK", {}, "clear"),
     ("INSUFFICIENT_DATA", {}, None), ("INSUFFICIENT_DATA", {"insufficient_data": "warning"}, "warning")],
)  # fmt: skip
def test_severities_of_alarms(state: str, settings: dict[str, Any], severity: str | None) -> None:
    assert event("aws_sns", envelope(json.dumps(alarm(state))), settings=settings).get("severity") == severity


def test_an_alarm_fires_and_ends() -> None:
    story = told(
        "aws_sns",
        *(envelope(json.dumps(alarm(state)), MessageId=state) for state in ("ALARM", "INSUFFICIENT_DATA", "OK")),
    )
    assert [name for name in story.types() if name.startswith("alert.")] == ["alert.fired", "alert.resolved"]


def test_the_same_alarm_by_eventbridge_and_by_lambda() -> None:
    by_sns = event("aws_sns", envelope(json.dumps(alarm())))
    detail = {
        "alarmName": "cpu-critical",
        "state": {"value": "ALARM", "reason": "r", "reasonData": '{"threshold":90.0,"recentDatapoints":[80.0,93.5]}',
                  "timestamp": "2026-03-01T11:59:00.123+0000"},
        "configuration": {"metrics": [{"metricStat": {"metric": {"name": "CPUUtilization", "dimensions": {"InstanceId": "i-1"}}}}]},
    }  # fmt: skip
    by_event = event("aws_sns", {"id": "e-1", "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch",
                                 "account": "123456789012", "region": "eu-west-1", "resources": [alarm()["AlarmArn"]], "detail": detail})  # fmt: skip
    by_lambda = event("aws_sns", {"source": "aws.cloudwatch", "alarmArn": alarm()["AlarmArn"], "alarmData": detail})
    for found in (by_event, by_lambda):
        assert all(
            found[name] == by_sns[name] for name in ("type", "severity", "resource", "check", "fingerprint", "startsat")
        )
        assert (found["data"]["value"], found["data"]["limit"]) == (93.5, 90.0)
    assert by_event["id"] == "e-1"


def bridge(kind: str, detail: dict[str, Any], *resources: str, source: str = "aws.x") -> dict[str, Any]:
    return {"version": "0", "id": "e-1", "detail-type": kind, "source": source, "account": "1", "time": "2026-03-01T11:00:00Z",
            "region": "eu-west-1", "resources": list(resources), "detail": detail}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "bad", "good", "severity"),
    [
        ("CodePipeline Pipeline Execution State Change", {"pipeline": "p", "state": "FAILED"}, {"pipeline": "p", "state": "SUCCEEDED"}, "major"),
        ("CodeBuild Build State Change", {"project-name": "p", "build-status": "FAILED"}, {"project-name": "p", "build-status": "SUCCEEDED"}, "major"),
        ("EC2 Instance Launch Unsuccessful", {"AutoScalingGroupName": "g"}, None, "major"),
        ("AWS Health Event", {"eventTypeCategory": "issue", "eventArn": "a", "eventTypeCode": "C"},
         {"eventTypeCategory": "issue", "eventArn": "a", "eventTypeCode": "C", "statusCode": "closed"}, "major"),
        ("Trusted Advisor Check Item Refresh Notification", {"check-name": "c", "resource_id": "r", "status": "WARN"},
         {"check-name": "c", "resource_id": "r", "status": "OK"}, "warning"),
        ("Config Rules Compliance Change", {"configRuleName": "c", "resourceId": "r", "newEvaluationResult": {"complianceType": "NON_COMPLIANT"}},
         {"configRuleName": "c", "resourceId": "r", "newEvaluationResult": {"complianceType": "COMPLIANT"}}, "warning"),
        ("GuardDuty Finding", {"id": "f", "severity": 8, "title": "t"}, {"id": "f", "severity": 8, "service": {"archived": True}}, "major"),
    ],
)  # fmt: skip
def test_events_that_fail_and_recover(
    kind: str, bad: dict[str, Any], good: dict[str, Any] | None, severity: str
) -> None:
    failed = event("aws_sns", bridge(kind, bad))
    assert failed["severity"] == severity
    recovered = event("aws_sns", bridge(kind, good) if good else bridge("EC2 Instance Launch Successful", bad))
    assert (recovered["severity"], recovered["fingerprint"]) == ("clear", failed["fingerprint"])


def test_other_events_are_neutral() -> None:
    found = event("aws_sns", bridge("EC2 Instance State-change Notification", {"state": "pending"},
                                    "arn:aws:ec2:eu-west-1:1:instance/i-9", source="aws.ec2"))  # fmt: skip
    assert (found["type"], found.get("severity"), found["resource"]) == (
        "aws.ec2.ec2-instance-state-change-notification",
        None,
        "i-9",
    )


def test_text_stays_in_its_envelope_and_unknown_json_is_neutral() -> None:
    found = event("aws_sns", envelope("Backup is late\nreally", Subject="Backup"))
    assert (found["type"], found["title"], found["data"]["Message"]) == (
        "aws.sns.notification",
        "Backup",
        "Backup is late\nreally",
    )
    assert event("aws_sns", envelope('{"a":1}'))["data"] == {"a": 1}
    assert event("aws_sns", {"a": 1})["type"] == "aws.unknown"


def test_messages_inside_records() -> None:
    sns = {"EventSource": "aws:sns", "Sns": envelope(json.dumps(alarm()))}
    sqs = {"eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:1:q", "messageId": "m", "receiptHandle": "secret-handle",
           "body": json.dumps(envelope(json.dumps(alarm())))}  # fmt: skip
    first, second = events("aws_sns", {"Records": [sns, sqs]})
    assert first["fingerprint"] == second["fingerprint"] and first["severity"] == "major"
    plain = event("aws_sns", {"Records": [{**sqs, "body": "hello"}]})
    assert plain["data"]["receiptHandle"] == "********"


def test_a_confirmation_makes_no_alert_and_keeps_no_token() -> None:
    body = envelope("You have chosen", "SubscriptionConfirmation", SubscribeURL=SUBSCRIBE_URL, Token="2336412f37")
    found = event("aws_sns", body)
    assert "severity" not in found and "not confirmed" in found["title"]
    assert "2336412f37" not in json.dumps(found)


PAGES = {CERTIFICATE_URL: (200, certificate()), SUBSCRIBE_URL: (200, b"<ok/>")}


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_right_signature_is_taken_and_the_certificate_fetched_once(version: str) -> None:
    source, host = AwsSnsSource(), Vault(pages=PAGES)
    for _ in range(2):
        await source.admit(message(envelope("hello", version=version, Subject="s")), host)
    assert host.visited == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "change",
    [{"Message": "forged"}, {"Signature": "AAAA"}, {"Signature": "ü"}, {"SignatureVersion": "3"},
     {"SigningCertURL": "https://evil.example/x.pem"}, {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem"},
     {"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/x.pem"}, {"SigningCertURL": "https://x@sns.eu-west-1.amazonaws.com/x.pem"},
     {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com:444/x.pem"}, {"SigningCertURL": None}],
)  # fmt: skip
async def test_a_wrong_signature_is_refused(change: dict[str, Any]) -> None:
    host = Vault(pages=PAGES)
    with pytest.raises(Refusal) as refused:
        await AwsSnsSource().admit(message(envelope("hello") | change), host)
    assert refused.value.code == "auth.invalid"
    assert host.visited in ([], [CERTIFICATE_URL])


async def test_a_certificate_that_cannot_be_had_is_tried_again() -> None:
    for answer in ((404, b""), (200, b"no certificate")):
        with pytest.raises(Refusal) as refused:
            await AwsSnsSource().admit(message(envelope("hello")), Vault(pages={CERTIFICATE_URL: answer}))
        assert (refused.value.code, refused.value.entry.status) == ("source.handshake_failed", 502)


async def test_an_expired_certificate_is_refused() -> None:
    pages = {CERTIFICATE_URL: (200, certificate(days=-1))}
    with pytest.raises(Refusal, match="does not hold now"):
        await AwsSnsSource().admit(message(envelope("hello")), Vault(pages=pages))


async def test_a_subscription_is_confirmed_only_if_wanted() -> None:
    body = envelope("m", "SubscriptionConfirmation", SubscribeURL=SUBSCRIBE_URL, Token="t")
    host = Vault(pages=PAGES)
    await AwsSnsSource().admit(message(body), host)
    assert host.visited == [CERTIFICATE_URL]
    await AwsSnsSource().admit(message(body, settings={"confirm": True}), host)
    assert host.visited[-1] == SUBSCRIBE_URL
    forged = body | {"SubscribeURL": "https://169.254.169.254/"}
    with pytest.raises(Refusal, match="SubscribeURL is not an address of SNS"):
        await AwsSnsSource().admit(message(forged, settings={"confirm": True, "verify": False}), host)


async def test_topics_are_limited() -> None:
    await AwsSnsSource().admit(message(envelope("m"), settings={"topics": ["*:alarms"]}), Vault(pages=PAGES))
    with pytest.raises(Refusal, match="not among the source's topics"):
        await AwsSnsSource().admit(message(envelope("m"), settings={"topics": ["*:other"]}), Vault(pages=PAGES))


def test_settings() -> None:
    assert faults("aws_sns", {"confirm": True, "topics": [TOPIC], "severities": {"*": "minor"}}) == []
    assert faults("aws_sns", {"confrim": True})[0][0] == "with.confrim"

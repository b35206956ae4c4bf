"""Configured sources on a real server: forms with a token, signatures, mappings, dead letters without credentials."""

import hmac
import json
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from tests.server import ADMIN_TOKEN, Server, eventually

SOURCES = """
apiVersion: oncue/v1
kind: Source
metadata: {name: checks}
spec: {type: nagios}
---
apiVersion: oncue/v1
kind: Source
metadata: {name: code}
spec:
  type: github
  with: {secret: secret://hook}
---
apiVersion: oncue/v1
kind: Source
metadata: {name: backups}
spec:
  type: json
  labels: {env: prod}
  with:
    mapping:
      severity: body.code
      resource: body.host
      check: "'backup'"
      title: "'Backup ended with ' + string(int(body.code))"
    severities: {"0": clear, "5": critical}
---
apiVersion: oncue/v1
kind: Source
metadata: {name: topic}
spec: {type: aws_sns}
---
apiVersion: oncue/v1
kind: Source
metadata: {name: otel}
spec: {type: otlp_logs}
"""
XML = (
    "<?xml version='1.0'?><checkresults><checkresult type='service'><hostname>{host}</hostname>"
    "<servicename>Disk</servicename><state>{state}</state><output>it is so</output></checkresult></checkresults>"
)


@pytest.fixture(scope="module")
def server(oncue_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The server with a source of several types."""
    manifest = tmp_path_factory.mktemp("manifests") / "sources.yaml"
    manifest.write_text(SOURCES)
    done = oncue_server.cli("secret", "set", "hook", stdin="s3cret-of-the-hook")
    assert done.returncode == 0, done.stderr
    done = oncue_server.cli("apply", "-f", str(manifest))
    assert done.returncode == 0, done.stderr
    eventually(lambda: post(oncue_server, "otel", {"resourceLogs": []}).status_code == 200, what="the sources")
    return oncue_server


def post(server: Server, name: str, body: Any, **more: Any) -> httpx.Response:
    """Posted with a token in the address, unless it is a form."""
    url = f"{server.url}/in/{name}?token={ADMIN_TOKEN}"
    if isinstance(body, bytes):
        return httpx.post(url, content=body, trust_env=False, **more)
    return httpx.post(url, json=body, trust_env=False, **more)


def nrdp(server: Server, **fields: str) -> httpx.Response:
    """As NRDP's clients post: no header, the token among the fields, a slash behind the address."""
    return httpx.post(f"{server.url}/in/checks/", data={"cmd": "submitcheck", **fields}, trust_env=False)


def firing(server: Server, resource: str) -> list[dict[str, Any]]:
    return [alert for alert in server.items("alerts", state="firing") if alert["resource"] == resource]


def test_nrdp_authenticates_by_its_form_and_is_answered_as_nrdp(server: Server) -> None:
    answer = nrdp(server, token=ADMIN_TOKEN, xml=XML.format(host="nrdp-1", state="2"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/xml"
    root = ET.fromstring(answer.content)
    assert (root.findtext("status"), root.findtext("message")) == ("0", "OK")
    (alert,) = firing(server, "nrdp-1")
    assert (alert["severity"], alert["check"]) == ("critical", "Disk")
    assert nrdp(server, token=ADMIN_TOKEN, xml=XML.format(host="nrdp-1", state="0")).status_code == 200
    assert firing(server, "nrdp-1") == []


def test_a_form_without_a_right_token_is_refused(server: Server) -> None:
    body = XML.format(host="nrdp-2", state="2")
    assert nrdp(server, xml=body).status_code == 401
    assert nrdp(server, token="wrong", xml=body).status_code == 401
    assert firing(server, "nrdp-2") == []


def test_a_delivery_needs_its_signature(server: Server) -> None:
    body = json.dumps({"action": "completed", "repository": {"full_name": "acme/shop"}, "workflow_run": {
        "name": "CI", "head_branch": "main", "status": "completed", "conclusion": "failure"}}).encode()  # fmt: skip
    headers = {"Content-Type": "application/json", "X-GitHub-Event": "workflow_run", "X-GitHub-Delivery": "d-1"}
    assert post(server, "code", body, headers=headers).json()["code"] == "auth.invalid"
    wrong = {**headers, "X-Hub-Signature-256": "sha256=" + "0" * 64}
    assert post(server, "code", body, headers=wrong).status_code == 401
    assert firing(server, "acme/shop") == []
    right = {**headers, "X-Hub-Signature-256": "sha256=" + hmac.new(b"s3cret-of-the-hook", body, sha256).hexdigest()}
    assert post(server, "code", body, headers=right).json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    assert post(server, "code", body, headers=right).json() == {"accepted": 0, "duplicates": 1, "rejected": []}
    assert len(firing(server, "acme/shop")) == 1


def test_a_mapping_fires_and_ends(server: Server) -> None:
    assert post(server, "backups", {"host": "json-1", "code": 5}).json()["accepted"] == 1
    (alert,) = firing(server, "json-1")
    assert (alert["severity"], alert["title"], alert["labels"]) == ("critical", "Backup ended with 5", {"env": "prod"})
    assert post(server, "backups", {"host": "json-1", "code": 0}).json()["accepted"] == 1
    assert firing(server, "json-1") == []


def test_what_does_not_fit_is_a_dead_letter_without_its_credentials(server: Server) -> None:
    answer = post(server, "backups", {"password": "hunter22-hunter22"})
    ((_, code),) = [(one["index"], one["code"]) for one in answer.json()["rejected"]]
    assert code == "expression.failed"
    refused = nrdp(server, token=ADMIN_TOKEN, xml="<no xml")
    assert (refused.status_code, refused.json()["code"]) == (400, "request.malformed")
    letters = json.dumps(server.client.get("/api/v1/dead-letters").json())
    assert "mapping.severity" in letters
    assert "hunter22" not in letters and ADMIN_TOKEN not in letters


def test_an_envelope_that_nobody_signed_is_refused(server: Server) -> None:
    body = {
        "Type": "Notification",
        "TopicArn": "arn:aws:sns:eu-west-1:1:t",
        "Message": "x",
        "SigningCertURL": "https://evil.example/",
    }
    answer = post(server, "topic", body)
    assert (answer.status_code, answer.json()["code"]) == (401, "auth.invalid")


def test_otlp_is_answered_as_otlp(server: Server) -> None:
    answer = post(server, "otel", b"", headers={"Content-Type": "application/x-protobuf"})
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"", "application/x-protobuf")
    assert post(server, "otel", {"resourceLogs": []}).json() == {}


def test_a_mapping_that_does_not_compile_is_refused_when_it_is_applied(server: Server, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(SOURCES.split("---")[2].replace("body.code\n", "body.(\n", 1))
    done = server.cli("apply", "-f", str(bad))
    assert done.returncode != 0
    assert "mapping.severity" in done.stdout + done.stderr

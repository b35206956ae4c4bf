"""PagerDuty's Events v2 against a real server: from the routing key in a secret to the alert, and nowhere the key."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server import Server, eventually

KEY = "0123456789abcdef0123456789ABCDEF"
SOURCE = """
apiVersion: oncue/v1
kind: Source
metadata: {name: shop}
spec:
  type: pagerduty
  service: orders
  labels: {env: prod}
  routing_key: secret://shop-key
"""


@pytest.fixture(scope="module")
def shop(oncue_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The server with a source that has a routing key."""
    manifest = tmp_path_factory.mktemp("manifests") / "source.yaml"
    manifest.write_text(SOURCE)
    done = oncue_server.cli("secret", "set", "shop-key", stdin=KEY)
    assert done.returncode == 0, done.stderr
    done = oncue_server.cli("apply", "-f", str(manifest))
    assert done.returncode == 0, done.stderr
    return oncue_server


def post(server: Server, path: str = "enqueue", **fields: Any) -> httpx.Response:
    body = {"routing_key": KEY, **fields}
    return httpx.post(f"{server.url}/pagerduty/v2/{path}", json=body, trust_env=False)


def alert(server: Server, fingerprint: str) -> dict[str, Any]:
    (found,) = [one for one in server.items("alerts") if one["fingerprint"] == fingerprint]
    return found


PAYLOAD = {"summary": "Queue is stuck", "source": "mq-1", "severity": "critical", "class": "queue"}


def test_an_alert_is_triggered_acknowledged_and_resolved(shop: Server) -> None:
    eventually(lambda: post(shop, event_action="resolve", dedup_key="warm").status_code == 202, 10, "the source")
    assert shop.items("alerts") == []  # a recovery of nothing raises nothing
    reply = post(shop, event_action="trigger", dedup_key="q1", payload=PAYLOAD)
    assert (reply.status_code, reply.json()["dedup_key"]) == (202, "q1")
    fired = alert(shop, "shop:q1")
    assert (fired["title"], fired["severity"], fired["state"]) == ("Queue is stuck", "critical", "firing")
    assert (fired["resource"], fired["service"], fired["namespace"]) == ("mq-1", "orders", "default")
    assert fired["labels"] == {"env": "prod", "class": "queue"}

    assert post(shop, event_action="acknowledge", dedup_key="q1").status_code == 202
    assert alert(shop, "shop:q1")["acknowledged_by"] == "source:shop"
    assert post(shop, event_action="resolve", dedup_key="q1").status_code == 202
    assert alert(shop, "shop:q1")["state"] == "resolved"


def test_a_change_is_recorded_and_raises_nothing(shop: Server) -> None:
    before = len(shop.items("alerts"))
    assert post(shop, "change/enqueue", payload={"summary": "Deployed", "source": "ci"}).status_code == 202
    assert len(shop.items("events", type="pagerduty.change")) == 1
    assert len(shop.items("alerts")) == before


def test_what_is_wrong_is_answered_400_in_pagerdutys_words(shop: Server) -> None:
    reply = post(shop, routing_key="f" * 32, event_action="trigger", payload=PAYLOAD)
    assert reply.status_code == 400
    assert reply.json() == {
        "status": "invalid event", "message": "Event object is invalid", "errors": ["Invalid routing key"],
    }  # fmt: skip
    assert post(shop, event_action="nope", note=f"my key is {KEY}").status_code == 400
    letters = shop.items("dead-letters")
    assert letters
    assert KEY not in json.dumps(letters)


def test_the_routing_key_is_written_nowhere(shop: Server) -> None:
    assert post(shop, event_action="trigger", dedup_key="leak", payload={**PAYLOAD, "summary": KEY}).status_code == 202
    for path in ("events", "alerts", "dead-letters"):
        assert KEY not in json.dumps(shop.items(path)), path
    assert KEY not in shop.log.read_text()
    for file in Path(shop.data).rglob("*"):
        if file.is_file():
            assert KEY.encode() not in file.read_bytes(), file

"""A real server's monitors: a port that closes and opens again, a log, and a query, from the manifest to the alert."""

import socket
import sqlite3
from pathlib import Path

from tests.server import Server, eventually

MANIFESTS = """
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {{name: local}}
spec: {{host: 127.0.0.1}}
---
apiVersion: oncue/v1
kind: Monitor
metadata: {{name: port}}
spec:
  uses: tcp
  every: 1s
  severity: critical
  with: {{host: 127.0.0.1, port: {port}}}
---
apiVersion: oncue/v1
kind: Monitor
metadata: {{name: errors}}
spec:
  uses: log
  every: 1s
  resource: shop
  with: {{path: {directory}/app.log, pattern: ERROR, hold_s: 3600}}
---
apiVersion: oncue/v1
kind: Monitor
metadata: {{name: stuck}}
spec:
  uses: sql
  every: 1s
  with: {{url: "secret://shop-db", query: "SELECT region, count AS value FROM stuck"}}
  thresholds:
    - {{metric: sql.value, major: 10}}
    - {{metric: sql.value, warning: 5, match: {{labels: {{region: south}}}}}}
"""


def listener(port: int = 0) -> socket.socket:
    """A port that takes connections, and leaves them waiting."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.listen(1024)
    return made


def test_monitors_raise_and_end_alerts(oncue_server: Server, tmp_path: Path) -> None:
    def severities() -> dict[str, str]:
        return {one["check"]: one["severity"] for one in oncue_server.items("alerts", state="firing")}

    def states() -> dict[str, str]:
        states = [one["state"] for one in oncue_server.items("monitors") if one["state"] is not None]
        return {state["name"]: state["state"] for state in states if state["name"] in named}

    named = ("port", "errors", "stuck")
    (tmp_path / "app.log").write_text("ERROR of yesterday\n")
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE stuck (region TEXT, count INT)")
        database.execute("INSERT INTO stuck VALUES ('north', 7), ('south', 7)")
    database.close()
    opened = listener()
    port = opened.getsockname()[1]
    done = oncue_server.cli("secret", "set", "shop-db", stdin=f"sqlite:///{tmp_path}/shop.db")
    assert done.returncode == 0, done.stderr
    (tmp_path / "monitors.yaml").write_text(MANIFESTS.format(port=port, directory=tmp_path))
    done = oncue_server.cli("apply", "-f", str(tmp_path / "monitors.yaml"))
    assert done.returncode == 0, done.stderr
    eventually(lambda: states() == {"port": "clear", "errors": "clear", "stuck": "warning"}, 30, "the first findings")
    assert {check: one for check, one in severities().items() if check.startswith("stuck")} == {
        "stuck/south": "warning"
    }

    opened.close()
    with (tmp_path / "app.log").open("a") as log:
        log.write("ERROR disk is gone\n")
    eventually(lambda: severities().get("port") == "critical", 20, "the alert about the port")
    eventually(lambda: severities().get("errors") == "major", 20, "the alert about the log")
    (alert,) = [one for one in oncue_server.items("alerts", state="firing") if one["check"] == "errors"]
    assert alert["title"] == "app.log: ERROR disk is gone"
    opened = listener(port)
    eventually(lambda: "port" not in severities(), 20, "the end of the alert about the port")
    opened.close()

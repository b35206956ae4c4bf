"""What survives: kills, restarts and drains of real processes."""

import threading
from collections.abc import Callable

import httpx
import psutil

from tests.server import Server, event, eventually


def alerts_of(server: Server, type: str) -> set[str]:
    return {alert["resource"] for alert in server.items("alerts", type=type)}


def test_what_was_acknowledged_is_there_after_kill_9_on_the_same_port(fresh_server: Server) -> None:
    sent = [event(type="org.example.killed", resource=f"killed-{n}", id=f"killed-{n}") for n in range(50)]
    assert fresh_server.emit(*sent)["accepted"] == 50
    fresh_server.kill()
    fresh_server.start()
    assert len(fresh_server.items("events", type="org.example.killed")) == 50
    assert fresh_server.emit(*sent) == {"accepted": 0, "duplicates": 50, "rejected": []}
    assert {f"killed-{n}" for n in range(50)} <= {alert["resource"] for alert in fresh_server.items("alerts")}
    assert {alert["count"] for alert in fresh_server.items("alerts") if alert["resource"].startswith("killed")} == {1}


def test_children_die_with_a_killed_supervisor_and_the_port_is_free(fresh_server: Server) -> None:
    processes = fresh_server.processes()
    assert len(processes) >= 3, "supervisor, engine, front, worker"
    assert fresh_server.process is not None
    fresh_server.process.kill()
    fresh_server.process.wait()
    _, alive = psutil.wait_procs(processes[1:], timeout=10)
    assert not alive
    fresh_server.start()
    assert fresh_server.emit(event())["accepted"] == 1


def test_a_killed_engine_comes_back_by_itself_and_keeps_its_state(fresh_server: Server) -> None:
    fresh_server.emit(event(resource="before-1"))
    for child in fresh_server.processes()[1:]:
        if any("engine" in part for part in child.cmdline()):
            child.kill()
            child.wait(10)

    def accepted() -> bool:
        response = fresh_server.client.post(
            "/api/v1/events", json=event(resource="after-1"), headers={"Content-Type": "application/cloudevents+json"}
        )
        assert response.status_code in {200, 429, 503}, response.text
        return response.status_code == 200

    eventually(accepted, within_s=30, what="the engine comes back")
    assert {"before-1", "after-1"} <= {alert["resource"] for alert in fresh_server.items("alerts")}


def test_sigterm_drains_so_that_every_acknowledged_event_is_there_once(fresh_server: Server) -> None:
    acknowledged: list[str] = []
    stopping = threading.Event()

    def load(worker: int) -> None:
        with httpx.Client(
            base_url=fresh_server.url, headers=dict(fresh_server.client.headers), trust_env=False
        ) as client:
            number = 0
            while not stopping.is_set():
                sent = event(id=f"drain-{worker}-{number}", type="org.example.drain", resource=f"drain-{worker}")
                number += 1
                try:
                    response = client.post(
                        "/api/v1/events", json=sent, headers={"Content-Type": "application/cloudevents+json"}
                    )
                except httpx.TransportError:
                    return
                if response.status_code == 200:
                    acknowledged.append(sent["id"])

    workers = [threading.Thread(target=load, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    eventually(lambda: len(acknowledged) > 200, what="some load")
    assert fresh_server.stop() == 0
    stopping.set()
    for worker in workers:
        worker.join()
    fresh_server.start()
    listed = [item["id"] for item in fresh_server.items("events", type="org.example.drain")]
    assert len(listed) == len(set(listed))
    assert set(acknowledged) <= set(listed)


def test_an_empty_directory_becomes_a_server_with_keys_that_only_its_owner_can_read(
    make_server: Callable[..., Server],
) -> None:
    server = make_server()
    server.start()
    keys = [path for path in (server.data / "keys").iterdir() if path.is_file()]
    assert keys
    private = [path for path in keys if not path.name.endswith(".pub")]
    assert all(path.stat().st_mode & 0o077 == 0 for path in private)


def test_a_second_server_on_the_same_data_is_refused_and_does_no_harm(
    fresh_server: Server, make_server: Callable[..., Server]
) -> None:
    fresh_server.emit(event(resource="first-1"))
    second = Server(fresh_server.data)
    second.log = fresh_server.data.parent / "second.log"
    second.start(wait=False)
    assert second.process is not None
    assert second.process.wait(30) != 0
    second.close()
    assert fresh_server.emit(event(resource="first-2"))["accepted"] == 1

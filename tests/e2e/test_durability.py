"""What survives: kills, restarts and drains of real processes."""

import threading

import httpx
import psutil

from tests.server import Server, event, eventually


def alerts_of(server: Server, type: str) -> set[str]:
    return {alert["resource"] for alert in server.items("alerts", type=type)}


def test_what_was_acknowledged_is_there_after_kill_9_on_the_same_port(oncue_server: Server) -> None:
    sent = [event(type="org.example.killed", resource=f"killed-{n}", id=f"killed-{n}") for n in range(50)]
    assert oncue_server.emit(*sent)["accepted"] == 50
    oncue_server.kill()
    oncue_server.start()
    assert len(oncue_server.items("events", type="org.example.killed")) == 50
    assert oncue_server.emit(*sent) == {"accepted": 0, "duplicates": 50, "rejected": []}
    assert {f"killed-{n}" for n in range(50)} <= {alert["resource"] for alert in oncue_server.items("alerts")}
    assert {alert["count"] for alert in oncue_server.items("alerts") if alert["resource"].startswith("killed")} == {1}


def test_children_die_with_a_killed_supervisor_and_the_port_is_free(oncue_server: Server) -> None:
    processes = oncue_server.processes()
    assert len(processes) >= 3, "supervisor, engine, front, worker"
    assert oncue_server.process is not None
    oncue_server.process.kill()
    oncue_server.process.wait()
    _, alive = psutil.wait_procs(processes[1:], timeout=10)
    assert not alive
    oncue_server.start()
    assert oncue_server.emit(event())["accepted"] == 1


def test_a_killed_engine_comes_back_by_itself_and_keeps_its_state(oncue_server: Server) -> None:
    oncue_server.emit(event(resource="before-1"))
    for child in oncue_server.processes()[1:]:
        if any("engine" in part for part in child.cmdline()):
            child.kill()
            child.wait(10)

    def accepted() -> bool:
        response = oncue_server.client.post(
            "/api/v1/events", json=event(resource="after-1"), headers={"Content-Type": "application/cloudevents+json"}
        )
        assert response.status_code in {200, 429, 503}, response.text
        return response.status_code == 200

    eventually(accepted, within_s=30, what="the engine comes back")
    assert {"before-1", "after-1"} <= {alert["resource"] for alert in oncue_server.items("alerts")}


def test_sigterm_drains_so_that_every_acknowledged_event_is_there_once(oncue_server: Server) -> None:
    acknowledged: list[str] = []
    stopping = threading.Event()

    def load(worker: int) -> None:
        with httpx.Client(
            base_url=oncue_server.url, headers=dict(oncue_server.client.headers), trust_env=False
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
    assert oncue_server.stop() == 0
    stopping.set()
    for worker in workers:
        worker.join()
    oncue_server.start()
    listed = [item["id"] for item in oncue_server.items("events", type="org.example.drain")]
    assert len(listed) == len(set(listed))
    assert set(acknowledged) <= set(listed)


def test_an_empty_directory_becomes_a_server_with_keys_that_only_its_owner_can_read(
    oncue_server: Server,
) -> None:
    keys = [path for path in (oncue_server.data / "keys").iterdir() if path.is_file()]
    assert keys
    private = [path for path in keys if not path.name.endswith(".pub")]
    assert all(path.stat().st_mode & 0o077 == 0 for path in private)


def test_a_second_server_on_the_same_data_is_refused_and_does_no_harm(oncue_server: Server) -> None:
    oncue_server.emit(event(resource="first-1"))
    second = Server(oncue_server.data)
    second.log = oncue_server.data.parent / "second.log"
    second.start(wait=False)
    assert second.process is not None
    assert second.process.wait(30) != 0
    second.close()
    assert oncue_server.emit(event(resource="first-2"))["accepted"] == 1

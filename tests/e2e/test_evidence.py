"""The evidence of a change on a real server: taken over HTTP and by the command line, verified without either."""

import base64
import hashlib
import html
import json
import re
import sqlite3
import subprocess
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from oncue.core.change import Change
from oncue.core.errors import Refusal
from oncue.evidence import bundle, gather, printing
from oncue.evidence.check import read, verify
from oncue.evidence.facts import Facts
from oncue.evidence.story import told
from oncue.store import signed_note
from oncue.store.database import reading_engine
from oncue.store.journal import Record
from oncue.store.revision import FILE_NAME
from tests.bending import bent, kinds, without
from tests.server import Server, event, eventually, run_cli

MANIFESTS = """
apiVersion: oncue/v1
kind: Team
metadata: {name: board}
spec: {members: [board-1]}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: tidy}
spec:
  inputs: {type: object, properties: {place: {type: string}}}
  steps:
    - {id: noted, set: {place: "${inputs.place}"}}
---
apiVersion: oncue/v1
kind: ChangeTemplate
metadata: {name: restart}
spec:
  description: Restart the application
  type: normal
  targets: {names: [app-1, app-2, app-3]}
  waves: {canary: 1, then: "100%"}
  expects: [{types: [org.example.app.down], at_most: 10m}]
  approvals: [{by: ["team:board"]}]
  steps:
    - id: stop
      uses: shell.command
      with: {argv: [/bin/echo, "${target} stopped"], env: {PASSWORD: secret://app}}
      validate: {uses: shell.command, with: {argv: [/bin/echo, well]}, that: 'result.stdout == "well\\n"', every: 1s, within: 20s}
      rollback: {uses: shell.command, with: {argv: [/bin/echo, back]}}
    - {id: tidied, run: {workflow: tidy, with: {place: "${target}"}}}
    - id: start
      uses: shell.command
      rollback: {uses: shell.command, with: {argv: [/bin/echo, stopped again]}}
      with: {argv: [/usr/bin/test, "${target}", "!=", app-3]}
  on_failure: {rollback: all}
"""


def made(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


def changed(server: Server, *targets: str) -> str:
    """The id of a change that was agreed to, made and closed."""
    body = {"template": "restart", "reason": "It leaks <b>memory</b>", "targets": list(targets)}
    change = made(server.client.post("/api/v1/changes", json=body))
    headers = {"Authorization": f"Bearer {server.board}"}  # type: ignore[attr-defined]
    made(
        server.client.post(
            f"/api/v1/approvals/{change['approval']}/decide",
            json={"decision": "approve", "reason": "Go"},
            headers=headers,
        )
    )
    path = f"/api/v1/changes/{change['id']}"
    eventually(lambda: made(server.client.get(path))["state"] == "scheduled", what="agreed to")
    made(server.client.post(f"{path}/start"))
    eventually(lambda: made(server.client.get(path))["ended_at"], what="it is over")
    if made(server.client.get(path))["state"] == "review":
        made(server.client.post(f"{path}/review", json={"code": "backed_out", "note": "Try again on Sunday"}))
    return str(change["id"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = tmp_path_factory.mktemp("evidence") / "data"
    data.mkdir(mode=0o700)
    (data / "oncue.toml").write_text('[actions.shell]\nenabled = true\nallow = ["/bin/echo", "/usr/bin/test"]\n')
    with Server(data) as server:
        made(server.client.post("/api/v1/manifests", content=MANIFESTS))
        assert server.cli("secret", "set", "app", stdin="not-to-be-seen").returncode == 0
        person = {"name": "board-1", "bindings": [{"role": "approver", "namespace": "default"}]}
        made(server.client.post("/api/v1/users", json=person))
        token = {"name": "board-1", "user": "board-1", "role": "approver", "namespaces": ["default"]}
        server.board = str(made(server.client.post("/api/v1/tokens", json=token))["token"])  # type: ignore[attr-defined]
        yield server
    server.verify()


@pytest.fixture(scope="module")
def bundles(server: Server) -> dict[str, bytes]:
    """Evidence of a change that went well, with an alert that it was expected to cause, and of one that was undone."""
    well = changed(server, "app-1", "app-2")
    server.emit(event(type="org.example.app.down", resource="app-2"))
    eventually(lambda: server.items("alerts"), what="the alert")
    return {"well": taken(server, well), "undone": taken(server, changed(server))}


def taken(server: Server, id: str) -> bytes:
    answer = server.client.get(f"/api/v1/changes/{id}/evidence")
    assert answer.status_code == 200, answer.text
    return answer.content


def public_key(server: Server) -> bytes:
    found = load_pem_public_key((server.data / "keys" / "checkpoint.pub").read_bytes())
    assert isinstance(found, Ed25519PublicKey)
    return signed_note.raw_key(found)


def resealed(server: Server, document: dict[str, Any]) -> bytes:
    """The bundle, sealed again by whoever holds the installation's key."""
    key = load_pem_private_key((server.data / "keys" / "checkpoint.pem").read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    content = bundle.canonical(document["evidence"])
    made = document["evidence"]["made"]
    seal = signed_note.seal(made["journal_id"], made["subject"], bundle.digest(content), key)
    return bundle.packed(content, seal, document["key"])


def story(content: bytes) -> dict[str, Any]:
    return dict(json.loads(content)["evidence"]["story"])


def test_a_bundle_tells_who_agreed_what_was_done_and_what_came_of_it(bundles: dict[str, bytes]) -> None:
    told = story(bundles["well"])
    assert (told["change"]["state"], told["change"]["close_code"]) == ("closed", "successful")
    ((agreed,),) = [one["decisions"] for one in told["approvals"]]
    assert (agreed["by"], agreed["decision"], agreed["actor"], agreed["reason"]) == (
        "user:board-1",
        "approve",
        "user:board-1",
        "Go",
    )
    stopped = [one for one in told["steps"] if one["address"].endswith("/stop")]
    assert [(one["wave"], one["target"], one["state"]) for one in stopped] == [
        ("canary", "app-1", "succeeded"), ("wave-1", "app-2", "succeeded"),
    ]  # fmt: skip
    assert stopped[0]["attempts"][0]["result"]["stdout"] == "app-1 stopped\n"
    assert stopped[0]["readings"][0]["result"]["stdout"] == "well\n"
    assert [one["target"] for one in told["steps"] if one["address"] == "noted"] == ["app-1", "app-2"], (
        "steps of runs within"
    )
    assert any("wave-1, app-2: succeeded" in one["text"] for one in told["ticket"]["remarks"])
    assert [(one["kind"], one["resource"], one["expected"]) for one in told["followed"]] == [("alert", "app-2", True)]
    assert told["gaps"] == []


def test_a_bundle_tells_what_was_undone(bundles: dict[str, bytes]) -> None:
    told = story(bundles["undone"])
    assert (told["change"]["close_code"], told["change"]["close_note"]) == ("backed_out", "Try again on Sunday")
    undone = [one["address"] for one in told["steps"] if one["undone"]]
    undoes = [one["address"].removesuffix("~rollback") for one in told["steps"] if one["undoes"]]
    assert len(undone) == 6
    assert sorted(undone) == sorted(undoes)
    assert [one["by"] for one in told["history"]][-1] == "token:preset-admin"


def test_a_secret_is_named_and_its_value_is_in_no_bundle(bundles: dict[str, bytes]) -> None:
    for content in bundles.values():
        assert b"secret://app" in content
        assert b"not-to-be-seen" not in content


def test_the_plan_that_was_agreed_to_can_be_reckoned_again(bundles: dict[str, bytes]) -> None:
    evidence = json.loads(bundles["well"])["evidence"]
    text = json.dumps(evidence["agreed"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == evidence["story"]["change"]["approved"]


def test_a_bundle_verifies_without_a_server_whatever_its_spaces(server: Server, bundles: dict[str, bytes]) -> None:
    for content in bundles.values():
        for written in (content, json.dumps(json.loads(content), indent=4).encode()):
            found = verify(written)
            assert (found.result, found.origin) == ("intact", False), found
        found = verify(content, public_key(server))
        assert (found.result, found.origin) == ("intact", True)


def test_a_bundle_that_another_key_signed_is_not_of_this_installation(bundles: dict[str, bytes]) -> None:
    stranger = signed_note.raw_key(Ed25519PrivateKey.generate().public_key())
    found = verify(bundles["well"], stranger)
    assert (found.result, found.where) == ("tampered", "key")


def test_a_kept_checkpoint_is_found_again_and_another_is_not(server: Server, bundles: dict[str, bytes]) -> None:
    (stretch,) = json.loads(bundles["undone"])["evidence"]["chain"]
    kept = stretch["checkpoint"]
    assert verify(bundles["undone"], None, kept).result == "intact"
    origin, batch, root, *rest = kept.split("\n")
    other = base64.b64encode(bytes(32)).decode()
    assert verify(bundles["undone"], None, "\n".join([origin, batch, other, *rest])).where == "chain"
    assert verify(bundles["undone"], None, "\n".join([origin, "999999", root, *rest])).result == "cannot_tell"
    assert verify(bundles["undone"], None, "\n".join(["oncue/another", batch, root, *rest])).result == "cannot_tell"


CLAIMS = ("at", "by", "version", "left_out")
"""What nothing but the seal vouches for."""


@pytest.mark.parametrize("which", ["well", "undone"])
def test_who_holds_the_key_cannot_seal_another_story(server: Server, bundles: dict[str, bytes], which: str) -> None:
    document = json.loads(bundles[which])
    assert verify(resealed(server, document)).result == "intact"
    for path in kinds(document["evidence"]):
        claimed = path[0] == "made" and path[1:2] and path[1] in CLAIMS
        if claimed or path in {("made",), ("form",), ("agreed",)}:
            continue
        found = verify(resealed(server, without(document, ("evidence", *path), bent)))
        assert found.result == "tampered", path
        assert found.where not in (None, "seal", "evidence"), (path, found)


def test_a_record_that_was_left_out_is_missed(server: Server, bundles: dict[str, bytes]) -> None:
    """Even if whoever holds the key tells the story anew without it: of what other records name."""
    document = json.loads(bundles["undone"])
    types = [json.loads(one["body"])["type"] for one in document["evidence"]["records"]]
    for type in (
        "oncue.change.created",
        "oncue.approval.approved",
        "oncue.effect.requested",
        "oncue.effect.result",
        "oncue.run.started",
    ):
        at = types.index(type)
        less = without(document, ("evidence", "records", at), None)
        gone = document["evidence"]["records"][at]["position"]
        kept = {one["position"] for one in less["evidence"]["records"]}
        spans = [
            (one["first_position"], one["first_position"] + len(one["rows"])) for one in less["evidence"]["leaves"]
        ]
        less["evidence"]["leaves"] = [
            one
            for one, (first, end) in zip(less["evidence"]["leaves"], spans, strict=True)
            if kept & set(range(first, end))
        ]
        assert verify(resealed(server, less)).result == "tampered", "the story still has it"
        records = proven(less)
        less["evidence"]["story"] = msgspec.to_builtins(told(Facts(records)))
        found = verify(resealed(server, less))
        assert found.result == "cannot_tell", (type, gone)
        assert "missing" in found.detail


def proven(document: dict[str, Any]) -> list[Record]:
    """The records of a bundle, as they were journaled."""
    rows = {
        one["first_position"] + at: row for one in document["evidence"]["leaves"] for at, row in enumerate(one["rows"])
    }
    return [
        Record(
            one["position"], rows[one["position"]][0], rows[one["position"]][1], base64.b64decode(one["envelope"]),
            one["body"].encode(),
        )
        for one in document["evidence"]["records"]
    ]  # fmt: skip


def test_a_member_that_is_there_twice_is_found(bundles: dict[str, bytes]) -> None:
    twice = bundles["well"].replace(b'"agreed":', b'"agreed":null,"agreed":', 1)
    found = verify(twice)
    assert (found.result, found.where) == ("tampered", "agreed")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"null", b"\xff", b'{"evidence":{"form":"oncue.evidence/9"}}', b"[" * 100_000]
)
def test_what_is_no_bundle_cannot_be_told(content: bytes) -> None:
    assert verify(content).result == "cannot_tell"


def test_the_command_line_takes_verifies_and_names_what_was_changed(
    server: Server, bundles: dict[str, bytes], tmp_path: Path
) -> None:
    file = tmp_path / "CHG-1.json"
    assert server.cli("evidence", "export", "CHG-1", "-o", str(file)).returncode == 0
    key = server.data / "keys" / "checkpoint.pub"

    def verified(*more: str) -> subprocess.CompletedProcess[str]:
        return run_cli("evidence", "verify", str(file), *more)

    plain = verified()
    assert (plain.returncode, plain.stdout[:6]) == (0, "intact"), plain.stderr
    assert "integrity, not origin" in plain.stderr
    for given in (str(key), base64.b64encode(public_key(server)).decode()):
        ran = verified("--key", given)
        assert ran.returncode == 0
        assert "signed with the key that was given" in ran.stderr
    stranger = base64.b64encode(signed_note.raw_key(Ed25519PrivateKey.generate().public_key())).decode()
    assert verified("--key", stranger).returncode == 1
    for nonsense in ("nonsense", "A" * 5000, str(file)):
        assert verified("--key", nonsense).returncode == 2, "that is not to say that it was tampered with"
    kept = tmp_path / "kept"
    kept.write_text(json.loads(file.read_bytes())["evidence"]["chain"][0]["checkpoint"])
    assert verified("--checkpoint", str(kept)).returncode == 0
    content = file.read_bytes()
    file.write_bytes(content.replace(b'"close_code":"successful"', b'"close_code":"successful_with_issues"'))
    ran = verified()
    assert ran.returncode == 1
    assert ran.stdout.startswith(
        "tampered at story.change.close_code: it says successful_with_issues, the records say successful"
    )
    file.write_bytes(content.replace(b"app-1 stopped", b"app-1 started"))
    assert verified().stdout.startswith("tampered at records[")
    file.write_text("what else")
    assert verified().returncode == 2


def test_the_page_is_for_reading_alone(server: Server, bundles: dict[str, bytes], tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(bundles["undone"])
    assert run_cli("evidence", "render", str(file)).returncode == 0
    rendered = file.with_suffix(".html").read_text("utf-8")
    served = server.client.get("/api/v1/changes/CHG-2/evidence", params={"format": "html"})
    assert served.headers["content-type"].startswith("text/html")
    assert "script" not in served.headers["content-security-policy"]
    for page in (rendered, served.text):
        assert not re.search(r"<script|<img|<link|\bsrc=|\bhref=|\bon[a-z]+=|url\(", page)
        assert "It leaks &lt;b&gt;memory&lt;/b&gt;" in page
        for words in (
            "backed out",
            "user:board-1",
            "Try again on Sunday",
            "wave-1 app-3",
            "undone",
            "secret://app",
            "TCK-2",
        ):
            assert words in page
    seal = signed_note.opened(json.loads(bundles["undone"])["seal"]).lines[-1]
    assert html.escape(seal) in rendered
    file.write_bytes(bundles["undone"].replace(b"Try again on Sunday", b"Never try again"))
    refused = run_cli("evidence", "render", str(file), "-o", str(tmp_path / "other.html"))
    assert (refused.returncode, "error evidence.bent" in refused.stderr) == (1, True)
    assert not (tmp_path / "other.html").exists()


def test_the_pdf_is_of_the_bundle_beside_it(server: Server, bundles: dict[str, bytes], tmp_path: Path) -> None:
    file, paper = tmp_path / "bundle.json", tmp_path / "bundle.pdf"
    file.write_bytes(bundles["undone"])
    assert run_cli("evidence", "render", str(file), "--pdf", str(paper)).returncode == 0
    assert paper.read_bytes() == printing.pdf(read(bundles["undone"])[1])
    assert not file.with_suffix(".html").exists()
    ran = server.cli("evidence", "export", "CHG-2", "--format", "zip", "-o", str(tmp_path / "both.zip"))
    assert ran.returncode == 0, ran.stderr
    with ZipFile(tmp_path / "both.zip") as archive:
        kept = archive.read("CHG-2.json")
        assert archive.read("CHG-2.pdf") == printing.pdf(read(kept)[1])
    assert verify(kept).result == "intact"
    served = server.client.get("/api/v1/changes/CHG-2/evidence", params={"format": "pdf"})
    assert (served.headers["content-type"], served.content[:5]) == ("application/pdf", b"%PDF-")
    assert served.headers["content-disposition"] == 'inline; filename="CHG-2.pdf"'
    file.write_bytes(bundles["undone"].replace(b"Try again on Sunday", b"Never try again"))
    refused = run_cli("evidence", "render", str(file), "--pdf", str(tmp_path / "other.pdf"))
    assert (refused.returncode, "error evidence.bent" in refused.stderr) == (1, True)
    assert not (tmp_path / "other.pdf").exists()


def test_where_the_chain_is_long_it_is_given_in_pieces(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each up to the next checkpoint. One that was kept and lies between is not found again, and nothing else is said of it."""
    body = {"template": "restart", "reason": "Later", "submit": False, "targets": ["app-1"]}
    id = made(server.client.post("/api/v1/changes", json=body))["id"]
    taken(server, id)  # by which it signs
    for number in range(3):
        server.emit(event(resource=f"between-{number}"))
    between = taken(server, made(server.client.post("/api/v1/changes", json=body))["id"])
    server.emit(event(resource="after"))
    made(server.client.post(f"/api/v1/changes/{id}/cancel", json={"reason": "not needed"}))
    document = json.loads(taken(server, id))
    assert len(document["evidence"]["chain"]) == 1
    monkeypatch.setattr(gather, "LINKS_LIMIT", 1)
    engine = reading_engine(str(server.data / FILE_NAME), 1)
    with engine.connect() as connection:
        pieces = gather.chain(connection, sorted({one["batch"] for one in document["evidence"]["leaves"]}))
    engine.dispose()
    assert len(pieces) == 2
    document["evidence"]["chain"] = msgspec.to_builtins(pieces)
    found = verify(resealed(server, document))
    assert (found.result, found.checkpoints) == ("intact", 2)
    kept = json.loads(between)["evidence"]["chain"][-1]["checkpoint"]
    assert verify(resealed(server, document), None, kept).result == "cannot_tell"
    gone = without(document, ("evidence", "chain", 0, "links", 0), None)
    assert verify(resealed(server, gone)).result == "tampered"


def test_there_is_no_evidence_of_what_is_not_there(server: Server) -> None:
    ran = server.cli("evidence", "export", "CHG-999")
    assert ran.returncode == 1
    assert "error change.not_found" in ran.stderr


def test_a_change_that_is_not_over_has_evidence_so_far(server: Server) -> None:
    change = made(
        server.client.post("/api/v1/changes", json={"template": "restart", "reason": "Later", "submit": False})
    )
    content = taken(server, change["id"])
    assert verify(content).result == "intact"
    assert story(content)["change"]["state"] == "draft"
    page = server.client.get(f"/api/v1/changes/{change['id']}/evidence", params={"format": "html"})
    assert "It was not planned." in page.text


STANDARD = """
apiVersion: oncue/v1
kind: ChangeTemplate
metadata: {name: greet, namespace: shop}
spec:
  type: standard
  targets: {names: [shop-1]}
  steps: [{id: greet, uses: shell.command, with: {argv: [/bin/echo, hello]}}]
"""


def test_a_change_of_another_namespace_has_all_of_its_evidence(server: Server) -> None:
    made(server.client.post("/api/v1/manifests", content=STANDARD))
    wanted = {"template": "greet", "reason": "It is polite", "namespace": "shop"}
    path = f"/api/v1/changes/{made(server.client.post('/api/v1/changes', json=wanted))['id']}"
    made(server.client.post(f"{path}/start"))
    eventually(lambda: made(server.client.get(path))["state"] == "closed", what="it is closed")
    content = taken(server, path.rpartition("/")[2])
    assert verify(content).result == "intact"
    (greeted,) = [one for one in story(content)["steps"] if one["uses"] == "shell.command"]
    assert greeted["attempts"][0]["result"]["stdout"] == "hello\n"
    assert story(content)["history"][0]["by"] == "token:preset-admin"


ODD = """
apiVersion: oncue/v1
kind: ChangeTemplate
metadata: {name: odd, namespace: shop}
spec:
  type: standard
  targets: {names: [north/1, north_1, "north 1", "Łódź", ŁÓDŹ]}
  steps: [{id: tell, emit: {type: org.example.greeted, data: {to: "${target}"}}}]
"""


def test_a_change_has_all_of_its_evidence_whatever_its_targets_are_called(server: Server) -> None:
    made(server.client.post("/api/v1/manifests", content=ODD))
    wanted = {"template": "odd", "reason": "They have such names", "namespace": "shop"}
    path = f"/api/v1/changes/{made(server.client.post('/api/v1/changes', json=wanted))['id']}"
    made(server.client.post(f"{path}/start"))
    eventually(lambda: made(server.client.get(path))["state"] == "closed", what="it is closed")
    found = verify(taken(server, path.rpartition("/")[2]))
    assert (found.result, found.detail[:31]) == ("intact", "every record is as it was writt")


def test_evidence_is_refused_when_its_beginning_is_past_retention(server: Server, tmp_path: Path) -> None:
    id = changed(server, "app-1")
    taken(server, id)
    change = msgspec.convert(made(server.client.get(f"/api/v1/changes/{id}")), Change)
    with sqlite3.connect(server.data / FILE_NAME) as there, sqlite3.connect(tmp_path / FILE_NAME) as here:
        there.backup(here)
        (first,) = here.execute("SELECT min(position) FROM fact WHERE kind = 'change' AND id = ?", [id]).fetchone()
        for table in ("fact", "fact_ref"):
            here.execute(f"DELETE FROM {table} WHERE position <= ?", [first])
    engine = reading_engine(str(tmp_path / FILE_NAME), 1)
    with engine.connect() as connection, pytest.raises(Refusal, match="past retention") as refused:
        gather.concerned(connection, change)
    engine.dispose()
    assert refused.value.code == "evidence.erased"

"""A cluster's API server for tests, written from the published API: objects in memory, with their versions, field managers,
rollouts that go on with each look, and the failures that real ones have.

A strategic merge patch is taken as a plain merge: it has no list that the tests merge.
"""

import copy
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KINDS = {
    "/api/v1": [("pods", "Pod", True), ("configmaps", "ConfigMap", True), ("secrets", "Secret", True),
                ("namespaces", "Namespace", False), ("nodes", "Node", False)],
    "/apis/apps/v1": [("deployments", "Deployment", True), ("statefulsets", "StatefulSet", True),
                      ("daemonsets", "DaemonSet", True)],
    "/apis/example.com/v1beta1": [("backups", "Backup", True)],
}  # fmt: skip
REASONS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 422: "Invalid",
    429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable",
}  # fmt: skip

_PATH = re.compile(r"^(/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/([^/]+))?/([^/]+)(?:/([^/]+))?(?:/(scale|log))?$")


class Failure(Exception):
    """What is answered by a `Status`."""

    def __init__(self, code: int, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.details = code, message, details


class Cluster:
    """The API server's state, and what it was asked."""

    token = "token-4711"

    def __init__(self) -> None:
        self.url = ""
        self.objects: dict[str, dict[str, Any]] = {}
        """By path."""
        self.logs: dict[str, bytes] = {}
        """By the pod's path."""
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        """Method, path, query, body."""
        self.agents: list[dict[str, str]] = []
        """Headers of each request."""
        self.failing: list[tuple[int, str, dict[str, str]]] = []
        """Status, method and headers of answers to come, instead of what is asked for by that method."""
        self.forbidden: set[str] = set()
        """Methods that the account may not use."""
        self.stuck = False
        """Whether rollouts get no further."""
        self._version = 100

    def put(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        """An object that is there from the beginning, with its rollout over."""
        kind = next(kind for group, kinds in KINDS.items() for plural, kind, _ in kinds if f"{group}/" in path and f"/{plural}/" in path)  # fmt: skip
        version = path.split("/")
        whole = {
            "apiVersion": "v1" if version[1] == "api" else "/".join(version[2:4]), "kind": kind, **copy.deepcopy(document)
        }  # fmt: skip
        whole["metadata"] = {"name": version[-1], "uid": f"uid-{self._version}", "generation": 1, **document.get("metadata", {})}  # fmt: skip
        self._stamp(whole)
        if "replicas" in whole.get("spec", {}):
            self._settle(whole)
        self.objects[path] = whole
        return whole

    def changes(self) -> list[tuple[str, str]]:
        """What was asked for besides reading."""
        return [(method, path) for method, path, _, _ in self.requests if method != "GET"]

    # what is asked

    def answer(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> tuple[int, Any]:  # fmt: skip
        sent = json.loads(body) if body else None
        self.requests.append((method, path, query, sent))
        self.agents.append(headers)
        if headers.get("authorization") != f"Bearer {self.token}":
            raise Failure(401, "Unauthorized")
        if path in KINDS:
            resources = [{"name": plural, "kind": kind, "namespaced": within} for plural, kind, within in KINDS[path]]
            resources += [{"name": f"{one['name']}/status", "kind": one["kind"], "namespaced": one["namespaced"]} for one in resources]  # fmt: skip
            return 200, {"kind": "APIResourceList", "resources": resources[::-1]}
        found = _PATH.match(path)
        if found is None or found[1] not in KINDS:
            raise Failure(404, "the server could not find the requested resource")
        if method in self.forbidden:
            raise Failure(403, f'{found[3]} is forbidden: User "oncue" cannot {method.lower()} resource "{found[3]}"')
        if found[5] == "log":
            return 200, self._log(path, query)
        subject = path.removesuffix("/scale")
        if found[4] is None:
            return 200, self._list(subject, query)
        if method == "PATCH" and headers["content-type"] == "application/apply-patch+yaml":
            return self._apply(subject, query, sent)
        document = self.objects.get(subject)
        if document is None:
            raise Failure(404, f'{found[3]} "{found[4]}" not found')
        if method == "DELETE":
            return 200, self._delete(subject, document, sent or {})
        if method == "PATCH":
            self._patch(document, headers["content-type"], sent)
        elif found[5] is None:
            self._roll(document)
        if found[5] == "scale":
            return 200, {"kind": "Scale", "spec": {"replicas": document["spec"]["replicas"]}}
        return 200, document

    def _list(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        plural = path.rpartition("/")[2]
        group = re.sub(r"/namespaces/[^/]+", "", path).removesuffix(f"/{plural}")
        items = []
        for key, document in sorted(self.objects.items()):
            labels = document["metadata"].get("labels", {})
            wanted = dict(pair.split("=") for pair in query.get("labelSelector", "").split(",") if pair)
            within = key.startswith(f"{path}/") or ("/namespaces/" not in path and key.startswith(group) and f"/{plural}/" in key)  # fmt: skip
            if within and all(labels.get(name) == value for name, value in wanted.items()):
                items.append({name: value for name, value in document.items() if name not in ("apiVersion", "kind")})
        limit = int(query.get("limit", "500"))
        more = {"continue": "token"} if len(items) > limit else {}
        return {"kind": "List", "metadata": more, "items": items[:limit]}

    def _log(self, path: str, query: dict[str, str]) -> bytes:
        pod = path.removesuffix("/log")
        if pod not in self.logs:
            raise Failure(404, f'pods "{pod.rpartition("/")[2]}" not found')
        lines = self.logs[pod].splitlines(keepends=True)
        return b"".join(lines[-int(query["tailLines"]) :])

    def _apply(self, path: str, query: dict[str, str], sent: dict[str, Any]) -> tuple[int, Any]:
        manager = query["fieldManager"]
        before = self.objects.get(path)
        if sent.get("spec", {}).get("replicas", 0) < 0:
            raise Failure(422, f"{sent['kind']} is invalid: spec.replicas: Invalid value: must be >= 0")
        if before is None:
            if query.get("dryRun") == "All":
                return 201, sent
            made = self.put(path, sent)
            made["metadata"]["managedFields"] = [{"manager": manager, "fields": sorted(_leaves(sent))}]
            return 201, made
        wanted = _leaves(sent)
        owned = before["metadata"].setdefault("managedFields", [])
        has = _leaves(before)
        conflicts = [
            (one["manager"], field)
            for one in owned
            for field in one["fields"]
            if one["manager"] != manager and field in wanted and has.get(field) != wanted[field]
        ]
        if conflicts and query["force"] != "true":
            said = ", ".join(f'conflict with "{other}": .{field}' for other, field in conflicts)
            causes = [
                {"reason": "FieldManagerConflict", "message": said, "field": f".{field}"} for _, field in conflicts
            ]
            raise Failure(409, f"Apply failed with {len(conflicts)} conflict: {said}", causes=causes)
        after = copy.deepcopy(before)
        _merge(after, sent)
        if query.get("dryRun") == "All":
            return 200, after
        for one in owned:
            one["fields"] = [field for field in one["fields"] if (one["manager"], field) not in conflicts]
        fields = sorted(wanted)
        after["metadata"]["managedFields"] = [
            *(one for one in owned if one["manager"] != manager), {"manager": manager, "fields": fields}
        ]  # fmt: skip
        if {**has, **wanted} != has:
            self._changed(before, after)
        before.clear()
        before.update(after)
        return 200, before

    def _patch(self, document: dict[str, Any], media: str, sent: Any) -> None:
        after = copy.deepcopy(document)
        if media == "application/json-patch+json":
            for operation in sent:
                _operate(after, operation)
        elif media in ("application/merge-patch+json", "application/strategic-merge-patch+json"):
            _merge(after, sent)
        else:
            raise Failure(415, f"the body of the request was in an unknown format: {media}")
        if not isinstance(after.get("spec", {}), dict):
            raise Failure(422, "spec: Invalid value")
        if after != document:
            self._changed(document, after)
        document.clear()
        document.update(after)

    def _delete(self, path: str, document: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
        uid = document["metadata"]["uid"]
        wanted = options.get("preconditions", {}).get("uid")
        if wanted not in (None, uid):
            raise Failure(409, f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}")
        if document["metadata"].get("finalizers"):
            document["metadata"]["deletionTimestamp"] = "2026-03-01T03:00:00Z"
            return document
        del self.objects[path]
        return {"kind": "Status", "status": "Success", "details": {"name": document["metadata"]["name"], "uid": uid}}

    # rollouts

    def _stamp(self, document: dict[str, Any]) -> None:
        self._version += 1
        document["metadata"]["resourceVersion"] = str(self._version)

    def _changed(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        self._stamp(after)
        if after.get("spec") != before.get("spec"):
            after["metadata"]["generation"] += 1
        if after.get("spec", {}).get("template") != before.get("spec", {}).get("template") and "status" in after:
            after["status"].update(updatedReplicas=0, updateRevision=f"r-{self._version}")

    def _settle(self, document: dict[str, Any]) -> None:
        pods = document["spec"]["replicas"]
        document["status"] = {
            "observedGeneration": document["metadata"]["generation"], "replicas": pods, "updatedReplicas": pods,
            "readyReplicas": pods, "availableReplicas": pods, "updateRevision": "r-1", "currentRevision": "r-1",
        }  # fmt: skip

    def _roll(self, document: dict[str, Any]) -> None:
        """One look further: the controller sees the change, then makes one pod after the other."""
        status, spec = document.get("status"), document.get("spec", {})
        if not status or "replicas" not in spec or self.stuck:
            return
        if status["observedGeneration"] < document["metadata"]["generation"]:
            status["observedGeneration"] = document["metadata"]["generation"]
        elif status["updatedReplicas"] < spec["replicas"]:
            status["updatedReplicas"] += 1
            status["replicas"] = spec["replicas"] + 1
        else:
            pods = spec["replicas"]
            status.update(replicas=pods, updatedReplicas=pods, readyReplicas=pods, availableReplicas=pods)
            status["currentRevision"] = status["updateRevision"]


def _leaves(document: dict[str, Any]) -> dict[str, Any]:
    """Fields that someone may own, by their path."""
    found: dict[str, Any] = {}

    def walk(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for name, member in value.items():
                walk(member, f"{path}.{name}" if path else name)
        elif not path.startswith(("apiVersion", "kind", "status", "metadata.")) or path.startswith("metadata.labels."):
            found[path] = value

    walk(document, "")
    return found


def _merge(document: dict[str, Any], patch: dict[str, Any]) -> None:
    for name, value in patch.items():
        if value is None:
            document.pop(name, None)
        elif isinstance(value, dict):
            document[name] = member = document[name] if isinstance(document.get(name), dict) else {}
            _merge(member, value)
        else:
            document[name] = value


def _operate(document: Any, operation: dict[str, Any]) -> None:
    *path, last = operation["path"].strip("/").split("/")
    try:
        for name in path:
            document = document[name]
        if isinstance(document, list):
            document.append(operation["value"])
        elif operation["op"] == "remove":
            del document[last]
        else:
            document[last] = operation["value"]
    except KeyError as error:
        raise Failure(
            422, f"the server rejected our request due to an error in our request: {operation['path']}"
        ) from error


def _handler(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            more: dict[str, str] = {}
            with lock:
                due = next((one for one in cluster.failing if one[1] == self.command and parts.path not in KINDS), None)
                try:
                    if due is not None:
                        cluster.failing.remove(due)
                        more = due[2]
                        cluster.requests.append((self.command, parts.path, query, None))
                        raise Failure(due[0], f"the server is not well ({due[0]})")
                    status, answer = cluster.answer(self.command, parts.path, query, headers, body)
                except Failure as failure:
                    status = failure.code
                    answer = {
                        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": failure.message,
                        "reason": REASONS.get(status, ""), "code": status, "details": failure.details,
                    }  # fmt: skip
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PATCH = do_DELETE = _do

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    return Handler


@contextmanager
def cluster(tls: ssl.SSLContext | None = None) -> Iterator[Cluster]:
    """The API server, on a free port of loopback."""
    found = Cluster()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    name, scheme = ("localhost", "https") if tls is not None else ("127.0.0.1", "http")
    found.url = f"{scheme}://{name}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)

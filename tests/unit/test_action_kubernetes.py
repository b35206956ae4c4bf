"""The actions `kubernetes.*` against an API server that behaves, misbehaves and refuses as the published API says."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncue.plugins.actions.kubernetes_apply import KubernetesApply
from oncue.plugins.actions.kubernetes_delete import KubernetesDelete
from oncue.plugins.actions.kubernetes_get import KubernetesGet
from oncue.plugins.actions.kubernetes_logs import KubernetesLogs
from oncue.plugins.actions.kubernetes_patch import KubernetesPatch
from oncue.plugins.actions.kubernetes_restart import KubernetesRestart
from oncue.plugins.actions.kubernetes_scale import KubernetesScale
from oncue.plugins.kubernetes import rollout
from oncue.plugins.kubernetes.cluster import connected
from oncue.plugins.kubernetes.rollout import stage
from oncue.sdk import ActionError, Allow, Told, registry
from oncue.sdk.testing import check_action, context
from tests.certificates import certify
from tests.kubernetes import Cluster, cluster

ALLOWED = (Allow("127.0.0.1"), Allow("::1"))
ACTIONS: dict[str, Any] = {
    one.name: one
    for one in (
        KubernetesApply(), KubernetesDelete(), KubernetesGet(), KubernetesLogs(), KubernetesPatch(),
        KubernetesRestart(), KubernetesScale(),
    )
}  # fmt: skip
WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
DEPLOYMENT = {"metadata": {"labels": {"app": "web"}}, "spec": {"replicas": 3, "template": {"metadata": {}, "spec": {}}}}
ONE = {"kind": "Deployment", "namespace": "shop", "name": "web"}
EXAMPLES: dict[str, tuple[dict[str, Any], str, str]] = {
    "apply": ({"object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}}, "idempotent", "apply ConfigMap default/c at k.example"),
    "delete": ({**ONE}, "idempotent", "delete Deployment shop/web at k.example"),
    "get": ({"kind": "Pod", "namespace": None, "selector": "app=web"}, "pure", "list objects of the kind Pod in all namespaces, with app=web, at k.example"),
    "logs": ({"pod": "web-1", "namespace": "shop"}, "pure", "read the last 100 lines of Pod shop/web-1 at k.example"),
    "patch": ({**ONE, "patch": {"spec": {}}}, "idempotent", "patch Deployment shop/web at k.example"),
    "restart": ({"namespace": "shop", "name": "web"}, "check-first", "restart Deployment shop/web at k.example"),
    "scale": ({**ONE, "replicas": 2}, "idempotent", "scale Deployment shop/web to 2 at k.example"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "POLL_S", 0.02)


@pytest.fixture
def api() -> Iterator[Cluster]:
    with cluster() as running:
        running.put(WEB, DEPLOYMENT)
        yield running


async def act(api: Cluster, uses: str, tmp_path: Path, *, told: list[Told] | None = None, **given: Any) -> Any:
    """What the step gives. `timeout_s` and `key` are its surroundings."""
    surroundings = {name: given.pop(name) for name in ("timeout_s", "key", "secrets") if name in given}
    action = ACTIONS[f"kubernetes.{uses}"]
    inputs = registry.fit({"server": api.url, "token": "secret://k8s", **given}, action.inputs)
    secrets = {"k8s": f"{Cluster.token}\n", **surroundings.pop("secrets", {})}
    tell = told.append if told is not None else None
    return await action.run(inputs, context(tmp_path, allows=ALLOWED, secrets=secrets, tell=tell, **surroundings))


async def failure(api: Cluster, uses: str, tmp_path: Path, **given: Any) -> ActionError:
    with pytest.raises(ActionError) as raised:
        await act(api, uses, tmp_path, **given)
    return raised.value


@pytest.mark.parametrize("uses", sorted(EXAMPLES))
def test_each_action_is_whole(uses: str) -> None:
    example, effect_class, plan = EXAMPLES[uses]
    action = ACTIONS[f"kubernetes.{uses}"]
    given = {"server": "https://k.example", **example}
    check_action(action, given)
    inputs = registry.fit(given, action.inputs)
    assert (action.effect_class(inputs), action.plan(inputs)) == (effect_class, plan)


# reading


async def test_an_object_comes_without_what_tools_keep_in_it(api: Cluster, tmp_path: Path) -> None:
    noted = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "shop"}
    api.put(WEB, {**DEPLOYMENT, "metadata": {"annotations": noted, "managedFields": [{"manager": "x", "fields": []}]}})
    found = await act(api, "get", tmp_path, **ONE)
    assert (found.object["kind"], found.object["spec"]["replicas"], found.count) == ("Deployment", 3, 1)
    assert found.object["metadata"]["annotations"] == {"team": "shop"}
    assert "managedFields" not in found.object["metadata"]


async def test_a_secrets_values_are_never_told(api: Cluster, tmp_path: Path) -> None:
    api.put("/api/v1/namespaces/shop/secrets/db", {"data": {"password": "Z2VoZWlt"}, "type": "Opaque"})
    found = await act(api, "get", tmp_path, kind="Secret", namespace="shop", name="db")
    listed = await act(api, "get", tmp_path, kind="Secret", namespace="shop")
    patched = await act(api, "patch", tmp_path, kind="Secret", namespace="shop", name="db", patch={"type": "x"})
    for one in (found.object, listed.items[0], patched.object):
        assert one["data"] == {"password": "[secret]"}
        assert b"Z2VoZWlt" not in msgspec.json.encode(one)


async def test_objects_are_listed_by_labels_and_bounded(api: Cluster, tmp_path: Path) -> None:
    for number in range(5):
        labels = {"app": "web" if number < 3 else "db"}
        api.put(f"/api/v1/namespaces/shop/pods/p-{number}", {"metadata": {"labels": labels}})
    api.put("/api/v1/namespaces/other/pods/p-9", {"metadata": {"labels": {"app": "web"}}})

    async def names(**given: Any) -> tuple[list[str], bool]:
        found = await act(api, "get", tmp_path, kind="Pod", **given)
        assert {one["kind"] for one in found.items} == {"Pod"}
        assert found.count == len(found.items)
        return [one["metadata"]["name"] for one in found.items], found.truncated

    assert await names(namespace="shop", selector="app=web") == (["p-0", "p-1", "p-2"], False)
    assert await names(namespace="shop", limit=2) == (["p-0", "p-1"], True)
    assert await names(namespace=None, selector="app=web") == (["p-9", "p-0", "p-1", "p-2"], False)


async def test_large_objects_are_left_out_and_none_is_cut(api: Cluster, tmp_path: Path) -> None:
    for number in range(3):
        api.put(f"/api/v1/namespaces/default/configmaps/c-{number}", {"data": {"text": "x" * 25_000}})
    found = await act(api, "get", tmp_path, kind="ConfigMap")
    assert (found.count, found.truncated) == (2, True)
    api.put("/api/v1/namespaces/default/configmaps/big", {"data": {"text": "x" * 70_000}})
    found = await act(api, "get", tmp_path, kind="ConfigMap", name="big")
    assert (sorted(found.object), found.truncated) == (["apiVersion", "kind", "metadata"], True)
    assert found.object["metadata"]["name"] == "big"


async def test_kinds_without_a_namespace_and_kinds_of_the_clusters_own_are_found(api: Cluster, tmp_path: Path) -> None:
    api.put("/api/v1/nodes/node-1", {})
    api.put("/apis/example.com/v1beta1/namespaces/shop/backups/b", {})
    assert (await act(api, "get", tmp_path, kind="Node", name="node-1")).object["kind"] == "Node"
    own = {"kind": "Backup", "namespace": "shop", "name": "b"}
    assert (await act(api, "get", tmp_path, **own, api_version="example.com/v1beta1")).object["kind"] == "Backup"
    assert (await failure(api, "get", tmp_path, **own)).code == "inputs.invalid"
    assert (await failure(api, "get", tmp_path, **own, api_version="v1")).code == "kubernetes.not_found"
    assert (await failure(api, "get", tmp_path, **own, api_version="gone.example/v1")).code == "kubernetes.not_found"


@pytest.mark.parametrize(
    "given",
    [{"name": "../secrets/db"}, {"name": ".."}, {"namespace": "a/b"}, {"api_version": "../v1"}, {"kind": "pods?x"},
     {"name": "web", "selector": "app=web"}],
)  # fmt: skip
async def test_a_name_leads_nowhere_else(api: Cluster, tmp_path: Path, given: dict[str, Any]) -> None:
    assert (await failure(api, "get", tmp_path, **{**ONE, **given})).code == "inputs.invalid"
    assert api.requests == []


async def test_the_last_lines_of_a_log_are_kept(api: Cluster, tmp_path: Path) -> None:
    pod = "/api/v1/namespaces/shop/pods/web-1"
    api.logs[pod] = b"".join(b"line %d \xff\n" % number for number in range(200))
    found = await act(
        api, "logs", tmp_path, pod="web-1", namespace="shop", lines=2, container="app", previous=True, since_s=60
    )
    assert (found.text, found.lines, found.truncated) == ("line 198 �\nline 199 �\n", 2, False)
    assert api.requests[0][2] == {"tailLines": "2", "container": "app", "previous": "true", "sinceSeconds": "60"}
    api.logs[pod] = b"".join(b"%04d%s\n" % (number, b"x" * 995) for number in range(200))
    found = await act(api, "logs", tmp_path, pod="web-1", namespace="shop", lines=200)
    assert (found.lines, found.truncated) == (61, True)
    assert found.text.startswith("0139")
    api.logs[pod] = b"x" * 100_000
    assert len((await act(api, "logs", tmp_path, pod="web-1", namespace="shop")).text) == 61_440
    assert (await failure(api, "logs", tmp_path, pod="web-2", namespace="shop")).code == "kubernetes.not_found"


# changing


def manifest(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": spec,
    }


async def test_what_is_applied_is_so_and_applying_it_again_changes_nothing(api: Cluster, tmp_path: Path) -> None:
    del api.objects[WEB]
    first = await act(api, "apply", tmp_path, object=manifest(replicas=2))
    assert (first.created, first.changed, first.object["spec"]["replicas"]) == (True, True, 2)
    again = await act(api, "apply", tmp_path, object=manifest(replicas=2))
    assert (again.created, again.changed) == (False, False)
    third = await act(api, "apply", tmp_path, object=manifest(replicas=4))
    assert (third.created, third.changed) == (False, True)
    _, path, query, _ = next(one for one in api.requests if one[0] == "PATCH")
    assert (path, query) == (WEB, {"fieldManager": "oncue", "force": "false"})


async def test_a_field_that_others_own_is_a_conflict_unless_it_is_taken(api: Cluster, tmp_path: Path) -> None:
    api.objects[WEB]["metadata"]["managedFields"] = [{"manager": "autoscaler", "fields": ["spec.replicas"]}]
    error = await failure(api, "apply", tmp_path, object=manifest(replicas=9))
    assert (error.code, error.transient) == ("kubernetes.conflict", False)
    assert 'conflict with "autoscaler": .spec.replicas' in error.detail
    assert api.objects[WEB]["spec"]["replicas"] == 3
    assert (await act(api, "apply", tmp_path, object=manifest(replicas=9), force=True)).changed
    assert api.objects[WEB]["spec"]["replicas"] == 9


async def test_a_trial_changes_nothing(api: Cluster, tmp_path: Path) -> None:
    found = await act(api, "apply", tmp_path, object=manifest(replicas=7), dry_run=True)
    assert found.object["spec"]["replicas"] == 7
    assert api.objects[WEB]["spec"]["replicas"] == 3
    error = await failure(api, "apply", tmp_path, object=manifest(replicas=-1), dry_run=True)
    assert (error.code, "spec.replicas" in error.detail) == ("kubernetes.invalid", True)


@pytest.mark.parametrize(
    "object",
    [{}, {"apiVersion": "v1", "kind": "Pod"}, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "../x"}}],
)
async def test_what_is_no_object_is_not_sent(api: Cluster, tmp_path: Path, object: dict[str, Any]) -> None:
    assert (await failure(api, "apply", tmp_path, object=object)).code == "inputs.invalid"
    assert api.requests == []


@pytest.mark.parametrize(
    ("given", "media"),
    [
        ({"patch": {"spec": {"replicas": 5}}}, "application/merge-patch+json"),
        ({"patch": {"spec": {"replicas": 5}}, "type": "strategic"}, "application/strategic-merge-patch+json"),
        ({"patch": [{"op": "replace", "path": "/spec/replicas", "value": 5}], "type": "json"}, "application/json-patch+json"),
    ],
)  # fmt: skip
async def test_each_kind_of_patch_is_sent_as_what_it_is(
    api: Cluster, tmp_path: Path, given: dict[str, Any], media: str
) -> None:
    assert (await act(api, "patch", tmp_path, **ONE, **given)).object["spec"]["replicas"] == 5
    assert api.agents[-1]["content-type"] == media


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "merge", "patch": {}}, "idempotent"),
        ({"type": "json", "patch": []}, "at-most-once"),
        ({"type": "json", "patch": [], "effect_class": "idempotent"}, "idempotent"),
        ({"type": "merge", "patch": {}, "effect_class": "at-most-once"}, "at-most-once"),
    ],
)
def test_a_patch_that_adds_is_not_sent_twice(given: dict[str, Any], expected: str) -> None:
    action = KubernetesPatch()
    assert action.effect_class(registry.fit({"server": "https://k", **ONE, **given}, action.inputs)) == expected


async def test_a_patch_of_the_wrong_form_is_refused(api: Cluster, tmp_path: Path) -> None:
    assert (await failure(api, "patch", tmp_path, **ONE, patch=[])).code == "inputs.invalid"
    assert (await failure(api, "patch", tmp_path, **ONE, patch={}, type="json")).code == "inputs.invalid"
    broken = [{"op": "replace", "path": "/no/where", "value": 1}]
    assert (await failure(api, "patch", tmp_path, **ONE, patch=broken, type="json")).code == "kubernetes.invalid"


async def test_pods_are_scaled_and_waited_for(api: Cluster, tmp_path: Path) -> None:
    told: list[Told] = []
    done = await act(api, "scale", tmp_path, **ONE, replicas=5, wait=True, timeout_s=30, told=told)
    assert (done.before, done.replicas) == (3, 5)
    status = api.objects[WEB]["status"]
    assert (status["updatedReplicas"], status["availableReplicas"]) == (5, 5)
    assert "3 of 5 pods are new" in [one.text for one in told]
    assert (await act(api, "scale", tmp_path, **ONE, replicas=5)).before == 5
    assert api.changes() == [("PATCH", f"{WEB}/scale")]


async def test_a_restart_goes_on_until_every_pod_is_new(api: Cluster, tmp_path: Path) -> None:
    told: list[Told] = []
    done = await act(api, "restart", tmp_path, namespace="shop", name="web", timeout_s=30, told=told, key="ef-7")
    assert (done.already_done, done.generation) == (False, 2)
    annotations = api.objects[WEB]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["oncue/restarted-by"] == "ef-7"
    assert annotations["kubectl.kubernetes.io/restartedAt"].endswith("Z")
    shares = [one.done for one in told if one.done is not None]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    lines = [one.text for one in told if one.done is None]
    assert lines == [
        "0 of 3 pods are new", "1 of 3 pods are new", "2 of 3 pods are new", "old pods that have not ended: 1",
        "3 of 3 pods are available",
    ]  # fmt: skip


async def test_a_restart_that_was_asked_for_before_a_crash_is_not_asked_for_again(api: Cluster, tmp_path: Path) -> None:
    given = {"namespace": "shop", "name": "web", "timeout_s": 30}
    await act(api, "restart", tmp_path, **given, wait=False, key="ef-7")
    done = await act(api, "restart", tmp_path, **given, key="ef-7")
    assert done.already_done
    assert api.objects[WEB]["status"]["updatedReplicas"] == 3
    assert len(api.changes()) == 1
    assert not (await act(api, "restart", tmp_path, **given, key="ef-8")).already_done


async def test_a_rollout_that_gets_nowhere_is_said_with_how_far_it_is(api: Cluster, tmp_path: Path) -> None:
    api.stuck = True
    error = await failure(api, "restart", tmp_path, namespace="shop", name="web", timeout_s=0.8)
    assert (error.code, error.transient) == ("kubernetes.rollout", True)
    assert "has not seen the change" in error.detail
    api.objects[WEB]["status"].update(
        observedGeneration=9, conditions=[{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "m"}]
    )
    error = await failure(api, "restart", tmp_path, namespace="shop", name="web", timeout_s=5)
    assert (error.code, error.transient, error.detail) == ("kubernetes.rollout", False, "m")


async def test_what_would_roll_nothing_out_is_not_begun(api: Cluster, tmp_path: Path) -> None:
    api.objects[WEB]["spec"]["paused"] = True
    assert (await failure(api, "restart", tmp_path, namespace="shop", name="web")).code == "kubernetes.rollout"
    path = "/apis/apps/v1/namespaces/shop/statefulsets/db"
    api.put(path, {"spec": {"replicas": 1, "updateStrategy": {"type": "OnDelete"}}})
    given = {"kind": "StatefulSet", "namespace": "shop", "name": "db"}
    assert (await failure(api, "restart", tmp_path, **given)).code == "kubernetes.rollout"
    assert api.changes() == []


@pytest.mark.parametrize(
    ("kind", "spec", "status", "expected"),
    [
        ("Deployment", {"replicas": 2}, {"updatedReplicas": 1, "replicas": 2}, "1 of 2 pods are new"),
        ("Deployment", {"replicas": 2}, {"updatedReplicas": 2, "replicas": 3}, "old pods that have not ended: 1"),
        ("Deployment", {"replicas": 2}, {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 1}, "1 of 2 pods are available"),
        ("Deployment", {"replicas": 0}, {}, None),
        ("StatefulSet", {"replicas": 2}, {"updateRevision": "b", "currentRevision": "a", "updatedReplicas": 1, "readyReplicas": 2}, "1 of 2 pods are new"),
        ("StatefulSet", {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
         {"updateRevision": "b", "currentRevision": "a", "updatedReplicas": 1, "readyReplicas": 2}, None),
        ("StatefulSet", {"replicas": 2}, {"updateRevision": "b", "currentRevision": "b", "readyReplicas": 1}, "1 of 2 pods are ready"),
        ("DaemonSet", {}, {"desiredNumberScheduled": 3, "updatedNumberScheduled": 2, "numberAvailable": 3}, "2 of 3 pods are new"),
        ("DaemonSet", {}, {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2}, "2 of 3 pods are available"),
        ("DaemonSet", {}, {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}, None),
    ],
)  # fmt: skip
def test_how_far_a_rollout_is_goes_by_the_workloads_status(
    kind: str, spec: dict[str, Any], status: dict[str, Any], expected: str | None
) -> None:
    metadata = {"generation": 2}
    found = stage({"kind": kind, "metadata": metadata, "spec": spec, "status": {"observedGeneration": 2, **status}})
    assert found.done == (expected is None)
    assert expected in (None, found.text)
    unseen = stage({"kind": kind, "metadata": metadata, "spec": spec, "status": {"observedGeneration": 1, **status}})
    assert not unseen.done


async def test_an_object_is_deleted_once(api: Cluster, tmp_path: Path) -> None:
    first = await act(api, "delete", tmp_path, **ONE, grace_s=5, dependents="foreground")
    assert (first.already_done, first.gone, WEB in api.objects) == (False, True, False)
    assert api.requests[-1][3] == {
        "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground", "gracePeriodSeconds": 5
    }  # fmt: skip
    again = await act(api, "delete", tmp_path, **ONE)
    assert (again.already_done, again.gone) == (True, True)


async def test_another_object_of_the_name_is_left_alone(api: Cluster, tmp_path: Path) -> None:
    assert (await failure(api, "delete", tmp_path, **ONE, uid="uid-of-another")).code == "kubernetes.conflict"
    assert WEB in api.objects


async def test_what_finalizers_keep_is_waited_for_and_said(api: Cluster, tmp_path: Path) -> None:
    api.objects[WEB]["metadata"]["finalizers"] = ["example.com/backup"]
    assert not (await act(api, "delete", tmp_path, **ONE)).gone
    error = await failure(api, "delete", tmp_path, **ONE, wait=True, timeout_s=0.8)
    assert (error.code, error.transient) == ("kubernetes.not_gone", True)


# what goes wrong


@pytest.mark.parametrize(
    ("status", "code", "transient"),
    [
        (400, "kubernetes.invalid", False),
        (409, "kubernetes.conflict", True),
        (422, "kubernetes.invalid", False),
        (429, "kubernetes.unavailable", True),
        (500, "kubernetes.unavailable", True),
        (503, "kubernetes.unavailable", True),
        (302, "kubernetes.answer", False),
    ],
)
async def test_each_refusal_has_a_code_and_the_servers_words(
    api: Cluster, tmp_path: Path, status: int, code: str, transient: bool
) -> None:
    api.failing = [(status, "PATCH", {})]
    error = await failure(api, "patch", tmp_path, **ONE, patch={})
    assert (error.code, error.transient, error.unknown) == (code, transient, status >= 500)
    assert not error.nothing_done
    assert f"the server is not well ({status})" in error.detail


@pytest.mark.parametrize(
    ("uses", "given"),
    [("apply", {"object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}}), ("delete", ONE), ("patch", {**ONE, "patch": {}}),
     ("restart", {"namespace": "shop", "name": "web"}), ("scale", {**ONE, "replicas": 5})],
)  # fmt: skip
async def test_where_not_even_a_question_was_answered_nothing_was_done(
    api: Cluster, tmp_path: Path, uses: str, given: dict[str, Any]
) -> None:
    error = await failure(api, uses, tmp_path, **given, secrets={"k8s": "another"})
    assert (error.code, error.unknown, error.nothing_done) == ("kubernetes.credentials", False, True)
    assert api.changes() == []


async def test_who_is_not_known_and_who_may_not_are_told_apart(api: Cluster, tmp_path: Path) -> None:
    error = await failure(api, "get", tmp_path, **ONE, secrets={"k8s": "another"})
    assert (error.code, error.transient) == ("kubernetes.credentials", False)
    api.forbidden = {"DELETE"}
    error = await failure(api, "delete", tmp_path, **ONE)
    assert (error.code, "cannot delete" in error.detail) == ("kubernetes.forbidden", True)


async def test_a_server_that_asks_to_wait_is_left_alone_for_that_long(api: Cluster, tmp_path: Path) -> None:
    told: list[Told] = []
    api.failing = [(429, "PATCH", {"Retry-After": "0"}), (503, "PATCH", {"Retry-After": "0"})]
    found = await act(api, "patch", tmp_path, **ONE, patch={"spec": {"replicas": 5}}, told=told)
    assert found.object["spec"]["replicas"] == 5
    assert [one.text for one in told] == ["127.0.0.1 asks to wait for 0 s"] * 2


async def test_a_server_that_asks_for_more_time_than_there_is_fails_the_try(api: Cluster, tmp_path: Path) -> None:
    api.failing = [(429, "PATCH", {"Retry-After": "60"})]
    error = await failure(api, "patch", tmp_path, **ONE, patch={}, timeout_s=5)
    assert (error.code, error.transient, error.unknown) == ("kubernetes.unavailable", True, False)
    api.failing = [(429, "PATCH", {"Retry-After": "0"})] * 9
    assert (await failure(api, "patch", tmp_path, **ONE, patch={})).code == "kubernetes.unavailable"
    assert len(api.failing) == 4


async def test_a_rollout_is_watched_through_a_short_outage(api: Cluster, tmp_path: Path) -> None:
    told: list[Told] = []
    surroundings = context(tmp_path, allows=ALLOWED, secrets={"k8s": Cluster.token}, tell=told.append)
    inputs = registry.fit({"server": api.url, "token": "secret://k8s", **ONE}, KubernetesGet.inputs)
    api.failing = [(500, "GET", {}), (503, "GET", {})]
    async with connected(inputs, surroundings) as kubernetes:
        assert (await rollout.ended(kubernetes, WEB, surroundings))["kind"] == "Deployment"
        assert "the server is not well (500)" in told[0].text
        api.failing = [(403, "GET", {})]
        with pytest.raises(ActionError, match=r"kubernetes\.forbidden"):
            await rollout.ended(kubernetes, WEB, surroundings)


async def test_what_is_no_api_server_is_said(api: Cluster, tmp_path: Path) -> None:
    api.logs["/api/v1/namespaces/shop/pods/web-1"] = b"hello"
    error = await failure(
        api, "get", tmp_path, kind="Pod", name="web-1", namespace="shop", server=f"{api.url}/elsewhere"
    )
    assert error.code == "kubernetes.not_found"
    error = await failure(api, "get", tmp_path, kind="Pod", name="x", server="http://127.0.0.1:9")
    assert (error.code, error.transient) == ("http.connect", True)


FILES = ("ca.pem", "client-ca.pem", "client.pem", "client.key", "server.key")


async def test_the_server_and_we_know_each_other_by_certificates(tmp_path: Path) -> None:
    certify(tmp_path, "ca", "server", "localhost")
    certify(tmp_path, "client-ca", "client", "oncue")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "client-ca.pem"))
    tls.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    tls.verify_mode = ssl.CERT_REQUIRED
    secrets = {name: (tmp_path / name).read_text() for name in FILES}
    known = {"client_certificate": "secret://client.pem", "client_key": "secret://client.key"}
    with cluster(tls) as api:
        api.put(WEB, DEPLOYMENT)
        given = {**ONE, "secrets": secrets}
        assert (await act(api, "get", tmp_path, **given, **known, ca="secret://ca.pem")).count == 1
        assert (await failure(api, "get", tmp_path, **given, **known)).code == "http.tls"
        assert (await failure(api, "get", tmp_path, **given, **known, ca="secret://client-ca.pem")).code == "http.tls"
        unknown = await failure(api, "get", tmp_path, **given, ca="secret://ca.pem")
        assert unknown.code in ("http.tls", "http.protocol")  # it depends on which end is faster
        assert (await act(api, "get", tmp_path, **given, **known, verify_tls=False)).count == 1
        alone = {"client_certificate": "secret://client.pem"}
        assert (await failure(api, "get", tmp_path, **given, **alone)).code == "inputs.invalid"
        another = {"client_certificate": "secret://client.pem", "client_key": "secret://server.key"}
        assert (await failure(api, "get", tmp_path, **given, **another)).code == "kubernetes.tls"
        garbled = {**given, "secrets": {"ca": "no certificate"}}
        assert (await failure(api, "get", tmp_path, **garbled, ca="secret://ca")).code == "kubernetes.tls"


async def test_a_private_address_is_refused_without_an_exception(api: Cluster, tmp_path: Path) -> None:
    inputs = registry.fit({"server": api.url, **ONE}, KubernetesGet.inputs)
    with pytest.raises(ActionError, match=r"outbound\.refused"):
        await KubernetesGet().run(inputs, context(tmp_path))
    assert api.requests == []

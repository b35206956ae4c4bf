"""The pages on actions: their workflows run, step by step, against a real database and an API server."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from oncue import manifests
from oncue.plugins.actions.kubernetes_apply import KubernetesApply
from oncue.plugins.actions.kubernetes_get import KubernetesGet
from oncue.plugins.actions.kubernetes_logs import KubernetesLogs
from oncue.plugins.actions.kubernetes_restart import KubernetesRestart
from oncue.plugins.actions.kubernetes_scale import KubernetesScale
from oncue.plugins.actions.sql_query import SqlQuery
from oncue.plugins.kubernetes import rollout
from oncue.sdk import ActionError, Allow, registry
from oncue.sdk.testing import context
from tests.databases import by_tcp, postgresql_server
from tests.kubernetes import Cluster, cluster
from tests.server import ROOT
from tests.unit.story import Story

DATABASES = ROOT / "docs" / "how-to" / "query-databases.md"
KUBERNETES = ROOT / "docs" / "how-to" / "kubernetes.md"
WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
ACTIONS: dict[str, Any] = {
    one.name: one
    for one in (
        KubernetesApply(), KubernetesGet(), KubernetesLogs(), KubernetesRestart(), KubernetesScale(), SqlQuery()
    )
}  # fmt: skip


def applied(page: Path) -> Story:
    """All manifests of OnCue's on the page are in force."""
    story = Story()
    for text in re.findall(r"^```yaml\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        if "apiVersion: oncue/" in text:
            accepted, problems = manifests.load(manifests.parse_yaml(text.encode(), page.name))
            assert not problems
            for one in accepted:
                story.apply(one.kind, one.name, msgspec.to_builtins(one.spec))
    return story


async def worked(story: Story, uses: str, tmp_path: Path, secrets: dict[str, str], **changed: Any) -> Any:
    """The newest effect of the run, done as a worker does it. Gives its result, or the error's code."""
    id = max(story.state.effects, key=lambda id: story.state.effects[id].request_position)
    effect = story.state.effects[id]
    assert effect.uses == uses
    action = ACTIONS[uses]
    surroundings = context(
        tmp_path, allows=(Allow("127.0.0.1"),), secrets=secrets, timeout_s=changed.pop("timeout_s", 30)
    )
    try:
        result = msgspec.to_builtins(
            await action.run(registry.fit({**effect.payload, **changed}, action.inputs), surroundings)
        )
    except ActionError as error:
        story.result("failed", effect=id, error_code=error.code, detail=error.detail)
        return error.code
    story.result(effect=id, result=result)
    return result


def started(story: Story, workflow: str, **inputs: Any) -> None:
    story.send("oncue.command.run.start", {"workflow": workflow, "inputs": inputs})


@pytest.fixture(scope="module")
def socket_path() -> Iterator[Path]:
    with postgresql_server(
        "CREATE TABLE orders (id INT PRIMARY KEY, region TEXT, state TEXT, since TIMESTAMPTZ)",
        "INSERT INTO orders VALUES (1, 'eu', 'stuck', now() - interval '2 hours'), (2, 'eu', 'stuck', now()), "
        "(3, 'us', 'new', now() - interval '2 hours'), (4, 'us', 'stuck', now() - interval '31 minutes')",
        "CREATE ROLE oncue LOGIN PASSWORD 'geheim'; GRANT SELECT, UPDATE ON orders TO oncue",
    ) as found:
        yield found


@pytest.fixture
async def shop(socket_path: Path) -> AsyncIterator[str]:
    async with by_tcp(socket_path) as port:
        yield f"postgresql://oncue:geheim@127.0.0.1:{port}/postgres"


async def test_the_workflow_of_the_page_on_databases_sets_stuck_orders_free(shop: str, tmp_path: Path) -> None:
    story, secrets = applied(DATABASES), {"shop-db": shop}
    started(story, "free-stuck-orders")
    found = await worked(story, "sql.query", tmp_path, secrets)
    assert found["rows"] == [{"id": 1, "region": "eu"}, {"id": 4, "region": "us"}]
    done = await worked(story, "sql.query", tmp_path, secrets)
    assert done["changed"] == 2
    async with await psycopg.AsyncConnection.connect(shop) as own:
        rows = await (await own.execute("SELECT id, state FROM orders ORDER BY id")).fetchall()
    assert rows == [(1, "new"), (2, "stuck"), (3, "new"), (4, "new")]
    assert {step["inputs"]["title"] for step in story.of("step.started") if step["uses"] == "notify.send"} == {
        "2 stuck orders are free again"
    }


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(rollout, "POLL_S", 0.02)
    with cluster() as running:
        running.put(WEB, {"spec": {"replicas": 2, "template": {"metadata": {}}}})
        running.put(
            "/api/v1/namespaces/shop/pods/web-1",
            {"metadata": {"labels": {"app": "web"}}, "status": {"phase": "Running"}},
        )
        running.put(
            "/api/v1/namespaces/shop/pods/web-2",
            {"metadata": {"labels": {"app": "web"}}, "status": {"phase": "Pending"}},
        )
        running.logs["/api/v1/namespaces/shop/pods/web-2"] = b"no space left\n"
        yield running


async def test_the_workflow_of_the_page_on_kubernetes_restarts(api: Cluster, tmp_path: Path) -> None:
    story, secrets = applied(KUBERNETES), {"k8s-shop": Cluster.token}
    started(story, "restart-web")
    done = await worked(story, "kubernetes.restart", tmp_path, secrets, server=api.url, ca=None)
    assert (done["already_done"], done["generation"]) == (False, 2)
    assert story.of("run.succeeded")
    assert (len(story.of("step.succeeded")), len(story.of("step.skipped"))) == (1, 2)


async def test_a_restart_that_gets_nowhere_shows_the_log(api: Cluster, tmp_path: Path) -> None:
    story, secrets = applied(KUBERNETES), {"k8s-shop": Cluster.token}
    api.stuck = True
    started(story, "restart-web")
    given = {"server": api.url, "ca": None}
    assert await worked(story, "kubernetes.restart", tmp_path, secrets, **given, timeout_s=0.5) == "kubernetes.rollout"
    assert (await worked(story, "kubernetes.get", tmp_path, secrets, **given))["count"] == 2
    assert (await worked(story, "kubernetes.logs", tmp_path, secrets, **given))["text"] == "no space left\n"


async def test_the_page_says_what_is_to_be_so(api: Cluster, tmp_path: Path) -> None:
    story, secrets = applied(KUBERNETES), {"k8s-shop": Cluster.token}
    given = {"server": api.url, "ca": None}
    started(story, "shop-read-only")
    assert (await worked(story, "kubernetes.apply", tmp_path, secrets, **given))["created"]
    assert (await worked(story, "kubernetes.scale", tmp_path, secrets, **given))["before"] == 2
    assert api.objects["/api/v1/namespaces/shop/configmaps/switches"]["data"] == {"read_only": "true"}
    assert api.objects[WEB]["status"]["availableReplicas"] == 6
    assert story.of("run.succeeded")

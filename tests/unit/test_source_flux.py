"""Flux: signatures, what cannot be reconciled, and what was, which is a change."""

import hashlib
import hmac
from typing import Any

import msgspec
import pytest

from oncue.plugins.sources.flux import FluxSource
from oncue.sdk.source import Refusal
from tests.sources import Vault, event, message, told

REVISION = "main/731f7eaddfb6af01cb2173e18f0f75b0ba780ef1"


def said(
    severity: str, reason: str = "ReconciliationSucceeded", kind: str = "Kustomization", **more: Any
) -> dict[str, Any]:
    return {
        "involvedObject": {"kind": kind, "namespace": "apps", "name": "shop"}, "severity": severity, "reason": reason,
        "message": "a message", "metadata": {"kustomize.toolkit.fluxcd.io/revision": REVISION},
        "reportingController": "kustomize-controller", "timestamp": "2026-03-01T11:26:19Z", **more,
    }  # fmt: skip


def test_an_error() -> None:
    found = event("flux", said("error", "ValidationFailed"))
    assert {name: found[name] for name in ("type", "severity", "resource", "check", "title", "time")} == {
        "type": "flux.event", "severity": "major", "resource": "apps/shop", "check": "Kustomization",
        "title": "Kustomization apps/shop: a message", "time": "2026-03-01T11:26:19Z",
    }  # fmt: skip
    assert found["labels"]["revision"] == REVISION


def test_an_error_is_over_with_the_next_success() -> None:
    story = told("flux", said("error", "BuildFailed"), said("info", "Progressing"), said("info"))
    assert [name for name in story.types() if name.startswith("alert.")] == ["alert.fired", "alert.resolved"]


@pytest.mark.parametrize(
    ("severity", "reason", "kind", "state"),
    [
        ("info", "ReconciliationSucceeded", "Kustomization", "succeeded"),
        ("info", "UpgradeSucceeded", "HelmRelease", "succeeded"),
        ("error", "UpgradeFailed", "HelmRelease", "failed"),
        ("error", "ValidationFailed", "Kustomization", None),
        ("info", "Progressing", "Kustomization", None),
        ("info", "ReconciliationSucceeded", "GitRepository", None),
    ],
)
def test_what_was_applied_is_a_change(severity: str, reason: str, kind: str, state: str | None) -> None:
    records = list(told("flux", said(severity, reason, kind)).state.change_records.values())
    assert [one.state for one in records] == ([state] if state is not None else [])
    assert all((one.kind, one.resources) == ("reconciliation", ("apps/shop",)) for one in records)


def test_without_a_revision_nothing_is_known_to_have_changed() -> None:
    assert told("flux", said("info", metadata={"summary": "x"})).state.change_records == {}


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_the_signature_is_checked(algorithm: str) -> None:
    vault, settings = Vault({"secret://t": "key"}), {"token": "secret://t"}
    raw = msgspec.json.encode(said("info"))
    digest = hmac.new(b"key", raw, getattr(hashlib, algorithm)).hexdigest()
    await FluxSource().admit(message(raw, {"X-Signature": f"{algorithm}={digest}"}, settings=settings), vault)
    await FluxSource().admit(message(raw), vault)
    for given in (f"{algorithm}={'0' * len(digest)}", f"md5={digest}", digest, ""):
        with pytest.raises(Refusal) as refused:
            await FluxSource().admit(message(raw, {"X-Signature": given}, settings=settings), vault)
        assert refused.value.code == "auth.invalid"


def test_other_json_can_be_looked_at() -> None:
    assert event("flux", {"involvedObject": {"kind": "Kustomization"}})["type"] == "flux.unknown"

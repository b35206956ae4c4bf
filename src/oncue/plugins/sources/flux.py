"""Flux's events, as its provider `generic` or `generic-hmac` posts them: what cannot be reconciled, and what was.

| event | problem | recovery | resource | check |
|---|---|---|---|---|
| severity `error` | `major` | | namespace and name | kind |
| severity `info`, a reason that ends in `Succeeded` | | yes | namespace and name | kind |
| anything else | | | namespace and name | kind |

`type` is `flux.event`. That a Kustomization was reconciled, or a HelmRelease installed, upgraded, rolled back or removed, to a
revision, is a change of kind `reconciliation`; so is an installation or upgrade that failed. The payload is `data`, verbatim.
With `token`, `X-Signature` must be right.
Source: fluxcd.io, notification-controller, providers and events of v1beta3.
"""

import hashlib
import hmac
from typing import Any, Final

import msgspec

from oncue.plugins.sources.envelope import (
    Stage,
    Wrapping,
    change,
    decoded,
    first,
    fitted,
    header,
    instant,
    line,
    mapping,
    unknown,
    word,
)
from oncue.sdk import SecretRef
from oncue.sdk.source import Host, Message, Parsed, Refusal

SIGNATURE: Final = b"x-signature"
HASHES: Final = ("sha224", "sha256", "sha384", "sha512")
STAGES: Final[dict[str, Stage]] = {
    "ReconciliationSucceeded": "succeeded", "InstallSucceeded": "succeeded", "UpgradeSucceeded": "succeeded",
    "RollbackSucceeded": "succeeded", "UninstallSucceeded": "succeeded", "InstallFailed": "failed",
    "UpgradeFailed": "failed",
}  # fmt: skip
APPLIES: Final = ("Kustomization", "HelmRelease")


class FluxSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How events are checked."""

    token: SecretRef | None = None
    """Of a provider `generic-hmac`, as `secret://NAME`: events without its signature are refused."""


class FluxSource:
    """A provider of Flux's notification controller. `generic-hmac` signs, and has the token in the address."""

    name = "flux"
    settings = FluxSettings

    async def admit(self, message: Message, host: Host) -> None:
        """Raises `Refusal`: auth.invalid for a wrong signature or none, secret.not_found."""
        reference = fitted(message, FluxSettings).token
        if reference is None:
            return
        algorithm, _, given = (header(message.headers, SIGNATURE) or "").partition("=")
        if algorithm not in HASHES:
            raise Refusal("auth.invalid", "the signature X-Signature is missing: the provider is of type generic-hmac")
        expected = hmac.new(host.secret(reference).encode(), message.body, getattr(hashlib, algorithm)).hexdigest()
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise Refusal("auth.invalid", "the signature X-Signature is not the body's")

    def parse(self, message: Message) -> Parsed:
        """The event. Raises `Refusal`: request.malformed."""
        body = decoded(message.body)
        event = mapping(body)
        about = mapping(event.get("involvedObject"))
        kind, name = first(about.get("kind")), first(about.get("name"))
        if kind is None or name is None:
            return unknown(message, body, "flux")
        namespace, reason = first(about.get("namespace")) or "default", first(event.get("reason")) or "event"
        revision, at = _revision(mapping(event.get("metadata"))), instant(event.get("timestamp"))
        failed, recovered = word(event.get("severity")) == "error", reason.endswith("Succeeded")
        wrapping = Wrapping(message)
        what = f"{kind} {namespace}/{name}"
        wrapping.add(
            message.body,
            type="flux.event",
            severity="major" if failed else "clear" if recovered else None,
            resource=f"{namespace}/{name}",
            check=kind,
            fingerprint=f"flux:{kind}/{namespace}/{name}" if failed or recovered else None,
            title=f"{what}: {line(event.get('message')) or reason}",
            labels={"reason": reason, "revision": revision, "kind": kind, "component": event.get("reportingController")},
            time=at,
            more={
                "oncue_change": change(
                    STAGES.get(reason), key=f"flux:{kind}/{namespace}/{name}:{revision}", kind="reconciliation",
                    title=f"{what} to {revision}", by="Flux", started_at=at, ended_at=at,
                )
                if kind in APPLIES and revision is not None
                else None
            },
        )  # fmt: skip
        return wrapping.parsed()


def _revision(metadata: dict[str, Any]) -> str | None:
    """What was applied, under the name that the controller gives it."""
    return next((line(metadata[key]) for key in sorted(metadata) if key.rpartition("/")[2] == "revision"), None)

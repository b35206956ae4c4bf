"""The monitor `tls`: how long a certificate lasts, whether clients trust it, and whether weak protocols are refused.

The handshake is made as a strict client makes it. Where that fails, a second one without verification reads the
certificate all the same, so that days and names are known. Weak protocols are tried on connections of their own.
"""

import asyncio
import ssl
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, cast

import msgspec
from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from oncue.plugins.monitors import reaching
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading
from oncue.sdk.outbound import tls_context

_VERSIONS: Final = {"TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1, "TLSv1.2": ssl.TLSVersion.TLSv1_2}
_WHY: Final = {10: "tls.expired", 9: "tls.not_yet_valid", 62: "tls.host_name", 64: "tls.host_name"}
"""OpenSSL's verification results (X509_V_ERR_*) that have a code of their own; the others are `tls.untrusted`."""


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which server, and what counts as bad."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 443
    server_name: Annotated[str, msgspec.Meta(min_length=1, max_length=253)] | None = None
    """The name to ask for and to find in the certificate; None is `host`."""
    ca: Annotated[str, msgspec.Meta(max_length=65_536)] | None = None
    """Certificates in PEM to trust besides the machine's, as of an authority of your own."""
    verify: bool = True
    """Whether a chain that is not trusted, or another host's name, is a fault. A certificate that has expired always is."""
    refuse: tuple[Literal["TLSv1", "TLSv1.1", "TLSv1.2"], ...] = ("TLSv1", "TLSv1.1")
    """Protocols that the server must not accept; each is tried."""


class Seen(msgspec.Struct):
    """One handshake."""

    chain: list[x509.Certificate]
    """As the server sent it, its own first."""
    protocol: str


class Tls:
    """Makes a handshake per probe, and one for each protocol that must be refused."""

    name = "tls"
    settings = Settings
    primary = "tls.days"
    remote = True
    passive = False
    metrics = (
        MetricDoc("tls.up", "", "Up", "1 if the handshake was as it should be, else 0."),
        MetricDoc("tls.days", "d", "Certificate", "Days until the server's certificate expires; negative afterwards."),
        MetricDoc("tls.chain_days", "d", "Certificate chain", "The same of whichever certificate of the chain expires first."),
        MetricDoc("tls.handshake", "ms", "Handshake", "Connecting and the handshake."),
        MetricDoc("tls.weak", "", "Weak protocols", "How many protocols of `refuse` the server accepts."),
    )  # fmt: skip
    errors = (
        reaching.REFUSED,
        ErrorDoc("inputs.invalid", "`ca` holds no certificates in PEM."),
        ErrorDoc("tls.unable", "This machine's OpenSSL cannot speak a protocol of `refuse`, so that it cannot be tried."),
    )  # fmt: skip

    def subject(self, settings: Settings) -> str:
        """The host."""
        return settings.host

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """The handshakes."""
        name = reaching.place(settings.host, settings.port)
        strict = _strict(settings.ca)
        started = time.monotonic()
        fault, took_ms = None, 0.0
        try:
            try:
                seen = await _handshake(settings, context, strict)
                took_ms = reaching.ms_since(started)
            except ssl.SSLCertVerificationError as error:
                took_ms = reaching.ms_since(started)
                fault = _untrusted(name, error)
                seen = await _handshake(settings, context, _lenient())
            weak = [protocol for protocol in settings.refuse if await _accepts(settings, context, protocol)]
        except ssl.SSLError as error:
            return Probe(
                readings=[Reading(metric="tls.up", value=0.0, unit="")],
                fault=Fault(code="tls.handshake", title=f"{name}: no TLS handshake", detail=error.reason or str(error)),
            )
        except (ActionError, OSError) as error:
            return reaching.silent(name, f"{name} takes no connection", error, "tls")
        days = [_days(certificate, at) for certificate in seen.chain]
        labels = {"protocol": seen.protocol}
        fault = _fault(settings, name, seen, fault, days, weak)
        readings = [
            Reading(metric="tls.up", value=0.0 if fault else 1.0, unit=""),
            Reading(metric="tls.days", value=days[0], unit="d", labels=labels),
            Reading(metric="tls.chain_days", value=min(days), unit="d"),
            Reading(metric="tls.handshake", value=took_ms, unit="ms"),
            Reading(metric="tls.weak", value=float(len(weak)), unit=""),
        ]
        return Probe(readings=readings, fault=fault)


def _fault(
    settings: Settings, name: str, seen: Seen, untrusted: Fault | None, days: list[float], weak: Sequence[str]
) -> Fault | None:
    about = _about(seen.chain[0])
    if days[0] < 0:
        title = f"{name}: the certificate has expired"
        return Fault(code="tls.expired", title=title, detail=about, value=days[0], unit="d", metric="tls.days")
    if untrusted is not None and settings.verify:
        return msgspec.structs.replace(untrusted, detail=f"{untrusted.detail}; {about}")
    if weak:
        title = f"{name} accepts {' and '.join(weak)}"
        return Fault(code="tls.weak_protocol", title=title, detail=f"clients can be talked down to {weak[0]}")
    return None


def _untrusted(name: str, error: ssl.SSLCertVerificationError) -> Fault:
    code = _WHY.get(error.verify_code, "tls.untrusted")
    what = "is not for this host" if code == "tls.host_name" else "is not trusted"
    if code in ("tls.expired", "tls.not_yet_valid"):
        what = "has expired, or one of its chain" if code == "tls.expired" else "is not valid yet"
    return Fault(code=code, title=f"{name}: the certificate {what}", detail=error.verify_message)


async def _handshake(settings: Settings, context: Context, tls: ssl.SSLContext) -> Seen:
    sock = await context.guard.connect(settings.host, settings.port)
    _, writer = await asyncio.open_connection(
        sock=sock,
        ssl=tls,
        server_hostname=settings.server_name or settings.host,
        ssl_handshake_timeout=reaching.share(context, 0.95),
    )
    try:
        session = writer.get_extra_info("ssl_object")
        return Seen([x509.load_der_x509_certificate(der) for der in _chain(session)], session.version() or "")
    finally:
        writer.transport.abort()


def _chain(session: Any) -> list[bytes]:
    """The certificates as the server sent them. Before Python 3.13, only the inner object knows them all."""
    knows = session if hasattr(session, "get_unverified_chain") else session._sslobj  # noqa: SLF001 - see above
    found = [one if isinstance(one, bytes) else one.public_bytes(2) for one in knows.get_unverified_chain() or ()]
    return found or [cast(bytes, session.getpeercert(binary_form=True))]


async def _accepts(settings: Settings, context: Context, protocol: str) -> bool:
    """Whether the server speaks this protocol. Raises `ActionError` tls.unable if we cannot, `OSError` if it is gone."""
    tls = _lenient()
    try:
        tls.set_ciphers("ALL:@SECLEVEL=0")
        tls.minimum_version = tls.maximum_version = _VERSIONS[protocol]
    except (ssl.SSLError, ValueError) as error:
        raise ActionError("tls.unable", f"this machine cannot speak {protocol}: {error}") from error
    try:
        await _handshake(settings, context, tls)
    except ssl.SSLError as error:
        if error.reason in ("NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE"):
            raise ActionError("tls.unable", f"this machine cannot speak {protocol}") from error
        return False
    except (ConnectionResetError, ConnectionAbortedError, EOFError):
        return False
    return True


def _strict(ca: str | None) -> ssl.SSLContext:
    if ca is None:
        return tls_context()
    tls = ssl.create_default_context()
    try:
        tls.load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError) as error:
        raise ActionError("inputs.invalid", f"ca: {error}") from error
    return tls


def _lenient() -> ssl.SSLContext:
    # What it gets is reported, never trusted.
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    return tls


def _days(certificate: x509.Certificate, at: datetime) -> float:
    return round((certificate.not_valid_after_utc - at).total_seconds() / 86_400, 2)


def _about(certificate: x509.Certificate) -> str:
    try:
        extension = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
        names = [str(one.value) for one in cast(x509.SubjectAlternativeName, extension.value)]
    except (x509.ExtensionNotFound, ValueError):
        names = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    until = certificate.not_valid_after_utc.date().isoformat()
    return f"for {shown or 'no name'}, by {certificate.issuer.rfc4514_string() or 'nobody'}, valid until {until}"[:900]

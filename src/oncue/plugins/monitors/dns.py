"""The monitor `dns`: whether a name server answers, how fast, and whether with what it should."""

import asyncio
import time
from datetime import datetime
from typing import Annotated, Literal

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import msgspec

from oncue.plugins.monitors import reaching
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to ask whom, and what the answer should be."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    """The name to look up, as `www.example.com`."""
    type: Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] = "A"
    server: Annotated[str, msgspec.Meta(min_length=1, max_length=253)] | None = None
    """A name server's name or address; None asks those of this machine, one after the other."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 53
    """Of `server`."""
    expect: list[str] = []
    """Answers that must be there, as in a zone file: `192.0.2.7`, `10 mx.example.com.`."""
    exact: bool = False
    """Whether answers besides these are bad."""
    absent: bool = False
    """Whether the name must not exist."""


class Dns:
    """Asks once per probe, by UDP, and again by TCP if the answer does not fit."""

    name = "dns"
    settings = Settings
    primary = ""
    remote = True
    passive = False
    metrics = (
        MetricDoc("dns.up", "", "Up", "1 if the answer was as it should be, else 0."),
        MetricDoc("dns.time", "ms", "Answer time", "From the question to the answer."),
        MetricDoc("dns.answers", "", "Answers", "Records of the type that was asked for."),
        MetricDoc("dns.ttl", "s", "Time to live", "The least of these records; absent without any."),
    )
    errors = (
        reaching.REFUSED,
        ErrorDoc("inputs.invalid", "`name` is not a domain name."),
        ErrorDoc("dns.no_servers", "This machine has no name servers configured, and the manifest names none."),
    )

    def subject(self, settings: Settings) -> str:
        """The name that is looked up."""
        return settings.name

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One question."""
        try:
            question = dns.message.make_query(settings.name, settings.type)
        except dns.exception.DNSException as error:
            raise ActionError("inputs.invalid", f"name: {error}") from error
        what = f"{settings.name} {settings.type}"
        try:
            servers, port = await _servers(settings, context)
        except ActionError as error:
            if error.code == "dns.no_servers":
                raise
            return reaching.silent(settings.server or "", f"{settings.server} cannot be asked", error, "dns")
        answer, took_ms, failures = None, 0.0, []
        for server in servers:
            started = time.monotonic()
            try:
                wait_s = reaching.share(context, 0.9 / len(servers))
                answer, _ = await dns.asyncquery.udp_with_fallback(question, server, timeout=wait_s, port=port)
            except (dns.exception.DNSException, OSError, EOFError) as error:
                failures.append(f"{server}: {str(error) or type(error).__name__}")
                continue
            took_ms = reaching.ms_since(started)
            break
        if answer is None:
            fault = Fault(code="dns.silent", title=f"No answer about {what}", detail="; ".join(failures)[:900])
            return Probe(readings=[Reading(metric="dns.up", value=0.0, unit="")], fault=fault)
        wanted = dns.rdatatype.from_text(settings.type)
        sets = [one for one in answer.answer if one.rdtype == wanted]
        found = [record.to_text() for one in sets for record in one]
        wrong = _fault(settings, what, answer.rcode(), found)
        readings = [
            Reading(metric="dns.up", value=0.0 if wrong else 1.0, unit=""),
            Reading(metric="dns.time", value=took_ms, unit="ms"),
            Reading(metric="dns.answers", value=float(len(found)), unit=""),
        ]
        if sets:
            readings.append(Reading(metric="dns.ttl", value=float(min(one.ttl for one in sets)), unit="s"))
        return Probe(readings=readings, fault=wrong)


async def _servers(settings: Settings, context: Context) -> tuple[list[str], int]:
    """Whom to ask, and at which port. This machine's own resolvers are asked as by every other connection."""
    if settings.server is not None:
        return await context.guard.addresses(settings.server, settings.port), settings.port
    try:
        resolver = await asyncio.to_thread(dns.resolver.Resolver)
    except dns.resolver.NoResolverConfiguration as error:
        raise ActionError("dns.no_servers", "this machine has no name servers configured; set server") from error
    servers = [str(one) for one in resolver.nameservers if not str(one).startswith("https:")]
    if not servers:
        raise ActionError("dns.no_servers", "this machine has no name servers configured; set server")
    return servers, resolver.port


def _fault(settings: Settings, what: str, rcode: dns.rcode.Rcode, found: list[str]) -> Fault | None:
    if settings.absent:
        if rcode == dns.rcode.NXDOMAIN:
            return None
        detail = ", ".join(found) or dns.rcode.to_text(rcode)
        return Fault(code="dns.unexpected", title=f"{what} should not exist", detail=detail[:900])
    if rcode != dns.rcode.NOERROR:
        said = dns.rcode.to_text(rcode)
        return Fault(code="dns.rcode", title=f"{what} is answered with {said}", detail=f"the name server says {said}")
    if not found:
        return Fault(code="dns.empty", title=f"{what} has no records", detail="the answer holds no record of this type")
    have = {_plain(one) for one in found}
    want = {_plain(one) for one in settings.expect}
    missing, more = sorted(want - have), sorted(have - want) if settings.exact else []
    if not missing and not more:
        return None
    wrong = [f"without {', '.join(missing)}"] * bool(missing) + [f"with {', '.join(more)} besides"] * bool(more)
    return Fault(code="dns.unexpected", title=f"{what} is not what it should be", detail=" and ".join(wrong)[:900])


def _plain(record: str) -> str:
    """A record to compare by: names ignore case and the dot at their end, text its quotes."""
    return record.strip('"').rstrip(".").lower()

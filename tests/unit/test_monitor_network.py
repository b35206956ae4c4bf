"""`tcp`, `tls` and `dns` against real listeners."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from oncue.sdk import ActionError
from tests.monitors import code, listening, probe, value


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")
    await reader.read(1)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(b"you said " + line)


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize(
    ("handler", "settings", "expected"),
    [
        (greet, {}, None),
        (greet, {"expect": "^220 .*ESMTP"}, None),
        (greet, {"expect": "^250 "}, "tcp.answer"),
        (echo, {"send": "PING\r\n", "expect": "said PING"}, None),
        (say_nothing, {"expect": "."}, "tcp.answer"),
        (hang_up, {}, None),
        (hang_up, {"expect": "."}, "tcp.answer"),
    ],
)
async def test_tcp_finds_whether_a_port_answers_as_it_should(
    tmp_path: Path, handler: Any, settings: dict[str, Any], expected: str | None
) -> None:
    async with listening(handler) as port:
        found = await probe("tcp", {"host": "127.0.0.1", "port": port, **settings}, tmp_path, timeout_s=0.5)
    assert code(found) == expected
    assert value(found, "tcp.up") == (0 if expected else 1)
    assert 0 < value(found, "tcp.connect") < 500


async def test_tcp_says_what_came_instead(tmp_path: Path) -> None:
    async with listening(greet) as port:
        found = await probe("tcp", {"host": "127.0.0.1", "port": port, "expect": "^250"}, tmp_path, timeout_s=0.5)
    assert found.fault is not None
    assert "220 mail.example ESMTP" in found.fault.detail


async def test_tcp_finds_a_closed_port_and_refuses_one_that_is_not_allowed(tmp_path: Path) -> None:
    port = free_port()
    found = await probe("tcp", {"host": "127.0.0.1", "port": port}, tmp_path)
    assert (code(found), value(found, "tcp.up")) == ("tcp.refused", 0)
    with pytest.raises(ActionError, match=r"outbound\.refused"):
        await probe("tcp", {"host": "127.0.0.1", "port": port}, tmp_path, allows=())


async def test_tcp_says_which_pattern_is_none(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=r"inputs\.invalid: expect"):
        await probe("tcp", {"host": "127.0.0.1", "port": 1, "expect": "("}, tmp_path)


WEAK = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
"""Weak protocols are what is tested."""


class Authority:
    """Makes certificates, as a company's own authority does."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
            .serial_number(1).not_valid_before(now - timedelta(days=900)).not_valid_after(now + timedelta(days=20))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )  # fmt: skip
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def server(self, *, days: float, name: str = "127.0.0.1") -> ssl.SSLContext:
        """The settings of a server whose certificate lasts this long."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name)
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(self.certificate.subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=800)).not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )  # fmt: skip
        path = self._directory / "server.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
            + self.certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


@WEAK
@pytest.mark.parametrize(
    ("days", "name", "settings", "expected"),
    [
        (90.5, "127.0.0.1", {}, None),
        (90.5, "shop.example", {"server_name": "shop.example"}, None),
        (90.5, "shop.example", {}, "tls.host_name"),
        (90.5, "shop.example", {"verify": False}, None),
        (-2.5, "127.0.0.1", {}, "tls.expired"),
        (-2.5, "127.0.0.1", {"verify": False}, "tls.expired"),
    ],
)
async def test_tls_finds_what_is_wrong_with_a_certificate_and_how_long_it_lasts(
    tmp_path: Path, days: float, name: str, settings: dict[str, Any], expected: str | None
) -> None:
    authority = Authority(tmp_path)
    async with listening(say_nothing, ssl=authority.server(days=days, name=name)) as port:
        found = await probe("tls", {"host": "127.0.0.1", "port": port, "ca": authority.pem, **settings}, tmp_path)
    assert code(found) == expected
    assert value(found, "tls.days") == pytest.approx(days, abs=0.1)
    assert value(found, "tls.chain_days") == pytest.approx(min(days, 20), abs=0.1)
    assert value(found, "tls.up") == (0 if expected else 1)


@WEAK
async def test_tls_finds_a_chain_that_nobody_trusts_and_says_whose_it_is(tmp_path: Path) -> None:
    async with listening(say_nothing, ssl=Authority(tmp_path).server(days=9)) as port:
        found = await probe("tls", {"host": "127.0.0.1", "port": port}, tmp_path)
    assert code(found) == "tls.untrusted"
    assert found.fault is not None
    assert "for 127.0.0.1, by CN=Test authority" in found.fault.detail


@WEAK
@pytest.mark.parametrize(("newest", "expected"), [(ssl.TLSVersion.TLSv1_3, None), (ssl.TLSVersion.TLSv1_1, "tls.weak_protocol")])  # fmt: skip
async def test_tls_finds_a_server_that_accepts_weak_protocols(
    tmp_path: Path, newest: ssl.TLSVersion, expected: str | None
) -> None:
    authority = Authority(tmp_path)
    server = authority.server(days=90)
    server.set_ciphers("ALL:@SECLEVEL=0")
    if expected:
        server.minimum_version = ssl.TLSVersion.TLSv1
    async with listening(say_nothing, ssl=server) as port:
        found = await probe("tls", {"host": "127.0.0.1", "port": port, "ca": authority.pem}, tmp_path)
    assert code(found) == expected
    assert value(found, "tls.weak") == (2 if expected else 0)


@WEAK
async def test_tls_finds_that_something_else_answers_or_nothing(tmp_path: Path) -> None:
    async with listening(greet) as port:
        assert code(await probe("tls", {"host": "127.0.0.1", "port": port}, tmp_path)) == "tls.handshake"
    assert code(await probe("tls", {"host": "127.0.0.1", "port": free_port()}, tmp_path)) == "tls.refused"


ZONE = {
    ("www.example.com.", "A"): [("CNAME", "web.example.com."), ("A", "192.0.2.7"), ("A", "192.0.2.8")],
    ("example.com.", "MX"): [("MX", "10 mx.example.com.")],
    ("example.com.", "TXT"): [("TXT", '"v=spf1 -all"')],
    ("empty.example.com.", "A"): [],
}


class NameServer(asyncio.DatagramProtocol):
    """Answers from `ZONE`; what is called big only by TCP."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        question = dns.message.from_wire(data)
        if "silent" in str(question.question[0].name):
            return
        self._transport.sendto(answer(question).to_wire(), address)


def answer(question: dns.message.Message) -> dns.message.Message:
    asked = question.question[0]
    said = dns.message.make_response(question)
    records = ZONE.get((str(asked.name).lower(), dns.rdatatype.to_text(asked.rdtype)))
    if records is None:
        said.set_rcode(dns.rcode.NXDOMAIN)
    for kind, text in records or ():
        said.answer.append(dns.rrset.from_text(asked.name, 300, "IN", kind, text))
    return said


@asynccontextmanager
async def name_server() -> AsyncIterator[int]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"name": "www.example.com"}, None),
        ({"name": "www.example.com", "expect": ["192.0.2.7"]}, None),
        ({"name": "www.example.com", "expect": ["192.0.2.7"], "exact": True}, "dns.unexpected"),
        ({"name": "www.example.com", "expect": ["192.0.2.8", "192.0.2.7"], "exact": True}, None),
        ({"name": "www.example.com", "expect": ["192.0.2.9"]}, "dns.unexpected"),
        ({"name": "example.com", "type": "MX", "expect": ["10 MX.example.com"]}, None),
        ({"name": "example.com", "type": "TXT", "expect": ["v=spf1 -all"]}, None),
        ({"name": "gone.example.com"}, "dns.rcode"),
        ({"name": "gone.example.com", "absent": True}, None),
        ({"name": "www.example.com", "absent": True}, "dns.unexpected"),
        ({"name": "empty.example.com"}, "dns.empty"),
        ({"name": "silent.example.com"}, "dns.silent"),
    ],
)
async def test_dns_finds_whether_the_answer_is_what_it_should_be(
    tmp_path: Path, settings: dict[str, Any], expected: str | None
) -> None:
    async with name_server() as port:
        found = await probe("dns", {"server": "127.0.0.1", "port": port, **settings}, tmp_path, timeout_s=0.5)
    assert code(found) == expected
    assert value(found, "dns.up") == (0 if expected else 1)
    if settings == {"name": "www.example.com"}:
        assert (value(found, "dns.answers"), value(found, "dns.ttl")) == (2, 300)


async def test_dns_asks_no_server_that_is_not_allowed_and_says_what_is_no_name(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=r"outbound\.refused"):
        await probe("dns", {"server": "127.0.0.1", "name": "www.example.com"}, tmp_path, allows=())
    with pytest.raises(ActionError, match=r"inputs\.invalid: name"):
        await probe("dns", {"server": "127.0.0.1", "name": "a..b"}, tmp_path)

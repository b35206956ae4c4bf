"""The outbound guard: what it refuses, what opens it, and that it judges the address that is connected to."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from oncue.sdk import ActionError, Allow, Guard, fetch

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def guard(*allows: Allow, names: dict[str, list[str]] | None = None) -> Guard:
    async def resolve(host: str, port: int) -> list[str]:
        return (names or {})[host]

    return Guard(allows, now=lambda: NOW, resolve=resolve)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.100.100.200",
        "100.64.0.1", "168.63.129.16", "0.0.0.0", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1",
        "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "fec0::1", "::127.0.0.1", "64:ff9b:1::7f00:1", "::ffff:0:127.0.0.1", "5f00::1", "3fff::1", "192.88.99.1",
        "2001:0:7f00:1::", "2001:db8::1", "198.18.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
    ],
)  # fmt: skip
def test_addresses_inside_the_network_are_refused(address: str) -> None:
    assert not guard().permits(address, address, 443)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_permitted(address: str) -> None:
    assert guard().permits(address, address, 443)


@pytest.mark.parametrize(
    ("allow", "host", "address", "port", "permitted"),
    [
        (Allow("10.0.0.0/8"), "db", "10.1.2.3", 5432, True),
        (Allow("10.0.0.0/8", 5432), "db", "10.1.2.3", 5433, False),
        (Allow("10.1.2.3"), "db", "10.1.2.4", 80, False),
        (Allow("DB.intra"), "db.intra", "10.1.2.3", 80, True),
        (Allow("db.intra"), "other.intra", "10.1.2.3", 80, False),
        (Allow("localhost", 8480), "localhost", "127.0.0.1", 8480, True),
        (Allow("metadata.intra"), "metadata.intra", "169.254.169.254", 80, False),
        (Allow("169.254.169.254"), "169.254.169.254", "169.254.169.254", 80, True),
        (Allow("127.0.0.1", expires_at=NOW), "x", "127.0.0.1", 80, False),
        (Allow("127.0.0.1", expires_at=NOW + timedelta(seconds=1)), "x", "127.0.0.1", 80, True),
        (Allow("127.0.0.1"), "x", "::ffff:127.0.0.1", 80, True),
    ],
)
def test_an_exception_opens_what_it_names_and_no_more(
    allow: Allow, host: str, address: str, port: int, permitted: bool
) -> None:
    assert guard(allow).permits(host, address, port) is permitted


async def test_a_name_with_only_private_addresses_is_refused() -> None:
    with pytest.raises(ActionError) as refused:
        await guard(names={"evil.example": ["127.0.0.1", "10.0.0.1"]}).addresses("evil.example", 80)
    assert refused.value.code == "outbound.refused"


async def test_of_mixed_addresses_only_public_ones_are_used() -> None:
    found = await guard(names={"mixed.example": ["127.0.0.1", "8.8.8.8"]}).addresses("mixed.example", 80)
    assert found == ["8.8.8.8"]


async def test_an_unknown_name_is_a_transient_error() -> None:
    with pytest.raises(ActionError) as failed:
        await Guard().addresses("does-not-exist.invalid", 80)
    assert (failed.value.code, failed.value.transient) == ("dns.failed", True)


@pytest.fixture
async def server() -> AsyncIterator[int]:
    """An HTTP server on loopback: /away redirects into the metadata service, /other to another port's origin."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split()[1].decode()
        if path == "/away":
            response = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/\r\nContent-Length: 0\r\n\r\n"
        elif path == "/localhost":
            port = writer.get_extra_info("sockname")[1]
            response = f"HTTP/1.1 302 Found\r\nLocation: http://localhost:{port}/\r\nContent-Length: 0\r\n\r\n".encode()
        elif path == "/loop":
            response = b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"
        else:
            response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(head), head)
        writer.write(response)
        await writer.drain()
        writer.close()

    running = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with running:
        yield running.sockets[0].getsockname()[1]


async def test_loopback_is_refused_before_a_connection_is_made(server: int) -> None:
    async with Guard().client() as client:
        with pytest.raises(ActionError, match=r"outbound\.refused"):
            await fetch(client, "GET", f"http://127.0.0.1:{server}/")


async def test_a_redirect_to_a_refused_address_is_refused(server: int) -> None:
    async with Guard([Allow("127.0.0.1", server)]).client() as client:
        with pytest.raises(ActionError, match=r"outbound\.refused"):
            await fetch(client, "GET", f"http://127.0.0.1:{server}/away", follow_redirects=True)


async def test_the_connection_goes_to_the_judged_address_and_the_request_names_the_host(server: int) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async with Guard([Allow("127.0.0.1")], resolve=resolve).client() as client:
        answer = await fetch(client, "GET", f"http://name.example:{server}/")
    assert asked == ["name.example"]
    assert f"host: name.example:{server}" in answer.text.lower()


async def test_credentials_do_not_follow_a_redirect_to_another_origin(server: int) -> None:
    async with Guard([Allow("127.0.0.1"), Allow("localhost")]).client() as client:
        private = {"X-Key": "hidden-value"}
        here = await fetch(client, "GET", f"http://127.0.0.1:{server}/", private_headers=private)
        there = await fetch(
            client, "GET", f"http://127.0.0.1:{server}/localhost", private_headers=private, follow_redirects=True
        )
    assert "hidden-value" in here.text
    assert "localhost" in there.url
    assert "hidden-value" not in there.text


async def test_a_redirect_loop_ends(server: int) -> None:
    async with Guard([Allow("127.0.0.1")]).client() as client:
        with pytest.raises(ActionError, match=r"http\.redirects"):
            await fetch(client, "GET", f"http://127.0.0.1:{server}/loop", follow_redirects=True)


async def test_proxy_settings_of_the_environment_are_not_used(server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with Guard([Allow("127.0.0.1")]).client() as client:
        assert (await fetch(client, "GET", f"http://127.0.0.1:{server}/")).status == 200


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "http://", "http://[::1", "file:///etc/passwd", "http://a:99999/"]
)
async def test_what_is_no_http_url_is_an_error_of_the_inputs(url: str) -> None:
    client: httpx.AsyncClient
    async with Guard().client() as client:
        with pytest.raises(ActionError, match=r"http\.url"):
            await fetch(client, "GET", url)


async def test_a_guarded_socket_reaches_only_what_is_permitted(server: int) -> None:
    with pytest.raises(ActionError, match=r"outbound\.refused"):
        await Guard().connect("localhost", server)
    sock = await Guard([Allow("127.0.0.0/8")]).connect("127.0.0.1", server)
    assert sock.getpeername()[1] == server
    sock.close()

"""Messages go by TLS to the address that was looked at, and nowhere else, within their time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from threading import Thread

import pytest

from outlast.core.webhooksettings import WebhookSettings
from outlast.ports.deliveries import Answer, Message
from outlast.webhooks.sender import HttpSender, place_of

from ..rigs.receiver import KEY, Authority, Receiver, authority

NAME = "receiver.example"
LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate for our name."""
    return authority(tmp_path_factory.mktemp("ca"), NAME)


def leads_to(*addresses: str) -> Callable[[str, int], Awaitable[list[str]]]:
    """Return a name server of our own."""

    async def look_up(host: str, port: int) -> list[str]:
        return list(addresses)

    return look_up


def send(
    url: str,
    settings: WebhookSettings | None = None,
    look_up: Callable[[str, int], Awaitable[list[str]]] | None = None,
    *,
    seconds: float = 30,
) -> Answer:
    """Send one message there, and return what came of it."""
    in_force = settings or WebhookSettings(allow=LOOPBACK)
    more = {} if look_up is None else {"look_up": look_up}
    sender = HttpSender(lambda: in_force, timeout=timedelta(seconds=seconds), **more)
    message = Message(id="msg_1", at=datetime.now(UTC), url=url, body='{"a":1}', key=KEY)
    return asyncio.run(sender.send(message))


@contextmanager
def speaks(*pieces: bytes, then_waits: bool = False) -> Iterator[int]:
    """Answer one connection with these bytes, whatever it asks; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        left = socket.socketpair()

        def talk() -> None:
            peer, _ = server.accept()
            with peer:
                peer.settimeout(60)
                try:
                    for piece in pieces:
                        peer.sendall(piece)
                    if then_waits:
                        left[1].recv(1)
                    else:
                        peer.shutdown(socket.SHUT_WR)
                        while peer.recv(65536):
                            pass
                except OSError:
                    pass  # whoever asked has had enough

        thread = Thread(target=talk)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            left[0].close()
            thread.join()
            left[1].close()


def test_tls_asks_for_the_name_at_the_address_that_was_looked_at(trusted: Authority) -> None:
    """Only our own name server knows that name: nobody else was asked."""
    settings = WebhookSettings(allow=LOOPBACK, ca_file=str(trusted.ca))
    with Receiver(tls=trusted.context) as receiver:
        answer = send(receiver.url(host=NAME), settings, leads_to("127.0.0.1"))
        (got,) = receiver.got

    assert Answer(status=204) == answer
    assert ("msg_1", {"a": 1}) == (got.id, got.told)


def test_a_certificate_that_nobody_trusts_is_not_spoken_to(trusted: Authority) -> None:
    """Nor one of another name."""
    settings = WebhookSettings(allow=LOOPBACK, ca_file=str(trusted.ca))
    with Receiver(tls=trusted.context) as receiver:
        stranger = send(receiver.url(host=NAME), look_up=leads_to("127.0.0.1"))
        other = send(receiver.url(host="other.example"), settings, leads_to("127.0.0.1"))
        got = list(receiver.got)

    assert "its certificate is not trusted: " in (stranger.error or "")
    assert "other.example" in (other.error or "")
    assert [] == got


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]],
)
def test_a_name_with_one_address_of_ours_is_not_connected_to(addresses: list[str]) -> None:
    """Whatever its others are; and what is told of it does not have the address."""
    with Receiver() as receiver:
        url = f"https://{NAME}:{receiver.port}/"
        answer = send(url, WebhookSettings(), leads_to(*addresses))
        got = receiver.got, receiver.refused

    assert answer.status is None
    assert "is at an address that is no public one" in (answer.error or "")
    assert not [each for each in addresses if each in (answer.error or "")]
    assert ([], 0) == got


def test_a_name_that_leads_elsewhere_the_second_time_is_asked_once() -> None:
    """What is connected to is what was looked at: one question for a try, and one for the next."""
    asked = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) % 2 else ["10.0.0.1"]

    with Receiver() as receiver:
        url = receiver.url(host=NAME)
        first, second = send(url, look_up=rebinding), send(url, look_up=rebinding)

    assert (204, [NAME, NAME]) == (first.status, asked)
    assert "no public one" in (second.error or "")


def test_no_redirect_is_followed() -> None:
    """Where it leads has not been looked at."""
    with Receiver(lambda _: 307) as receiver:
        answer = send(receiver.url())
        paths = [got.path for got in receiver.got]

    assert (307, ["/hook"]) == (answer.status, paths)
    assert "no redirect is followed" in (answer.error or "")


def test_what_anybody_can_read_goes_only_where_that_was_said() -> None:
    """A public address takes TLS, whatever else is allowed."""
    answer = send(f"http://{NAME}/", look_up=leads_to("8.8.8.8"))

    assert "begins with http://" in (answer.error or "")


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be asked to go where nobody has looked."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    with Receiver() as receiver:
        assert Answer(status=204) == send(receiver.url())


def test_one_address_that_does_not_answer_leaves_the_others() -> None:
    """They are tried in the order in which the name server gave them."""
    with Receiver() as receiver:
        answer = send(receiver.url(host=NAME), look_up=leads_to("127.9.9.9", "127.0.0.1"))

    assert Answer(status=204) == answer


def test_nobody_there_is_told() -> None:
    """Refused, unknown, or a name without an address."""

    async def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    assert "connection refused" in (send(f"http://127.0.0.1:{port}/").error or "")
    assert "its name is not known" == send(f"https://{NAME}/", look_up=unknown).error
    assert "the name has no address" == send(f"https://{NAME}/", look_up=leads_to()).error


SPOKEN = {
    "not HTTP": ([b"220 mail.example ESMTP\r\n"], "does not speak HTTP"),
    "nothing": ([], "does not speak HTTP"),
    "half an answer": ([b"HTTP/1.1 200 OK\r\nA: b"], "does not speak HTTP"),
    "another protocol": (
        [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
        "does not speak HTTP",
    ),
    "a head without end": ([b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 100_000], "does not speak HTTP"),
}


@pytest.mark.parametrize("case", SPOKEN)
def test_what_does_not_speak_http_is_told(case: str) -> None:
    """Of a head no more is read than a head may be."""
    pieces, says = SPOKEN[case]
    with speaks(*pieces) as port:
        answer = send(f"http://127.0.0.1:{port}/")

    assert says in (answer.error or ""), answer


def test_what_comes_before_an_answer_is_none() -> None:
    """103, say: it waits for the last one. A wish that stands with it is heard."""
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    with speaks(
        early, early, b"HTTP/1.1 503 No\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"
    ) as port:
        answer = send(f"http://127.0.0.1:{port}/")

    assert (503, timedelta(minutes=2)) == (answer.status, answer.wish)


def test_the_body_of_an_answer_is_not_waited_for() -> None:
    """However long it says it is: the status is all that matters."""
    with speaks(
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx", then_waits=True
    ) as port:
        assert Answer(status=200) == send(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("pieces", [[], [b"HTTP/1.1 2"], [b"HTTP/1.1 100 Continue\r\n\r\n"]])
def test_who_never_comes_to_an_end_is_left(pieces: list[bytes]) -> None:
    """The time is for all of it, and not for each piece."""
    with speaks(*pieces, then_waits=True) as port:
        answer = send(f"http://127.0.0.1:{port}/", seconds=0.5)

    assert "no answer within 0.5 s" == answer.error


def test_a_name_server_that_does_not_answer_is_left() -> None:
    """It is within the same time."""

    async def mute(host: str, port: int) -> list[str]:
        await asyncio.sleep(3600)
        return []

    assert "no answer within 0.2 s" == send(f"https://{NAME}/", look_up=mute, seconds=0.2).error


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://ci.example/a/b?c=d", ("ci.example", 443, "/a/b?c=d", "ci.example", False)),
        ("https://CI.example.:8443", ("ci.example", 8443, "/", "CI.example.:8443", False)),
        ("http://[::1]:80/x", ("::1", 80, "/x", "[::1]:80", True)),
    ],
)
def test_a_url_leads_where_it_says(url: str, expected: tuple[str, int, str, str, bool]) -> None:
    """The name as TLS wants it, and the header `Host` as it was written."""
    assert expected == place_of(url)


def test_the_names_of_this_machine_are_looked_at_too(tmp_path: Path) -> None:
    """By the system's own resolver: `localhost` is loopback, whatever it is called."""
    answer = send("https://localhost:1/", WebhookSettings())

    assert "no public one" in (answer.error or "")


def test_authorities_that_are_not_there_are_told(tmp_path: Path) -> None:
    """The file of the settings may have gone."""
    settings = WebhookSettings(allow=LOOPBACK, ca_file=str(tmp_path / "gone.pem"))

    assert "no such file" in (send("https://127.0.0.1:1/", settings).error or "")

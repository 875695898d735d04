"""Sends messages over HTTPS: signed, to the very address that was looked at, and nowhere else."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from ..core.webhook import is_plain
from ..ports.deliveries import Answer, Message
from ..version import __version__

if TYPE_CHECKING:
    import h11

    from ..core.webhooksettings import WebhookSettings

TIMEOUT: Final = timedelta(seconds=15)
"""For all of it: name, connection, request and answer."""

MAX_HEAD_BYTES: Final = 32 << 10
"""Of an answer. Of its body nothing is read."""

PIECE_BYTES: Final = 4096
MISSING: Final = "it needs an extra that is not installed: pip install 'outlast[webhooks]'"

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses of a name, as the system has them. Raises OSError."""

log = logging.getLogger("outlast.webhooks")


class Refused(Exception):
    """It is not to be sent there."""


class Place(NamedTuple):
    """Where a URL leads."""

    host: str
    port: int
    target: str
    """What is asked for there."""

    authority: str
    """Whom it is asked of, as the header `Host` has it."""

    is_plain: bool


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of *host*, each once. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class HttpSender:
    """
    A `Sender`. *in_force* says where messages may go; *look_up* finds the addresses of a name.

    No proxy is used and no redirect followed: either would go where nobody has looked.
    """

    def __init__(
        self,
        in_force: Callable[[], WebhookSettings],
        *,
        look_up: Resolve = resolve,
        timeout: timedelta = TIMEOUT,
    ) -> None:
        self._in_force = in_force
        self._look_up = look_up
        self._timeout = timeout

    async def send(self, message: Message) -> Answer:
        """Sign and send it, once."""
        try:
            headers = _headers(message)
        except ImportError:
            return Answer(error=MISSING)
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                return await self._exchange(message, headers)
        except TimeoutError:
            return Answer(error=f"no answer within {self._timeout.total_seconds():g} s")
        except Refused as error:
            return Answer(error=str(error))
        except ssl.SSLCertVerificationError as error:
            return Answer(error=f"its certificate is not trusted: {error.verify_message}")
        except ssl.SSLError as error:
            return Answer(error=f"no TLS: {error.reason or 'it was broken off'}")
        except (OSError, EOFError) as error:
            return Answer(error=_words(error))

    async def _exchange(self, message: Message, headers: list[tuple[str, str]]) -> Answer:
        place = place_of(message.url)
        reader, writer = await self._connect(place)
        try:
            return await _ask(reader, writer, place, message.body.encode(), headers)
        finally:
            writer.transport.abort()

    async def _connect(self, place: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """
        Connect to an address of the host's, all of which were looked at: there is no second
        question to a name server, whose answer may be another one.
        """
        in_force = self._in_force()
        addresses = await self._look_up(place.host, place.port)
        for address in addresses:
            if fault := in_force.address_fault(address, plain=place.is_plain):
                log.warning("%s is at %s, where nothing is sent to", place.host, address)
                raise Refused(f"{place.host} {fault}")
        tls = None if place.is_plain else _context(in_force.ca_file)
        error: OSError = OSError("the name has no address")
        for address in addresses:
            try:
                peer = await _reach(address, place.port)
            except OSError as unreached:
                error = unreached
                continue
            try:
                return await asyncio.open_connection(
                    sock=peer, ssl=tls, server_hostname=None if tls is None else place.host
                )
            except BaseException:
                peer.close()
                raise
        raise error


def place_of(url: str) -> Place:
    """Return where *url* leads, which was checked when it came in."""
    parts = urlsplit(url)
    plain = is_plain(url)
    host = (parts.hostname or "").removesuffix(".")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(host, parts.port or (80 if plain else 443), target, parts.netloc, plain)


async def _reach(address: str, port: int) -> socket.socket:
    """Connect to an address, which no name server is asked about."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    peer = socket.socket(family, socket.SOCK_STREAM)
    try:
        peer.setblocking(False)
        await asyncio.get_running_loop().sock_connect(peer, (address, port))
    except BaseException:
        peer.close()
        raise
    return peer


def _context(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def _headers(message: Message) -> list[tuple[str, str]]:
    """Return what stands above the body. Raises ImportError where the library is missing."""
    from standardwebhooks import Webhook

    signature = Webhook(message.key).sign(message.id, message.at, message.body)
    return [
        ("Content-Type", "application/json"),
        ("User-Agent", f"Outlast/{__version__}"),
        ("Webhook-Id", message.id),
        ("Webhook-Timestamp", str(int(message.at.timestamp()))),
        ("Webhook-Signature", signature),
    ]


async def _ask(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    place: Place,
    body: bytes,
    headers: list[tuple[str, str]],
) -> Answer:
    import h11

    talk = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    request = h11.Request(
        method="POST",
        target=place.target,
        headers=[
            ("Host", place.authority),
            *headers,
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ],
    )
    for event in (request, h11.Data(data=body), h11.EndOfMessage()):
        writer.write(talk.send(event) or b"")
    await writer.drain()
    try:
        response = await _response(reader, talk)
    except h11.RemoteProtocolError as error:
        return Answer(error=f"what answers does not speak HTTP: {error}")
    return Answer(
        status=response.status_code, error=_fault(response.status_code), wish=_wish(response)
    )


async def _response(reader: asyncio.StreamReader, talk: h11.Connection) -> h11.Response:
    """Return the head of the answer, which may come after others that only say to wait."""
    import h11

    while True:
        event = talk.next_event()
        if isinstance(event, h11.Response):
            return event
        if event is h11.NEED_DATA:
            talk.receive_data(await reader.read(PIECE_BYTES))
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("it has no answer to a request")


def _fault(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"answered {status}: no redirect is followed, since it may lead anywhere"
    return f"answered {status}"


def _wish(response: h11.Response) -> timedelta | None:
    """Return how long the receiver asks to be left alone (`Retry-After`, in seconds)."""
    for name, value in response.headers:
        if name == b"retry-after" and value.isdigit() and len(value) < 9:
            return timedelta(seconds=int(value))
    return None


def _words(error: OSError | EOFError) -> str:
    """Return why nobody answered."""
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    number = getattr(error, "errno", None)
    # By the system's own words: those of asyncio have the address in them.
    return (
        os.strerror(number) if number else str(error) or "the connection was broken off"
    ).lower()

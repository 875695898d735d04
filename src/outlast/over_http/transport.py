"""Requests to one server: connections, what is tried again, and what is told where it fails."""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from ..core.trace import read_traceparent
from ..errors import BadAnswer, ClientError, InvalidRequest, Unavailable
from ..version import __version__
from .attempts import PATIENCE_S, Attempts
from .problems import PROBLEM, error_of, read_object, retry_after

if TYPE_CHECKING:
    from ..clock import SystemClock
    from ..core.server import Server

CONNECT_S: Final = 10.0
ANSWER_S: Final = 30.0
"""For an answer to begin and each piece of it to come, beyond what it was asked to wait."""

IDLE: Final = 8
"""So many connections are kept for the next request."""

PIECE_BYTES: Final = 1 << 20
MAX_PROBLEM_BYTES: Final = 1 << 20
ANSWERED_TRIES: Final = 2
"""A server that itself says that it cannot do it now is asked so often more: it told the reason."""

BUSY: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
NOT_TAKEN: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""Those by which nothing has happened."""


class Answer(NamedTuple):
    """What a server has answered."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""

    body: bytes
    is_repeated: bool = False
    """A try before this one may have been taken, and its answer lost."""


class _Unreached(Exception):
    """No connection: nothing was sent."""


class _Lost(Exception):
    """The connection broke: whether the request was taken is not known."""


class Transport:
    """Speaks with one server. May be shared by threads. Redirects are told, and never followed."""

    def __init__(self, server: Server, token: str | None, clock: SystemClock) -> None:
        self.server = server
        self._clock = clock
        self._headers = {"User-Agent": f"outlast/{__version__}"}
        if span := read_traceparent(os.environ.get("TRACEPARENT")):
            self._headers["traceparent"] = span
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._has_answered = False
        """Whether it was there: one that never was is told at once, and not waited for."""

    def close(self) -> None:
        """Let go of all connections. Idempotent."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def attempts(self, patience_s: float = PATIENCE_S) -> Attempts:
        """Return what counts the tries at one thing."""
        return Attempts(self._clock, patience_s)

    def ask(
        self,
        method: str,
        path: Sequence[str],
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        is_safe: bool = True,
        stay_s: float = 0.0,
        patience_s: float = PATIENCE_S,
        job_id: str | None = None,
    ) -> Answer:
        """
        Return the answer to a request, one that grants it. *path* are its segments.

        What *is_safe* may happen twice, and is tried again when its answer is lost; other requests
        are only where nothing can have happened. *stay_s* is how long it may take by itself, and
        *job_id* what it is about.

        Raises:
            ClientError: What the server says, as it would be raised here.

            Unavailable: There is no answer within *patience_s*.
        """
        target = self._target(path, query)
        data = None if body is None else json.dumps(body).encode()
        kind = {} if data is None else {"Content-Type": "application/json"}
        sent = {**self._headers, **kind, **(headers or {})}
        attempts, is_repeated, asked_s = self.attempts(patience_s), False, None
        error: ClientError
        while True:
            try:
                answer = self._once(method, target, data, sent, stay_s + ANSWER_S)
            except _Unreached as failure:
                error = self.unavailable(failure, job_id)
                if not self._has_answered:
                    raise error from None
            except _Lost as failure:
                error = self.unavailable(failure, job_id)
                if not is_safe:
                    error.suggestion = "It may have been done or not: look before you ask again"
                    raise error from None
                is_repeated = True
            else:
                self._has_answered = True
                if answer.status < HTTPStatus.MULTIPLE_CHOICES:
                    return answer._replace(is_repeated=is_repeated)
                error = error_of(str(self.server), answer.status, answer.headers, answer.body)
                if not _is_worth_another(answer, error, is_safe, attempts.failed):
                    raise error
                asked_s = retry_after(answer.headers)
            attempts.pause(error, asked_s)

    def ask_object(self, method: str, path: Sequence[str], **how: Any) -> dict[str, Any]:
        """Return the JSON object that a request is answered with. As `ask`."""
        return self.read_object(self.ask(method, path, **how))

    def read_object(self, answer: Answer) -> dict[str, Any]:
        """Return the JSON object that *answer* is. Raises `BadAnswer` where it is none."""
        return read_object(str(self.server), answer.status, answer.headers, answer.body)

    @contextmanager
    def stream(
        self,
        path: Sequence[str],
        *,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        kind: str,
    ) -> Iterator[Stream]:
        """
        Open an answer that comes bit by bit, of the media type *kind*, on a connection of its own.
        One try: whoever reads it knows where to go on.

        Raises:
            ClientError: As `ask`.

            Unavailable: There is no answer, or it has broken off: also while it is read.
        """
        connection = self._connection()
        try:
            try:
                self._send(connection, "GET", self._target(path, query), None, headers or {})
                peer = connection.sock  # the connection forgets one that is not to be kept
                response = connection.getresponse()
            except (_Unreached, OSError, http.client.HTTPException) as failure:
                raise self.unavailable(failure) from None
            self._has_answered = True
            told = _headers(response)
            if response.status != HTTPStatus.OK or not told.get("content-type", "").startswith(
                kind
            ):
                with self.failures_told():
                    body = response.read(MAX_PROBLEM_BYTES)
                raise error_of(str(self.server), response.status, told, body)
            yield Stream(self, peer, response)
        finally:
            connection.close()

    def unavailable(self, failure: Exception, job_id: str | None = None) -> Unavailable:
        """Return what says that the server cannot be reached, and why."""
        cause = failure.__cause__ or failure
        if isinstance(cause, ssl.SSLCertVerificationError):
            return BadAnswer(
                f"{self.server} is not who it should be: {cause.verify_message}",
                suggestion="If its certificate is your own: SSL_CERT_FILE=FILE of whoever signed it",
            )
        if isinstance(cause, TimeoutError):
            why = "it does not answer in time"
        elif isinstance(cause, http.client.HTTPException):
            why = f"what answers does not speak HTTP ({type(cause).__name__})"
            if isinstance(cause, http.client.RemoteDisconnected | http.client.IncompleteRead):
                why = "it hung up"
        else:
            why = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
        return Unavailable(
            f"The server {self.server} cannot be reached: {why}",
            job_id=job_id,
            suggestion="Is it up, and is this its address? outlast serve starts one",
        )

    # One request ----------------------------------------------------------------------------

    def _once(
        self,
        method: str,
        target: str,
        data: bytes | None,
        headers: Mapping[str, str],
        within_s: float,
    ) -> Answer:
        connection = self._taken()
        is_kept = False
        try:
            try:
                self._send(connection, method, target, data, headers)
                connection.sock.settimeout(within_s)
                response = connection.getresponse()
                answer = Answer(response.status, _headers(response), response.read())
            except (OSError, http.client.HTTPException) as failure:
                raise _Lost from failure
            is_kept = connection.sock is not None
            return answer
        finally:
            if not is_kept or not self._keep(connection):
                connection.close()

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        data: bytes | None,
        headers: Mapping[str, str],
    ) -> None:
        if connection.sock is None:
            try:
                connection.connect()
            except OSError as failure:
                if isinstance(failure, ssl.SSLCertVerificationError):
                    raise self.unavailable(failure) from None
                raise _Unreached from failure
        connection.sock.settimeout(ANSWER_S)
        connection.request(method, target, data, {**self._headers, **headers})

    def _target(self, path: Sequence[str], query: Sequence[tuple[str, str]]) -> str:
        prefix = self.server.path if self.server.scheme != "unix" else ""
        whole = prefix + "".join(f"/{quote(each, safe='')}" for each in path)
        return f"{whole}?{urlencode(query)}" if query else whole

    # Connections ----------------------------------------------------------------------------

    def _taken(self) -> http.client.HTTPConnection:
        """Return a connection that nobody uses: a kept one, if its server has not hung up."""
        while True:
            with self._lock:
                if not self._idle:
                    break
                connection = self._idle.pop()
            if connection.sock is not None and not _is_readable(connection.sock):
                return connection
            connection.close()
        return self._connection()

    def _keep(self, connection: http.client.HTTPConnection) -> bool:
        with self._lock:
            if len(self._idle) >= IDLE:
                return False
            self._idle.append(connection)
            return True

    def _connection(self) -> http.client.HTTPConnection:
        server = self.server
        if server.scheme == "unix":
            return _UnixConnection(server.path)
        if server.scheme == "http":
            return http.client.HTTPConnection(server.host, server.port, timeout=CONNECT_S)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(
            server.host, server.port, timeout=CONNECT_S, context=context
        )

    @contextmanager
    def failures_told(self) -> Iterator[None]:
        """Raise what goes wrong on a connection as `Unavailable`."""
        try:
            yield
        except (OSError, http.client.HTTPException) as failure:
            raise self.unavailable(failure) from None


class Stream:
    """An answer that is read bit by bit."""

    def __init__(
        self,
        transport: Transport,
        peer: socket.socket,
        response: http.client.HTTPResponse,
    ) -> None:
        self._transport = transport
        self._socket = peer
        self._response = response

    def pieces(self) -> Iterator[bytes]:
        """Yield it as bytes."""
        with self._transport.failures_told():
            while piece := self._response.read(PIECE_BYTES):
                yield piece
            if self._response.length:  # http.client is silent about what did not come
                raise http.client.IncompleteRead(b"", self._response.length)

    def lines(self, silence_s: float) -> Iterator[bytes]:
        """Yield its lines with their ends. A silence of *silence_s* counts as broken off."""
        with self._transport.failures_told():
            self._socket.settimeout(silence_s)
            while line := self._response.readline():
                yield line

    def break_off(self) -> None:
        """Have whoever reads it, in another thread, come to the end at once."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=CONNECT_S)
        self._path = path

    def connect(self) -> None:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            peer.settimeout(CONNECT_S)
            peer.connect(self._path)
        except BaseException:
            peer.close()
            raise
        self.sock = peer


def _is_worth_another(answer: Answer, error: ClientError, is_safe: bool, failed: int) -> bool:
    if answer.status not in BUSY or not (is_safe or answer.status in NOT_TAKEN):
        return False
    is_own_word = answer.headers.get("content-type", "").startswith(PROBLEM)
    if not is_own_word or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return error.retryable and failed < ANSWERED_TRIES


def check_token(token: str) -> str:
    """
    Return *token* as a header can hold it.

    Raises:
        InvalidRequest: It cannot. It is not shown.
    """
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidRequest("the token is empty, or has characters in it that no token has")
    return token


def _is_readable(peer: socket.socket) -> bool:
    poll = select.poll()
    poll.register(peer, select.POLLIN)
    return bool(poll.poll(0))


def _headers(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}

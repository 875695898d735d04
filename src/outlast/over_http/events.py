"""Server-sent events (WHATWG HTML, 9.2), read by whoever may leave at any moment."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from ..errors import BadAnswer, ClientError, Unavailable
from .transport import Stream

MEDIA_TYPE: Final = "text/event-stream"
SILENCE_S: Final = 45.0
"""Three times what a server lets pass without a sign of life."""

AHEAD: Final = 32
"""So many events are read before somebody takes them."""

TURN_S: Final = 0.05


class Event(NamedTuple):
    """One event: what it is called, and its JSON."""

    name: str
    data: dict[str, Any]


class Events:
    """
    The events of one stream. Read in a thread, since a connection that was waited for only so
    long cannot be read on.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._read: queue.Queue[Event | ClientError] = queue.Queue(AHEAD)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outlast-events", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._stream.break_off()
        self._thread.join()

    def next(self, timeout_s: float | None) -> Event | None:
        """
        Return the next event; None where there is none in *timeout_s*.

        Raises:
            Unavailable: The stream has broken off, or ended.
        """
        try:
            read = self._read.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(read, ClientError):
            raise read
        return read

    def _run(self) -> None:
        try:
            for event in read_events(self._stream.lines(SILENCE_S)):
                self._give(event)
            self._give(Unavailable("The server has ended the stream"))
        except ClientError as error:
            self._give(error)

    def _give(self, read: Event | ClientError) -> None:
        while not self._is_over.is_set():
            try:
                self._read.put(read, timeout=TURN_S)
            except queue.Full:
                continue
            return


def read_events(lines: Iterable[bytes]) -> Iterator[Event]:
    """
    Yield the events that *lines* are; one that is not ended does not count.

    Raises:
        BadAnswer: The data of one is no JSON object.
    """
    name, data = "message", b""
    for line in lines:
        field, _, value = line.rstrip(b"\r\n").partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"data":
            data += value + b"\n"
        elif not line.strip():
            if data:
                yield Event(name, _object(name, data))
            name, data = "message", b""


def _object(name: str, data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise BadAnswer(f"an event {name!r:.40} of the server's is no JSON")
    return told

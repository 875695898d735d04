"""
What this process was told and nobody may write down, lent to the supervisor for as long as this
process is there: over its socket, into its memory.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import Unavailable
from . import wire
from .link import ANSWER_PATIENCE, START_PATIENCE

if TYPE_CHECKING:
    import socket

    from .link import Link


class Lease:
    """
    Values by their references, in this process's memory; *link* is the way to the supervisor. May
    be shared by threads. Blocks, at the most as long as a supervisor takes to start.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._values: dict[str, str] = {}
        self._peer: socket.socket | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Lease({len(self._values)} secrets)"

    def lend(self, values: Mapping[str, str]) -> None:
        """
        Hold *values* here, and have the supervisor hold them too.

        Raises:
            Unavailable: No supervisor could be reached or started. They are held here.
        """
        with self._lock:
            self._values |= values
            if not self._is_connected() or not self._ask({"op": "lend", "values": dict(values)}):
                self._renew()

    def renew(self) -> None:
        """See that the supervisor that is there now has what is held here. Raises as `lend`."""
        with self._lock:
            if self._values and not self._is_connected():
                self._renew()

    def take_back(self, *references: str) -> None:
        """Forget these, here; and there, once nothing is left that may need them."""
        with self._lock:
            for reference in references:
                self._values.pop(reference, None)
            if self._is_connected():
                self._ask({"op": "take_back", "references": list(references)})

    def close(self) -> None:
        """Forget everything. Idempotent."""
        with self._lock:
            self._values.clear()
            self._hang_up()

    def _is_connected(self) -> bool:
        # Nothing is ever sent here unasked: being readable means that it was hung up.
        return self._peer is not None and not select.select([self._peer], [], [], 0)[0]

    def _renew(self) -> None:
        self._hang_up()
        with suppress(TimeoutError):
            for _ in range(2):  # the one that was there may be just leaving
                deadline = self._link.clock.monotonic() + START_PATIENCE.total_seconds()
                self._peer = self._link.connect(deadline)
                if self._peer is None:
                    self._link.start_one(deadline)
                    self._peer = self._link.connect(deadline)
                if self._ask({"op": "lend", "values": self._values}):
                    return
        raise Unavailable(
            "No supervisor could be reached or started, to hold a password",
            suggestion="See its log: outlast supervisor status",
        )

    def _ask(self, line: wire.Line) -> bool:
        """Whether the supervisor has done it; False where it is gone."""
        if self._peer is None:
            return False
        answer = None
        with suppress(OSError, ValueError):  # a time-out is one, too: whoever is mute is left
            self._peer.sendall(wire.encode(line))
            answer = wire.Reader(self._peer).read(ANSWER_PATIENCE.total_seconds())
        if answer != {"ok": True}:
            self._hang_up()
        return answer == {"ok": True}

    def _hang_up(self) -> None:
        if self._peer is not None:
            self._peer.close()
            self._peer = None

"""Waiting for a supervisor that somebody else starts, without starting one."""

from __future__ import annotations

import select
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from ..errors import ClientError
from . import wire
from .inotify import CREATED, Inotify

LOOK_S: Final = 30.0
"""Then it is looked again whether there is work: whoever was to start a supervisor may have failed."""

BLIND_S: Final = 0.5
"""Between two looks where nothing can be watched: the user's inotify instances are all in use, say."""

BRISK_S: Final = 0.01
"""Between two looks for a socket that has a name already, and is not listened at yet."""

COMING_UP_S: Final = 5.0


class Doorbell:
    """
    Tells when a supervisor of *home* listens, or is needed. Its folder is watched from when this
    is made. *now* is a monotonic clock.
    """

    def __init__(self, home: str, is_needed: Callable[[], bool], now: Callable[[], float]) -> None:
        self._home = home
        self._is_needed = is_needed
        self._now = now
        self._look_at = now()
        self._inotify = Inotify()
        self._is_blind = self._inotify.add(home, CREATED) is None

    def wait(self, seconds: float | None) -> bool:
        """Return True once one listens, or is needed; False where that was not so in time."""
        until = float("inf") if seconds is None else self._now() + seconds
        brisk_until = 0.0
        while True:
            if wire.listens(self._home):
                return True
            at = self._now()
            if at >= self._look_at:
                self._look_at = at + LOOK_S
                with suppress(ClientError):  # out of reach: whoever waits will hear of it
                    if self._is_needed():
                        self._look_at = at
                        return True
            if at >= until:
                return False
            pause_s = min(until, self._look_at) - at
            if self._is_blind or at < brisk_until:
                pause_s = min(pause_s, BRISK_S if at < brisk_until else BLIND_S)
            if self._has_rung(pause_s):
                brisk_until = self._now() + COMING_UP_S

    def _has_rung(self, seconds: float) -> bool:
        fd = self._inotify.fd
        rung, _, _ = select.select([] if fd is None else [fd], [], [], seconds)
        return bool(rung and list(self._inotify.grown()))

    def close(self) -> None:
        """Watch no more. Idempotent."""
        self._inotify.close()

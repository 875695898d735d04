"""The pull of a container's image: what the engine says of it, taken in, and told to people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress

from . import spool
from .container import NotBegun
from .engine import EngineError, Stream
from .login import LoginUnreadable, header_for
from .sleep import Sleeper, mono_ms

PHASE = "pulling_image"

TELL_MS = 250
"""Between two words for people: an engine may say a thousand a second."""

THERE = ("Already exists", "Download complete", "Extracting", "Pull complete")
"""How an engine begins to say of a layer that all of it has come."""

MAX_NAME = 120
MAX_LINE_BYTES = 1 << 20


class Pull:
    """
    One pull of *image*, told in the phase of the attempt in *folder*; *login_env* is the
    environment of who asked for it.
    """

    def __init__(self, folder: str, image: str, login_env: Mapping[str, str]) -> None:
        self._folder = folder
        self._image = image
        self._login_env = login_env
        self._no_login = ""
        """Why a login that may be there was not had."""

        self._unread = b""
        self._layers: dict[str, float] = {}
        """How much of each has come, from 0 to 1."""

        self._told = ""
        self._tell_at = 0
        self.tell()

    def login(self) -> dict[str, str]:
        """Return what is to stand in the request's head so that the registry lets us in."""
        try:
            return header_for(self._image, self._login_env)
        except LoginUnreadable as error:
            self._no_login = f" (without a login: {error})"
            return {}

    def _refused(self, words: str) -> NotBegun:
        return NotBegun("image_unavailable", words + self._no_login)

    def read(self, stream: Stream) -> None:
        """
        Take in what has come of the engine's answer.

        Raises:
            NotBegun: The image is not to be had.

            OSError: The engine went away.
        """
        try:
            data = self._unread + stream.read()
        except EngineError as error:
            raise self._refused(str(error)) from None
        *lines, self._unread = data.split(b"\n")
        if stream.is_over or len(self._unread) > MAX_LINE_BYTES:
            lines.append(self._unread)
            self._unread = b""
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(told, dict):
            return
        if words := told.get("error"):
            raise self._refused(str(words))
        layer, status, detail = map(told.get, ("id", "status", "progressDetail"))
        if not isinstance(layer, str) or not isinstance(status, str):
            return
        if status.startswith(THERE):
            self._layers[layer] = 1.0
        elif status == "Pulling fs layer":
            self._layers.setdefault(layer, 0.0)
        elif status == "Downloading" and isinstance(detail, dict):
            self._layers[layer] = max(self._layers.get(layer, 0.0), _share_of(detail))

    def follow(
        self, stream: Stream, sleeper: Sleeper, deadline: int, look: Callable[[], None]
    ) -> bool:
        """
        Take in all of the engine's answer, and end it; False where the engine goes away, or the
        *deadline* comes first. *look* raises where nobody wants it any more.
        """
        try:
            while not stream.is_over and mono_ms() < deadline:
                _, ready = sleeper.sleep(min(deadline, self.next_ms() or deadline), stream)
                look()
                if ready:
                    self.read(stream)
                self.tell()
            return stream.is_over
        except OSError:
            return False
        finally:
            stream.close()
            self.end()

    def next_ms(self) -> int | None:
        """When `tell` is due, on the monotonic clock; None: nothing is new."""
        return None if self._words() == self._told else self._tell_at

    def tell(self) -> None:
        """Leave word of how far it is, if that is due and there is room for it."""
        words = self._words()
        if words != self._told and mono_ms() >= self._tell_at:
            with suppress(OSError):  # an image can be pulled without it: it may go to another disk
                spool.write_phase(self._folder, PHASE, words)
            self._told = words
            self._tell_at = mono_ms() + TELL_MS

    def _words(self) -> str:
        words, shares = f"pulling {self._image[-MAX_NAME:]}", self._layers.values()
        if not shares:
            return words
        there, percent = sum(share == 1.0 for share in shares), 100 * sum(shares) / len(shares)
        return f"{words}: {there} of {len(shares)} layers, {percent:.0f} %"

    def end(self) -> None:
        """It is over: there is no such phase any more."""
        spool.write_phase(self._folder, None)


def _share_of(detail: dict[str, object]) -> float:
    current, total = detail.get("current"), detail.get("total")
    if not isinstance(current, int) or not isinstance(total, int) or total <= 0:
        return 0.0
    return min(max(current / total, 0.0), 0.99)  # all of it is said in so many words

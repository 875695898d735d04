"""
Which engine was asked to start a container: one that comes after it may know nothing of that.

An engine saves that a container runs only once it does. One that is killed in between has it for
one that was never started, and would start it again.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from .container import NotBegun
from .engine import Engine
from .sleep import Sleeper, mono_ms

FILE = "asked"

SHOWS_MS, LOOK_MS = 3000, 100
"""How long a start that a former shim asked for may take to show; and between two looks."""


class Asked:
    """Of the attempt in *folder*; survives its shim, though no machine."""

    def __init__(self, folder: str, engine: Engine) -> None:
        self._path = f"{folder}/{FILE}"
        self._engine = engine

    def mark(self) -> None:
        """
        Leave who is asked now. To be done before every start.

        Raises:
            NotBegun: There is no room for it.

            OSError: Nobody is there to be asked.
        """
        process = self._engine.process() or ""
        try:
            with open(f"{self._path}.new", "w", encoding="ascii") as file:
                file.write(process)
            os.rename(f"{self._path}.new", self._path)
        except OSError as error:
            raise NotBegun("disk_full", f"could not prepare the start: {error}") from None

    def is_answerable(self, is_created: Callable[[], bool], sleeper: Sleeper) -> bool:
        """
        Whether the engine that answers now knows if it was started: nobody was asked before, or
        that one. Raises OSError where none answers.

        Where it cannot be told from another, a start on its way is waited for, looking whether the
        container *is_created* still.
        """
        process = self._process()
        if process is None:
            return True
        if process:
            return process == self._engine.process()
        for _ in range(0, SHOWS_MS, LOOK_MS):
            if not is_created():
                return True
            sleeper.sleep(mono_ms() + LOOK_MS)
        return False

    def was_another(self) -> bool:
        """Whether another engine was asked than answers now. Raises OSError where none does."""
        return bool(process := self._process()) and process != self._engine.process()

    def _process(self) -> str | None:
        """Return which was asked; "" where that cannot be told, None if none was."""
        try:
            with open(self._path, encoding="ascii") as file:
                return file.read()
        except FileNotFoundError:
            return None

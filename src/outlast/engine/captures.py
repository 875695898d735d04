"""Which captured environments are still needed: each goes when the last job that has it started."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ..core.job import Job
from ..core.secret import MEMORY
from ..core.state import NodeStatus
from ..ports.executor import Captured
from .capture import SECRET_MARK, drop_capture, read_capture
from .lane import Place

if TYPE_CHECKING:
    from ..home import Home

AT_END: Final = -1
"""Stands in a place for what a job begins once it has ended, and is no node of it."""

FORGOTTEN_AGE: Final = timedelta(hours=1)
"""A file that no job names is left by a submit that was killed, once it is so old."""


class Captures:
    """The captures of a home, as its supervisor counts them."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._waiting: dict[str, set[Place]] = {}
        self._done: set[str] = set()
        self._last: tuple[str, Captured] | None = None

    def hold(self, place: Place, name: str | None) -> None:
        """The node at *place* waits, and needs the capture *name*."""
        if name is not None:
            self._waiting.setdefault(name, set()).add(place)

    def let_go(self, place: Place, name: str | None) -> None:
        """The node at *place* has started, or never will."""
        places = self._waiting.get(name or "")
        if places is None:
            return
        places.discard(place)
        if not places and name is not None:
            del self._waiting[name]
            self._done.add(name)

    def hold_for_end(self, job: Job) -> None:
        """What *job* is to begin with its end needs its capture; what an end began, needs it itself."""
        if job.spec.on_end is not None and not job.is_terminal:
            self.hold((job.id, AT_END), job.capture)
        if job.spec.on_end_of is not None:
            if job.nodes[0].status == NodeStatus.PENDING:
                self.hold((job.id, 0), job.capture)
            self.let_go((job.spec.on_end_of, AT_END), job.capture)

    def sweep(self) -> None:
        """Remove the files that nobody needs any more. After it was stored that they are not."""
        for name in self._done:
            drop_capture(self._home.capture(name))
            if self._last is not None and self._last[0] == name:
                self._last = None
        self._done.clear()

    def sweep_forgotten(self, now: datetime) -> None:
        """
        Remove the files that no waiting job names and that are old. For who holds all of those.
        """
        folder = self._home.capture("")
        limit = (now - FORGOTTEN_AGE).timestamp()
        for name in os.listdir(folder):
            with suppress(FileNotFoundError):  # a submission is just giving it its name
                if name not in self._waiting and os.stat(folder + name).st_mtime < limit:
                    drop_capture(folder + name)

    def read(self, job: Job) -> Captured | None:
        """Return what *job*'s command inherits; None where it, or a secret in it, is gone."""
        if job.capture is None:
            captured: Captured | None = Captured(env={"PATH": os.defpath})
        elif self._last is not None and self._last[0] == job.capture:
            captured = self._last[1]
        else:
            captured = read_capture(self._home.capture(job.capture))
            if captured is not None:
                self._last = (job.capture, captured)
        if captured is None:
            return None
        env = {
            name: value for name, value in captured.env.items() if not name.startswith(SECRET_MARK)
        }
        secrets: dict[str, str] = {}
        for reference in job.spec.references:
            if reference.startswith(MEMORY):
                continue  # whoever needs it asks the memory itself, for as long as it runs
            if (value := captured.env.get(SECRET_MARK + reference)) is None:
                return None
            secrets[reference] = value
        if job.spec.container is not None or job.spec.is_remote:
            # Its own variables are for over there: no DOCKER_HOST among them means our engine, and
            # no OUTLAST_SSH_CONFIG, which may name a program to run here, our way to a host.
            return replace(captured, env=env, secrets=secrets)
        env |= {name: secrets[reference] for name, reference in job.spec.secret_env.items()}
        return replace(captured, env={**env, **job.spec.env}, secrets=secrets)

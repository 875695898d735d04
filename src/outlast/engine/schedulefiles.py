"""
What the jobs of a schedule inherit: the environment of whoever added it, the values of its secrets,
and what its command reads. Kept in private files beside the store, for as long as the schedule is there.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ..core.frozen import frozen
from ..errors import InvalidRequest
from ..ports.executor import Captured
from .capture import SECRET_MARK, read_capture, sync_folder, write_capture

if TYPE_CHECKING:
    from ..core.schedule import Schedule
    from ..home import Home
    from . import verbs

FOLDER: Final = "schedules"
CAPTURE: Final = "capture"
STDIN: Final = "stdin"
RULES: Final = "rules"

FORGOTTEN_AGE: Final = timedelta(hours=1)
"""A folder of no schedule is left by somebody who was killed adding one, once it is so old."""


@frozen
class Held:
    """What is held of one schedule."""

    captured: Captured = field(repr=False)
    secrets: dict[str, str] = field(repr=False)
    """By their references."""

    stdin: bytes | None = field(default=None, repr=False)
    policy: str | None = None
    """The file of policies of the server that took it, where one is named."""

    inventory: str | None = None
    """Its file of hosts, where one is named."""


class ScheduleFiles:
    """The files of the schedules of a home."""

    def __init__(self, home: Home) -> None:
        self._folder = f"{home.path}/{FOLDER}"

    def hold(
        self, schedule_id: str, request: verbs.Submit, rules: tuple[str | None, str | None]
    ) -> None:
        """
        Have what *request* inherits on disk, for this user alone, and under which *rules* (the
        files of policies and of hosts) it was taken. Raises OSError.
        """
        folder = f"{self._folder}/{schedule_id}"
        os.makedirs(self._folder, 0o700, exist_ok=True)
        os.mkdir(folder, 0o700)
        sync_folder(self._folder)
        _write(f"{folder}/{RULES}", json.dumps(rules).encode())
        if request.stdin is not None:
            _write(f"{folder}/{STDIN}", request.stdin)
        captured = request.captured or Captured(env={})
        marked = {SECRET_MARK + name: value for name, value in request.secrets.items()}
        held = replace(captured, env={**captured.env, **marked})
        write_capture(f"{folder}/{CAPTURE}", held)

    def read(self, schedule: Schedule) -> Held:
        """Return what is held of a schedule. Raises InvalidRequest where it is gone."""
        folder = f"{self._folder}/{schedule.id}"
        captured = read_capture(f"{folder}/{CAPTURE}")
        rules = None
        with suppress(OSError, ValueError), open(f"{folder}/{RULES}", "rb") as file:
            rules = json.load(file)
        if captured is None or rules is None:
            raise InvalidRequest(
                f"what the jobs of {schedule.name} inherit is gone from the home",
                suggestion="Add it once more: outlast schedule add --replace",
            )
        policy, inventory = rules
        plain, secrets = {}, {}
        for name, value in captured.env.items():
            if name.startswith(SECRET_MARK):
                secrets[name.removeprefix(SECRET_MARK)] = value
            else:
                plain[name] = value
        return Held(
            captured=replace(captured, env=plain),
            secrets=secrets,
            stdin=self.stdin_of(schedule),
            policy=policy,
            inventory=inventory,
        )

    def stdin_of(self, schedule: Schedule) -> bytes | None:
        """Return what is held for the commands of a schedule to read; None: nothing is."""
        with (
            suppress(FileNotFoundError),
            open(f"{self._folder}/{schedule.id}/{STDIN}", "rb") as file,
        ):
            return file.read()
        return None

    def drop(self, schedule_id: str) -> None:
        """Hold nothing of a schedule any more. Silent where nothing is."""
        shutil.rmtree(f"{self._folder}/{schedule_id}", ignore_errors=True)

    def sweep(self, there: Collection[str], now: datetime) -> None:
        """Remove what is held of none of those that are *there*, and is old."""
        limit = (now - FORGOTTEN_AGE).timestamp()
        with suppress(FileNotFoundError):
            for name in os.listdir(self._folder):
                with suppress(FileNotFoundError):
                    if name not in there and os.stat(f"{self._folder}/{name}").st_mtime < limit:
                        self.drop(name)


def _write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())

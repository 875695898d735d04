"""
The keys that what webhooks are sent is signed with: held in one private file for each job, from
before the job is stored until the last of its deliveries is over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ..core.job import JobId
from .capture import sync_folder

if TYPE_CHECKING:
    from ..home import Home

FORGOTTEN_AGE: Final = timedelta(hours=1)
"""A file whose job nobody knows is left by a submit that was killed, once it is so old."""


class Keys:
    """The keys that are held in a home."""

    def __init__(self, home: Home) -> None:
        self._folder = home.signing

    def hold(self, job_id: JobId, keys: Mapping[str, str]) -> None:
        """Have *keys*, by their references, on disk for this user alone. Raises OSError."""
        if not os.path.isdir(self._folder):
            os.makedirs(self._folder, 0o700, exist_ok=True)
            sync_folder(os.path.dirname(self._folder))
        path = f"{self._folder}/{job_id}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as file:
            json.dump(dict(keys), file)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self._folder)

    def find(self, job_id: JobId, reference: str) -> str | None:
        """Return the key that a job's *reference* stood for; None where it is held no more."""
        try:
            with open(f"{self._folder}/{job_id}", "rb") as file:
                held = json.load(file)
        except (OSError, ValueError):
            return None
        key = held.get(reference) if isinstance(held, dict) else None
        return key if isinstance(key, str) else None

    def drop(self, job_id: JobId) -> None:
        """Hold those of a job no longer. Silent where none are."""
        with suppress(FileNotFoundError):
            os.unlink(f"{self._folder}/{job_id}")

    def old(self, now: datetime) -> Iterator[JobId]:
        """Yield the jobs whose keys are held for longer than a submission takes."""
        limit = (now - FORGOTTEN_AGE).timestamp()
        with suppress(FileNotFoundError):
            for name in os.listdir(self._folder):
                with suppress(FileNotFoundError):
                    if os.stat(f"{self._folder}/{name}").st_mtime < limit:
                        yield JobId(name)

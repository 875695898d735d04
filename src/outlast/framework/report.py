"""How far a job is, told by the job itself."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

MAX_MESSAGE: Final = 200


def progress(percent: float | None = None, message: str | None = None) -> None:
    """
    Tell how far this job is, 0 to 100, and what it does: `progress_pct` and `message` of the job.

    Outside of a job it does nothing, and so it does where the disk is full: a job does not fail
    because nobody could be told of it.
    """
    path = os.environ.get("OUTLAST_PROGRESS")
    if not path:
        return
    from json import dumps

    line = {"progress_pct": percent, "message": message and message[:MAX_MESSAGE]}
    told = dumps({name: value for name, value in line.items() if value is not None})
    with suppress(OSError), open(path, "ab", buffering=0) as file:
        file.write(f"{told}\n".encode())  # one write: lines of threads do not mix

"""Bytes for a caller: to stdout, or into a new file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ....core.job import Job
    from ...caller import Caller

F = TypeVar("F", bound=Callable[..., Any])


def to_option(function: F) -> F:
    """Give a command the option that says where its bytes go."""
    return click.option("--to", metavar="FILE", help="A new file.  [default: stdout]")(function)


def give(caller: Caller, job: Job, pieces: Iterator[bytes], to: str | None) -> int:
    """
    Write *pieces* to stdout, or to a new file named *to*, which is removed if it cannot be whole.

    Raises:
        InvalidRequest: There is such a file, or it cannot be made; bytes and JSON cannot both go
            to stdout.
    """
    from ....errors import InvalidRequest

    if to is None:
        if caller.is_json:
            raise InvalidRequest("--json and the bytes both want our stdout: name a file with --to")
        for data in pieces:
            sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return 0
    first = next(pieces, b"")  # what is wrong with it is told before a file is made
    try:
        fd = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise InvalidRequest(f"--to {to}: {error.strerror}") from None
    size = 0
    try:
        with os.fdopen(fd, "wb") as file:
            for data in chain((first,), pieces):
                file.write(data)
                size += len(data)
    except BaseException:
        os.unlink(to)
        raise
    text = f"{to}: {size:,} bytes"
    caller.answer(lambda: {"job_id": job.id, "to": to, "bytes": size}, lambda: text)
    return 0

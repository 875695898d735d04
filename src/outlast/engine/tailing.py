"""Following a job from an event loop: what its nodes print, as it comes, and how it stands."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..core.job import Job, JobId
from ..shim import spool
from .follow import COALESCE_S, Mark, Piece

if TYPE_CHECKING:
    from .hub import Hub
    from .service import Service

PIECE_BYTES: Final = 1 << 16

Marks = Mapping[tuple[int, str], Mark]
"""Node and stream to the first byte that is still to be given."""


class Quiet(NamedTuple):
    """Nothing has happened for as long as was asked; or, with *is_leaving*, nothing more will."""

    is_leaving: bool = False


class Tailing:
    """
    One stay at a job, from *marks* on. Nothing of it is held open while nothing happens: no
    thread, no file.
    """

    def __init__(self, service: Service, hub: Hub, job_id: JobId, marks: Marks) -> None:
        self._service = service
        self._hub = hub
        self._job_id = job_id
        self.marks = dict(marks)
        """Where each stream goes on: behind what was given."""

    async def events(self, quiet_s: float) -> AsyncIterator[Piece | Job | Quiet]:
        """
        Yield the job as it stands, and again whenever that is another way; and what is printed.

        Ends when all that its commands and their children ever print was given; the last thing
        is the job then. `Quiet` comes after every *quiet_s* without anything else, and as the
        last thing where this process is about to end.
        """
        with self._hub.listen([self._job_id]) as listener:
            job = await self._read()
            yield job
            told = _face(job)
            while True:
                # Over before the files are read: then what is in them is all there will be.
                is_over = job.is_silent
                if not is_over:
                    # Watched first, then read: nothing is written unseen in between.
                    listener.watch(self._paths(job))
                has_more = False
                for piece in self._pieces(job, is_over=is_over):
                    has_more = True
                    yield piece
                if is_over and not has_more:
                    yield job
                    return
                heard = await listener.heard(0 if has_more else quiet_s)
                if heard is not None and heard.is_leaving:
                    yield Quiet(is_leaving=True)
                    return
                if heard is None:
                    if not has_more:
                        yield Quiet()
                    continue
                if not is_over:
                    job = await self._read()
                    if (face := _face(job)) != told:
                        told = face
                        yield job
                if not has_more and not heard.jobs:
                    # A command that prints line by line costs a look a pause, not a line.
                    await asyncio.sleep(COALESCE_S)

    async def _read(self) -> Job:
        return await self._hub.get(self._service, self._job_id)

    def _paths(self, job: Job) -> Iterator[str]:
        for index, stream in self.marks:
            node = job.nodes[index]
            if node.attempt and not node.is_settled:
                folder = self._service.output_folder(job, node)
                yield f"{folder}/{stream}"
                yield f"{folder}/progress"

    def _pieces(self, job: Job, *, is_over: bool) -> Iterator[Piece]:
        """Yield the next piece of each stream that has one: half a character waits for the rest."""
        is_sparse = job.spec.on_output_limit == "discard"
        for index, stream in self.marks:
            node = job.nodes[index]
            if not node.attempt:
                continue
            begin, attempt = self.marks[index, stream]
            while True:
                folder = self._service.output_folder(job, replace(node, attempt=attempt))
                begin = _behind_hole(f"{folder}/{stream}", begin) if is_sparse else begin
                data = spool.read_output(folder, stream, begin, PIECE_BYTES)
                if data or attempt >= node.attempt:
                    break
                # It has printed all that it will: what comes next is the next attempt's.
                begin, attempt = 0, attempt + 1
            if not (is_over or attempt < node.attempt):
                data = _whole_characters(data)
            piece = Piece(stream, begin, data, index, attempt)
            self.marks[index, stream] = piece.end
            if data:
                yield piece


def _whole_characters(data: bytes) -> bytes:
    """Return *data* without the beginning of a character of UTF-8 that it ends with."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data[:-back] if length > back else data
        if byte < 0x80:
            break
    return data


def _behind_hole(path: str, offset: int) -> int:
    """Return where the output begins that was kept: before it, the file has a hole."""
    with suppress(OSError):  # at its end, or on a file system that knows of no holes
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.lseek(fd, offset, os.SEEK_DATA)
        finally:
            os.close(fd)
    return offset


def _face(job: Job) -> tuple[Any, ...]:
    """Return what of a job is worth telling: not how much it has printed, which is seen."""
    return (job.version, *((node.phase, node.progress_pct, node.message) for node in job.nodes))

"""`outlast job logs`: what a job prints, as it came."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from ..caller import job_ids
from ..completion import offer_jobs
from ..lazy import verb

if TYPE_CHECKING:
    from ...core.job import Job
    from ..caller import Caller

STREAMS: Final = ("stdout", "stderr")
BLOCK: Final = 1 << 16


@verb(
    "logs",
    raw=True,
    epilog="""
    outlast job logs ID
    outlast job logs --follow ID
    outlast job logs --tail 20 --stream stderr ID
    outlast job logs --since-byte 4096 ID > rest
    """,
)
@click.argument("ids", metavar="ID", nargs=-1, shell_complete=offer_jobs)
@click.option("--follow", "-f", is_flag=True, help="Stay until all has come that ever will.")
@click.option("--since-byte", type=int, metavar="N", help="From this byte of the stream on.")
@click.option("--tail", type=int, metavar="N", help="The last N lines of each stream.")
@click.option("--stream", type=click.Choice(STREAMS), help="Only this one.")
@click.option(
    "--attempt",
    type=int,
    metavar="N",
    help="Which attempt's, with --follow from it on.  [default: the last; the first]",
)
@click.option("--node", metavar="N", help="Which node's, by index or name.  [default: all]")
def logs(
    caller: Caller,
    *,
    ids: tuple[str, ...],
    follow: bool,
    since_byte: int | None,
    tail: int | None,
    stream: str | None,
    attempt: int | None,
    node: str | None,
) -> int:
    """
    Print a job's output, byte for byte: its stdout to stdout, its stderr to stderr.

    Of several nodes, line by line, each behind the name of its node; --node gives one of them as
    it is. --since-byte is of stdout where no --stream is named. With --json: one piece of one
    stream of one node, at most 1 MiB, and the offset of the next.
    """
    from ...engine.verbs import Get

    wanted = job_ids(ids)
    _refuse_nonsense(caller, wanted, follow, since_byte, tail)
    job = caller.service.get(Get(wanted[0]))
    index = node_of(job, node)
    if attempt is not None:
        job = _at(job, index, attempt)
        node = str(index)
    is_one = node is not None or len(job.nodes) == 1
    if not is_one and not caller.is_json and (since_byte is not None or tail is not None):
        raise _needs_a_node(job)
    if stream is not None:
        chosen: tuple[str, ...] = (stream,)
    else:
        chosen = STREAMS if since_byte is None and not caller.is_json else STREAMS[:1]
    offsets = dict.fromkeys(chosen, since_byte or 0)
    if tail is not None:
        offsets = {name: _line_from_end(caller, job, index, name, tail) for name in chosen}
    if attempt is not None and not follow and not caller.is_json:
        _copy_attempt(caller, job, index, attempt, offsets)
        return 0
    if caller.is_json:
        caller.answer(lambda: _piece(caller, job, index, *next(iter(offsets.items()))), str)
        return 0
    if attempt is None and follow:
        # A place in a stream is one of the attempt that was just looked at.
        has_place = since_byte is not None or tail is not None
        attempt = max(1, job.nodes[index].attempt) if has_place else 1
    _copy(caller, job, index if is_one else None, offsets, attempt, follow=follow)
    return 0


def _at(job: Job, index: int, attempt: int) -> Job:
    """Return *job* with the sizes that a node's output had in *attempt*."""
    from dataclasses import replace

    from ...engine.output import at_attempt

    node = at_attempt(job, index, attempt)
    return replace(job, nodes=tuple(node if each.index == index else each for each in job.nodes))


def node_of(job: Job, given: str | None) -> int:
    """
    Return the index of the node that *given* names.

    Raises:
        InvalidRequest: There is none.
    """
    from ...errors import InvalidRequest

    for node in job.nodes:
        if given is None or given in (str(node.index), node.name):
            return node.index
    names = ", ".join(f"{node.index} ({node.name})" for node in job.nodes)
    raise InvalidRequest(f"{job.id} has no node {given!r:.80}: it has {names}")


def _refuse_nonsense(
    caller: Caller, ids: tuple[str, ...], follow: bool, since_byte: int | None, tail: int | None
) -> None:
    from ...errors import InvalidRequest

    faults = []
    if len(ids) != 1:
        faults.append(f"logs are of one job, and {len(ids) or 'no'} ids were given")
    if since_byte is not None and tail is not None:
        faults.append("--since-byte and --tail exclude each other: give one")
    faults += [
        f"{option} is 0 or more, not {value}"
        for option, value in (("--since-byte", since_byte), ("--tail", tail))
        if value is not None and value < 0
    ]
    if follow and caller.is_json:
        faults.append("--follow gives raw bytes: leave --json out, or ask again from next_offset")
    if faults:
        raise InvalidRequest(*faults)


def _needs_a_node(job: Job) -> Exception:
    from ...errors import InvalidRequest

    return InvalidRequest(
        f"--since-byte and --tail are of one node, and {job.id} has {len(job.nodes)}: add --node"
    )


def _copy(
    caller: Caller,
    job: Job,
    index: int | None,
    offsets: dict[str, int],
    attempt: int | None,
    *,
    follow: bool,
) -> None:
    """Print one node's output as it is; with None that of all, line by line."""
    from ...engine.follow import Follow
    from ..output import copy, copy_lines

    chosen = tuple(range(len(job.nodes))) if index is None else (index,)
    request = Follow(
        job.id,
        nodes=chosen,
        offsets=offsets,
        attempt=attempt,
        timeout=None if follow else timedelta(0),
    )
    if index is None:
        copy_lines(caller.service.follow(request), job)
    else:
        copy(caller.service.follow(request), {})


def _copy_attempt(
    caller: Caller, job: Job, index: int, attempt: int, offsets: dict[str, int]
) -> None:
    """Print what a node has printed in one attempt."""
    from ...engine.follow import Piece
    from ...engine.verbs import ReadOutput
    from ..output import write

    for stream, start in offsets.items():
        offset = start
        while data := caller.service.read_output(
            ReadOutput(job.id, index, stream, offset, attempt=attempt)
        ):
            write(Piece(stream, offset, data, index))
            offset += len(data)


def _piece(caller: Caller, job: Job, index: int, stream: str, offset: int) -> dict[str, Any]:
    from ...engine.verbs import ReadOutput

    request = ReadOutput(job.id, index, stream, offset, attempt=job.nodes[index].attempt or None)
    data = caller.service.read_output(request)
    return {
        "job_id": job.id,
        "node": index,
        "stream": stream,
        "offset": offset,
        "next_offset": offset + len(data),
        "text": data.decode("utf-8", "replace"),
        "terminal": job.is_terminal,
    }


def _line_from_end(caller: Caller, job: Job, index: int, stream: str, lines: int) -> int:
    """Return where the last *lines* lines of a stream begin."""
    from ...engine.verbs import ReadOutput

    node = job.nodes[index]
    end = node.stdout_bytes if stream == "stdout" else node.stderr_bytes
    found, start = 0, end
    while start > 0 and lines > 0:
        begin = max(0, start - BLOCK)
        attempt = node.attempt or None
        request = ReadOutput(job.id, index, stream, begin, start - begin, attempt)
        data = caller.service.read_output(request)
        # The break that ends the last line separates nothing.
        at = len(data) - 1 if start == end and data.endswith(b"\n") else len(data)
        while (at := data.rfind(b"\n", 0, at)) >= 0:
            found += 1
            if found == lines:
                return begin + at + 1
        start = begin
    return end if lines == 0 else 0

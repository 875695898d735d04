"""A piece of what a node has printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import InvalidRequest
from ..shim import spool

if TYPE_CHECKING:
    from ..core.job import Job, Node
    from .verbs import ReadOutput


def read_piece(job: Job, request: ReadOutput, folder: Callable[[Job, Node], str]) -> bytes:
    """
    Return at most `limit` bytes from `offset`; b"" at the end so far. *folder* returns where a
    node's output is.

    Raises:
        InvalidRequest: There is no such node, attempt or stream.
    """
    if request.stream not in (spool.STDOUT, spool.STDERR):
        raise InvalidRequest(f"there is no stream {request.stream!r}: stdout or stderr")
    if request.offset < 0 or request.limit < 0:
        raise InvalidRequest("offset and limit are not negative")
    if not 0 <= request.node < len(job.nodes):
        raise InvalidRequest(f"{job.id} has no node {request.node}: 0 to {len(job.nodes) - 1}")
    where = folder(job, at_attempt(job, request.node, request.attempt))
    return spool.read_output(where, request.stream, request.offset, request.limit)


def at_attempt(job: Job, index: int, attempt: int | None) -> Node:
    """
    Return a node as far as its files and sizes are those of *attempt*; None: the current one. The
    first one is there, and has printed nothing, before it has begun.

    Raises:
        InvalidRequest: There was no such attempt.
    """
    node = job.nodes[index]
    if attempt is None or attempt == max(1, node.attempt):
        return node
    from dataclasses import replace

    for each in node.earlier:
        if each.number == attempt:
            out, err = each.stdout_bytes, each.stderr_bytes
            return replace(node, attempt=attempt, stdout_bytes=out, stderr_bytes=err)
    raise InvalidRequest(f"{job.id} has no attempt {attempt}: it has 1 to {max(1, node.attempt)}")

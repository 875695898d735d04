"""What only its files know of a job that has not settled: sizes, progress, an end not yet stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from ..core.job import Job, JobId, Node
from ..core.state import UNSEEN
from ..errors import NotFound
from ..shim import spool

if TYPE_CHECKING:
    from ..core.attempt import Attempt

FolderOf = Callable[[Job, Node], str]
Get = Callable[[JobId], Job]

WAITING: Final = "waiting"
"""The phase of a node whose job waits for others to end."""

UNSTORED_END: Final = "it has ended, which could not be stored yet: is the disk full?"
"""The message of a job of whose end only its folder knows."""


def with_live_facts(job: Job, folder_of: FolderOf, get: Get) -> Job:
    """Return *job* with the sizes and progress of what runs, or with what it waits for."""
    if job.spec.after and not any(node.attempt or node.is_terminal for node in job.nodes):
        return _with_needs(job, get)
    return replace(job, nodes=tuple(_live(job, node, folder_of) for node in job.nodes))


def _with_needs(job: Job, get: Get) -> Job:
    left = [need for need in job.spec.after if not has_ended(need.job_id, get)]
    if not left:
        return job
    from ..core.hindrance import MOST_NAMED, of_jobs  # here, since most jobs wait for none

    more = f" and {len(left) - MOST_NAMED} more" if len(left) > MOST_NAMED else ""
    words = f"waits for {', '.join(need.job_id for need in left[:MOST_NAMED])}{more}"
    nodes = (replace(node, phase=WAITING, message=words) for node in job.nodes)
    return replace(job, nodes=tuple(nodes), waiting_for=(of_jobs(left),))


def has_ended(job_id: JobId, get: Get) -> bool:
    """Whether a job is over; one that is not known any more is."""
    try:
        return get(job_id).is_terminal
    except NotFound:
        return True


def _live(job: Job, node: Node, folder_of: FolderOf) -> Node:
    if not node.attempt:
        return node
    if any(map(_is_unmeasured, node.earlier)):
        node = replace(
            node,
            earlier=tuple(
                _with_sizes(each, folder_of(job, replace(node, attempt=each.number)))
                if _is_unmeasured(each)
                else each
                for each in node.earlier
            ),
        )
    if node.is_settled:
        return _with_sizes(node, folder_of(job, node)) if _is_unmeasured(node) else node
    folder = folder_of(job, node)
    if node.is_between:
        return _with_sizes(node, folder)
    percent, message = spool.read_progress(folder)
    phase, words = spool.read_phase(folder)
    return replace(
        _with_sizes(node, folder), progress_pct=percent, message=message or words, phase=phase
    )


def _is_unmeasured(sized: Node | Attempt) -> bool:
    """Whether nobody saw how much it had printed, when it was given up: it says 0 and has no end."""
    return sized.reason in UNSEEN and not (sized.stdout_bytes or sized.stderr_bytes)


Sized = TypeVar("Sized", "Node", "Attempt")


def _with_sizes(sized: Sized, folder: str) -> Sized:
    out, err = (spool.output_size(folder, stream) for stream in (spool.STDOUT, spool.STDERR))
    return replace(sized, stdout_bytes=out, stderr_bytes=err)


def with_unstored_end(job: Job, folder_of: FolderOf) -> Job:
    """
    Return *job* with a message where its command is over and nobody could store that.

    Its status stays what is stored: whoever was told an end must find it there ever after.
    """
    return replace(job, nodes=tuple(_unstored(job, node, folder_of) for node in job.nodes))


def _unstored(job: Job, node: Node, folder_of: FolderOf) -> Node:
    if node.is_terminal or not node.is_claimed:
        return node
    record = spool.read_record(folder_of(job, node))
    is_over = record is not None and record.ended is not None
    return replace(node, message=UNSTORED_END) if is_over else node

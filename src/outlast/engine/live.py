"""What only its files know of a job that has not settled: sizes, progress, an end not yet stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ..core.job import Job, Node
from ..shim import spool

FolderOf = Callable[[Job, Node], str]

UNSTORED_END: Final = "it has ended, which could not be stored yet: is the disk full?"
"""The message of a job of whose end only its folder knows."""


def with_live_facts(job: Job, folder_of: FolderOf) -> Job:
    """Return *job* with the sizes and progress of what runs."""
    return replace(job, nodes=tuple(_live(job, node, folder_of) for node in job.nodes))


def _live(job: Job, node: Node, folder_of: FolderOf) -> Node:
    if node.is_settled or not node.attempt:
        return node
    folder = folder_of(job, node)
    percent, message = spool.read_progress(folder)
    phase, words = spool.read_phase(folder)
    return replace(
        node,
        stdout_bytes=spool.output_size(folder, spool.STDOUT),
        stderr_bytes=spool.output_size(folder, spool.STDERR),
        progress_pct=percent,
        message=message or words,
        phase=phase,
    )


def with_unstored_end(job: Job, folder_of: FolderOf) -> Job:
    """
    Return *job* with a message where its command is over and nobody could store that.

    Its status stays what is stored: whoever was told an end must find it there ever after.
    """
    return replace(job, nodes=tuple(_unstored(job, node, folder_of) for node in job.nodes))


def _unstored(job: Job, node: Node, folder_of: FolderOf) -> Node:
    if node.is_terminal or not node.attempt:
        return node
    record = spool.read_record(folder_of(job, node))
    is_over = record is not None and record.ended is not None
    return replace(node, message=UNSTORED_END) if is_over else node

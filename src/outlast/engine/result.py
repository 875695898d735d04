"""What a job left: its exit code, and the ends of its output as text."""

from __future__ import annotations

from typing import Any, Final

from ..core.job import Job
from ..core.state import NodeStatus
from ..shim import spool

TAIL_BYTES: Final = 4096
"""How much of each stream a result carries."""


def job_result(job: Job, folder: str) -> dict[str, Any]:
    """Return the result of *job*, which printed into *folder*."""
    node = job.nodes[0]
    tails, truncated = {}, False
    for stream, recorded in (
        (spool.STDOUT, node.stdout_bytes),
        (spool.STDERR, node.stderr_bytes),
    ):
        size = spool.output_size(folder, stream)
        start = max(0, size - TAIL_BYTES)
        # Less on the disk than was recorded: lost by a power cut, and told.
        truncated = truncated or start > 0 or size < recorded
        data = spool.read_output(folder, stream, start, TAIL_BYTES)
        tails[stream] = _from_whole_character(data, cut=start > 0)
    is_complete = node.status == NodeStatus.COMPLETE
    return {
        "value": spool.read_outcome(folder).get("value") if is_complete else None,
        "exit_code": node.exit_code if len(job.nodes) == 1 else None,
        **tails,
        "truncated": truncated,
        "artifacts": [],
    }


def _from_whole_character(data: bytes, *, cut: bool) -> str:
    """Decode the end of a stream; a character that the cut halved is left out."""
    if cut:
        data = data.lstrip(bytes(range(0x80, 0xC0)))
    return data.decode("utf-8", "replace")

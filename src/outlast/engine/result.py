"""What a job left: its exit code, and the ends of its output as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..core.job import Job, Node
from ..core.state import NodeStatus
from ..shim import spool

TAIL_BYTES: Final = 4096
"""How much of each stream a result carries."""

LEAST_BYTES: Final = 128
"""What of it each node has at least, however many there are."""

STREAMS: Final = (spool.STDOUT, spool.STDERR)


def job_result(job: Job, folders: Sequence[str]) -> dict[str, Any]:
    """
    Return the result of *job*, whose nodes printed into *folders*.

    Of several nodes each has its share of the ends, and its lines begin with its name.
    """
    if len(job.nodes) == 1:
        node, folder = job.nodes[0], folders[0]
        tails, truncated = _tails(node, folder, TAIL_BYTES)
        is_complete = node.status == NodeStatus.COMPLETE
        value = spool.read_outcome(folder).get("value") if is_complete else None
    else:
        value, truncated, tails = None, False, dict.fromkeys(STREAMS, "")
        share = max(TAIL_BYTES // len(job.nodes), LEAST_BYTES)
        for node, folder in zip(job.nodes, folders, strict=True):
            ends, cut = _tails(node, folder, share)
            truncated = truncated or cut
            for stream, text in ends.items():
                tails[stream] += "".join(f"{node.name}: {line}\n" for line in text.splitlines())
    return {
        "value": value,
        "exit_code": job.exit_code,
        **tails,
        "truncated": truncated,
        "artifacts": _artifacts(job, folders),
    }


def _artifacts(job: Job, folders: Sequence[str]) -> list[dict[str, Any]]:
    """Return what each node has collected, in short; no other job pays for the modules."""
    if job.spec.collect is None:
        return []
    from .artifacts import Place, summaries

    return summaries(map(Place, job.nodes, folders))


def _tails(node: Node, folder: str, most: int) -> tuple[dict[str, str], bool]:
    """Return the end of each stream, and whether there is more of one."""
    tails, truncated = {}, False
    for stream, recorded in zip(STREAMS, (node.stdout_bytes, node.stderr_bytes), strict=True):
        if node.is_settled and not recorded:
            tails[stream] = ""  # and it is not to be looked for
            continue
        size = spool.output_size(folder, stream)
        start = max(0, size - most)
        # Less on the disk than was recorded: lost by a power cut, and told.
        truncated = truncated or start > 0 or size < recorded
        data = spool.read_output(folder, stream, start, most)
        tails[stream] = _from_whole_character(data, cut=start > 0)
    return tails, truncated


def _from_whole_character(data: bytes, *, cut: bool) -> str:
    """Decode the end of a stream; a character that the cut halved is left out."""
    if cut:
        data = data.lstrip(bytes(range(0x80, 0xC0)))
    return data.decode("utf-8", "replace")

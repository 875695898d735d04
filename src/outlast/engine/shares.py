"""How much of a queue's processors and memory a node takes while it has its turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..core.job import Job
from ..core.queue import Queue

Share = Mapping[str, int]
"""How much of what; processors in thousandths."""

NOTHING: Final[Share] = {}


def share_of(job: Job) -> Share:
    """Return what each node of *job* takes, as far as it says so."""
    limits = job.spec.limits
    share = {}
    if limits.cpus is not None:
        share["cpus"] = _thousandths(limits.cpus)
    if limits.memory_bytes is not None:
        share["memory_bytes"] = limits.memory_bytes
    return share


def share_in(rule: Queue) -> Share:
    """Return what there is in a queue, as far as it was given bounds."""
    has = {}
    if rule.max_cpus is not None:
        has["cpus"] = _thousandths(rule.max_cpus)
    if rule.max_memory_bytes is not None:
        has["memory_bytes"] = rule.max_memory_bytes
    return has


def _thousandths(cpus: float) -> int:
    # Whole, so that what was added up is nothing once all of it is taken away again.
    return max(1, round(cpus * 1000))

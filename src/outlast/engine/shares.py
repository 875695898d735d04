"""How much a node takes while it has its turn: of its queue, and of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..core.job import Job
from ..core.machine import Machine
from ..core.queue import Queue
from ..core.resources import OWN

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
    return _bounds(rule.max_cpus, rule.max_memory_bytes)


def share_on(machine: Machine) -> Share:
    """Return what there is on a machine: its resources, and the rest as far as it has bounds."""
    bounds = _bounds(machine.max_cpus, machine.max_memory_bytes)
    return {**machine.resources, **{OWN + name: amount for name, amount in bounds.items()}}


def share_here(job: Job, share: Share, has: Share) -> Share:
    """
    Return what each node of *job*, which takes that *share* of a queue, takes of a machine that
    *has* this. Where that has no bound, nothing is counted.
    """
    if not share:
        return job.spec.resources
    own = {OWN + name: amount for name, amount in share.items() if OWN + name in has}
    return {**job.spec.resources, **own} if own else job.spec.resources


def _bounds(max_cpus: float | None, max_memory_bytes: int | None) -> Share:
    has = {}
    if max_cpus is not None:
        has["cpus"] = _thousandths(max_cpus)
    if max_memory_bytes is not None:
        has["memory_bytes"] = max_memory_bytes
    return has


def _thousandths(cpus: float) -> int:
    # Whole, so that what was added up is nothing once all of it is taken away again.
    return max(1, round(cpus * 1000))

"""Why jobs wait: their records say a part of it, the supervisor that gives turns the rest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ..core.hindrance import Kind, of_turn, waiting_node
from ..core.job import DEFAULT_QUEUE, Job

if TYPE_CHECKING:
    from ..ports.supervision import Arranging

KINDS: Final = frozenset(Kind)
AT_ONCE: Final = 1000
"""So many jobs are asked about in one line."""


def explained(
    jobs: Sequence[Job], arranging: Arranging, paused: Callable[[], Collection[str]]
) -> tuple[Job, ...]:
    """
    Return *jobs*, those that wait with what *arranging* tells of them. Where it cannot tell,
    *paused* says which queues are.
    """
    waiting = {job.id: (job, node.index) for job in jobs if (node := waiting_node(job))}
    asked = list(waiting.values())
    known: dict[str, Job] = {}
    for begin in range(0, len(asked), AT_ONCE):
        some = asked[begin : begin + AT_ONCE]
        told = arranging.obstacles([(job.id, index) for job, index in some])
        if told is None:
            names = paused()
            only = [{"kind": Kind.QUEUE_PAUSED}]
            told = {job.id: only for job, _ in some if (job.queue or DEFAULT_QUEUE) in names}
        for job, _ in some:
            # A newer supervisor may tell of what is not known here.
            learnt = [of_turn(job, each) for each in told.get(job.id, ()) if each["kind"] in KINDS]
            known[job.id] = replace(job, waiting_for=(*job.waiting_for, *learnt))
    return tuple(known.get(job.id, job) for job in jobs)

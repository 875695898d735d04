"""The jobs under a supervisor's hands: as they are stored, and as they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..core.job import Job, JobId, Node, attempt_key
from ..core.state import NodeStatus
from ..core.transition import with_node
from ..shim.failpoint import reach

if TYPE_CHECKING:
    from ..core.delivery import Delivery
    from ..ports.store import Store

Announce = Callable[[Job], "Sequence[Delivery]"]
"""Returns what is due to be told of the end of a job."""


def tell_nobody(_: Job) -> tuple[Delivery, ...]:
    """An `Announce` where nobody is told of anything."""
    return ()


class Ledger:
    """
    Every job with a node that was claimed and is not settled.

    Changes are noted as they happen, and stored together by `save`. *on_change* is called for
    each job once its change is stored; *announce* says what is to be told of an end, and that is
    stored with it.
    """

    def __init__(
        self, store: Store, on_change: Callable[[JobId], None], announce: Announce
    ) -> None:
        self._store = store
        self._on_change = on_change
        self._announce = announce
        self._stored: dict[JobId, Job] = {}
        self._changed: dict[JobId, Job] = {}

    def __len__(self) -> int:
        return len(self._stored)

    def __contains__(self, job_id: JobId) -> bool:
        return job_id in self._stored

    @property
    def unsaved(self) -> tuple[JobId, ...]:
        """The jobs that stand otherwise than they are stored."""
        return tuple(self._changed)

    @property
    def urgent(self) -> tuple[JobId, ...]:
        """Those of them whose waiters are told at once: a job of many nodes once all have ended."""
        return tuple(
            job.id for job in self._changed.values() if job.is_terminal or len(job.nodes) == 1
        )

    def is_saved(self, job_id: JobId) -> bool:
        """Whether the job is stored as it stands."""
        return job_id not in self._changed

    def get(self, job_id: JobId) -> Job | None:
        """Return the job as it stands; None if it is not under our hands."""
        return self._changed.get(job_id) or self._stored.get(job_id)

    def take(self, job: Job) -> Job:
        """Take a job as it was read from the store, unless it is here. Returns it as it stands."""
        return self.get(job.id) or self._stored.setdefault(job.id, job)

    def at(self, key: str, do: Callable[[Job, Node], None]) -> None:
        """Do that with the node whose current attempt is *key*, if there is one."""
        if (job := self.get(JobId(key.partition("/")[0]))) is not None:
            for node in job.nodes:
                if attempt_key(job.id, node.index, node.attempt) == key:
                    do(job, node)

    def each_by(self, references: frozenset[str], do: Callable[[Job, Node], None]) -> None:
        """Do that with every node that runs, of jobs that need one of these secrets."""
        for job in {**self._stored, **self._changed}.values():
            for node in job.nodes if job.spec.references & references else ():
                if node.status == NodeStatus.RUNNING:
                    do(job, node)

    def keep(self, job: Job) -> None:
        """Take in a job as somebody has stored it, if it is here; it has no change that is not."""
        if job.id in self._stored:
            self._stored[job.id] = job

    def note(self, job: Job, node: Node) -> bool:
        """Note how a node of *job* stands now. Returns whether that is new."""
        current = self.take(job)
        if node == current.nodes[node.index]:
            return False
        self._changed[job.id] = with_node(current, node)
        return True

    def save(self) -> tuple[JobId, ...]:
        """
        Store all changes, in one transaction, and forget the jobs that are settled.

        Returns the jobs that somebody else had changed meanwhile: they are forgotten, to be read
        again. Raises `Unavailable`; then nothing is lost, and it may be called again.
        """
        if not self._changed:
            return ()
        changes = [(self._stored[job_id], job) for job_id, job in self._changed.items()]
        ends = [job for before, job in changes if job.is_terminal and not before.is_terminal]
        due = [each for job in ends for each in self._announce(job)]
        begun = [_begun_by(job) for job in ends if job.spec.on_end is not None]
        what = "end" if ends else "retry" if any(map(_is_put_off, changes)) else "start"
        reach(f"supervisor.before_record_{what}")
        stale = self._store.save(changes, due=due, begun=begun)
        self._changed.clear()
        for _, job in changes:
            if job.id in stale or job.is_settled:
                del self._stored[job.id]
            else:
                self._stored[job.id] = replace(job, version=job.version + 1)
        for _, job in changes:
            self._on_change(job.id)
        reach(f"supervisor.after_record_{what}")
        return tuple(stale)


def _begun_by(job: Job) -> Job:
    """Return the job that the end of *job* begins."""
    from ..core.onend import on_end_job  # here, since most jobs begin none

    return on_end_job(job)


def _is_put_off(change: tuple[Job, Job]) -> bool:
    """Whether an attempt has ended that another one is to follow."""
    before, after = change
    return any(
        len(new.earlier) > len(old.earlier)
        for old, new in zip(before.nodes, after.nodes, strict=True)
    )

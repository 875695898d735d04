"""What keeps a job from beginning: as data for programs, and as a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from .frozen import frozen
from .job import DEFAULT_QUEUE, Job, Node
from .limits import format_size, iso
from .resources import OWN
from .state import NodeStatus

if TYPE_CHECKING:
    from .needs import Need

MOST_NAMED: Final = 3
"""So many jobs that are waited for are named in a sentence."""


class Kind(StrEnum):
    """What it is that keeps a job from beginning, in the order in which it is told."""

    HELD = "held"
    """Nobody has released it."""

    JOBS = "jobs"
    """`jobs` have not ended yet: `job_id`, and `on`, how each has to."""

    TIME = "time"
    """It may begin no sooner than `at`."""

    RETRY = "retry"
    """It is tried again no sooner than `at`."""

    QUEUE_PAUSED = "queue_paused"
    """Its `queue` begins none."""

    QUEUE_FULL = "queue_full"
    """As many nodes of its `queue` are `running` as its `width` allows, or more."""

    QUEUE_LIMITS = "queue_limits"
    """What of its `queue`'s processors or memory it `needs` is taken."""

    SESSION = "session"
    """Another one runs in its `session`."""

    RESOURCES = "resources"
    """What of this machine's it `needs` is taken, or kept for who came first."""

    MACHINE_FULL = "machine_full"
    """As many nodes are `running` on this machine as its `width` allows."""

    TURN = "turn"
    """So many others are `ahead` in its queue; with `or_more`, or more of them."""


@frozen
class Hindrance:
    """One thing that keeps a job from beginning."""

    kind: str
    """A `Kind`; of a newer server's, perhaps one that is not known here."""

    message: str
    """It as a sentence, without its full stop."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else there is to it, as JSON has it: see `Kind`."""

    def to_json(self) -> dict[str, Any]:
        """Return it as it stands in a job's public JSON."""
        return {"kind": str(self.kind), "message": self.message, **self.facts}


def from_json(told: Mapping[str, Any]) -> Hindrance:
    """Return what `to_json` has made of one."""
    facts = {name: value for name, value in told.items() if name not in ("kind", "message")}
    return Hindrance(kind=told["kind"], message=told["message"], facts=facts)


def waiting_node(job: Job) -> Node | None:
    """Return the first node of *job* that waits, where nothing of it runs; None: it does not wait."""
    if any(node.status == NodeStatus.RUNNING for node in job.nodes):
        return None
    return next((node for node in job.nodes if node.status == NodeStatus.PENDING), None)


def hindrances(job: Job, now: datetime) -> tuple[Hindrance, ...]:
    """
    Return what keeps *job* from beginning: what its record says, and what was learnt besides
    (`job.waiting_for`). Nothing where it does not wait, or nobody was asked.
    """
    node = waiting_node(job)
    if node is None:
        return ()
    learnt = {each.kind: each for each in job.waiting_for}
    told = {each.kind: each for each in _recorded(job, node, now)} | learnt
    known = [told.pop(kind) for kind in Kind if kind in told]
    return (*known, *told.values())


def _recorded(job: Job, node: Node, now: datetime) -> list[Hindrance]:
    told = []
    if job.held:
        told.append(Hindrance(kind=Kind.HELD, message="held, until it is released"))
    if node.retry_at is not None:
        if node.retry_at > now:
            at = iso(node.retry_at)
            words = f"it is tried again at {at}"
            told.append(Hindrance(kind=Kind.RETRY, message=words, facts={"at": at}))
    elif job.begins_at > now:
        at = iso(job.begins_at)
        words = f"it begins at {at} at the earliest"
        told.append(Hindrance(kind=Kind.TIME, message=words, facts={"at": at}))
    return told


def of_jobs(needs: Sequence[Need]) -> Hindrance:
    """Return that *needs*, one at least, are not met yet."""
    has_to = {"complete": "complete", "failed": "fail", "any": "end"}
    (first, *others) = (f"{need.job_id} {{}}to {has_to[need.on]}" for need in needs[:MOST_NAMED])
    named = ", ".join([first.format("has ") + " first", *(each.format("") for each in others)])
    more = f" and {len(needs) - MOST_NAMED} more" if len(needs) > MOST_NAMED else ""
    jobs = [{"job_id": str(need.job_id), "on": str(need.on)} for need in needs]
    return Hindrance(kind=Kind.JOBS, message=named + more, facts={"jobs": jobs})


def of_turn(job: Job, told: Mapping[str, Any]) -> Hindrance:
    """
    Return what its supervisor has *told* of *job*: a kind, and `width` and `running`, the `names` of
    what is short, or how many are `ahead`.
    """
    kind, queue = told["kind"], job.queue or DEFAULT_QUEUE
    facts: dict[str, Any] = {name: told[name] for name in ("width", "running") if name in told}
    match kind:
        case Kind.QUEUE_PAUSED:
            facts, words = {"queue": queue}, "its queue is paused"
        case Kind.QUEUE_FULL:
            facts = {"queue": queue, **facts}
            words = f"its queue is full ({told['running']} of {told['width']})"
        case Kind.SESSION:
            facts = {"session": job.spec.session}
            words = f"another one runs in the session {job.spec.session}"
        case Kind.QUEUE_LIMITS | Kind.RESOURCES:
            needs = _amounts(job, told["names"])
            where = "its queue" if kind == Kind.QUEUE_LIMITS else "this machine"
            words = f"{where} has no room for {_listed(needs)} now"
            facts = {"queue": queue} if kind == Kind.QUEUE_LIMITS else {}
            facts["needs"] = needs
        case Kind.MACHINE_FULL:
            words = f"this machine is full ({told['running']} of {told['width']})"
        case _:
            facts = {name: told[name] for name in ("ahead", "or_more") if name in told}
            words = _place_of(told["ahead"], is_counted="or_more" not in told)
    return Hindrance(kind=kind, message=words, facts=facts)


def _place_of(ahead: int, *, is_counted: bool) -> str:
    if not ahead:
        return "its turn comes next"
    others = "1 other" if ahead == 1 else f"{ahead} others"
    return f"its turn, after {others}{'' if is_counted else ' or more'}"


def _amounts(job: Job, names: Sequence[str]) -> dict[str, float]:
    """Return how much *job* needs of what has these names, as its spec says."""
    limits = job.spec.limits
    own = {OWN + "cpus": limits.cpus, OWN + "memory_bytes": limits.memory_bytes}
    needs = {**job.spec.resources, **own}
    return {name.removeprefix(OWN): it for name in names if (it := needs.get(name)) is not None}


def _listed(needs: Mapping[str, float]) -> str:
    words = []
    for name, amount in needs.items():
        if name == "cpus":
            words.append("1 processor" if amount == 1 else f"{amount:g} processors")
        elif name == "memory_bytes":
            words.append(f"{format_size(int(amount))} of memory")
        else:
            words.append(f"{name}={amount:g}")
    return ", ".join(words)

"""The names of lanes: in which one a job's nodes wait for their turn, and how wide it is to be."""

from __future__ import annotations

from ..core.job import DEFAULT_QUEUE, Job
from ..core.limits import MAX_PARALLEL


def lane_of(job: Job) -> str | None:
    """
    Return the lane in which a job's nodes wait: its session's, or its own, where it is for hosts
    and names no queue. These no queue can be, since a queue's name has no control characters.
    """
    if job.spec.session_id is not None:
        return f"\0{job.spec.session_id}"
    return f"\0{job.id}" if job.queue is None and job.spec.on else job.queue


def queue_of_lane(lane: str | None) -> str:
    """Return the name of the queue that a lane is, or is aside of."""
    return DEFAULT_QUEUE if lane is None or is_aside(lane) else lane


def is_aside(lane: str | None) -> bool:
    """Whether a lane is a session's or one job's, beside the queue `default`."""
    return lane is not None and lane.startswith("\0")


def width_of(job: Job) -> int | None:
    """Return how many nodes *job* wants to run in its lane at once; None: any number."""
    spec = job.spec
    if spec.session_id is not None:
        return 1
    return spec.queue_width if job.queue else spec.max_parallel or MAX_PARALLEL

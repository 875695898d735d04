"""The vocabulary: where a node and a job are, and how they ended. The moves are in `moves`."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class NodeStatus(StrEnum):
    """Where a node is. How it ended is its reason."""

    PENDING = "pending"
    """Stored, and not yet known to run. Claimed, if its attempt is above 0."""

    RUNNING = "running"
    """Its command was started, and has not been seen to end."""

    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobStatus(StrEnum):
    """Where a job is, worked out from its nodes by `outcome.job_outcome`."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"
    """Some nodes completed, some did not."""

    FAILED = "failed"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """How a node ended, where it did not simply complete."""

    EXIT_NONZERO = "exit_nonzero"
    SIGNAL = "signal"
    TIMEOUT = "timeout"
    IDLE_TIMEOUT = "idle_timeout"
    QUEUE_TIMEOUT = "queue_timeout"
    DEPENDENCY_FAILED = "dependency_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECT_FAILED = "connect_failed"
    AUTH_FAILED = "auth_failed"
    HOST_KEY_REJECTED = "host_key_rejected"
    SPAWN_FAILED = "spawn_failed"
    IMAGE_UNAVAILABLE = "image_unavailable"
    PULL_TIMEOUT = "pull_timeout"
    ENGINE_UNAVAILABLE = "engine_unavailable"
    ENGINE_ERROR = "engine_error"
    SECRET_UNAVAILABLE = "secret_unavailable"
    DISK_FULL = "disk_full"
    OOM_KILLED = "oom_killed"
    OUTPUT_LIMIT = "output_limit"
    PROMPT_UNANSWERED = "prompt_unanswered"
    ARTIFACTS_MISSING = "artifacts_missing"
    EXCEPTION = "exception"
    LOST = "lost"
    HOST_REBOOTED = "host_rebooted"
    CANCELLED = "cancelled"


TERMINAL: Final = frozenset({NodeStatus.COMPLETE, NodeStatus.FAILED, NodeStatus.CANCELLED})
"""Where a node stays for ever: the empty rows of `moves.MOVES`."""

TERMINAL_JOB: Final = frozenset(JobStatus) - {JobStatus.QUEUED, JobStatus.RUNNING}

TIMED_OUT: Final = frozenset({Reason.TIMEOUT, Reason.IDLE_TIMEOUT, Reason.QUEUE_TIMEOUT})
"""The reasons that a caller is told as a time-out (exit code 7)."""

UNSEEN: Final = frozenset({Reason.LOST, Reason.HOST_REBOOTED})
"""Ends that nobody saw: how much had been printed by then, only the files know."""

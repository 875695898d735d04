"""Whether and when a failed attempt is followed by another one, and how a caller may say so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.core import events as ev
from outlast.core.job import JobSpec
from outlast.core.parse import parse_spec
from outlast.core.retries import LONGEST_WAIT, next_try
from outlast.core.state import NodeStatus, Reason

from .lives import a_job, a_node, faults_of, later

TRUE = {"command": ["true"]}
S = timedelta(seconds=1)


def again(failed: dict[str, Any], attempt: int = 1, **spec: Any) -> bool:
    """Whether an attempt that ended so is followed by another one."""
    node = a_node(NodeStatus.RUNNING, attempt=attempt)
    job = a_job(node, spec=parse_spec(TRUE | spec))
    return next_try(job, node, ev.Failed(at=later(5), attempt=attempt, **failed)) is not None


EXIT_75 = {"reason": Reason.EXIT_NONZERO, "exit_code": 75}

DECIDED: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "tried once, unless asked": (EXIT_75, {}, False),
    "any failure": (EXIT_75, {"retries": 1}, True),
    "could not connect": ({"reason": Reason.CONNECT_FAILED}, {"retries": 1}, True),
    "all tries used up": (EXIT_75, {"retries": 1, "attempt": 2}, False),
    "the last one of them": (EXIT_75, {"retries": 2, "attempt": 2}, True),
    "this code": (EXIT_75, {"retries": 1, "retry_on": ["exit:75"]}, True),
    "a code among them": (EXIT_75, {"retries": 1, "retry_on": ["exit:64-78"]}, True),
    "another code": (EXIT_75, {"retries": 1, "retry_on": ["exit:1-74", "exit:76"]}, False),
    "any code": (EXIT_75, {"retries": 1, "retry_on": ["exit"]}, True),
    "by its reason": (EXIT_75, {"retries": 1, "retry_on": ["exit_nonzero"]}, True),
    "not for this reason": (EXIT_75, {"retries": 1, "retry_on": ["timeout", "signal"]}, False),
    "for this reason": ({"reason": Reason.TIMEOUT}, {"retries": 1, "retry_on": "timeout"}, True),
    "a code that is no exit": (
        {"reason": Reason.TIMEOUT, "exit_code": -1},
        {"retries": 1, "retry_on": ["exit"]},
        False,
    ),
    "lost may still run": ({"reason": Reason.LOST}, {"retries": 1}, False),
    "so may what a reboot ended": ({"reason": Reason.HOST_REBOOTED}, {"retries": 1}, False),
    "lost, where that does no harm": (
        {"reason": Reason.LOST},
        {"retries": 1, "if_lost": "restart"},
        True,
    ),
    "lost, beside a list": (
        {"reason": Reason.LOST},
        {"retries": 1, "if_lost": "restart", "retry_on": ["timeout"]},
        True,
    ),
    "its secret is gone for ever": ({"reason": Reason.SECRET_UNAVAILABLE}, {"retries": 1}, False),
    "too late for its turn": ({"reason": Reason.QUEUE_TIMEOUT}, {"retries": 1}, False),
}


@pytest.mark.parametrize(("failed", "said", "expected"), DECIDED.values(), ids=DECIDED)
def test_it_is_tried_again_as_was_asked(
    failed: dict[str, Any], said: dict[str, Any], expected: bool
) -> None:
    """Each failure, under each wish: another attempt, or none."""
    assert expected == again(failed, **said)


def wait_of(attempt: int, **spec: Any) -> timedelta:
    """How long the next try waits after *attempt* failed."""
    node = a_node(NodeStatus.RUNNING, attempt=attempt)
    job = a_job(node, spec=JobSpec(command=("true",), retries=100, **spec))
    at = next_try(job, node, ev.Failed(at=later(5), attempt=attempt, reason=Reason.SIGNAL))
    assert at is not None
    return at - later(5)


def test_waits_grow_as_was_asked() -> None:
    """The first is the delay; each is so many times the one before, and no longer than a day."""
    assert [S, S, S] == [wait_of(n) for n in (1, 2, 3)]
    assert [5 * S, 10 * S, 20 * S] == [
        wait_of(n, retry_delay=5 * S, retry_backoff=2.0) for n in (1, 2, 3)
    ]
    assert wait_of(100, retry_delay=5 * S, retry_backoff=100.0) == LONGEST_WAIT
    assert 2 * LONGEST_WAIT == wait_of(9, retry_delay=2 * LONGEST_WAIT, retry_backoff=9.0)


@given(st.floats(0, 1), st.integers(1, 100))
def test_chance_makes_a_wait_longer_by_its_part_at_most(jitter: float, attempt: int) -> None:
    """Never shorter than asked for; and whoever asks again is told the same."""
    wait = wait_of(attempt, retry_delay=10 * S, retry_jitter=jitter)

    assert 10 * S <= wait <= 10 * S * (1 + jitter) + timedelta(milliseconds=1)
    assert wait == wait_of(attempt, retry_delay=10 * S, retry_jitter=jitter)


FAULTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "how often": (
        {"retries": 101, "retry_backoff": 0.5, "retry_jitter": 2},
        [
            "retries: 101 is not a whole number from 0 to 100",
            "retry_backoff: 0.5 is not a factor from 1, every wait the same, to 100",
            "retry_jitter: 2 is not a part of the wait from 0, none of it, to 1",
        ],
    ),
    "without retries": (
        {"retry_delay": "5s", "if_lost": "restart"},
        [
            (
                "retry_delay and if_lost are of no use without retries: say how often it may be tried"
                " again"
            )
        ],
    ),
    "lost": (
        {"retries": 1, "retry_on": ["lost"]},
        [
            (
                "retry_on lost: what was lost may still run, and would then run twice; where that does"
                " no harm, say if_lost restart"
            )
        ],
    ),
    "no such thing": (
        {"retries": 1, "retry_on": ["exit:0"], "if_lost": "again"},
        [
            "retry_on: 'exit:0' is no exit code: write exit:75 or exit:64-78, from 1 to 255",
            "if_lost is fail or restart, not 'again'",
        ],
    ),
    "no such reason": (
        {"retries": 1, "retry_on": "timeout,sometimes"},
        [
            (
                "retry_on: 'sometimes' is neither exit, exit:CODE nor a reason that a job fails with,"
                " such as timeout, idle_timeout, signal or connect_failed"
            )
        ],
    ),
    "for ever": (
        {"retries": 1, "retry_on": ["cancelled"]},
        ["retry_on: cancelled would be the same at the next try: leave it out"],
    ),
    "no list": (
        {"retries": 1, "retry_on": 75},
        ["retry_on: 75 is not a list such as exit:75, timeout"],
    ),
    "in a session": (
        {"retries": 1, "session": "web"},
        [
            (
                "retries: in a session what comes next builds on what came before, so that nothing is"
                " tried again out of its turn: submit it again"
            )
        ],
    ),
}


@pytest.mark.parametrize(("said", "expected"), FAULTS.values(), ids=FAULTS)
def test_what_makes_no_sense_is_told_with_what_would(
    said: dict[str, Any], expected: list[str]
) -> None:
    """All faults at once, each with its remedy, before anything has happened."""
    assert expected == [*faults_of(**TRUE, **said)]

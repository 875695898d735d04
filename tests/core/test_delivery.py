"""What comes after a try at telling somebody of an end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from outlast.core.delivery import RETRIES, SPREAD, Delivery, DeliveryState, Try, deliveries_of
from outlast.core.job import JobId, JobSpec
from outlast.core.state import JobStatus
from outlast.core.webhook import Webhook
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job

AT = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DUE = Delivery(
    id="msg_1",
    job_id=JobId("job_1"),
    url="https://ci.example/",
    secret="secret:X",
    event="job.failed",
    created_at=AT,
    due_at=AT,
)


def tried(
    status: int | None, attempt: int = 1, *, chance: float = 0.0, wish: timedelta | None = None
) -> Delivery:
    """Return one after a try that took a second."""
    error = None if status is not None and status < 300 else "no"
    this = Try(attempt=attempt, at=AT, took=SECOND, status=status, error=error)
    return DUE.tried(this, RETRIES, chance, wish)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_what_is_taken_is_delivered(status: int) -> None:
    """Whatever of 2xx the answer is."""
    after = tried(status)

    assert (DeliveryState.DELIVERED, None, 1) == (after.state, after.due_at, after.attempts)


@pytest.mark.parametrize("status", [None, 301, 307, 400, 401, 404, 429, 500, 503])
def test_what_is_not_taken_is_due_again(status: int | None) -> None:
    """Five seconds after the end of the first try: the receiver may be starting anew."""
    after = tried(status)

    assert (DeliveryState.DUE, AT + 6 * SECOND) == (after.state, after.due_at)


def test_the_pauses_grow_and_end() -> None:
    """As the specification of Standard Webhooks has them; then nobody tries any more."""
    waits = [tried(500, attempt).due_at for attempt in range(1, len(RETRIES) + 2)]

    assert [AT + SECOND + pause for pause in RETRIES] == waits[:-1]
    assert waits[-1] is None
    assert DeliveryState.FAILED == tried(500, len(RETRIES) + 1).state


def test_those_that_failed_together_do_not_come_together() -> None:
    """Up to a fifth later, never earlier."""
    assert AT + SECOND + RETRIES[0] * (1 + SPREAD) == tried(500, chance=1.0).due_at


def test_a_receiver_that_is_gone_is_left_alone() -> None:
    """410 ends it at the first try."""
    assert (DeliveryState.FAILED, None) == (tried(410).state, tried(410).due_at)


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (SECOND, 5 * SECOND),
        (timedelta(hours=1), timedelta(hours=1)),
        (timedelta(days=365), timedelta(days=1)),
    ],
)
def test_a_receiver_may_put_it_off(wish: timedelta, expected: timedelta) -> None:
    """By a day at most, and not bring it forward."""
    assert AT + SECOND + expected == tried(503, wish=wish).due_at


def test_asked_for_again_its_pauses_begin_anew() -> None:
    """Counted from the tries before."""
    again = replace(DUE, attempts=8, since=8)
    this = Try(attempt=9, at=AT, took=SECOND, status=500, error="no")

    assert AT + SECOND + RETRIES[0] == again.tried(this, RETRIES, 0.0).due_at


def test_an_end_is_told_to_whom_it_concerns() -> None:
    """A job's own receivers and those of all; each message has an id that comes from the job's."""
    clock = FakeClock()
    own = (
        Webhook(url="https://a.example/", secret="secret:A"),
        Webhook(url="https://b.example/", secret="secret:B", events=("job.cancelled",)),
        Webhook(url="https://c.example/", secret="secret:C", events=("job.complete",)),
    )
    everybody = [Webhook(url="https://ops.example/", secret="file:/k")]
    begun = replace(a_job(clock), spec=JobSpec(command=("true",), webhooks=own))
    over = replace(begun, status=JobStatus.COMPLETE)
    found = deliveries_of(over, everybody, clock.now())
    base = over.id.removeprefix("job_")

    assert () == deliveries_of(begun, everybody, clock.now())
    assert [f"msg_{base}_0", f"msg_{base}_2", f"msg_{base}_s0"] == [each.id for each in found]
    assert [False, False, True] == [each.is_servers for each in found]
    assert {"job.complete"} == {each.event for each in found}
    assert found == deliveries_of(over, everybody, clock.now())

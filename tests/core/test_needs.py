"""How a job has to end for whoever waits for it."""

from __future__ import annotations

import pytest

from outlast.core.job import JobId
from outlast.core.needs import MOST, Condition, Standing, judge, read_needs, unmet
from outlast.core.state import JobStatus

MET, UNMET, OPEN = Standing.MET, Standing.UNMET, Standing.OPEN

STANDINGS: dict[JobStatus | None, tuple[Standing, Standing, Standing]] = {
    JobStatus.QUEUED: (OPEN, OPEN, OPEN),
    JobStatus.RUNNING: (OPEN, OPEN, OPEN),
    JobStatus.COMPLETE: (MET, UNMET, MET),
    JobStatus.PARTIAL: (UNMET, MET, MET),
    JobStatus.FAILED: (UNMET, MET, MET),
    JobStatus.CANCELLED: (UNMET, MET, MET),
    None: (UNMET, UNMET, UNMET),
}
"""Of a need that says `complete`, `failed` and `any`; None: the job is gone."""


@pytest.mark.parametrize("status", STANDINGS, ids=str)
def test_a_need_is_judged_by_how_its_job_ended(status: JobStatus | None) -> None:
    """Whatever is not `complete` has failed; what has not ended decides nothing."""
    assert STANDINGS[status] == tuple(judge(on, status) for on in Condition)


def test_every_status_is_judged() -> None:
    """The table above leaves none out."""
    assert {*JobStatus, None} == set(STANDINGS)


LIST = "after is a list of ids of jobs, or of such as any:ID"

FAULTS = {
    "a number": (7, [f"{LIST}, not 7"]),
    "an object": ([{"job": "job_1"}], [f"{LIST}, not [{{'job': 'job_1'}}]"]),
    "what is no need": (
        [{"job_id": "job_1", "on": None}],
        [f"{LIST}, not [{{'job_id': 'job_1', 'on': None}}]"],
    ),
    "two ids in one": (
        [{"job_id": "job_1,job_2", "on": "any"}, {"job_id": "job_3", "on": "ok"}],
        [
            "after: 'any:job_1,job_2' is no job's id",
            "after: 'ok' is no way to end that is waited for: complete, failed, any",
        ],
    ),
    "nothing between commas": ("job_1,,job_2", ["after: '' is no job's id"]),
    "no id, and no such condition": (
        ["job 1", "ok:job_2"],
        [
            "after: 'job 1' is no job's id",
            "after: 'ok' is no way to end that is waited for: complete, failed, any",
        ],
    ),
    "the same twice": (["job_1", "failed:job_1"], ["after names job_1 twice"]),
    "too many": (["job_1"] * (MOST + 1), ["after names 1,001 jobs, and 1,000 is the most"]),
}


@pytest.mark.parametrize(("given", "faults"), FAULTS.values(), ids=FAULTS)
def test_all_that_is_wrong_with_needs_is_told(given: object, faults: list[str]) -> None:
    """Each fault in a sentence, and all of them at once."""
    told: list[str] = []

    read_needs(given, told)

    assert faults == told


def test_who_never_begins_is_told_which_need_it_was() -> None:
    """The words name the job, how it ended, and how it had to."""
    job_id = JobId("job_1")

    assert [
        "job_1 is cancelled, and had to complete",
        "job_1 is complete, and had to fail",
        "job_1 is not there any more",
    ] == [
        unmet(job_id, Condition.COMPLETE, JobStatus.CANCELLED),
        unmet(job_id, Condition.FAILED, JobStatus.COMPLETE),
        unmet(job_id, Condition.ANY, None),
    ]

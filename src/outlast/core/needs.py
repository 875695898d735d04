"""
Which jobs another one waits for, and how each of them has to end.

A need names a job that is stored already, by an id that nobody can guess and no job has before it
is stored. So who waits is always younger than who is waited for, and nobody waits for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from .frozen import frozen
from .job import JobId
from .state import TERMINAL_JOB, JobStatus

MOST: Final = 1000
"""So many jobs one can wait for."""

ID: Final = re.compile(r"[A-Za-z0-9_]{1,64}")


class Condition(StrEnum):
    """How a job has to end for whoever waits for it."""

    COMPLETE = "complete"
    FAILED = "failed"
    """Otherwise than `complete`: failed, in part or wholly, or cancelled."""

    ANY = "any"


@frozen
class Need:
    """One job that another one waits for."""

    job_id: JobId
    on: Condition = Condition.COMPLETE

    def __str__(self) -> str:
        return self.job_id if self.on is Condition.COMPLETE else f"{self.on}:{self.job_id}"


class Standing(StrEnum):
    """What is to be said of a need."""

    OPEN = "open"
    MET = "met"
    UNMET = "unmet"
    """The job has ended, and otherwise than it had to."""


def judge(on: Condition, status: JobStatus | None) -> Standing:
    """Return how a need stands whose job has *status*; None: there is no such job any more."""
    if status is None:
        return Standing.UNMET
    if status not in TERMINAL_JOB:
        return Standing.OPEN
    is_met = on is Condition.ANY or (on is Condition.COMPLETE) == (status is JobStatus.COMPLETE)
    return Standing.MET if is_met else Standing.UNMET


def unmet(job_id: JobId, on: Condition, status: JobStatus | None) -> str:
    """Say why whoever waited for that job never begins."""
    if status is None:
        return f"{job_id} is not there any more"
    wanted = {
        Condition.COMPLETE: "had to complete",
        Condition.FAILED: "had to fail",
        Condition.ANY: "had to end",
    }
    return f"{job_id} is {status}, and {wanted[on]}"


def read_needs(value: object, faults: list[str]) -> tuple[Need, ...]:
    """
    Read what a caller gives as `after`: `ID`, `failed:ID`, several with commas, or a list of these;
    an entry may also be as a job's JSON shows it: `{"job_id": ID, "on": "failed"}`.
    """
    if isinstance(value, str):
        value = [value]
    entries = [_words(each) for each in value] if isinstance(value, Sequence) else [None]
    if None in entries:
        faults.append(f"after is a list of ids of jobs, or of such as any:ID, not {value!r:.80}")
        return ()
    words = [word for entry in entries if entry is not None for word in entry]
    if len(words) > MOST:
        faults.append(f"after names {len(words):,} jobs, and {MOST:,} is the most")
        return ()
    needs = [need for word in words if (need := _read(word, faults)) is not None]
    named: set[JobId] = set()
    for need in needs:
        if need.job_id in named:
            faults.append(f"after names {need.job_id} twice")
        named.add(need.job_id)
    return tuple(needs)


def needs_from_json(words: Sequence[str]) -> tuple[Need, ...]:
    """Return the needs that `str` wrote, in their order. Trusts *words*."""
    return read_needs(words, [])


def _words(entry: object) -> list[str] | None:
    """Return an entry of `after` as `str` writes needs; None: it is none."""
    if isinstance(entry, str):
        return [word.strip() for word in entry.split(",")]
    if not isinstance(entry, Mapping) or not {"job_id"} <= entry.keys() <= {"job_id", "on"}:
        return None
    if not all(isinstance(each, str) for each in entry.values()):
        return None
    return [f"{entry.get('on', Condition.COMPLETE)}:{entry['job_id']}"]


def _read(word: str, faults: list[str]) -> Need | None:
    condition, colon, job_id = word.rpartition(":")
    if not ID.fullmatch(job_id):
        faults.append(f"after: {word!r:.80} is no job's id")
    elif colon and condition not in set(Condition):
        known = ", ".join(Condition)
        faults.append(f"after: {condition!r:.80} is no way to end that is waited for: {known}")
    else:
        return Need(job_id=JobId(job_id), on=Condition(condition or Condition.COMPLETE))
    return None

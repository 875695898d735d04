"""
How punctual deadlines are when they all come at once.

200 jobs that sleep are submitted one by one, each with the limit that makes it end at the same
moment as the others. Each command's death is seen through its pidfd, which is a little after KILL
was sent: an upper bound. What counts is that moment against the job's own `started_at` plus its
limit; `started_at` is a whole millisecond, rounded down, so that the truth is up to 1 ms earlier
than what is given here.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from math import ceil

from .figure import OURS, Figure, Series, percentile, unmeasured
from .harness import Plan
from .ours import Ours
from .peers import program
from .processes import Deaths, mark_of, wait_for_marked

NAME = "deadlines"
MARK = "BENCH_CROWD"
NUMBER = "BENCH_NUMBER"
LEAD_S = 8.0
"""How far off the common deadline is when the first is submitted."""


def measure(plan: Plan) -> Figure:
    """Measure, 3 crowds of 200; the p99 is the median of the crowds'."""
    crowd = plan.size(200, 50)
    subject = f"{OURS}, {crowd} at once: killed after the deadline"
    findings: dict[str, float] = {}
    if plan.ours:
        crowds = [_crowd(plan, crowd) for _ in range(plan.turns(3))]
        findings["late"] = sorted(percentile(each, 99) for each in crowds)[len(crowds) // 2]
        findings["early"] = min(min(each) for each in crowds)
        everyone = tuple(late for each in crowds for late in each)
        series = Series(
            subject=subject, unit="ms", values=everyone, note="grace 0; seen by pidfd: upper bound"
        )
    else:
        series = unmeasured(subject, "ms", "not there yet")
    return Figure(
        name=NAME,
        title=f"{crowd} deadlines at once",
        how="Death of each command, seen through its pidfd, against `started_at` plus its limit.",
        series=(series,),
        findings=findings,
    )


def _crowd(plan: Plan, crowd: int) -> tuple[float, ...]:
    """Return by how many milliseconds each of a crowd died after its deadline."""
    with Ours(plan.folder(NAME), max_running=crowd) as ours:
        folder = plan.folder(NAME)
        mark = f"{os.getpid()}-{folder.name}"
        common = time.monotonic() + LEAD_S
        job_ids, limits_ms = [], []
        for number in range(crowd):
            limit_ms = ceil(1000 * (common - time.monotonic()))
            job_ids.append(
                ours.submit(
                    [program("sleep"), "1000"],
                    env={MARK: mark, NUMBER: str(number)},
                    timeout=timedelta(milliseconds=limit_ms),
                    grace=timedelta(0),
                )
            )
            limits_ms.append(limit_ms)
        pids = wait_for_marked(MARK, mark, crowd, timeout_s=LEAD_S)
        numbers = {pid: int(mark_of(pid, NUMBER)) for pid in pids}
        deaths = Deaths(pids)
        try:
            ahead_ns = time.time_ns() - time.monotonic_ns()  # of UTC, which `started_at` is in
            died = deaths.wait_all(LEAD_S + 10)
        finally:
            deaths.close()
        if len(died) < crowd:
            raise RuntimeError(f"{crowd - len(died)} of {crowd} lived on after their deadline")

        lates = []
        for pid, at_ns in died.items():
            number = numbers[pid]
            job = ours.wait(job_ids[number])
            if str(job.reason) != "timeout":
                raise RuntimeError(f"ended as {job.reason}, not by its deadline")
            deadline_ms = 1000 * ours.started_at(job_ids[number]) + limits_ms[number]
            lates.append((at_ns + ahead_ns) / 1e6 - deadline_ms)
        return tuple(lates)

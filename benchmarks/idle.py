"""
What 2,000 jobs cost that do nothing but sleep.

A job's shim is the parent of its command. Private memory is what would be free if that process
alone were gone (`Private_Clean` + `Private_Dirty`). CPU is what all of ours (shims, their parents,
the supervisor) have run within 20 s, to the nanosecond, once the crowd has settled.
"""

from __future__ import annotations

import os
import time
from statistics import median

from .figure import OURS, Figure, Series, unmeasured
from .harness import Plan
from .ours import Ours
from .peers import program
from .processes import (
    cpu_ns,
    is_alive,
    is_run_as,
    parent,
    private_bytes,
    resident_bytes,
    wait_for_marked,
)

NAME = "idle"
MARK = "BENCH_CROWD"
MIB = 1 << 20


def measure(plan: Plan) -> Figure:
    """Measure once."""
    crowd = plan.size(2000, 100)
    findings: dict[str, float] = {}
    if plan.ours:
        series, findings = _crowd(plan, crowd)
    else:
        series = [unmeasured(f"{OURS}: private memory per shim", "MiB", "not there yet")]
    return Figure(
        name=NAME,
        title=f"{crowd:,} sleeping jobs",
        how="Memory from smaps_rollup; CPU of all of ours over 20 s, from schedstat.",
        series=tuple(series),
        findings=findings,
    )


def _crowd(plan: Plan, crowd: int) -> tuple[list[Series], dict[str, float]]:
    span_s = plan.size(20, 5)
    with Ours(plan.folder(NAME), max_running=crowd) as ours:
        mark = f"{os.getpid()}-idle"
        sleep = [program("sleep"), "1000"]
        begun = time.monotonic()
        job_ids = ours.submit_many([sleep] * crowd, env={MARK: mark})
        commands = wait_for_marked(MARK, mark, crowd, timeout_s=300)
        all_started_s = time.monotonic() - begun
        try:
            shims = {parent(pid) for pid in commands}
            supervisor = ours.supervisor_pid()
            parents = {parent(shim) for shim in shims}  # an orphan's is no process of ours
            all_of_ours = {supervisor} | shims | {pid for pid in parents if is_run_as(pid, OURS)}
            time.sleep(plan.size(10, 2))
            cpu_pct = _cpu_pct(all_of_ours, span_s)
            shim_mib = tuple(private_bytes(pid) / MIB for pid in shims)
            rss, private = resident_bytes(supervisor) / MIB, private_bytes(supervisor) / MIB
        finally:
            for job_id in job_ids:
                ours.cancel(job_id)
            _wait_gone(commands)

    per_job = sum(shim_mib) / crowd
    series = [
        _one("private memory per shim", "MiB", *shim_mib, note=f"{len(shims)} shims"),
        _one("private memory of all shims ÷ jobs", "MiB", per_job),
        _one("supervisor, resident", "MiB", rss),
        _one("supervisor, private", "MiB", private),
        _one(
            "CPU of all of ours",
            "% of a core",
            cpu_pct,
            note=f"{len(all_of_ours)} processes, {span_s} s",
        ),
        _one("all started after", "s", all_started_s),
    ]
    findings = {
        "shim": max(per_job, median(shim_mib)),
        "supervisor": rss,
        "idle_cpu": cpu_pct,
    }
    return series, findings


def _cpu_pct(pids: set[int], span_s: float) -> float:
    """Return the share of one core that *pids* used together in *span_s* seconds."""
    before = {pid: cpu_ns(pid) for pid in pids}
    begun = time.monotonic()
    time.sleep(span_s)
    used = sum(cpu_ns(pid) - ns for pid, ns in before.items())
    return 100 * used / 1e9 / (time.monotonic() - begun)


def _wait_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 60
    while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.2)


def _one(what: str, unit: str, *values: float, note: str = "") -> Series:
    return Series(subject=f"{OURS}: {what}", unit=unit, values=values, note=note)

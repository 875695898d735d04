"""
How long a whole tree takes to be gone after a cancel without grace.

The tree is made to escape: a plain child, a child in a session of its own, a double-forked
daemon, and a shell in a new session with a child of its own. Each process carries a mark in its
environment, is held by a pidfd before the cancel, and counts as gone when the kernel says so. The
clock runs from the call. Peers are asked to end the same tree in their own way; what they leave
alive is counted (and ended afterwards).
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from statistics import median

from .figure import OURS, Figure, Series, unmeasured
from .harness import Plan
from .ours import Ours
from .peers import Awaitless, Peer, TaskSpooler, program
from .processes import Deaths, marked, wait_for_marked

NAME = "cancel"
MARK = "BENCH_TREE"
TREE = """
sleep 1000 &
setsid sleep 1000 &
(setsid sh -c 'sleep 1000 & exit' &)
setsid sh -c 'sleep 1000; :' &
wait
"""
PROCESSES = 6  # the shell itself, four sleeps, and the inner shell
PATIENCE_S = 3.0
SUBJECT = f"{OURS} cancel, grace 0 → all {PROCESSES} gone"


def measure(plan: Plan) -> Figure:
    """Measure, 40 trees of ours, 3 of each peer's."""
    series: list[Series] = []
    task_spooler, awaitless = TaskSpooler(), Awaitless()
    for peer, end in (
        (task_spooler, lambda: _ask(task_spooler, "-k")),
        (awaitless, lambda: _ask(awaitless, "cancel", "--grace-period", "0", awaitless.last_id)),
    ):
        if not peer.missing():
            series.append(_of_peer(plan, peer, end))

    findings = {}
    if plan.ours:
        values = _ours(plan)
        findings["cancel"] = median(values)
        series.append(Series(subject=SUBJECT, unit="ms", values=values, note="0 left alive"))
    else:
        series.append(unmeasured(SUBJECT, "ms", "not there yet"))
    return Figure(
        name=NAME,
        title="A cancelled tree",
        how=f"From the call until the last of {PROCESSES} processes, escaped ones included, is gone.",
        series=tuple(series),
        findings=findings,
    )


def _ours(plan: Plan) -> tuple[float, ...]:
    values = []
    job_id = ""
    with Ours(plan.folder(NAME), max_running=4) as ours:

        def submit(argv: Sequence[str]) -> None:
            nonlocal job_id
            job_id = ours.submit(argv)

        for turn in range(plan.turns(40)):
            mark = f"ours-{os.getpid()}-{turn}"
            milliseconds, left = _end_tree(mark, submit, lambda: ours.cancel(job_id))
            if left:
                raise RuntimeError(f"{left} of {PROCESSES} processes outlived a cancel")
            values.append(milliseconds)
    return tuple(values)


def _of_peer(plan: Plan, peer: Peer, end: Callable[[], object]) -> Series:
    peer.start(plan.folder(NAME))
    values, lefts = [], []
    try:
        for turn in range(min(3, plan.turns(3))):
            mark = f"{peer.program}-{os.getpid()}-{turn}"
            milliseconds, left = _end_tree(mark, peer.submit, end)
            values.append(milliseconds)
            lefts.append(left)
    finally:
        peer.stop()
    return Series(
        subject=f"{peer.name}, its own cancel → those that do go",
        unit="ms",
        values=tuple(values),
        note=f"{max(lefts)} of {PROCESSES} left alive",
    )


def _end_tree(
    mark: str, submit: Callable[[Sequence[str]], object], end: Callable[[], object]
) -> tuple[float, int]:
    """Return the milliseconds until the last process that went was gone, and how many did not."""
    submit([program("env"), f"{MARK}={mark}", program("sh"), "-c", TREE])
    wait_for_marked(MARK, mark, PROCESSES)
    time.sleep(0.1)  # by now, those that only start others have gone
    if len(pids := marked(MARK, mark)) != PROCESSES:
        raise RuntimeError(f"the tree has {len(pids)} processes, not {PROCESSES}")
    deaths = Deaths(pids)
    try:
        called = time.monotonic_ns()
        end()
        died = deaths.wait_all(PATIENCE_S)
    finally:
        deaths.close()
        for pid in marked(MARK, mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return (max(died.values(), default=called) - called) / 1e6, len(pids) - len(died)


def _ask(peer: Peer, *arguments: str) -> None:
    argv = [program(peer.program), *arguments]
    subprocess.run(argv, env=peer.env, cwd=peer.folder, stdout=subprocess.DEVNULL, check=False)

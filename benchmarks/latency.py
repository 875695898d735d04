"""
How long nothing happens: from `submit` to the command's first instruction, and from the
command's last act to the return of a `wait` that was blocked all along.

The command is a tiny program that writes the time down (`stamp`); the clock is the same for all
processes. For `start` the clock runs from the *return* of `submit`; how long the call itself took
is a row of its own. The floor is a bare spawn of the same program. Command line peers are
measured from the return of their submitting process, and to the return of their waiting process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from .figure import OURS, Figure, Series, unmeasured
from .harness import Plan, clean_environment
from .ours import Ours
from .peers import Awaitless, Peer, all_peers, await_quiet
from .stamp import Stamp, read_stamp, stamp

NAME = "latency"
LIFE_MS = 150
"""How long the command lives whose end is waited for: the waiter must be blocked by then."""

CALL = "submit called → it returns"
START = "submit returned → first instruction"
WAKE = "command ends → wait returns"


def measure(plan: Plan) -> Figure:
    """Measure, 100 jobs of ours each way, and fewer of the slower peers'."""
    command = stamp(plan.work)
    turns = plan.turns(100)
    series = [_floor(plan, command, turns)]
    for peer in all_peers():
        if not peer.missing() and not peer.takes_all_at_once:
            fewer = min(turns, 10) if isinstance(peer, Awaitless) else turns
            series += _of_peer(plan, peer, command, fewer)

    findings = {}
    if plan.ours:
        last = ""
        with Ours(plan.folder(NAME)) as ours:

            def submit(argv: Sequence[str]) -> None:
                nonlocal last
                last = ours.submit(argv)

            folder = plan.folder(NAME)
            mine = _both(
                OURS,
                submit=submit,
                wait=lambda: ours.wait(last),
                folder=folder,
                command=command,
                turns=turns,
            )
        findings["start"], findings["wake"] = median(mine[1].values), median(mine[2].values)
        series += mine
    else:
        series += [
            unmeasured(f"{OURS}: {what}", "ms", "not there yet") for what in (CALL, START, WAKE)
        ]
    return Figure(
        name=NAME,
        title="From submit to start, from end to waiter",
        how=f"By time stamps that the command itself takes ({command.made_of}).",
        series=tuple(series),
        findings=findings,
    )


def _floor(plan: Plan, command: Stamp, turns: int) -> Series:
    folder = plan.folder(NAME)
    env = clean_environment()

    def spawn(argv: Sequence[str]) -> None:
        pids.append(os.posix_spawn(argv[0], list(argv), env))

    pids: list[int] = []
    name = "a bare spawn: called → first instruction"
    calls, starts = _starts(spawn, lambda: os.waitpid(pids[-1], 0), folder, command, turns)
    total = tuple(call + start for call, start in zip(calls, starts, strict=True))
    return Series(subject=name, unit="ms", values=total, note="the floor")


def _of_peer(plan: Plan, peer: Peer, command: Stamp, turns: int) -> list[Series]:
    folder = plan.folder(NAME)
    peer.start(folder)
    try:
        return _both(
            peer.name,
            submit=peer.submit,
            wait=peer.wait_last,
            folder=folder,
            command=command,
            turns=turns,
        )
    finally:
        peer.stop()


def _both(
    name: str,
    *,
    submit: Callable[[Sequence[str]], None],
    wait: Callable[[], object],
    folder: Path,
    command: Stamp,
    turns: int,
) -> list[Series]:
    await_quiet(folder)
    calls, starts = _starts(submit, wait, folder, command, turns)
    wakes = _wakes(submit, wait, folder, command, max(5, turns // 3))
    return [
        Series(subject=f"{name}: {what}", unit="ms", values=tuple(values))
        for what, values in ((CALL, calls), (START, starts), (WAKE, wakes))
    ]


def _starts(
    submit: Callable[[Sequence[str]], None],
    wait: Callable[[], object],
    folder: Path,
    command: Stamp,
    turns: int,
) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each call, and those from its return to the start."""
    calls, starts = [], []
    for turn in range(turns):
        file = folder / f"start-{turn}"
        called = time.monotonic_ns()
        submit(command.at_once(file))
        returned = time.monotonic_ns()
        # looked for only after the end, so that no look is in the way
        wait()
        calls.append((returned - called) / 1e6)
        starts.append((read_stamp(file) - returned) / 1e6)
    return calls, starts


def _wakes(
    submit: Callable[[Sequence[str]], None],
    wait: Callable[[], object],
    folder: Path,
    command: Stamp,
    turns: int,
) -> list[float]:
    """Return the milliseconds from the last act of a command to the return of its waiter."""
    wakes = []
    for turn in range(turns):
        file = folder / f"end-{turn}"
        submit(command.after(LIFE_MS, file))
        wait()
        returned = time.monotonic_ns()
        wakes.append((returned - read_stamp(file)) / 1e6)
    return wakes

"""
A batch: 1,000 small files, each copied by a command of its own, two at a time.

Side by side with GNU parallel as people use it who want to come back (`--joblog --resume`), and
with `xargs -P2`, which is the floor and keeps nothing. Whole processes, from the start of the
caller until it has ended with all outputs made. Then the same call again: `--resume` skips what
its log has; ours reads every input, and attaches to its job. Our supervisor is up before.

Memory is the peak of the calling process, with 1,000 files to with 100.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from .figure import OURS, TIMES, Figure, Series, unmeasured
from .harness import Contender, Plan, clean_environment, in_series, in_turns, paired_ratio
from .ours import KEEPS, Ours
from .peers import AT_ONCE, Parallel, Xargs, await_quiet, program

NAME = "batch"
SUBJECT = f"{OURS} batch"
AGAIN = f"{OURS} batch again: attaches"
PARALLEL_AGAIN = "GNU parallel --resume again"
FEW_OF = 10


def measure(plan: Plan) -> Figure:
    """Measure, 5 turns of each."""
    count = plan.size(1000, 100)
    turns = plan.turns(5)
    again: list[float] = []
    resumed: list[float] = []
    memory: list[float] = []
    contenders = [Contender(Xargs.name, lambda: _xargs(plan, count), Xargs.keeps)]
    if not Parallel().missing():
        contenders.append(
            Contender(Parallel.name, lambda: _parallel(plan, count, resumed), Parallel.keeps)
        )
    if plan.ours:
        contenders.append(Contender(SUBJECT, lambda: _ours(plan, count, again, memory), KEEPS))
    times = in_turns(contenders, turns, warm_ups=0)
    series = in_series(contenders, times, floor=Xargs.name, unit="s")
    findings = {}
    if resumed:
        series += (Series(subject=PARALLEL_AGAIN, unit="s", values=tuple(resumed)),)
    if plan.ours:
        if Parallel.name in times:
            findings["batch"] = paired_ratio(times[SUBJECT], times[Parallel.name])
        series += (
            Series(subject=AGAIN, unit="s", values=tuple(again)),
            Series(subject=f"{OURS} batch: memory", unit=TIMES, values=tuple(memory)),
        )
        findings["batch_attach"] = sorted(again)[len(again) // 2]
        findings["batch_memory"] = max(memory)
    else:
        series += (unmeasured(SUBJECT, "s", "not there yet"),)
    return Figure(
        name=NAME,
        title=f"{count:,} small files, a command for each, two at a time",
        how="Whole processes, in turns, until all outputs are made; then the same call again.",
        series=series,
        floor=Xargs.name,
        findings=findings,
    )


def _files(plan: Plan, count: int) -> Path:
    """Make a folder with the inputs, and another one for the outputs."""
    folder = plan.folder(NAME)
    for name in ("in", "out"):
        (folder / name).mkdir()
    for number in range(count):
        (folder / "in" / f"{number}.txt").write_text(f"file {number}\n")
    await_quiet(folder)
    return folder


def _process(
    folder: Path, argv: Sequence[str], env: dict[str, str], made: int
) -> tuple[float, int]:
    """Return the seconds that a whole program takes, and its peak of memory in KiB."""
    nowhere = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    begun = time.perf_counter_ns()
    pid = os.posix_spawn(argv[0], list(argv), env, file_actions=nowhere)
    _, status, usage = os.wait4(pid, 0)
    seconds = (time.perf_counter_ns() - begun) / 1e9
    outputs = sum(1 for _ in (folder / "out").glob("*.txt"))
    if os.waitstatus_to_exitcode(status) != 0 or outputs != made:
        raise RuntimeError(f"{' '.join(argv)}: status {status}, {outputs} of {made} outputs")
    return seconds, usage.ru_maxrss


def _xargs(plan: Plan, count: int) -> float:
    folder = _files(plan, count)
    line = f"cd {folder} && ls in | {program('xargs')} -P{AT_ONCE} -I@ {program('cp')} in/@ out/@"
    return _process(folder, ["/bin/sh", "-c", line], clean_environment(), count)[0]


def _parallel(plan: Plan, count: int, resumed: list[float]) -> float:
    folder = _files(plan, count)
    env = clean_environment() | {"HOME": str(folder), "TMPDIR": str(folder)}
    line = (
        f"cd {folder} && ls in | {program('parallel')} --will-cite -j{AT_ONCE} --joblog log"
        f" --resume {program('cp')} in/{{}} out/{{}}"
    )
    argv = ["/bin/sh", "-c", line]
    seconds, _ = _process(folder, argv, env, count)
    resumed.append(_process(folder, argv, env, count)[0])
    return seconds


def _ours(plan: Plan, count: int, again: list[float], memory: list[float]) -> float:
    few, many = _files(plan, count // FEW_OF), _files(plan, count)
    with Ours(plan.folder(NAME)) as ours:

        def run(folder: Path, made: int) -> tuple[float, int]:
            width = ("--max-parallel", str(AT_ONCE), "--wait", "none")
            command = (str(folder / "in"), "--", program("cp"), "{input}", "{output}")
            argv = ours.argv("batch", "-o", str(folder / "out"), *width, *command)
            return _process(folder, argv, ours.env, made)

        _, little = run(few, count // FEW_OF)
        await_quiet(many)
        seconds, much = run(many, count)
        again.append(run(many, count)[0])
        memory.append(much / little)
        return seconds

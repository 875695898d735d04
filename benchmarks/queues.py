"""
What a hundred thousand waiting jobs change, and how quickly many queues are worked off.

The same calls on a home where they wait in a queue that is paused, and on one where just one does,
in turns; then 10,000 times `true` through ten queues, one at a time in each. task-spooler has a
server for each queue and GNU parallel a process, as their manuals have it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median

from .figure import OURS, TIMES, Figure, Series, unmeasured
from .harness import Contender, Plan, in_series, in_turns, paired_ratio, timed
from .ours import KEEPS, Ours
from .peers import Parallel, Peer, TaskSpooler, await_quiet, program
from .stamp import Stamp, read_stamp, stamp

NAME = "queues"
PARKED = "parked"
OTHER = "other"
QUEUES = 10
CHUNK = 10_000
CALLS = ("submit", "start", "pause")
WHAT = {
    "submit": "submit",
    "start": "submit returned → first instruction",
    "pause": "pause a queue and go on with it",
}


def measure(plan: Plan) -> Figure:
    """Measure, 50 turns of each call, 100 starts in a row, one of each way through the queues."""
    waiting = plan.size(100_000, 5_000)
    count = plan.size(10_000, 500)
    findings: dict[str, float] = {}
    series = _calls(plan, waiting, findings) if plan.ours else ()
    series += _through(plan, count, findings)
    return Figure(
        name=NAME,
        title=f"{waiting:,} jobs wait; {count:,} go through {QUEUES} queues",
        how="In turns: the same calls where that many wait in a paused queue and where one does;"
        " then starts alone, one after another, as the local job's are taken;"
        f" then all from the first submission to the last end, {QUEUES} at once.",
        series=series,
        findings=findings,
    )


# ------------------------------------------------------------------------------ while others wait


def _calls(plan: Plan, waiting: int, findings: dict[str, float]) -> tuple[Series, ...]:
    command = stamp(plan.work)
    with ExitStack() as stack:
        one = stack.enter_context(Ours(plan.folder(NAME)))
        many = stack.enter_context(Ours(plan.folder(NAME)))
        _park(one, 1)
        fill_s = timed(lambda: _park(many, waiting))
        folder = plan.folder(NAME)
        await_quiet(folder)
        contenders = [
            Contender(f"{OURS}: {WHAT[call]}, {size:,} waiting", _once(call, ours, command, folder))
            for call in CALLS
            for ours, size in ((one, 1), (many, waiting))
        ]
        times = in_turns(contenders, plan.turns(50), warm_ups=3)
        # As the local job's figure is taken: of a supervisor that is asked again and again.
        again = [
            Contender(f"{each.name}, one after another", each.once) for each in contenders[2:4]
        ]
        for each in again:
            await_quiet(folder)
            times |= in_turns([each], plan.turns(100), warm_ups=3)
    for i, call in enumerate(CALLS):
        few, full = contenders[2 * i], contenders[2 * i + 1]
        findings[f"queues_{call}"] = paired_ratio(times[full.name], times[few.name])
    findings["queues_started"] = 1000 * median(times[again[1].name])
    filled = Series(subject=f"{OURS}: {waiting:,} submitted", unit="s", values=(fill_s,))
    return (filled, *in_series([*contenders, *again], times, floor=None))


def _park(ours: Ours, count: int) -> None:
    """Have *count* jobs wait in a queue that is paused."""
    ours.client.queues.create(PARKED)
    ours.client.queues.pause(PARKED)
    for begun in range(0, count, CHUNK):
        ours.submit_many([[program("true")]] * min(CHUNK, count - begun), queue=PARKED)


def _once(call: str, ours: Ours, command: Stamp, folder: Path) -> Callable[[], float]:
    def submit() -> float:
        submitted: list[str] = []
        taken = timed(lambda: submitted.append(ours.submit([program("true")])))
        ours.wait(submitted[0])  # so that its run is in nobody's way
        return taken

    def start() -> float:
        file = folder / "stamp"
        file.unlink(missing_ok=True)
        job_id = ours.submit(command.at_once(file))
        returned = time.monotonic_ns()
        ours.wait(job_id)  # looked for only after the end, so that no look is in the way
        return (read_stamp(file) - returned) / 1e9

    def pause() -> float:
        def both() -> None:
            ours.client.queues.pause(OTHER)
            ours.client.queues.resume(OTHER)

        return timed(both)

    if call == "pause":
        ours.client.queues.create(OTHER)
    return {"submit": submit, "start": start, "pause": pause}[call]


# ------------------------------------------------------------------------------ through many queues


def _through(plan: Plan, count: int, findings: dict[str, float]) -> tuple[Series, ...]:
    contenders = [
        Contender(peer.name, _peers_way(plan, peer, count), f"keeps {peer.keeps}")
        for peer in (QueuesOfTaskSpooler(), QueuesOfParallel())
        if not peer.missing()
    ]
    mine = f"{OURS}: {count:,} {TIMES} `true`, {QUEUES} queues"
    if plan.ours:
        contenders.append(Contender(mine, lambda: _our_way(plan, count), f"keeps {KEEPS}"))
    times = in_turns(contenders, 1, warm_ups=0)
    if not plan.ours:
        return (
            *in_series(contenders, times, floor=None, unit="s"),
            unmeasured(mine, "s", "not there"),
        )
    for key, peer in (("queues_tsp", TaskSpooler.name), ("queues_parallel", Parallel.name)):
        if peer in times:
            findings[key] = paired_ratio(times[mine], times[peer])
    return in_series(contenders, times, floor=None, unit="s")


def _our_way(plan: Plan, count: int) -> float:
    folder = plan.folder(NAME)
    with Ours(folder, max_running=QUEUES) as ours:
        for i in range(QUEUES):
            ours.client.queues.create(f"q{i}", width=1)
        await_quiet(folder)

        def run() -> None:
            specs = [
                {"command": [program("true")], "queue": f"q{i % QUEUES}"} for i in range(count)
            ]
            jobs = ours.client.submit_many(specs)
            # First in, first out in each: when the last of every queue has ended, all have.
            for job in jobs[-QUEUES:]:
                ours.wait(job.id)

        return timed(run)


class QueuesOfTaskSpooler(TaskSpooler):
    """A server for each queue, of one job at a time as it is by itself."""

    def start(self, folder: Path) -> None:
        Peer.start(self, folder)
        self._sockets = tempfile.TemporaryDirectory(prefix="tsp-")
        self.env = {**self.env, "SOCKETS": self._sockets.name}

    def run_true(self, count: int) -> None:
        self._shell(
            'feed() { TS_SOCKET=$SOCKETS/$1; export TS_SOCKET; i=1; while [ $i -lt "$2" ];'
            ' do "$4" "$3" > /dev/null; i=$((i + 1)); done; "$4" -w "$("$4" "$3")"; };'
            'for queue in $(seq "$1"); do feed "$queue" "$2" "$3" "$4" & done; wait',
            str(QUEUES),
            str(count // QUEUES),
            program("true"),
            program("tsp"),
        )

    def stop(self) -> None:
        self._shell(
            'for socket in "$SOCKETS"/*; do TS_SOCKET=$socket "$1" -K; done', program("tsp")
        )
        with suppress(FileNotFoundError):
            self._sockets.cleanup()


class QueuesOfParallel(Parallel):
    """A process for each queue, one job at a time."""

    def run_true(self, count: int) -> None:
        self._shell(
            'for queue in $(seq "$1"); do seq "$2" |'
            ' "$4" --will-cite -j1 --joblog "log$queue" "$3" & done; wait',
            str(QUEUES),
            str(count // QUEUES),
            program("true"),
            program("parallel"),
        )


def _peers_way(plan: Plan, peer: Peer, count: int) -> Callable[[], float]:
    def once() -> float:
        folder = plan.folder(NAME)
        peer.start(folder)
        try:
            await_quiet(folder)
            return timed(lambda: peer.run_true(count))
        finally:
            peer.stop()

    return once

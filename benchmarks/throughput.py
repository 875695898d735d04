"""
How many jobs a second: 1,000 times `true`, two at a time, until all are known to have ended.

The floor is `xargs -P2`, which starts processes and keeps nothing. Peers with a queue get one
submission a job, since that is what they offer; we get all in one call, and every job, exit code
and time is on disk, synced, before it counts. Services are up before the clock starts.
awaitless-runner is given 20 jobs a turn: 1,000 would take a minute, and its rate is unsteady anyway.
"""

from __future__ import annotations

from .figure import OURS, TIMES, Figure, Series, unmeasured
from .harness import Contender, Plan, in_turns, paired_ratio, timed
from .ours import KEEPS, Ours
from .peers import Awaitless, Parallel, Peer, Xargs, all_peers, await_quiet

NAME = "throughput"
UNIT = "jobs/s"
SUBJECT = f"{OURS} submit_many, wait"
FLOOR = Xargs.name


def measure(plan: Plan) -> Figure:
    """Measure, 5 turns of each."""
    count = plan.size(1000, 200)
    counts = {SUBJECT: count}
    contenders = []
    for peer in all_peers():
        if not peer.missing():
            counts[peer.name] = count // 50 if isinstance(peer, Awaitless) else count
            contenders.append(_of_peer(plan, peer, counts[peer.name]))
    if plan.ours:
        contenders.append(Contender(SUBJECT, lambda: _ours(plan, count), KEEPS))

    times = in_turns(contenders, plan.turns(5), warm_ups=0)
    rates = {name: [counts[name] / each for each in taken] for name, taken in times.items()}

    series = tuple(
        Series(
            subject=contender.name,
            unit=UNIT,
            values=tuple(rates[contender.name]),
            ratio=paired_ratio(rates[contender.name], rates[FLOOR]),
            note=f"keeps {contender.note}",
        )
        for contender in contenders
    )
    findings = {}
    if plan.ours:
        findings["rate"] = paired_ratio(rates[SUBJECT], rates[FLOOR])
        if Parallel.name in rates:
            findings["rate_parallel"] = paired_ratio(rates[SUBJECT], rates[Parallel.name])
    else:
        series += (unmeasured(SUBJECT, UNIT, "not there yet"),)
    return Figure(
        name=NAME,
        title=f"{count:,} {TIMES} `true`, two at a time",
        how="From the first submission until all have ended, in turns; services up before.",
        series=series,
        floor=FLOOR,
        findings=findings,
    )


def _of_peer(plan: Plan, peer: Peer, count: int) -> Contender:
    def once() -> float:
        folder = plan.folder(NAME)
        peer.start(folder)
        try:
            await_quiet(folder)
            return timed(lambda: peer.run_true(count))
        finally:
            peer.stop()

    return Contender(peer.name, once, peer.keeps)


def _ours(plan: Plan, count: int) -> float:
    folder = plan.folder(NAME)
    with Ours(folder) as ours:
        await_quiet(folder)
        taken = timed(lambda: ours.run_true(count))
        ours.check_all_complete()
        return taken

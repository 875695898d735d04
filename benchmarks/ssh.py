"""
One command on 1, 10, 100 and 300 hosts: until the end on every one of them is known.

Each host is a loopback address with an sshd, a home, a listening socket and a process namespace of
its own; all are on this machine, so that the hosts' work (most of it sshd's, letting us in) and ours share its
processors, for all contenders alike. Connections are new for each turn, save where it says
otherwise: our supervisor is started anew, and has been to some other host, before the clock starts,
so that the SSH library is imported, as that of the others is. Our shim lies on the hosts already, as
it does from the first job on.

Then 300 nodes that sleep, for a minute: the CPU of the supervisor, and that of all that is there
for them on the hosts. And how long after its end a command that took some seconds is known to be
over.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from statistics import median

from outlast.testing.sshd import Farm

from .figure import OURS, Figure, Series, unmeasured
from .harness import Contender, Plan, Times, in_series, in_turns, paired_ratio, timed
from .ours import KEEPS, Ours
from .processes import all_pids, cpu_ns, family_cpu_ns, mark_of
from .ssh_peers import AT_ONCE, Ansible, Asyncssh, AsyncsshSame, fleets

NAME = "ssh"
TURNS = {1: 10, 10: 10, 100: 5, 300: 3}
SLOW_TURNS = {1: 3, 10: 3, 100: 1, 300: 1}
"""Of those who start a process or more for each host."""

WARM_UPS = {1: 1, 10: 1, 100: 0, 300: 0}
"""Where there are many hosts, one turn more is minutes, and whatever may be cold is a small part."""

ANSIBLE_AT = (10, 100)
"""Elsewhere it would take too long, or say nothing new."""

OWN_PROCESSES = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Else each host had 300 hosts' processes, through all of which our shim looks for its own."""

KEPT = "connections kept"
SLEEP_S = 6
ENDS = 10
JOBS_ON_ONE = 100


def measure(plan: Plan) -> Figure:
    """Measure, fewer turns of the larger crowds."""
    sizes = [1, 10] if plan.quick else list(TURNS)
    farm = Farm(plan.folder(NAME) / "farm", max(sizes) + 1)
    farm.within = dict.fromkeys(farm.hosts, OWN_PROCESSES)
    series: list[Series] = []
    findings: dict[str, float] = {}
    try:
        farm.start()
        for size in sizes:
            found = _crowd(plan, farm, size)
            series += found[0]
            findings |= found[1]
        if plan.ours:
            with _ours(plan, farm) as ours:
                series += _many_on_one(ours, farm, plan.size(JOBS_ON_ONE, 10))
                series += _known(ours, farm, findings)
                series += _idle(plan, ours, farm, findings)
        else:
            series.append(unmeasured(f"{OURS}: idle", "% of a core", "not there yet"))
    finally:
        farm.stop()
    return Figure(
        name=NAME,
        title=f"`true` on many hosts, {AT_ONCE} at once",
        how=(
            "Every host an sshd of its own on this machine. Ratios are to bare asyncssh doing as"
            " many round trips, turn by turn."
        ),
        series=tuple(series),
        findings=findings,
    )


@contextmanager
def _ours(plan: Plan, farm: Farm) -> Iterator[Ours]:
    """Ours, with the farm's configuration as the caller's."""
    before = {name: os.environ.pop(name, None) for name in ("OUTLAST_SSH_CONFIG", "SSH_AUTH_SOCK")}
    os.environ["OUTLAST_SSH_CONFIG"] = str(farm.config)
    try:
        with Ours(plan.folder(NAME)) as ours:
            yield ours
    finally:
        del os.environ["OUTLAST_SSH_CONFIG"]
        os.environ.update({name: value for name, value in before.items() if value is not None})


# --------------------------------------------------------------------------------- `true` on all


def _crowd(plan: Plan, farm: Farm, size: int) -> tuple[list[Series], dict[str, float]]:
    hosts = f"{size} host{'s' * (size > 1)}"
    contenders, slow, missing = [], [], []
    for fleet in fleets():
        if reason := fleet.missing():
            missing.append(unmeasured(f"{fleet.name}, {hosts}", "s", reason))
        elif size in ANSIBLE_AT or not isinstance(fleet, Ansible):
            fleet.begin(farm, size, plan.folder(NAME))
            contender = Contender(fleet.name, fleet.run, fleet.keeps)
            (slow if fleet.is_slow else contenders).append(contender)
    turns = plan.turns(TURNS[size])
    if plan.ours:
        with _ours(plan, farm) as ours:
            contenders += _contenders(ours, farm.hosts[:size], farm.hosts[-1])
            times = in_turns(contenders, turns, warm_ups=WARM_UPS[size])
    else:
        times = in_turns(contenders, turns, warm_ups=WARM_UPS[size])
    if slow:
        times |= in_turns(slow, 1 if plan.quick else SLOW_TURNS[size], warm_ups=0)
    findings: dict[str, float] = {}
    if OURS in times and AsyncsshSame.name in times:
        findings[f"ssh_{size}"] = paired_ratio(times[OURS], times[AsyncsshSame.name])
    if OURS in times and Ansible.name in times:
        findings[f"ssh_ansible_{size}"] = median(times[Ansible.name]) / median(times[OURS])
    return [*_of_crowd(hosts, contenders, slow, times), *missing], findings


def _of_crowd(
    hosts: str, contenders: Sequence[Contender], slow: Sequence[Contender], times: Times
) -> list[Series]:
    floor = AsyncsshSame.name if AsyncsshSame.name in times else None
    unit = "ms" if max(times.get(Asyncssh.name, [1.0])) < 1 else "s"
    found = [*in_series(contenders, times, floor=floor, unit=unit)]
    for each in in_series(slow, times, floor=None, unit="s"):
        ratio = median(times[each.subject]) / median(times[floor]) if floor else None
        found.append(replace(each, ratio=ratio))
    return [replace(each, subject=f"{each.subject}, {hosts}") for each in found]


def _contenders(ours: Ours, hosts: list[str], another: str) -> list[Contender]:
    def run() -> float:
        return timed(lambda: _run(ours, hosts))

    def anew() -> float:
        ours.cli("supervisor", "stop")
        _run(ours, [another])
        return run()

    def kept() -> float:
        # Whoever was last may have let go of them: what counts is the second run.
        _run(ours, hosts)
        return run()

    _run(ours, hosts)
    return [
        Contender(OURS, anew, f"keeps {KEEPS}"),
        Contender(f"{OURS}, {KEPT}", kept, f"keeps {KEEPS}"),
    ]


def _run(ours: Ours, hosts: list[str]) -> None:
    job = ours.wait(ours.submit(["true"], on=hosts))
    if str(job.status) != "complete":
        raise RuntimeError(f"{job.id}: {job.status}, {job.reason}")


# ------------------------------------------------------------------------------ one host, long jobs


def _many_on_one(ours: Ours, farm: Farm, count: int) -> list[Series]:
    """So many jobs for one host, submitted in one call, until all are known to have ended."""
    host = farm.hosts[0]

    def once() -> None:
        ids = ours.submit_many([["true"]] * count, on=[host])
        for job_id in ids:
            ours.wait(job_id)

    once()
    values = tuple(count / timed(once) for _ in range(3))
    return [Series(subject=f"{OURS}: {count} jobs on one host", unit="jobs/s", values=values)]


def _known(ours: Ours, farm: Farm, findings: dict[str, float]) -> list[Series]:
    """From the last act of commands on hosts to the return of their waiters."""
    hosts = farm.hosts[:ENDS]

    def late(host: str, seconds: float) -> float:
        with ours.another_client() as client:
            job = client.submit(shell=f"sleep {seconds}; date +%s.%N", on=[host])
            client.wait(job.id, timeout=300)
            known = time.time()
            told = client.output(job.id)
            return 1000 * (known - float(told))

    with ThreadPoolExecutor(ENDS) as pool:
        spread = [SLEEP_S + 0.3 * number for number in range(len(hosts))]
        values = tuple(pool.map(late, hosts, spread))
    findings["ssh_known"] = median(values)
    what = f"{OURS}: the end of a command of {SLEEP_S} s and more → its waiter returns"
    return [Series(subject=what, unit="ms", values=values)]


def _idle(plan: Plan, ours: Ours, farm: Farm, findings: dict[str, float]) -> list[Series]:
    """What sleeping nodes cost, ours and the hosts."""
    span_s = plan.size(60, 5)
    hosts = farm.hosts[:-1]
    job_id = ours.submit(["sleep", "3600"], on=hosts, max_parallel=len(hosts))
    try:
        deadline = time.monotonic() + 300
        while any(node.started_at is None for node in ours.client.get(job_id).nodes):
            if time.monotonic() > deadline:
                raise TimeoutError("not all have begun")
            time.sleep(0.5)
        time.sleep(plan.size(30, 2))
        supervisor = ours.supervisor_pid()
        before, hosts_before = cpu_ns(supervisor), _hosts_cpu_ns(farm)
        begun = time.monotonic()
        time.sleep(span_s)
        taken_ns = 1e9 * (time.monotonic() - begun)
        ours_pct = 100 * (cpu_ns(supervisor) - before) / taken_ns
        hosts_pct = 100 * (_hosts_cpu_ns(farm) - hosts_before) / taken_ns
    finally:
        ours.cancel(job_id)
        deadline = time.monotonic() + 120
        while not ours.client.get(job_id).is_settled and time.monotonic() < deadline:
            time.sleep(0.2)
    findings["ssh_idle"] = ours_pct
    count, unit = len(hosts), "% of a core"
    note = f"{span_s} s"
    return [
        Series(subject=f"{OURS}: {count} sleeping nodes, supervisor", unit=unit,
               values=(ours_pct,), note=note),
        Series(subject=f"{OURS}: {count} sleeping nodes, each host", unit=unit,
               values=(hosts_pct / count,), note=f"{note}; shim and sshd, what they started too"),
    ]  # fmt: skip


def _hosts_cpu_ns(farm: Farm) -> int:
    """What all processes of the hosts' users, and sshd's for them, have run so far."""
    home = f"{farm.home}/"
    pids = [pid for pid in all_pids() if mark_of(pid, "HOME").startswith(home)]
    return sum(family_cpu_ns(pid) for pid in {*pids, *farm.processes()})

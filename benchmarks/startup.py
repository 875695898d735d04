"""
How long a whole process takes, from before its start until it was reaped, output to nowhere.

The floor is the same environment's interpreter importing what no job tool in Python can do
without: sqlite3 and json. `job status` asks for a finished job, `submit` has a supervisor up. The
peers' nearest equivalents are measured beside them, and what any start costs: a bare interpreter,
and a bare fork and exec.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from .figure import OURS, Figure, unmeasured
from .harness import (
    Contender,
    Plan,
    clean_environment,
    in_series,
    in_turns,
    paired_ratio,
    timed_process,
)
from .ours import Ours
from .peers import Awaitless, Nq, Peer, TaskSpooler, program

NAME = "startup"
FLOOR = "python -I -c 'import sqlite3, json'"
STATUS = f"{OURS} job status ID"
SUBMIT = f"{OURS} submit -- true"
RIVAL = "awaitless run true"


def measure(plan: Plan) -> Figure:
    """Measure, 30 turns of each."""
    with ExitStack() as stack:
        contenders = [*_floors(), *_of_peers(plan, stack)]
        if plan.ours:
            contenders += _of_ours(plan, stack)
        times = in_turns(contenders, plan.turns(30), warm_ups=2)

    series = in_series(contenders, times, floor=FLOOR)
    findings = {}
    if plan.ours:
        findings["status"] = paired_ratio(times[STATUS], times[FLOOR])
        findings["submit"] = paired_ratio(times[SUBMIT], times[FLOOR])
        if RIVAL in times:
            findings["submit_rival"] = paired_ratio(times[SUBMIT], times[RIVAL])
    else:
        series += tuple(unmeasured(name, "ms", "not there yet") for name in (STATUS, SUBMIT))
    return Figure(
        name=NAME,
        title="A whole process",
        how="From before a process starts until it is reaped, output to nowhere, in turns.",
        series=series,
        floor=FLOOR,
        findings=findings,
    )


def _contender(
    name: str, argv: Sequence[str], env: Mapping[str, str] | None = None, note: str = ""
) -> Contender:
    chosen = clean_environment() if env is None else env
    return Contender(name, lambda: timed_process(argv, chosen), note)


def _floors() -> list[Contender]:
    python = sys.executable
    imports = "import click, dataclasses, sqlite3, json"
    return [
        _contender("fork + exec of true", [program("true")]),
        _contender("python -I -S -c pass", [python, "-I", "-S", "-c", "pass"]),
        _contender(FLOOR, [python, "-I", "-c", "import sqlite3, json"]),
        _contender(f"python -I -c '{imports}'", [python, "-I", "-c", imports]),
    ]


def _of_ours(plan: Plan, stack: ExitStack) -> list[Contender]:
    ours = stack.enter_context(Ours(plan.folder(NAME)))
    finished = ours.submit([program("true")])
    ours.wait(finished)
    return [
        _contender(STATUS, ours.argv("job", "status", finished), ours.env),
        _contender(SUBMIT, ours.argv("submit", "--", "true"), ours.env, "durable"),
    ]


def _of_peers(plan: Plan, stack: ExitStack) -> list[Contender]:
    found: list[Contender] = []
    peers: dict[Peer, list[tuple[str, list[str], str]]] = {
        TaskSpooler(): [("tsp true", ["true"], "submits, in memory"), ("tsp -l", ["-l"], "lists")],
        Nq(): [("nq true", ["-q", "true"], "submits")],
        Awaitless(): [
            (RIVAL, ["run", "true"], "submits and waits"),
            ("awaitless submit true", ["submit", "true"], "submits"),
        ],
    }
    for peer, commands in peers.items():
        if peer.missing():
            continue
        peer.start(plan.folder(NAME))
        stack.callback(peer.stop)
        found += [
            _contender(name, [program(peer.program), *arguments], peer.in_folder, note)
            for name, arguments, note in commands
        ]
    return found

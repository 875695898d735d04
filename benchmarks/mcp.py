"""
What an agent waits for and reads: a server's start, the answer to a command, its size, and many at once.

Servers of MCP over stdio, asked by one small client (`mcp_client`), in turns. Sizes are of a message as it
comes; tokens are reckoned at three and a half bytes each.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from math import ceil
from statistics import median
from typing import Any

from .figure import OURS, Figure, Series, unmeasured
from .harness import Contender, Plan, in_series, in_turns
from .mcp_client import Answer, Client, checked
from .mcp_peers import Awaitless, Outlast, Peer, SshMcp
from .peers import await_quiet
from .processes import cpu_ns, private_bytes

NAME = "mcp"
SLEEP_S = 0.3
AT_ONCE = 50
CROWD_SLEEP_S = 3
BYTES_OF_A_TOKEN = 3.5
MIB = 1 << 20

Part = tuple[list[Series], dict[str, float]]


def measure(plan: Plan) -> Figure:
    """Measure, 15 turns, and one crowd of 50 each."""
    peers: list[Peer] = [Outlast(AT_ONCE + 10), Awaitless(), SshMcp()]
    series: list[Series] = []
    findings: dict[str, float] = {}
    there: list[Peer] = []
    for peer in peers:
        missing = peer.missing() or (
            None if plan.ours or peer.name != peers[0].name else "not ours"
        )
        if missing:
            series.append(unmeasured(peer.name, "ms", missing))
        else:
            there.append(peer)
    with ExitStack() as stack:
        for peer in there:
            peer.begin(plan.folder(NAME))
            stack.callback(peer.end)
        parts = (
            _starts(plan, there),
            _runs(plan, there),
            _sizes(plan, there),
            _crowds(plan, there),
        )
        for more, found in parts:
            series += more
            findings |= found
    versions = ", ".join(f"{peer.name} {peer.version()}" for peer in there)
    return Figure(
        name=NAME,
        title="To an agent, over MCP",
        how=f"Over stdio, from the message with the call to the message with the answer ({versions}).",
        series=tuple(series),
        findings=findings,
    )


def _starts(plan: Plan, peers: Sequence[Peer]) -> Part:
    """From a process's start to what tools it has."""
    folder = plan.folder(NAME)
    greeted: dict[str, list[float]] = {peer.name: [] for peer in peers}

    def contender(peer: Peer) -> Contender:
        def once() -> float:
            with Client(peer.argv, peer.env, folder) as client:
                greeted[peer.name].append(1000 * client.greeted_s)
                return client.listed_s

        return Contender(f"{peer.name}: started → its tools are known", once)

    contenders = [contender(peer) for peer in peers]
    times = in_turns(contenders, plan.turns(15))
    firsts = [
        Series(
            subject=f"{peer.name}: started → its first answer",
            unit="ms",
            values=tuple(greeted[peer.name][1:]),  # but for the one that warms up
        )
        for peer in peers
    ]
    found = {}
    if firsts and peers[0].name.startswith(OURS):
        found["mcp_start"] = median(firsts[0].values)
    return [*firsts, *in_series(contenders, times, floor=None)], found


def _runs(plan: Plan, peers: Sequence[Peer]) -> Part:
    """From the call to the answer: of what takes a moment, and of what takes none."""
    series: list[Series] = []
    found = {}
    folder = plan.folder(NAME)
    with ExitStack() as stack:
        clients = {
            peer.name: stack.enter_context(Client(peer.argv, peer.env, folder)) for peer in peers
        }
        for command in (("sleep", str(SLEEP_S)), ("true",)):
            contenders = [
                Contender(
                    f"{peer.name}: `{' '.join(command)}`",
                    _once(peer, clients[peer.name], command),
                    peer.note,
                )
                for peer in peers
            ]
            await_quiet(folder)
            times = in_turns(contenders, plan.turns(15))
            series += in_series(contenders, times, floor=None)
            if command[0] == "sleep" and contenders and contenders[0].name.startswith(OURS):
                found["mcp_run"] = median(times[contenders[0].name])
    return series, found


def _once(peer: Peer, client: Client, command: Sequence[str]) -> Any:
    tool, arguments = peer.call(*command)

    def once() -> float:
        begun = time.perf_counter()
        answer = client.call(tool, arguments)
        _demand(peer, answer)
        return answer.at - begun

    return once


def _sizes(plan: Plan, peers: Sequence[Peer]) -> Part:
    """What is read of it: the tools once, and an answer each time."""
    series = []
    found = {}
    folder = plan.folder(NAME)
    for peer in peers:
        with Client(peer.argv, peer.env, folder) as client:
            answer = client.call(*peer.call("true"))
            sizes = {"the answer for `true`": answer, "tools/list": client.tools}
            for what, each in sizes.items():
                for unit, value in (
                    ("bytes", each.size_bytes),
                    ("tokens", ceil(each.size_bytes / BYTES_OF_A_TOKEN)),
                ):
                    subject = f"{peer.name}: {what}"
                    series.append(Series(subject=subject, unit=unit, values=(value,)))
            if peer.name.startswith(OURS):
                found["mcp_answer"] = float(ceil(answer.size_bytes / BYTES_OF_A_TOKEN))
                found["mcp_tools"] = float(ceil(client.tools.size_bytes / BYTES_OF_A_TOKEN))
    return series, found


def _crowds(plan: Plan, peers: Sequence[Peer]) -> Part:
    """Many calls of one agent's that wait at once, for commands that take the same time."""
    series = []
    found = {}
    folder = plan.folder(NAME)
    count = plan.size(AT_ONCE, 10)
    for peer in peers:
        with Client(peer.argv, peer.env, folder) as client:
            client.call(*peer.call("true"))
            await_quiet(folder)
            memory, used = private_bytes(client.pid), cpu_ns(client.pid)
            tool, arguments = peer.call("sleep", str(CROWD_SLEEP_S))
            begun = time.perf_counter()
            asked = [
                client.begin("tools/call", name=tool, arguments=arguments) for _ in range(count)
            ]
            time.sleep(CROWD_SLEEP_S / 2)
            held = private_bytes(client.pid) - memory
            lost, late = 0, []
            for each in asked:
                try:
                    answer = checked(each.result(120))
                    _demand(peer, answer)
                except (RuntimeError, TimeoutError):
                    lost += 1
                else:
                    late.append(1000 * (answer.at - begun - CROWD_SLEEP_S))
            used = cpu_ns(client.pid) - used
        what = f"{peer.name}: {count} calls at once that wait"
        series += [
            Series(subject=f"{what}, answered late by", unit="ms", values=tuple(late)),
            Series(
                subject=f"{what}, lost",
                unit="calls",
                values=(lost,),
                note=peer.why_lost if lost else "",
            ),
            Series(
                subject=f"{what}, the server's CPU for each",
                unit="ms",
                values=(used / 1e6 / count,),
            ),
            Series(subject=f"{what}, its memory over none", unit="MiB", values=(held / MIB,)),
        ]
        if peer.name.startswith(OURS):
            found["mcp_lost"] = float(lost)
    return series, found


def _demand(peer: Peer, answer: Answer) -> None:
    if not peer.is_done(answer.result):
        raise RuntimeError(f"{peer.name} has not run it to its end: {answer.result}")

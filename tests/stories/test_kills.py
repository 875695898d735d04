"""`kill -9` of everything of ours, in every combination, while a command runs; then the truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from outlast import Client

from ..world import (
    began,
    eventually,
    fresh_client,
    is_alive,
    kill,
    launchers_of,
    shims_of,
    supervisor_of,
)
from .conftest import TRUE_CODE, Command, fate, over

TRUE = ("exit_nonzero", TRUE_CODE)
LOST = ("lost", None)

PARTS = ["supervisor", "launcher", "shim"]
SETS = [
    pytest.param(tuple(p for bit, p in enumerate(PARTS) if number >> bit & 1), id=f"set{number}")
    for number in range(1, 8)
]


def kill_parts(parts: tuple[str, ...], client: Client, home: Path, command: Command) -> None:
    """Kill them as near to at once as can be: the supervisor first, so that it mends nothing."""
    pids = {
        "supervisor": [supervisor_of(client)],
        "launcher": launchers_of(home),
        "shim": [command.shim],
    }
    kill(*(pid for part in PARTS if part in parts for pid in pids[part]))


@pytest.mark.parametrize("parts", SETS)
def test_a_command_outlives_whatever_of_ours_is_killed(
    parts: tuple[str, ...],
    client: Client,
    home: Path,
    start: Callable[..., Command],
    kernel_tells: bool,
) -> None:
    """Adopted by whoever is left or comes next, it runs on; its end is told as it was."""
    command = start()
    kill_parts(parts, client, home, command)

    with fresh_client() as other:
        eventually(lambda: other.get(command.job.id).status == "running", "`running`")
        if "shim" in parts:
            eventually(lambda: other.get(command.job.id).nodes[0].degraded, "`degraded`")
        assert is_alive(command.pid)
    command.let_go()
    after = command.after()

    known = {"launcher", "shim"} - {*parts} or kernel_tells
    assert ((TRUE if known else LOST), 1) == (fate(after), command.count_starts())
    assert ("shim" in parts) == after.nodes[0].degraded
    assert b"out\n" == client.output(after.id)


@pytest.mark.parametrize("parts", SETS)
def test_a_command_that_ends_while_we_are_dead_is_told_true_or_not_at_all(
    parts: tuple[str, ...],
    client: Client,
    home: Path,
    start: Callable[..., Command],
    kernel_tells: bool,
) -> None:
    """It ends before anybody looks again: its code is the true one, or null and `lost`."""
    command = start()
    kill_parts(parts, client, home, command)
    command.let_go()

    after = command.after()

    if {"launcher", "shim"} - {*parts}:
        expected = [TRUE]
    else:
        # The kernel knows for as long as init leaves the dead lying, and to a supervisor that
        # lives it tells if that looked before the end.
        expected = [LOST, TRUE] if kernel_tells else [LOST]
    assert fate(after) in expected
    assert 1 == command.count_starts()


@pytest.mark.parametrize("parts", SETS)
def test_short_commands_outlive_it_too(
    parts: tuple[str, ...], client: Client, home: Path, tmp_path: Path
) -> None:
    """Killed amid forty short commands: each started once, and no code is made up."""
    shell = f'echo started >> "starts.$N"; exit {TRUE_CODE}'
    jobs = client.submit_many(
        {"shell": shell, "cwd": str(tmp_path), "env": {"N": str(n)}} for n in range(40)
    )
    began(home, jobs[8])
    supervisor = supervisor_of(client)
    launchers, shims = launchers_of(home), shims_of(home)
    kill(*([supervisor] if "supervisor" in parts else []))
    kill(*(launchers if "launcher" in parts else []))
    kill(*(shims if "shim" in parts else []))

    with fresh_client() as other:
        fates = {fate(over(other, job)) for job in jobs}

    assert fates <= ({TRUE, LOST} if {"launcher", "shim"} <= {*parts} else {TRUE})
    started = {(tmp_path / f"starts.{n}").read_text() for n in range(40)}
    assert {"started\n"} == started


@pytest.mark.parametrize("parts", SETS)
def test_a_cancel_ends_everything_whoever_is_dead(
    parts: tuple[str, ...], client: Client, home: Path, start: Callable[..., Command]
) -> None:
    """A cancel after the kill ends the command, and the last process is seen to be gone."""
    command = start(grace=0)
    kill_parts(parts, client, home, command)

    with fresh_client() as other:
        after = other.cancel(command.job.id, wait_stopped="60s")

    assert ("cancelled", None) == (after.status, after.nodes[0].exit_code)
    assert after.is_settled
    assert not is_alive(command.pid)

"""An agent's loop, written against the JSON alone: it knows no path, no option, no exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import Any

from .conftest import PROGRAM, Cli


def ask(line: str) -> Any:
    """Run a command from an answer as it stands, from anywhere, and return its `data`."""
    env = {"PATH": os.defpath}
    done = subprocess.run(
        line.split(), cwd="/", env=env, capture_output=True, check=False, timeout=60
    )
    return json.loads(done.stdout)["data"]


def test_an_agent_finds_the_truth(cli: Cli) -> None:
    """Submit, poll `status_command` at `poll_interval_ms` until `terminal`, read `result_command`."""
    line = """for i in 1 2 3; do echo "step $i"; echo "{\\"progress_pct\\": ${i}0}" >> $OUTLAST_PROGRESS
              sleep 0.4; done; exit 3"""
    job = cli("submit", "--shell", line).data
    os.kill(cli.supervisor(), signal.SIGKILL)  # and nobody notices
    seen = []
    deadline = time.monotonic() + 30
    while not job["terminal"]:
        assert time.monotonic() < deadline
        time.sleep(job["poll_interval_ms"] / 1000)
        job = ask(job["status_command"])
        seen.append(job["progress_pct"])
    result = ask(job["result_command"])["result"]

    assert ("failed", "exit_nonzero", 3) == (job["status"], job["reason"], job["exit_code"])
    assert (3, "step 1\nstep 2\nstep 3\n") == (result["exit_code"], result["stdout"])
    assert seen[-1] == 30


def test_an_agent_gives_up_and_cancels(cli: Cli) -> None:
    """`cancel_command` is final: what is polled from then on is `cancelled`."""
    job = cli("submit", "--grace", "0", "--", "sleep", "600").data
    cancelled = ask(job["cancel_command"])

    assert ("cancelled", True) == (cancelled["status"], cancelled["terminal"])
    assert "cancelled" == ask(job["status_command"])["status"]


def test_an_agents_shell_that_gives_up_loses_nothing(cli: Cli) -> None:
    """The call is killed with its whole group after a while; the id on stderr finds the job."""
    process = subprocess.Popen(
        [PROGRAM, "run", "--shell", "sleep 1.5; echo the truth"],
        env=cli.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
    )
    cli.open.append(process)
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    job = ask(line.partition(": ")[2].partition(": ")[2])
    while not job["terminal"]:
        time.sleep(job["poll_interval_ms"] / 1000)
        job = ask(job["status_command"])

    assert ("complete", "the truth\n") == (job["status"], job["result"]["stdout"])

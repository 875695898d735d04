"""The library's door: what is asked of a job, and what becomes of a client that is forgotten."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from outlast import Client
from outlast.errors import InvalidRequest, NotTerminal

FORGETFUL = """
import gc, outlast
client = outlast.Client()
job = client.wait(client.submit(["true"], name="short").id)
del client
gc.collect()
print(job.name, job.status, job.exit_code)
client = outlast.Client()
client.get(job.id)
"""


def test_a_result_is_what_a_job_left(client: Client) -> None:
    """Its exit code and the end of what it printed, as text."""
    job = client.wait(client.submit(shell="echo out; echo err >&2; exit 3", name="noisy").id)
    result = client.result(job.id)

    assert ("noisy", 3) == (job.name, job.exit_code)
    assert (3, "out\n", "err\n", False) == (
        result["exit_code"],
        result["stdout"],
        result["stderr"],
        result["truncated"],
    )
    assert client.describe(job)["result"] == result


def test_before_its_end_a_job_has_no_result(client: Client) -> None:
    """And that is an error: nobody waits who did not say so."""
    job = client.submit(["sleep", "60"])
    with pytest.raises(NotTerminal, match="there is no result yet") as refusal:
        client.result(job.id)
    client.cancel(job.id, grace=0, wait_stopped="60s")

    assert job.id == refusal.value.job_id


def test_a_job_is_named_by_its_id_alone(client: Client) -> None:
    """The job itself in its place is refused with what was meant, and nothing happens."""
    job = client.submit(["true"], hold=True)
    anything: Any = job
    for ask in (
        client.get,
        client.wait,
        client.cancel,
        client.release,
        client.output,
        client.delete,
    ):
        with pytest.raises(InvalidRequest, match=r"as in job\.id"):
            ask(anything)
    with pytest.raises(InvalidRequest, match="after is a list of ids"):
        client.submit(["true"], after=anything)

    assert client.get(job.id).held
    client.cancel(job.id)


def test_a_client_that_is_forgotten_lets_go_in_silence(home: Path) -> None:
    """In the midst of a program and at its end, where every warning is an error."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", FORGETFUL],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ("short complete 0\n", "") == (done.stdout, done.stderr)


def test_a_client_may_be_closed_twice(home: Path) -> None:
    """By its user, and by the end of the block."""
    with Client() as client:
        client.close()
        client.close()

    assert f"Client(home={str(home)!r})" == repr(client)

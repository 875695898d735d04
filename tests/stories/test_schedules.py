"""Runs of a schedule, whoever dies meanwhile: each of its times is a job, or was counted, and none twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from outlast import Client
from outlast.clock import SystemClock
from outlast.core.schedule import Schedule
from outlast.shim.failpoint import OF_SCHEDULES, VARIABLE
from outlast.store import open_schedules

from ..world import PATIENCE_S, began, eventually, fresh_client, kill, record_of, supervisor_of

SECOND = timedelta(seconds=1)
pytestmark = pytest.mark.slow  # seconds have to pass


def add(client: Client, folder: Path) -> Schedule:
    """Add a schedule each of whose runs leaves a line."""
    return client.schedules.add("tick", shell="echo run >> runs", cwd=str(folder), every=1)


def until(client: Client, is_so: Callable[[Schedule], bool]) -> None:
    """Stay until the schedule stands so."""
    eventually(lambda: is_so(client.schedules.get("tick")), "it")


def account(client: Client, folder: Path) -> tuple[int, int, int]:
    """
    End the schedule. Returns how many of its times were decided, how many of these came to a job
    or were counted, and how many more commands ran than there are jobs.
    """
    final = client.schedules.remove("tick")
    jobs = client.list(labels={"schedule": "tick"}, limit=500).jobs
    client.wait_all([job.id for job in jobs], timeout=PATIENCE_S)
    assert final.next_at is not None
    decided = (final.next_at - final.created_at) // SECOND - 1
    runs = (folder / "runs").read_text().count("run")
    return decided, len(jobs) + final.missed_count + final.skipped_count, runs - len(jobs)


@pytest.mark.parametrize("name", OF_SCHEDULES)
def test_whoever_dies_submitting_loses_no_run_and_doubles_none(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed right before a run is stored, or right after, the next one goes on from there."""
    token = tmp_path / "token"
    token.touch()
    monkeypatch.setenv(VARIABLE, f"{name}:{token}")
    with fresh_client() as client:
        add(client, tmp_path)
        eventually(lambda: not token.exists(), f"death at {name}")
        monkeypatch.delenv(VARIABLE)
        until(client, lambda schedule: schedule.last_job_id is not None)
        first = client.schedules.get("tick").last_job_id
        until(client, lambda schedule: schedule.last_job_id != first)
        decided, known, more = account(client, tmp_path)

    assert (decided, 0) == (known, more)


def test_what_passes_while_nobody_is_there_is_missed_and_told(home: Path, tmp_path: Path) -> None:
    """The supervisor is killed while time passes; whoever asks next starts another one."""
    with fresh_client() as client:
        add(client, tmp_path)
        until(client, lambda schedule: schedule.last_job_id is not None)
        kill(supervisor_of(client))
        time.sleep(2.5)
        until(client, lambda schedule: schedule.missed_count > 0)
        decided, known, more = account(client, tmp_path)

    assert (decided, 0) == (known, more)
    assert "while nobody was there" in (home / "supervisor.log").read_text()


def test_a_run_that_ended_while_nobody_was_there_is_over(home: Path, tmp_path: Path) -> None:
    """What is due then is not left out for it: its end was only not heard of."""
    gate = tmp_path / "gate"
    with fresh_client() as client:
        client.schedules.add("tick", shell=f"until [ -e {gate} ]; do sleep 0.02; done", every="1h")
        first = client.schedules.run("tick")
        began(home, first)
        kill(supervisor_of(client))
        gate.touch()
        eventually(lambda: record_of(home, first).ended, "its end")
        with closing(open_schedules(home / "outlast.db")) as schedules:
            (before,) = schedules.find()
            assert schedules.save(before, replace(before, next_at=SystemClock().now()))
        until(
            client, lambda schedule: schedule.last_job_id != first.id or schedule.skipped_count > 0
        )
        final = client.schedules.remove("tick")
        client.wait(final.last_job_id or first.id, timeout=PATIENCE_S)

    assert (0, 0) == (final.skipped_count, final.missed_count)
    assert first.id != final.last_job_id

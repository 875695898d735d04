"""Each end once: for a caller who was away, who is killed, and who stays, behind every door."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlast import Client
from outlast.errors import InvalidRequest

from .cli.conftest import Cli
from .http.conftest import Service
from .world import PATIENCE_S, eventually, supervisor_of, unsettled

LISTENER = """
import os, sys, outlast
log = open(sys.argv[1], "a+")
log.seek(0)
whole = log.read().rpartition("\\n")[0]           # what a killed one wrote half of is not known
os.truncate(sys.argv[1], len(whole) + 1 if whole else 0)
since = whole.rpartition(" ")[2] or None
with outlast.Client() as client:
    while True:
        page = client.completions(since=since, timeout=60, limit=7)
        for each in page:
            log.write(f"{each.job.id} {each.cursor}\\n")
            log.flush()
        since = page.next_cursor
"""
"""Keeps the last cursor in the one file in which it notes what it has heard of."""


@pytest.fixture(autouse=True)
def settles(home: Path) -> Iterator[None]:
    """What has ended is seen to be gone before the test is over."""
    yield
    eventually(lambda: not unsettled(home))


@pytest.fixture
def cli(home: Path, tmp_path: Path) -> Cli:
    return Cli(home, tmp_path)


@pytest.mark.slow
def test_who_keeps_the_cursor_hears_of_each_end_once(client: Client, tmp_path: Path) -> None:
    """Two hundred jobs, while the caller and the supervisor are killed again and again."""
    log = tmp_path / "log"
    log.touch()
    argv = [sys.executable, "-c", LISTENER, str(log)]

    def heard() -> int:
        return log.read_bytes().count(b"\n")

    jobs = client.submit_many([{"command": ["true"]}] * 200)
    for goal in (20, 70, 120, 170, 200):
        with subprocess.Popen(argv, stderr=subprocess.PIPE) as listener:
            eventually(lambda goal=goal: heard() >= goal or listener.poll() is not None)
            listener.kill()
            assert listener.stderr is not None
            assert b"" == listener.stderr.read()
        if goal < 200 and (pid := supervisor_of(client)) is not None:
            os.kill(pid, signal.SIGKILL)
    told = [line.split()[0] for line in log.read_text().splitlines()]

    assert {job.id for job in jobs} == set(told)
    assert len(jobs) == len(told)
    assert told == [each.job.id for each in client.completions(limit=500)]


def test_a_caller_who_stays_is_woken_by_the_next_end(client: Client) -> None:
    """However long it had been waited for; and whoever comes later hears of the same one."""
    before = client.completions()
    gone = client.wait(client.submit(["true"]).id)
    (first,) = client.completions(since=before.next_cursor, timeout="60s")
    late = client.submit(["sleep", "0.5"])
    page = client.completions(since=first.cursor, timeout=None)

    assert (gone.id, late.id) == (first.job.id, page.completions[0].job.id)
    assert () == client.completions(since=page.next_cursor).completions
    assert page.next_cursor == client.completions(since=page.next_cursor).next_cursor


def test_what_is_over_is_told_though_nobody_was_looking(client: Client) -> None:
    """Who asks has a supervisor take in what ended while there was none."""
    job = client.submit(["sleep", "0.2"])
    eventually(lambda: client.get(job.id).started_at)
    pid = supervisor_of(client)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    eventually(lambda: [job.id] == [each.job.id for each in client.completions()])


def test_the_command_gives_a_page_and_its_cursor(cli: Cli) -> None:
    """0 also where nothing came; the cursor of an end goes on behind it; a strange one is told."""
    empty = cli("job", "completions", "--json").data
    ids = [cli.ended("--", "true"), cli.ended("--shell", "exit 3")]
    page = cli("job", "completions", "--json", "--since", empty["next_cursor"]).data
    rest = cli("job", "completions", "--json", "--since", page["completions"][0]["cursor"]).data
    none = cli("job", "completions", "--wait", "0.1s", "--since", page["next_cursor"])
    strange = cli("job", "completions", "--since", "0123456789ab-1")

    assert [] == empty["completions"]
    assert ids == [each["job_id"] for each in page["completions"]]
    assert ["complete", "failed"] == [each["status"] for each in page["completions"]]
    assert ids[1:] == [each["job_id"] for each in rest["completions"]]
    assert (0, [], page["next_cursor"]) == (
        none.code,
        none.data["completions"],
        none.data["next_cursor"],
    )
    assert (2, "invalid_request") == (strange.code, strange.error["code"])


@pytest.mark.slow
def test_a_server_tells_the_same(home: Path, tmp_path: Path) -> None:
    """Page by page and to who stays, with the token of whoever may list jobs."""
    service = Service(home, tmp_path)
    try:
        service.start()
        http = service.client()
        token = (home / "token").read_text().strip()
        with Client(service.url, token=token) as remote, Client(home=home) as client:
            jobs = [client.submit(["true"]) for _ in range(3)]
            client.wait_all([job.id for job in jobs])
            seen, cursor = [], None
            while page := remote.completions(since=cursor, limit=2):
                seen += [each.job.id for each in page]
                cursor = page.next_cursor
            late = client.submit(["sleep", "0.3"])
            told = http.get("/completions", params={"since": cursor, "wait": "60"}).json()
            (stayed,) = remote.completions(since=cursor, timeout=PATIENCE_S)
            with pytest.raises(InvalidRequest, match="none of this store"):
                remote.completions(since="0123456789ab-1")

            assert {job.id for job in jobs} == set(seen)
            assert 3 == len(seen)
            assert late.id == stayed.job.id == told["completions"][0]["job_id"]
            assert stayed.cursor == told["next_cursor"]
        assert 422 == http.get("/completions", params={"wait": "soon"}).status_code
        assert 401 == service.client(token="").get("/completions").status_code
    finally:
        service.stop()
        service.close()

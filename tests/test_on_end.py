"""What runs once a job has ended: once, whatever the end was, and whoever is killed in between."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.core.onend import on_end_id
from outlast.errors import InvalidRequest
from outlast.shim.failpoint import VARIABLE
from outlast.testing.sshd import Farm

from .cli.conftest import Cli
from .world import eventually, fresh_client, supervisor_of, unsettled

TOLD = "echo $OUTLAST_ENDED_STATUS/$OUTLAST_ENDED_REASON/$OUTLAST_ENDED_EXIT_CODE >> told"
"""Says how the first job has ended, in a file of its directory: a line for each time it runs."""


@pytest.fixture(autouse=True)
def settles(home: Path) -> Iterator[None]:
    """What has ended is seen to be gone before the test is over."""
    yield
    eventually(lambda: not unsettled(home))


def then(client: Client, job_id: str) -> Job:
    """Return the job that was begun by the end of that one, once it has ended."""
    shown = client.describe(client.wait(job_id, timeout=60))
    return client.wait(shown["on_end_job"], timeout=60)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("true", "complete//0"),
        ("exit 3", "failed/exit_nonzero/3"),
        ("kill -9 $$", "failed/signal/"),
    ],
)
def test_it_runs_once_the_job_has_ended(
    client: Client, tmp_path: Path, line: str, told: str
) -> None:
    """Told how, in the directory and with the environment of the first; each names the other."""
    shell = f"{TOLD}; echo $OUTLAST_ENDED_NAME $OUTLAST_ENDED_JOB_ID $WHO"
    first = client.submit(
        shell=line, on_end=shell, name="it", cwd=str(tmp_path), env={"WHO": "me"}, timeout="60s"
    )
    last = then(client, first.id)

    assert f"{told}\n" == (tmp_path / "told").read_text()
    assert f"it {first.id} me\n" == client.output(last.id).decode()
    assert ("it: on end", first.id, "complete") == (last.name, last.spec.on_end_of, last.status)
    assert first.id == client.describe(last)["on_end_of"]
    assert not {"on_end_job"} & set(client.describe(last))
    assert [last.id, first.id] == [job.id for job in client.list().jobs]


def test_a_second_try_is_no_end(client: Client, tmp_path: Path) -> None:
    """It runs once the last attempt has ended, and with what came of that."""
    line = "[ -e tried ] && exit 4; touch tried; exit 3"
    job = client.submit(shell=line, retries=1, retry_delay="50ms", on_end=TOLD, cwd=str(tmp_path))
    then(client, job.id)

    assert "failed/exit_nonzero/4\n" == (tmp_path / "told").read_text()


def test_a_cancelled_job_has_ended_too(client: Client, tmp_path: Path) -> None:
    """Also one that had not begun; and before its end nobody is promised anything."""
    job = client.submit(["true"], delay="1h", on_end=TOLD, cwd=str(tmp_path))
    before = client.describe(job)
    client.cancel(job.id)
    then(client, job.id)

    assert not {"on_end_job"} & set(before)
    assert "cancelled/cancelled/\n" == (tmp_path / "told").read_text()


def test_it_inherits_what_its_job_did(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller's environment and the secrets, held until it has begun; and no longer."""
    monkeypatch.setenv("INHERITED", "from me")
    monkeypatch.setenv("SECRET", "hidden")
    gate = tmp_path / "gate"
    job = client.submit(
        shell=f"until [ -e {gate} ]; do sleep 0.02; done",
        on_end=["sh", "-c", 'echo "$INHERITED $TOKEN"'],
        secret_env={"TOKEN": "env:SECRET"},
    )
    eventually(lambda: client.get(job.id).started_at)
    pid = supervisor_of(client)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    gate.touch()
    with fresh_client() as other:
        last = then(other, job.id)

        assert b"from me hidden\n" == other.output(last.id)
        folder = Path(os.environ["OUTLAST_HOME"]) / "captures"
        eventually(lambda: not any(folder.iterdir()), "the capture's end")


@pytest.mark.parametrize(
    "place",
    ["supervisor.before_record_end", "supervisor.after_record_end", "supervisor.after_cancel"],
)
def test_it_runs_once_wherever_the_supervisor_dies(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Killed before the end is stored or after it: neither lost nor doubled."""
    armed = tmp_path / "armed"
    armed.touch()
    monkeypatch.setenv(VARIABLE, f"{place}:{armed}")
    with fresh_client() as client:
        is_cancel = place.endswith("cancel")
        command = ["sleep", "60"] if is_cancel else ["true"]
        job = client.submit(command, on_end=TOLD, cwd=str(tmp_path), grace=0)
        if is_cancel:
            eventually(lambda: client.get(job.id).started_at)
            client.cancel(job.id)
        eventually(lambda: not armed.exists(), "the kill")
        monkeypatch.delenv(VARIABLE)
        last = then(client, job.id)
        everything = [each.id for each in client.list().jobs]

    assert 1 == (tmp_path / "told").read_text().count("\n")
    assert sorted([job.id, last.id]) == sorted(everything)


@pytest.mark.slow
def test_many_ends_under_blows_begin_as_many_jobs(client: Client, tmp_path: Path) -> None:
    """Forty jobs, and the supervisor killed again and again: forty times, each of another job."""
    line = "echo $OUTLAST_ENDED_JOB_ID >> told"
    jobs = client.submit_many(
        [{"shell": "sleep 0.1", "on_end": line, "cwd": str(tmp_path)} for _ in range(40)]
    )
    told = tmp_path / "told"

    def count() -> int:
        return told.read_text().count("\n") if told.exists() else 0

    for goal in (5, 15, 25):
        eventually(lambda goal=goal: client.list(limit=500) and count() >= goal)
        if (pid := supervisor_of(client)) is not None:
            os.kill(pid, signal.SIGKILL)
    client.wait_all([on_end_id(each.id) for each in client.wait_all([job.id for job in jobs])])

    assert sorted(job.id for job in jobs) == sorted(told.read_text().split())
    assert 80 == len(client.list(limit=500).jobs)


@pytest.mark.slow
@pytest.mark.parametrize("farm", [2], indirect=True)
def test_the_end_of_a_job_on_hosts_begins_it_here(
    client: Client, farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On this machine, where the caller was, and with what hosts are never given: their environment."""
    monkeypatch.setenv("INHERITED", "from me")
    monkeypatch.chdir(tmp_path)
    shell = 'echo "$INHERITED $OUTLAST_ENDED_STATUS"; pwd'
    job = client.submit(shell="echo $INHERITED", on=farm.hosts, on_end=shell)
    last = then(client, job.id)

    assert f"from me complete\n{tmp_path}\n" == client.output(last.id).decode()
    assert [b"\n", b"\n"] == [client.output(job.id, node=index) for index in (0, 1)]
    assert "local" == last.nodes[0].executor


def test_what_is_wrong_with_it_is_told_before(client: Client) -> None:
    """All at once, and nothing was stored."""
    for given in ("", [], [1], {"a": 1}, "a\0b", ["no-such-program-at-all"]):
        with pytest.raises(InvalidRequest, match="on_end"):
            client.submit(["true"], on_end=given)

    assert () == client.list().jobs


def test_the_command_line_takes_a_line(home: Path, tmp_path: Path) -> None:
    """`--on-end`, for the shell; and a second try has its own."""
    cli = Cli(home, tmp_path)
    first = cli.submit("--on-end", "echo over > over", "--", "true")
    shown = cli("job", "wait", first).data
    over = cli("job", "wait", shown["on_end_job"]).data
    again = cli("job", "wait", cli("job", "retry", first).data["job_id"]).data

    assert ("complete", first) == (over["status"], over["on_end_of"])
    assert "over\n" == (tmp_path / "over").read_text()
    assert shown["on_end_job"] != again["on_end_job"]
    assert "complete" == cli("job", "wait", again["on_end_job"]).data["status"]

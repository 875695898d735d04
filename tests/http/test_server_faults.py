"""A server that breaks under somebody who speaks to it: nothing starts twice, nothing is lost."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from outlast import Client
from outlast.engine.follow import Follow, Piece
from outlast.errors import Forbidden, InvalidRequest, Unauthorized, WaitTimeout

from ..rigs.cutter import Cutter
from ..world import PATIENCE_S, eventually
from .conftest import Service


def token_of(service: Service) -> str:
    return (service.home / "token").read_text().strip()


@contextmanager
def cut_off(service: Service, times: int = 1) -> Iterator[tuple[Client, Cutter]]:
    """A client whose connections break so often when an answer comes: it is never seen."""
    where = urlsplit(service.url)
    cutter = Cutter((str(where.hostname), int(where.port or 0)), times=times, swallows=True)
    with (
        cutter.working(),
        Client(f"http://127.0.0.1:{cutter.address[1]}", token=token_of(service)) as client,
    ):
        yield client, cutter


def test_a_lost_answer_starts_nothing_twice(service: Service, client: Client) -> None:
    """A job that was accepted is found again by the key that the caller made for it."""
    with cut_off(service, times=2) as (there, cutter):
        job = there.submit(["true"])

        assert 2 == cutter.cuts
    assert [job.id] == [each.id for each in client.list().jobs]


def test_a_lost_answer_to_many_starts_nothing_twice(service: Service, client: Client) -> None:
    """Each has a key of its own, those that have one from the caller keep it."""
    with cut_off(service) as (there, cutter):
        jobs = there.submit_many([{"command": ["true"]}] * 3, keys=["mine", None, None])

        assert 1 == cutter.cuts
        assert jobs[0].id == there.submit(["true"], key="mine").id
    assert {job.id for job in jobs} == {job.id for job in client.list().jobs}


def test_a_lost_answer_to_a_retry_starts_nothing_twice(service: Service, client: Client) -> None:
    """Nor does a retry."""
    old = client.wait(client.submit(["true"]).id)
    with cut_off(service) as (there, cutter):
        new = there.retry(old.id)

        assert 1 == cutter.cuts
    assert [new.id, old.id] == [each.id for each in client.list().jobs]


def test_what_may_happen_twice_is_done(service: Service, client: Client) -> None:
    """A cancel, and a delete whose answer was lost, are done and told as done."""
    job = client.submit(["sleep", "60"])
    with cut_off(service) as (there, cutter):
        assert "cancelled" == there.cancel(job.id, grace=0, wait_stopped=PATIENCE_S).status
        assert 1 == cutter.cuts
    with cut_off(service) as (there, cutter):
        there._service._delete(job.id)  # by itself: what is asked before it would be cut
        assert 1 == cutter.cuts
    assert () == client.list().jobs


@pytest.mark.slow
def test_a_server_that_starts_again_is_waited_for(service: Service, tmp_path: Path) -> None:
    """Mid-wait and mid-follow: the job's end is told, and its output byte for byte."""
    service.stop()
    service.start("--unix", str(tmp_path / "s"))  # a port could be another's by then
    go = tmp_path / "go"
    line = f"echo begun; while [ ! -e {go} ]; do sleep 0.05; done; seq 20000; echo err >&2"
    with Client(service.url, token=token_of(service)) as there:
        job = there.submit(shell=line)
        told: dict[str, object] = {}

        def wait() -> None:
            told["ended"] = there.wait(job.id, timeout=PATIENCE_S)

        def follow() -> None:
            output: dict[str, bytes] = {"stdout": b"", "stderr": b""}
            for event in there._service.follow(Follow(job.id)):
                if isinstance(event, Piece):
                    output[event.stream] += event.data
                    told["begun"] = True
            told["output"] = output

        threads = [threading.Thread(target=each) for each in (wait, follow)]
        for each in threads:
            each.start()
        eventually(lambda: told.get("begun"), "the first line")
        service.kill()
        go.touch()
        service.start()
        for each in threads:
            each.join(PATIENCE_S)

    numbers = "".join(f"{number}\n" for number in range(1, 20001))
    ended = told["ended"]
    assert "complete" == getattr(ended, "status", None)
    assert {"stdout": f"begun\n{numbers}".encode(), "stderr": b"err\n"} == told["output"]


@pytest.mark.slow
def test_attempts_that_pass_while_a_server_is_away_are_given(
    service: Service, client: Client, tmp_path: Path
) -> None:
    """Whoever followed the first one when the server went has the rest of it, and all of the others."""
    service.stop()
    service.start("--unix", str(tmp_path / "s"))
    (tmp_path / "tries").touch()
    line = (
        "n=$(wc -l < tries); echo x >> tries; echo begin $n; until [ -e go ]; do sleep 0.02; done;"
        " echo end $n; [ $n = 2 ]"
    )
    with Client(service.url, token=token_of(service)) as there:
        job = there.submit(shell=line, cwd=tmp_path, retries=2, retry_delay=0.01)
        told: list[Piece] = []
        begun = threading.Event()

        def hear() -> None:
            for event in there._service.follow(Follow(job.id, attempt=1)):
                if isinstance(event, Piece):
                    told.append(event)
                    begun.set()

        thread = threading.Thread(target=hear)
        thread.start()
        assert begun.wait(PATIENCE_S)
        service.kill()
        (tmp_path / "go").touch()
        assert "complete" == client.wait(job.id, timeout=PATIENCE_S).status
        service.start()
        thread.join(PATIENCE_S)

    output = {n: b"".join(each.data for each in told if each.attempt == n) for n in (1, 2, 3)}
    assert {n + 1: f"begin {n}\nend {n}\n".encode() for n in range(3)} == output
    assert [each.attempt for each in told] == sorted(each.attempt for each in told)


def test_who_may_not_is_told_how(service: Service) -> None:
    """A wrong token, none, one that is no header, one for nobody, and one in clear."""
    with Client(service.url, token="wr0ng") as there, pytest.raises(Unauthorized) as caught:
        there.list()
    assert "OUTLAST_TOKEN" in str(caught.value.suggestion)
    with pytest.raises(InvalidRequest, match="the token is empty, or has characters") as refused:
        Client(service.url, token="s3cret\r\nHost: x")
    assert "s3cret" not in str(refused.value)
    with pytest.raises(InvalidRequest, match="a token is for a server"):
        Client(token="t0ken")
    with pytest.raises(Forbidden, match="another machine, and plain http"):
        Client("http://jobs.example", token="t0ken")
    Client("http://jobs.example", token="t0ken", allow_plain_http=True).close()


def test_a_socket_in_the_file_system_is_a_server(service: Service, tmp_path: Path) -> None:
    """For this user alone, as its file's mode says."""
    service.stop()
    service.start("--unix", str(tmp_path / "s"))
    with Client(f"unix://{tmp_path}/s", token=token_of(service)) as there:
        job = there.wait(there.submit(shell="echo $((6 * 7))").id)

        assert b"42\n" == there.output(job.id)
        assert 0o600 == os.stat(tmp_path / "s").st_mode & 0o777


def test_a_wait_ends_with_its_time(service: Service) -> None:
    """Also with less than the second that HTTP counts in; and of several, with the first end."""
    with Client(service.url, token=token_of(service)) as there:
        long, other = there.submit(["sleep", "60"]), there.submit(["sleep", "60"])
        with pytest.raises(WaitTimeout) as caught:
            there.wait(long.id, timeout=0.1)
        assert long.id == caught.value.job_id
        ending = there.submit(["true"])
        assert ending.id == there.wait_any([long.id, ending.id, other.id]).id
        # Once more, of one that has ended before it is asked for, and before the last is looked at.
        assert ending.id == there.wait_any([long.id, ending.id, other.id]).id
        for job in (long, other):
            there.cancel(job.id, grace=0)
        seen = {job.id: str(job.status) for job in there.watch([long.id, other.id, ending.id])}
        for job in (long, other):
            there.cancel(job.id, wait_stopped=PATIENCE_S)

    assert {long.id: "cancelled", other.id: "cancelled", ending.id: "complete"} == seen

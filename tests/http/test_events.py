"""Streams: what is printed comes once, in order and exactly, whatever happens to the service."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

from outlast import Client

from ..world import eventually, kill, supervisor_of
from .conftest import Caller, Service

pytestmark = pytest.mark.slow  # real processes, for seconds

PRINTS = """\
i=0
while [ $i -lt 400 ]; do i=$((i+1)); printf 'line %s \\303\\251\\n' $i; printf 'err %s\\n' $i >&2
[ $((i % 40)) = 0 ] && sleep 0.05; done; printf '\\377\\303'
"""
"""Two streams, a character of two bytes on each line, and an end that is no UTF-8."""

OUT = "".join(f"line {i} é\n" for i in range(1, 401)).encode() + b"\xff\xc3"
ERR = "".join(f"err {i}\n" for i in range(1, 401)).encode()


class Reader:
    """Somebody who follows a job, and puts its pieces together."""

    def __init__(self) -> None:
        self.streams = {"stdout": b"", "stderr": b""}
        self.last: str | None = None
        self.names: list[str] = []

    def read(self, events: Iterable[dict[str, Any]], most: int | None = None) -> None:
        """Read on; only so many events, where that is said."""
        for event in events:
            self.names.append(event["event"])
            self.last = event.get("id", self.last)
            if event["event"] == "output":
                data = event["data"]
                text = data.get("text")
                piece = base64.b64decode(data["base64"]) if text is None else text.encode()
                assert data["offset"] == len(self.streams[data["stream"]])
                self.streams[data["stream"]] += piece
                assert data["next_offset"] == len(self.streams[data["stream"]])
            if most is not None and len(self.names) >= most:
                return


def test_a_stream_is_resumed_byte_for_byte(caller: Caller) -> None:
    """However often a reader is cut off, what it has in the end is what was printed."""
    job_id = caller.submit(shell=PRINTS)["job_id"]
    reader = Reader()
    while "end" not in reader.names:
        headers = {} if reader.last is None else {"Last-Event-ID": reader.last}
        reader.read(caller.events(f"/jobs/{job_id}/events", **headers), len(reader.names) + 3)

    assert {"stdout": OUT, "stderr": ERR} == reader.streams
    again = list(caller.events(f"/jobs/{job_id}/events?after={reader.last}"))
    assert ["status", "end"] == [event["event"] for event in again]
    assert "complete" == again[-1]["data"]["status"]
    assert OUT[-10:].decode(errors="replace") == again[-1]["data"]["result"]["stdout"][-9:]


def test_a_stream_is_resumed_in_a_later_attempt(service: Service, caller: Caller) -> None:
    """Wherever a reader is cut off, and whatever is tried meanwhile: all of each attempt comes once."""
    (service.folder / "tries").touch()
    job_id = caller.submit(
        shell="n=$(wc -l < tries); echo x >> tries; echo begin $n; echo oops $n >&2;"
        " until [ -e go$n ]; do sleep 0.02; done; echo end $n; [ $n = 2 ]",
        cwd=str(service.folder),
        retries=2,
        retry_delay_ms=1,
    )["job_id"]
    told: dict[tuple[str, int], str] = {}
    last: dict[str, str] = {}

    def read_one() -> dict[str, Any]:
        """Connect, and hang up after what comes first that has an id."""
        for event in caller.events(f"/jobs/{job_id}/events", **last):
            if "id" in event:
                last["Last-Event-ID"] = event["id"]
                break
        data: dict[str, Any] = event["data"]
        if event["event"] == "output":
            key = data["stream"], data.get("attempt", 1)
            assert data["offset"] == len(told.setdefault(key, ""))
            told[key] += data["text"]
        return event

    read_one()
    for gate in ("go0", "go1"):  # and nobody looks while the second attempt comes and goes
        (service.folder / gate).touch()
    assert eventually(lambda: caller.client.get(f"/jobs/{job_id}").json()["attempt"] == 3)
    (service.folder / "go2").touch()
    while read_one()["event"] != "end":
        pass

    out = {("stdout", n + 1): f"begin {n}\nend {n}\n" for n in range(3)}
    assert out | {("stderr", n + 1): f"oops {n}\n" for n in range(3)} == told
    one = f"/jobs/{job_id}/events?node=0&stream=stdout"
    assert 422 == caller.client.get(f"{one}&after=4.0").status_code
    for more, expected in (("&tail=6", ("3.14", "end 2\n")), ("&after=2.8", ("2.14", "end 1\n"))):
        event = next(each for each in caller.events(one + more) if each["event"] == "output")
        assert expected == (event["id"], event["data"]["text"])


def test_one_stream_of_a_node_is_numbered_by_its_bytes(caller: Caller) -> None:
    """Its `id` is the offset of the next byte; `tail` begins before the end."""
    job_id = caller.submit(shell="printf 'one two three'; echo no >&2")["job_id"]
    caller.ended(job_id)
    one = f"/jobs/{job_id}/events?node=0&stream=stdout"
    whole, tail, rest = (
        next(event for event in caller.events(one + more) if event["event"] == "output")
        for more in ("", "&tail=5", "&after=4")
    )

    assert ("13", "one two three") == (whole["id"], whole["data"]["text"])
    assert ("13", "three") == (tail["id"], tail["data"]["text"])
    assert ("13", "two three") == (rest["id"], rest["data"]["text"])
    for wrong in ("node=1", "stream=odd", "after=x", "tail=-1"):
        answer = caller.client.get(f"/jobs/{job_id}/events?{wrong}")
        assert (422, "invalid_request") == (answer.status_code, answer.json()["code"]), wrong


def test_a_service_that_leaves_says_where_to_go_on(service: Service, caller: Caller) -> None:
    """Streams end with `restart`, long-polls are answered; the job goes on, and the next tells all."""
    gate = service.folder / "gate"
    job_id = caller.submit(
        shell=f"printf before; while [ ! -e {gate} ]; do sleep 0.05; done; printf after"
    )["job_id"]
    reader = Reader()
    events = caller.events(f"/jobs/{job_id}/events")
    for event in events:
        reader.read([event])
        if event["event"] == "output":
            break
    assert 0 == service.stop()
    reader.read(events)
    assert "restart" == reader.names[-1]
    gate.touch()
    service.start()
    reader.read(
        Caller(service.client()).events(
            f"/jobs/{job_id}/events", **{"Last-Event-ID": reader.last or ""}
        )
    )

    assert ("end", b"beforeafter") == (reader.names[-1], reader.streams["stdout"])


def test_the_changes_of_all_jobs_are_told(service: Service, caller: Caller, client: Client) -> None:
    """Those that the service was asked for, and those that came by another door; deletions too."""
    events = caller.events("/events")
    assert "ready" == next(events)["event"]
    gate = service.folder / "gate"
    here = caller.submit(command=["true"])["job_id"]
    there = client.submit(["sh", "-c", f"until [ -e {gate} ]; do sleep 0.05; done"]).id
    seen: dict[str, list[str]] = {here: [], there: []}
    for event in events:
        if event["event"] == "job":
            job = event["data"]
            seen[job["job_id"]].append(job["status"])
            assert "result" not in job
            if "running" in seen[there]:
                gate.touch()
        if all("complete" in each for each in seen.values()):
            break
    caller.client.delete(f"/jobs/{here}")
    gone = next(event for event in events if event["event"] == "gone")

    assert {"job_id": here} == gone["data"]
    assert ["running", "complete"] == list(dict.fromkeys(seen[there]))[-2:]


def test_many_jobs_are_waited_for_by_one_stream(service: Service, caller: Caller) -> None:
    """Each is told as it stands at first, then as it changes, and the end of all ends it."""
    gate = service.folder / "gate"
    wait = f"until [ -e {gate} ]; do sleep 0.05; done"
    jobs = [caller.submit(shell=line)["job_id"] for line in ("true", wait, "exit 3")]
    ends: dict[str, str] = {}
    for event in caller.events(f"/events?ids={','.join(jobs)}"):
        if event["event"] == "job" and event["data"]["terminal"]:
            ends[event["data"]["job_id"]] = event["data"]["status"]
        if len(ends) == 2:
            gate.touch()
        last = event["event"]

    assert ("end", ["complete", "complete", "failed"]) == (last, [ends[job] for job in jobs])
    assert 404 == caller.client.get(f"/events?ids={jobs[0]},job_nobody").status_code


def test_a_killed_supervisor_is_replaced_for_those_who_wait(
    caller: Caller, client: Client, tmp_path: Path
) -> None:
    """Streams and long-polls go on over its death: nobody is left waiting for nobody."""
    gate = tmp_path / "gate"
    job_id = caller.submit(shell=f"until [ -e {gate} ]; do sleep 0.05; done; echo done")["job_id"]
    caller.running(job_id)
    events = caller.events(f"/jobs/{job_id}/events")
    assert "status" == next(events)["event"]
    kill(supervisor_of(client))
    gate.touch()
    reader = Reader()
    reader.read(events)

    assert ("end", b"done\n") == (reader.names[-1], reader.streams["stdout"])


def test_output_is_read_by_ranges(caller: Caller) -> None:
    """By `Range` and by offsets; each answer says where to go on."""
    job_id = caller.submit(shell="printf 0123456789; echo oops >&2")["job_id"]
    caller.ended(job_id)

    def read(query: str = "", **headers: str) -> tuple[int, bytes, str | None]:
        answer = caller.client.get(f"/jobs/{job_id}/output?{query}", headers=headers)
        return answer.status_code, answer.content, answer.headers.get("x-next-offset")

    assert (200, b"0123456789", "10") == read()
    assert (200, b"345", "6") == read("offset=3&limit=3")
    assert (200, b"89", "10") == read("tail=2")
    assert (200, b"", "30") == read("offset=30")
    assert (200, b"oops\n", "5") == read("stream=stderr")
    assert (206, b"234", "5") == read(Range="bytes=2-4")
    assert (206, b"789", "10") == read(Range="bytes=-3")
    assert (206, b"89", "10") == read(Range="bytes=8-")
    assert (200, b"0123456789", "10") == read(Range="lines=1-2")
    assert 416 == read(Range="bytes=10-")[0]
    assert 422 == read("node=1")[0]


def test_whoever_hangs_up_leaves_nothing_behind(service: Service, caller: Caller) -> None:
    """A reader that goes away mid-stream, or mid-wait, keeps no connection of it open."""
    job_id = caller.submit(command=["sleep", "600"])["job_id"]
    caller.running(job_id)

    def leave() -> None:
        with service.client() as client:
            with client.stream("GET", f"/jobs/{job_id}/events") as answer:
                next(answer.iter_lines())
            with pytest.raises(httpx.TimeoutException):
                client.get(f"/jobs/{job_id}", headers={"Prefer": "wait=60"}, timeout=0.2)

    def is_quiet() -> bool:
        """Only the connections of who still talks to it."""
        return connections(service) <= 1

    for _ in range(5):
        leave()

    assert eventually(is_quiet)


def connections(service: Service) -> int:
    """How many connections the service has, beside the socket where it listens."""
    assert service.process is not None
    port = int(service.url.rpartition(":")[2])
    lines = Path(f"/proc/{service.process.pid}/net/tcp").read_text().splitlines()[1:]
    ends = [(int(line.split()[1].split(":")[1], 16), line.split()[3]) for line in lines]
    return sum(end == port and state == "01" for end, state in ends)

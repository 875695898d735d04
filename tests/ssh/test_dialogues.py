"""Hosts that ask: a real sshd whose login shell is a small appliance, answered by rules."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.errors import InvalidRequest
from outlast.executors.ssh.facts import Facts
from outlast.settings import load_settings
from outlast.shim.failpoint import FAILPOINTS, VARIABLE
from outlast.testing.sshd import Farm
from outlast.wiring import make_link

from ..world import eventually
from .appliance import PASSWORD

RULES: list[dict[str, Any]] = [
    {"prompt": r"User: $", "answer": "ops"},
    {"prompt": r"Host: $", "answer": "backup1"},
    {"prompt": r"Password for \w+: $", "answer_from": "env:APPLIANCE"},
    {"prompt": r"\[y/n\] $", "answer": "y"},
]


class Appliance:
    """Hosts on which nothing runs but an appliance."""

    def __init__(self, farm: Farm, log: Path) -> None:
        self.farm = farm
        self._log = log

    def with_oddity(self, odd: str, options: str = "") -> str:
        """Have every host be one, and return the name of one."""
        program = Path(__file__).with_name("appliance.py")
        line = f"exec {sys.executable} -I -S {program} {self._log} {odd}"
        key = (self.farm.folder / "user.pub").read_text()
        keys = self.farm.folder / "authorized_keys"
        keys.write_text(f'{options}command="{line}" {key}')
        return self.farm.hosts[0]

    def logins(self) -> list[int]:
        """The processes of all who were let in so far."""
        return [int(word) for word in self._log.read_text().split()] if self._log.exists() else []


@pytest.fixture
def appliance(farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Appliance:
    """Its password is in the environment."""
    monkeypatch.setenv("APPLIANCE", PASSWORD)
    return Appliance(farm, tmp_path / "logins")


def over(client: Client, job: Job) -> Job:
    """Wait until a job has ended, and nothing is left to do."""
    deadline = time.monotonic() + 60
    while not (job := client.get(job.id)).is_settled:
        assert time.monotonic() < deadline, client.describe(job)
        time.sleep(0.02)
    return job


def until_printed(client: Client, job: Job, text: bytes) -> None:
    deadline = time.monotonic() + 60
    while text not in client.output(job.id):
        assert time.monotonic() < deadline, (client.output(job.id), client.describe(job))
        time.sleep(0.02)


def files_with_the_secret() -> list[Path]:
    return [
        path
        for path in Path(os.environ["OUTLAST_HOME"]).rglob("*")
        if path.is_file()
        and any(part in path.read_bytes() for part in (PASSWORD.encode(), PASSWORD[:7].encode()))
    ]


def test_appliances_are_answered(client: Client, appliance: Appliance) -> None:
    """
    Whether their prompts come whole or byte by byte, and whether they repeat the password: the
    transcript has what was asked and answered, the exit code is their own, the secret is nowhere.
    A repetition asks for the secret anew.
    """
    host = appliance.with_oddity("nothing")
    ways = {"nothing": {}, **{odd: {"shell": odd} for odd in ("pieces", "echoes", "tells")}}
    jobs = {odd: client.submit(on=host, dialogue=RULES, **way) for odd, way in ways.items()}
    jobs = {odd: over(client, job) for odd, job in jobs.items()}
    jobs["nothing"] = over(client, client.retry(jobs["nothing"].id))

    begin = (
        b"\x1b[1mRESTRICTED SHELL\x1b[0m (password needed)\r\nUser: ops\r\nHost: backup1\r\n"
        b"Password for ops: (hidden)\r\n"
    )
    told = b"you said (hidden), did you?\r\n"
    end = b"Send the files? [y/n] y\r\n3 files of ops sent to backup1\r\n"
    assert {odd: begin + told * (odd == "tells") + end for odd in ways} == {
        odd: client.output(job.id).replace(b"\r\n\r\n", b"\r\n") for odd, job in jobs.items()
    }
    for job in jobs.values():
        node = client.describe(job)["nodes"][0]
        assert ("complete", 0, None) == (job.status, job.exit_code, node["error"])
        assert ("connection", None, False) == (
            node["containment"],
            node["survives"],
            node["survives_disconnect"],
        )
    assert [] == files_with_the_secret()


USER, HOST, PASS, SURE = RULES
ENDS: dict[str, tuple[str, dict[str, Any], tuple[Any, ...]]] = {
    "the wrong answer": (
        "nothing",
        {"dialogue": [USER, HOST, {"prompt": r"Password for \w+: $", "answer": "x"}]},
        ("exit_nonzero", 5, None, None),
    ),
    "its own verdict": (
        "nothing",
        {"dialogue": [USER, HOST, PASS, SURE | {"answer": "n"}]},
        ("exit_nonzero", 7, None, None),
    ),
    "asked the same again and again": (
        "again",
        {},
        (
            "prompt_unanswered",
            None,
            None,
            "'User: $' was answered 3 times, and it asks again: 'User:'",
        ),
    ),
    "asked what nobody knows": (
        "unknown",
        {"idle_timeout": 1},
        (
            "prompt_unanswered",
            None,
            None,
            "no rule answers 'Serial number of your dongle:': asked for 1s",
        ),
    ),
    "a pattern without end": (
        "nothing",
        {"dialogue": [{"prompt": r"((?:.|\n)+)+!", "answer": ""}]},
        (
            "prompt_unanswered",
            None,
            None,
            r"'((?:.|\\n)+)+!' takes too long to be searched for: make it simpler",
        ),
    ),
    "silent": (
        "mute",
        {"idle_timeout": 1},
        ("idle_timeout", -1, None, "TimeoutError: No output for 1s"),
    ),
    "too slow": (
        "mute",
        {"timeout": "1.5s"},
        ("timeout", -1, None, "TimeoutError: Timed out after 1.5s"),
    ),
    "a flood": (
        "floods",
        {"limits": {"output_bytes": "100k"}},
        ("output_limit", None, None, "it passed its limit of 102400 bytes"),
    ),
    "killed there": ("dies", {}, ("signal", None, 9, None)),
}


@pytest.mark.slow
def test_each_end_has_its_reason(client: Client, appliance: Appliance) -> None:
    """
    With the words that a caller needs, many at once; no code is made up, and the secret is nowhere.
    """
    asked = {"on": appliance.with_oddity(""), "dialogue": RULES, "grace": 0}
    jobs = {
        name: client.submit(**(asked | {"shell": odd} | spec))
        for name, (odd, spec, _) in ENDS.items()
    }
    nodes = {name: over(client, job).nodes[0] for name, job in jobs.items()}

    assert {name: expected for name, (_, _, expected) in ENDS.items()} == {
        name: (node.reason, node.exit_code, node.signal, node.error) for name, node in nodes.items()
    }
    for name, node in nodes.items():
        assert (True, None) == (node.completed_at is not None, node.stop_error)
        assert node.stdout_bytes == len(client.output(jobs[name].id)) <= 100 << 10
    assert [] == files_with_the_secret()


def test_what_is_cancelled_hangs_up(client: Client, appliance: Appliance) -> None:
    """At once; whoever has the terminal on the host gets its SIGHUP, and what it printed is kept."""
    job = client.submit(on=appliance.with_oddity("mute"), dialogue=RULES)
    until_printed(client, job, b"working\r\n")
    job = client.cancel(job.id, grace=0, wait_stopped="60s")

    assert ("cancelled", True) == (job.status, job.is_settled)
    assert b"working\r\n" in client.output(job.id)
    (pid,) = appliance.logins()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def supervisor_of(home: Path) -> int:
    return int((home / "supervisor.lock").read_text().split()[0])


@pytest.mark.parametrize("cut", ["supervisor", "connection"])
def test_what_was_bound_is_lost_and_not_begun_again(
    client: Client, home: Path, appliance: Appliance, cut: str
) -> None:
    """Its supervisor is killed, or its connection: it says so, and keeps what had been printed."""
    job = client.submit(on=appliance.with_oddity("mute"), dialogue=RULES)
    until_printed(client, job, b"working\r\n")
    if cut == "supervisor":
        os.kill(supervisor_of(home), signal.SIGKILL)
    else:
        appliance.farm.stop()
    job = over(client, job)

    node = job.nodes[0]
    assert ("failed", "lost", None) == (job.status, node.reason, node.exit_code)
    assert str(node.error).startswith("it was bound to its connection, and ")
    assert "this attempt is not begun a second time" in str(node.error)
    assert "did not say whether" in str(node.stop_error)
    assert client.output(job.id).endswith(b"Password for ops: (hidden)\r\nworking\r\n")
    assert 1 == len(appliance.logins())
    assert [] == files_with_the_secret()


@pytest.mark.slow
def test_what_was_bound_is_tried_again_where_that_does_no_harm(
    client: Client, home: Path, appliance: Appliance
) -> None:
    """On another connection, with the same answers and the same secret; the first try says why it was lost."""
    again: dict[str, Any] = {"retries": 1, "retry_delay": "100ms", "if_lost": "restart"}
    job = client.submit(on=appliance.with_oddity("mute"), dialogue=RULES, **again)
    until_printed(client, job, b"working\r\n")
    os.kill(supervisor_of(home), signal.SIGKILL)
    with Client() as other:
        eventually(lambda: other.get(job.id).nodes[0].attempt == 2, "the next try")
        until_printed(other, job, b"working\r\n")
        other.cancel(job.id, grace=0)
        job = over(other, job)

    (lost,) = job.nodes[0].earlier
    assert ("cancelled", 2, "lost") == (job.status, job.nodes[0].attempt, lost.reason)
    assert "this attempt is not begun a second time" in str(lost.error)
    for number in (1, 2):
        assert b"Password for ops: (hidden)\r\nworking" in client.output(job.id, attempt=number)
    assert 2 == len(appliance.logins())
    assert [] == files_with_the_secret()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FAILPOINTS if name.startswith("bound.")])
def test_whoever_dies_on_the_way_it_is_begun_once_at_most(
    client: Client, appliance: Appliance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Before its host may have been asked, the next supervisor asks; after that, nobody does."""
    token = tmp_path / "token"
    token.touch()
    monkeypatch.setenv(VARIABLE, f"{name}:{token}")
    with Client() as doomed:
        job = doomed.submit(on=appliance.with_oddity("nothing"), dialogue=RULES)
        eventually(lambda: not token.exists(), f"death at {name}")
    monkeypatch.delenv(VARIABLE)
    job = over(client, job)

    asked_again = name == "bound.before_sent"
    assert ("complete" if asked_again else "failed", None if asked_again else "lost") == (
        job.status,
        job.reason,
    )
    counts = {"bound.after_sent": {0}, "bound.after_request": {0, 1}}
    assert len(appliance.logins()) in counts.get(name, {1})
    assert [] == files_with_the_secret()


def test_this_machine_s_disk_keeps_its_floor(
    client: Client, appliance: Appliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What prints where nothing can be kept is ended, and nothing of it is kept."""
    monkeypatch.setenv("OUTLAST_MIN_FREE", "1000t")
    with Client() as small:
        job = over(
            small, small.submit(on=appliance.with_oddity("nothing"), dialogue=RULES, grace=0)
        )

    assert ("disk_full", None) == (job.reason, job.exit_code)
    assert "must stay free" in str(job.nodes[0].error)
    assert b"" == client.output(job.id)


def test_a_supervisor_that_is_asked_to_leave_ends_what_was_bound_to_it(
    client: Client, home: Path, appliance: Appliance
) -> None:
    """The record says so before it has left; the next one only tells it."""
    job = client.submit(on=appliance.with_oddity("mute"), dialogue=RULES)
    until_printed(client, job, b"working\r\n")
    assert make_link(load_settings(home=home)).leave(timedelta(seconds=60))
    (record,) = (home / "jobs" / job.id).rglob("remote")
    assert "lost" == (Facts.stored(str(record.parent)) or {})["ended"]["reason"]
    job = over(client, job)

    assert ("failed", "lost") == (job.status, job.reason)
    assert 1 == len(appliance.logins())


def test_no_terminal_is_told(client: Client, appliance: Appliance) -> None:
    """A host that refuses one has begun nothing."""
    job = over(
        client, client.submit(on=appliance.with_oddity("nothing", "no-pty,"), dialogue=RULES)
    )

    node = job.nodes[0]
    assert ("spawn_failed", None, None) == (node.reason, node.started_at, node.exit_code)
    assert "SpawnFailed: the host refuses: PTY request failed" == node.error
    assert [] == appliance.logins()


def test_a_secret_that_is_gone_is_told(client: Client, home: Path, appliance: Appliance) -> None:
    """At the door, where it is not there; at the start, where it was held and is gone."""
    asked = {
        "on": appliance.with_oddity("nothing"),
        "dialogue": [{**PASS, "answer_from": "env:GONE"}],
    }
    with pytest.raises(InvalidRequest, match="secret env:GONE: there is no such variable"):
        client.submit(**asked)

    first = client.submit(["sleep", "1000"], queue="one")
    asked = {**asked, "dialogue": RULES, "queue": "one"}
    job = client.submit(**asked)
    for held in (home / "captures").iterdir():
        held.unlink()
    client.cancel(first.id, grace=0)
    job = over(client, job)

    assert ("failed", "secret_unavailable") == (job.status, job.reason)
    over(client, first)


# Without a dialogue ---------------------------------------------------------------------------


def test_a_command_is_bound_to_its_connection(client: Client, farm: Farm) -> None:
    """Its words come through as they are; streams, input and code are its own; nothing is left."""
    words = ["printf", "%s|", "a b", "c'd", "$HOME", ""]
    line = "cat; echo to-stderr >&2; exit 37"
    host = farm.hosts[0]
    bound = {"on": host, "connection_bound": True}
    jobs = [
        client.submit(words, **bound),
        client.submit(shell=line, stdin_data=b"given\0", **bound),
        client.submit(["cat"], **bound),
        client.submit(shell="kill -USR1 $$", **bound),
    ]
    one, two, three, four = [over(client, job) for job in jobs]

    assert b"a b|c'd|$HOME||" == client.output(one.id)
    assert ("exit_nonzero", 37) == (two.reason, two.exit_code)
    assert b"given\0" == client.output(two.id)
    assert b"to-stderr\n" == client.output(two.id, stream="stderr")
    assert ("complete", b"") == (three.status, client.output(three.id))
    assert ("signal", 10) == (four.reason, four.nodes[0].signal)
    assert not (farm.home / host / ".outlast").exists()


class OddServer:
    """A host whose server is no sshd, known by the key of the others."""

    def __init__(self, farm: Farm, *odd: str) -> None:
        argv = [sys.executable, str(Path(__file__).with_name("odd_server.py")), str(farm.folder)]
        self.process = subprocess.Popen([*argv, *odd], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        port = self.process.stdout.readline().strip()
        known = farm.known_hosts.read_text()
        farm.known_hosts.write_text(known + known.replace(f":{farm.port} ", f":{port} "))
        self.host = f"127.0.0.2:{port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.__exit__(None, None, None)


LATE = "TimeoutError: Timed out after 1s"
SILENT = "the host closed its channel and did not say how it ended"
ODD_ENDS: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "without a word": ({}, ("lost", None, SILENT, False)),
    "obedient": ({"timeout": 1, "grace": 60}, ("timeout", -1, LATE, False)),
    "weird": ({}, ("lost", None, "ended by SIGWEIRD", False)),
    "deaf": ({"timeout": 1, "grace": 0}, ("timeout", -1, LATE, True)),
}


@pytest.mark.slow
def test_how_it_ended_is_as_sure_as_its_host_says(client: Client, farm: Farm) -> None:
    """TERM first, then its grace; an end that was not seen is not told as one."""
    with OddServer(farm) as server:
        bound = {"on": server.host, "connection_bound": True}
        jobs = {
            line: client.submit(shell=line, **bound, **clocks)
            for line, (clocks, _) in ODD_ENDS.items()
        }
        nodes = {line: over(client, job).nodes[0] for line, job in jobs.items()}

    assert {line: expected for line, (_, expected) in ODD_ENDS.items()} == {
        line: (node.reason, node.exit_code, node.error, node.stop_error is not None)
        for line, node in nodes.items()
    }
    assert {line: b"up\n" + b"told TERM\n" * (line == "obedient") for line in jobs} == {
        line: client.output(job.id) for line, job in jobs.items()
    }


@pytest.mark.slow
def test_a_host_that_hangs_up_when_it_is_asked_may_have_begun(client: Client, farm: Farm) -> None:
    """Nobody knows: it is lost, and not begun again."""
    with OddServer(farm, "hangs-up") as server:
        job = over(client, client.submit(["true"], on=server.host, connection_bound=True))

    assert ("lost", None, None) == (job.reason, job.exit_code, job.started_at)
    assert str(job.nodes[0].error).startswith("it was bound to its connection, and that broke")
    assert "did not say whether" in str(job.nodes[0].stop_error)


@pytest.mark.slow
def test_a_host_that_freezes_keeps_nobody_waiting(client: Client, farm: Farm) -> None:
    """It answers nothing any more, not even that the channel is closed."""
    with OddServer(farm) as server:
        job = client.submit(["deaf"], on=server.host, connection_bound=True, grace=0)
        until_printed(client, job, b"up")
        server.process.send_signal(signal.SIGSTOP)
        job = client.cancel(job.id, wait_stopped="60s")

    assert ("cancelled", True) == (job.status, job.is_settled)
    assert "did not say whether" in str(job.nodes[0].stop_error)


def test_input_that_is_gone_is_told(client: Client, farm: Farm, tmp_path: Path) -> None:
    """It was there when it was asked for, and is not when its turn comes: nothing has begun."""
    given = tmp_path / "given"
    given.touch()
    first = client.submit(["sleep", "1000"], queue="one", grace=0)
    bound = {"on": farm.hosts[0], "connection_bound": True, "queue": "one"}
    job = client.submit(["cat"], stdin=given, **bound)
    given.unlink()
    client.cancel(first.id)
    job = over(client, job)

    node = job.nodes[0]
    assert ("spawn_failed", None) == (node.reason, node.started_at)
    assert f"{given}: No such file or directory" == node.error
    over(client, first)


def test_who_is_cancelled_while_it_connects_asks_for_nothing(
    client: Client, black_hole: str
) -> None:
    """It stops connecting; and one that is not stopped ends by its clock."""
    bound = {"shell": "true", "connection_bound": True}
    job = client.submit(on=black_hole, connect_timeout="1h", **bound)
    late = client.submit(on=black_hole, connect_timeout="0.5s", **bound)
    deadline = time.monotonic() + 60
    while client.get(job.id).nodes[0].phase != "connecting":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    job = client.cancel(job.id, wait_stopped="60s")
    late = over(client, late)

    assert ("cancelled", True, None) == (job.status, job.is_settled, job.nodes[0].started_at)
    assert "ConnectTimeout: connection timed out after 0.5s" == late.nodes[0].error

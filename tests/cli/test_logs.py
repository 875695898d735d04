"""`outlast job logs`: what was printed, from any place on, while it is being printed."""

from __future__ import annotations

import os
import signal
import time

import pytest

from ..world import eventually
from .conftest import Cli

pytestmark = pytest.mark.slow  # what is printed is the same under any Python


def test_each_stream_goes_to_its_own(cli: Cli) -> None:
    """Raw, and only the one that is asked for."""
    job_id = cli.ended("--shell", r"printf 'a\0\377'; printf 'e\n' >&2")

    assert (0, b"a\0\xff", b"e\n") == cli("job", "logs", job_id)
    assert (0, b"a\0\xff", b"") == cli("job", "logs", "--stream", "stdout", job_id)
    assert (0, b"", b"e\n") == cli("job", "logs", "--stream", "stderr", job_id)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--since-byte", "0"), b"one\ntwo\nthree"),
        (("--since-byte", "4"), b"two\nthree"),
        (("--since-byte", "99"), b""),
        (("--tail", "0"), b""),
        (("--tail", "1"), b"three"),
        (("--tail", "2"), b"two\nthree"),
        (("--tail", "99"), b"one\ntwo\nthree"),
    ],
)
def test_it_begins_where_it_is_told(cli: Cli, arguments: tuple[str, ...], expected: bytes) -> None:
    """At a byte, or so many lines before the end."""
    job_id = cli.ended("--", "printf", r"one\ntwo\nthree")

    assert (0, expected, b"") == cli("job", "logs", *arguments, job_id)


def test_the_tail_of_much_is_found(cli: Cli) -> None:
    """Lines that are longer than what is read at once, and a last one with its break."""
    job_id = cli.ended(
        "--shell", "for i in 1 2 3; do head -c 100000 /dev/zero | tr '\\0' $i; echo; done"
    )

    assert b"3" * 100000 + b"\n" == cli("job", "logs", "--tail", "1", job_id).out
    assert (
        b"2" * 100000 + b"\n" + b"3" * 100000 + b"\n"
        == cli("job", "logs", "--tail", "2", job_id).out
    )


def test_all_of_much_is_given(cli: Cli) -> None:
    """Also without following: whoever looks at what there is gets all of it."""
    job_id = cli.ended("--shell", "head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2")

    result = cli("job", "logs", job_id)

    assert (0, 20_000_000, 20_000_000) == (result.code, len(result.out), len(result.err))


def test_a_piece_as_json_says_where_the_next_begins(cli: Cli) -> None:
    """For callers that read on from there."""
    job_id = cli.ended("--", "printf", "hello")
    piece = cli("job", "logs", "--json", "--since-byte", "2", job_id).data

    assert ("llo", 2, 5, True) == (
        piece["text"],
        piece["offset"],
        piece["next_offset"],
        piece["terminal"],
    )


def test_following_ends_with_the_job(cli: Cli) -> None:
    """All of it, as it comes, and no longer than there is something to come."""
    job_id = cli.submit("--shell", "for i in 1 2 3; do echo $i; sleep 0.2; done")
    done = cli("job", "logs", "--follow", job_id)

    assert (0, b"1\n2\n3\n") == done[:2]
    assert cli("job", "status", job_id).data["terminal"]


def test_a_job_that_waits_for_its_turn_can_be_followed(cli: Cli) -> None:
    """From before it has an output to follow."""
    cli.env["OUTLAST_MAX_RUNNING"] = "1"
    first = cli.running("--", "sleep", "60")
    job_id = cli.submit("--", "echo", "at last")
    process = cli.start("job", "logs", "--follow", job_id)
    time.sleep(0.3)
    cli("job", "cancel", "--grace", "0", first)
    out, _ = process.communicate(timeout=60)

    assert (0, b"at last\n") == (process.returncode, out)


def test_following_outlives_the_supervisor(cli: Cli) -> None:
    """kill -9 of it in the middle: not a byte is lost, and the end is still told."""
    job_id = cli.running("--shell", "for i in 1 2 3 4 5 6; do echo $i; sleep 0.3; done")
    process = cli.start("job", "logs", "--follow", job_id)
    time.sleep(0.4)
    os.kill(cli.supervisor(), signal.SIGKILL)
    out, _ = process.communicate(timeout=60)

    assert (0, b"1\n2\n3\n4\n5\n6\n") == (process.returncode, out)
    assert "complete" == cli("job", "status", job_id).data["status"]


def test_following_sleeps_while_nothing_comes(cli: Cli) -> None:
    """It is woken and does not look: a second of silence costs next to no processor time."""
    job_id = cli.running("--shell", "echo begun; sleep 60")
    process = cli.start("job", "logs", "--follow", job_id)
    assert process.stdout is not None
    process.stdout.readline()

    # On a busy machine it may still be about to sleep.
    assert eventually(lambda: ticks_in_a_second(process.pid) <= 1)


def ticks_in_a_second(pid: int) -> int:
    before = ticks_of(pid)
    time.sleep(1.0)
    return ticks_of(pid) - before


def ticks_of(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.slow
def test_following_keeps_up_with_much(cli: Cli) -> None:
    """600 MB that come as fast as they are written are given whole, with nothing between."""
    line = "head -c 600000000 /dev/zero | tr '\\0' x"
    job_id = cli.submit("--shell", line)
    process = cli.start("job", "logs", "--follow", job_id)
    assert process.stdout is not None
    size, others = 0, 0
    while data := process.stdout.read(1 << 20):
        size += len(data)
        others += len(data) - data.count(b"x")
    job = cli.settled(job_id)

    assert (0, 600_000_000, 0) == (process.wait(60), size, others)
    assert "complete" == job["status"]


def test_what_was_discarded_is_passed_over(cli: Cli) -> None:
    """With --on-output-limit discard the beginning goes; what is kept is told without a hole."""
    line = "i=0; while [ $i -lt 300 ]; do head -c 65536 /dev/zero | tr '\\0' x; i=$((i+1)); sleep 0.002; done; echo end"
    job_id = cli.ended("--output-limit", "1m", "--on-output-limit", "discard", "--shell", line)
    out = cli("job", "logs", job_id).out

    assert out.endswith(b"xend\n")
    assert b"\0" not in out
    assert len(out) < 300 * 65536


TRIES = 'echo x >> tries; n=$(wc -l < tries); echo "try $n"; '
AGAIN = ("--retries", "2", "--retry-delay", "1ms")


def test_each_attempt_has_what_it_printed(cli: Cli) -> None:
    """The last one's where nobody asks; of an attempt that there is not, nothing."""
    job_id = cli.ended(*AGAIN, "--cwd", str(cli.folder), "--shell", TRIES + "[ $n = 3 ]")

    assert b"try 3\n" == cli("job", "logs", job_id).out
    assert b"try 1\n" == cli("job", "logs", "--attempt", "1", job_id).out
    assert b"try 2\n" == cli("job", "logs", "--attempt", "2", "--tail", "1", job_id).out
    assert "try 1\n" == cli("job", "logs", "--attempt", "1", "--json", job_id).data["text"]
    assert "has no attempt 4: it has 1 to 3" in cli("job", "logs", "--attempt", "4", job_id).talk
    assert 2 == cli("job", "logs", "--attempt", "4", "--follow", job_id).code


def test_following_goes_on_to_the_next_attempt(cli: Cli) -> None:
    """All of each, one after the other; from the first on, however late one comes."""
    job_id = cli.submit(
        *AGAIN,
        "--cwd",
        str(cli.folder),
        "--shell",
        TRIES + "until [ -e go ]; do sleep 0.02; done; [ $n = 3 ]",
    )
    process = cli.start("job", "logs", "--follow", job_id)
    assert process.stdout is not None
    assert b"try 1\n" == process.stdout.readline()
    (cli.folder / "go").touch()
    out, _ = process.communicate(timeout=60)

    assert (0, b"try 2\ntry 3\n") == (process.returncode, out)
    assert b"try 1\ntry 2\ntry 3\n" == cli("job", "logs", "--follow", job_id).out
    assert (
        b"2\ntry 3\n"
        == cli("job", "logs", "--follow", "--attempt", "2", "--since-byte", "4", job_id).out
    )
    assert b"try 3\n" == cli("job", "logs", "--follow", "--tail", "1", job_id).out

"""`outlast run`: the command's output is ours, byte for byte, and its fate is our exit code."""

from __future__ import annotations

import os
import signal
import time

from .conftest import Cli


def test_output_passes_through_byte_for_byte(cli: Cli) -> None:
    """Each stream as it came, binary and without a last line break."""
    line = r"printf 'a\0\377\r\n\033[0mb'; printf 'e\0r' >&2; exit 5"
    done = cli("run", "--shell", line)

    assert (4, b"a\0\xff\r\n\x1b[0mb") == done[:2]
    assert b"\ne\0routlast: " in done.err


def test_the_first_line_names_the_job_at_once(cli: Cli) -> None:
    """Before the command has printed anything: it is what survives a kill of the caller."""
    process = cli.start("run", "--", "sleep", "60")
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    process.kill()
    job_id = cli("job", "list", "--output", "id").text.strip()

    assert line.startswith(f"outlast: {job_id} ")
    assert "job status" in line
    assert not cli("job", "status", job_id).data["terminal"]


def test_ending_the_caller_ends_no_job(cli: Cli) -> None:
    """SIGTERM, SIGHUP, SIGKILL, to it or to its whole process group."""
    for signum in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
        process = cli.start("run", "--", "sleep", "60")
        assert process.stderr is not None
        job_id = process.stderr.readline().decode().split()[1]
        os.killpg(process.pid, signum)
        process.wait(60)
        assert not cli("job", "status", job_id).data["terminal"]


def test_when_the_wait_ends_the_job_goes_on(cli: Cli) -> None:
    """3, how to ask again, and from which byte to read on."""
    line = "echo first; until [ -e go ]; do sleep 0.05; done; echo second"
    cli.ended("--", "true")  # a supervisor's start is no part of the wait
    done = cli("run", "--wait", "4s", "--shell", line)
    (cli.folder / "go").touch()
    job_id = cli("job", "list", "--limit", "1", "--output", "id").text.strip()
    rest = cli("job", "logs", "--follow", "--since-byte", "6", job_id)

    assert (3, b"first\n") == done[:2]
    assert f"job status --home {cli.home} {job_id}" in done.talk
    assert f"job logs --follow --since-byte 6 --home {cli.home} {job_id}" in done.talk
    assert (0, b"second\n") == rest[:2]


def test_an_interrupt_detaches(cli: Cli) -> None:
    """Ctrl-C, where there is no terminal: 3 at once, and the job goes on."""
    process = cli.start("run", "--", "sleep", "60")
    assert process.stderr is not None
    job_id = process.stderr.readline().decode().split()[1]
    os.kill(process.pid, signal.SIGINT)
    _, talk = process.communicate(timeout=60)

    assert (3, True) == (process.returncode, f"detached: {job_id} goes on".encode() in talk)
    assert not cli("job", "status", job_id).data["terminal"]


def test_an_envelope_comes_only_when_asked_for(cli: Cli) -> None:
    """--json: stdout is the envelope alone, with the output's end in it."""
    cli.env["OUTLAST_OUTPUT"] = "json"
    raw = cli("run", "--", "echo", "hi")
    asked = cli("run", "--json", "--", "echo", "hi")

    assert b"hi\n" == raw.out
    assert ("complete", "hi\n") == (asked.data["status"], asked.data["result"]["stdout"])


def test_what_children_print_after_the_end_is_shown(cli: Cli) -> None:
    """Until the last process is gone; with --leftovers wait that is theirs to decide."""
    line = "(sleep 0.7; echo late) & echo early"
    done = cli("run", "--leftovers", "wait", "--shell", line)

    assert (0, b"early\nlate\n") == done[:2]
    assert "outlived" not in done.talk


def test_leftovers_are_not_waited_for(cli: Cli) -> None:
    """By default they are stopped, that is said, and the call returns."""
    begun = time.monotonic()
    done = cli("run", "--grace", "0", "--shell", "sleep 300 & echo done")

    assert (0, b"done\n") == done[:2]
    assert "); 1 background process outlived the command, and is gone\n" in done.talk
    assert time.monotonic() - begun < 200


def test_a_cancel_of_what_has_ended_ends_what_it_left(cli: Cli) -> None:
    """That is said; and once nothing is left, that nothing was."""
    job_id = cli.submit("--leftovers", "wait", "--grace", "0", "--shell", "sleep 1000 & exit 0")
    assert 0 == cli("job", "wait", job_id).code
    ended = cli("job", "cancel", "--text", "--wait-stopped", "60s", job_id)
    again = cli("job", "cancel", "--text", job_id)

    assert f"{job_id} is complete: what it left running was ended\n" == ended.text
    assert f"{job_id} is complete: nothing was left to cancel\n" == again.text


def test_stdin_is_passed_on(cli: Cli) -> None:
    """From a file, or our own by -."""
    (cli.folder / "input").write_bytes(b"from a file\0\n")

    assert b"from us\xff" == cli("run", "--stdin", "-", "--", "cat", stdin=b"from us\xff").out
    assert b"from a file\0\n" == cli("run", "--stdin", "input", "--", "cat").out
    assert b"" == cli("run", "--", "cat", stdin=b"not for it").out


def test_every_key_of_the_spec_is_an_option(cli: Cli) -> None:
    """What is asked for is what runs."""
    (cli.folder / "sub").mkdir()
    cli.env |= {"PASSWORD": "hunter2", "OUTER": "kept"}
    line = 'echo "$PWD $A $B $SECRET $OUTER"'
    done = cli(
        *(
            "run",
            "--name",
            "n",
            "--label",
            "k=v",
            "--label",
            "l=w",
            "--env",
            "A=1",
            "--env",
            "B=x=y",
        ),
        *("--secret-env", "SECRET=env:PASSWORD", "--cwd", "sub", "--timeout", "1h"),
        *("--idle-timeout", "30m", "--queue-timeout", "2h", "--grace", "3", "--retention", "2d"),
        *("--output-limit", "1m", "--on-output-limit", "discard", "--leftovers", "wait"),
        *("--key", "once", "--shell", line),
    )
    job = cli("job", "list").data["items"][0]

    assert f"{cli.folder}/sub 1 x=y hunter2 kept\n" == done.text
    assert ("n", {"k": "v", "l": "w"}, 3_600_000) == (
        job["name"],
        job["labels"],
        job["timeout_ms"],
    )
    assert "hunter2" not in cli("job", "status", job["job_id"]).text.replace(done.text[:-1], "")


def test_a_clean_environment_is_clean(cli: Cli) -> None:
    """--clean-env passes on what a command needs to find its way, and nothing else."""
    cli.env["OUTER"] = "kept"
    done = cli("run", "--clean-env", "--", "env")

    assert "OUTER" not in done.text
    assert "\nPATH=" in f"\n{done.text}"


def test_a_script_runs_as_it_is_now(cli: Cli) -> None:
    """By its #! line, or by a runtime, from a file or from stdin."""
    (cli.folder / "script").write_text("#!/bin/sh\necho by its line\n")

    assert b"by its line\n" == cli("run", "--script", "script").out
    by_runtime = cli("run", "--script", "-", "--runtime", "sh", stdin=b"echo by a runtime\n")
    assert b"by a runtime\n" == by_runtime.out


def test_ten_thousand_lines_a_second_arrive_whole(cli: Cli) -> None:
    """Many small writes to both streams, in order."""
    line = "i=0; while [ $i -lt 20000 ]; do echo $i; echo $i >&2; i=$((i+1)); done"
    done = cli("run", "--shell", line)
    numbers = "".join(f"{i}\n" for i in range(20000))

    assert numbers == done.text
    assert done.talk.partition("\n")[2] == numbers

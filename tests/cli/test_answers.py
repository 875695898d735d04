"""What an answer looks like: one line of JSON for programs, text for people, never both."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess

import pytest

from .conftest import PROGRAM, Cli

DESCRIPTOR = (
    "job_id",
    "status",
    "terminal",
    "status_command",
    "cancel_command",
    "poll_interval_ms",
    "timeout_ms",
    "started_at",
)


def test_submit_prints_the_descriptor(cli: Cli) -> None:
    """All that a caller needs to come back, in one envelope with all of its keys."""
    done = cli("submit", "--timeout", "10m", "--", "sleep", "60")
    envelope = done.envelope

    assert ["ok", "data", "error", "warnings", "meta"] == list(envelope)
    assert (True, None, []) == (envelope["ok"], envelope["error"], envelope["warnings"])
    assert ["schema_version", "request_id", "duration_ms"] == list(envelope["meta"])
    assert not set(DESCRIPTOR) - set(done.data)
    assert (False, 600_000) == (done.data["terminal"], done.data["timeout_ms"])
    assert b"" == done.err


def test_the_whole_answer_for_true_is_small(cli: Cli) -> None:
    """At most 1.5 KiB in the default home, so that a model can afford to read it."""
    default = cli.home.parent / "state"
    cli.env = {"XDG_STATE_HOME": str(default), "PATH": PROGRAM.removesuffix("/outlast") + ":/bin"}
    cli.env["OUTLAST_HOME"] = ""
    try:
        job_id = cli.ended("--", "true")
        done = cli("job", "status", job_id)
    finally:
        cli("supervisor", "stop")

    assert f"outlast job status {job_id}" == done.data["status_command"]
    assert len(done.out) <= 1536
    assert 0 == done.code


def test_the_commands_in_an_answer_run_as_they_stand(cli: Cli) -> None:
    """From any directory, by a shell or split at white space, with the home in them."""
    data = cli("submit", "--", "true").data
    cli.settled(data["job_id"])
    env = cli.environment()
    del env["OUTLAST_HOME"]
    for name in ("status_command", "result_command", "cancel_command", "logs_command"):
        by_shell = subprocess.run(
            data[name], shell=True, cwd="/", env=env, capture_output=True, check=False
        )
        split = subprocess.run(
            data[name].split(), cwd="/", env=env, capture_output=True, check=False
        )
        assert (0, 0) == (by_shell.returncode, split.returncode), data[name]
        assert f"{name.removesuffix('_command')}_argv" not in data


def test_a_home_with_a_space_in_it_comes_as_a_list_as_well(cli: Cli) -> None:
    """Where splitting at white space would not do, the arguments stand beside the line."""
    cli.env["OUTLAST_HOME"] = str(cli.home.parent / "a home")
    try:
        data = cli("submit", "--", "true").data
        assert shlex.split(data["status_command"]) == data["status_argv"]
        cli.settled(data["job_id"])
        asked = subprocess.run(data["result_argv"], capture_output=True, check=False)
        assert 0 == asked.returncode
    finally:
        cli("supervisor", "stop")


@pytest.mark.parametrize(
    ("arguments", "variable", "is_json"),
    [
        pytest.param((), None, True, id="no terminal"),
        pytest.param(("--text",), None, False, id="text asked for"),
        pytest.param((), "text", False, id="text by variable"),
        pytest.param(("--json",), "text", True, id="an argument beats the variable"),
        pytest.param((), "json", True, id="json by variable"),
    ],
)
def test_how_it_is_told_is_for_the_caller_to_say(
    cli: Cli, arguments: tuple[str, ...], variable: str | None, is_json: bool
) -> None:
    """Arguments, then OUTLAST_OUTPUT, then whether stdout is a terminal."""
    if variable is not None:
        cli.env["OUTLAST_OUTPUT"] = variable
    listed = cli("job", "list", *arguments)
    unknown = cli("job", "status", *arguments, "job_nope")

    assert is_json == listed.text.startswith("{")
    assert is_json == unknown.text.startswith("{")
    assert is_json == (unknown.err == b"")


def test_home_is_taken_before_the_verb_and_after_it(cli: Cli) -> None:
    """At each place; the last one counts."""
    job_id, home = cli.ended("--", "true"), str(cli.home)
    cli.env["OUTLAST_HOME"] = str(cli.home.parent / "elsewhere")

    assert 5 == cli("job", "status", job_id).code
    assert 0 == cli("--home", home, "job", "status", job_id).code
    assert 0 == cli("job", "--home", home, "status", job_id).code
    assert 0 == cli("job", "status", job_id, "--home", home).code
    assert 0 == cli("--home", "/nonexistent", "job", "status", "--home", home, job_id).code


def test_a_variable_that_makes_no_sense_is_told(cli: Cli) -> None:
    """All of them at once, as an envelope."""
    cli.env |= {"OUTLAST_MAX_RUNNING": "none", "OUTLAST_IDLE_EXIT": "soon"}
    done = cli("job", "list")
    cli.env.clear()

    assert (2, 2) == (done.code, len(done.error["faults"]))


def test_any_text_survives_the_json(cli: Cli) -> None:
    """Control characters, NULs and bytes that are no UTF-8 come as escapes, on one line."""
    job_id = cli.ended("--shell", r"printf 'a\0b\033[31m\377\n\t\302\205'")
    done = cli("job", "result", job_id)

    assert done.out.isascii()
    assert "a\0b\x1b[31m\ufffd\n\t\x85" == done.data["result"]["stdout"]


def test_a_name_that_is_no_utf8_is_refused_in_clean_json(cli: Cli) -> None:
    """What cannot be run is told, and the telling can be read."""
    done = cli("submit", "--", b"\xff\xfe")
    named = cli("job", "status", b"job_\xff")

    assert (2, "invalid_request") == (done.code, done.error["code"])
    assert (5, "not_found") == (named.code, named.error["code"])
    assert (5, b"") == cli("job", "status", "--text", b"job_\xff")[:2]


def test_text_never_steers_a_terminal(cli: Cli) -> None:
    """What a command or its name holds is written out, not obeyed."""
    job_id = cli.submit("--", "printf", "\x1b[2J\u202e")
    shown = cli("job", "status", "--text", job_id).text + cli("job", "list", "--text").text

    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", shown)
    assert r"\x1b[2J" in shown


def test_several_jobs_come_as_items(cli: Cli) -> None:
    """One id gives the job itself, several give a list in the order asked for."""
    first, second = cli.ended("--", "true"), cli.ended("--", "true")

    assert first == cli("job", "status", first).data["job_id"]
    items = cli("job", "status", second, first).data["items"]
    assert [second, first] == [job["job_id"] for job in items]


def test_ids_come_from_stdin(cli: Cli) -> None:
    """`-` reads them, one a line or otherwise apart."""
    first, second = cli.ended("--", "true"), cli.ended("--", "false")
    listed = cli("job", "list", "--output", "id").out
    piped = cli("job", "status", "-", stdin=listed)

    assert [second, first] == [job["job_id"] for job in piped.data["items"]]
    assert 6 == piped.code
    assert 2 == cli("job", "status", "-").code


def test_a_result_as_text_is_what_was_printed(cli: Cli) -> None:
    """stdout on stdout, stderr on stderr, and the fate after it."""
    job_id = cli.ended("--shell", "echo out; echo err >&2; exit 3")
    done = cli("job", "result", "--text", job_id)

    assert (4, b"out\n") == done[:2]
    assert f"err\noutlast: {job_id} is failed: exit code 3\n" == done.talk


def test_submit_as_text_prints_the_id_alone(cli: Cli) -> None:
    """So that a script can keep it: id=$(outlast submit --text ...)."""
    done = cli("submit", "--text", "--", "true")

    assert re.fullmatch(r"job_[0-9A-HJKMNP-TV-Z]{26}\n", done.text)
    assert "job status" in done.talk


def test_a_broken_pipe_is_quiet(cli: Cli) -> None:
    """`outlast job logs ID | head` ends as head does, without a word."""
    job_id = cli.ended("--shell", "yes | head -c 3000000")
    line = f"{PROGRAM} job logs {job_id} | head -n 1"
    shell = shutil.which("bash") or "sh"
    done = subprocess.run(
        [shell, "-c", line], env=cli.environment(), capture_output=True, check=False
    )

    assert (0, b"y\n", b"") == (done.returncode, done.stdout, done.stderr)


def test_json_and_text_of_a_terminals_caller_are_carried_on(cli: Cli) -> None:
    """Where text is the default and --json was asked for, the commands in the answer ask, too."""
    cli.env["OUTLAST_OUTPUT"] = "text"
    data = json.loads(cli("submit", "--json", "--", "true").out)["data"]

    assert f" job status --json --home {cli.home} " in data["status_command"]

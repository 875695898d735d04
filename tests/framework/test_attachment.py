"""Programs that `attach` was given: what they print, how they end, and what they take."""

from __future__ import annotations

import functools
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import click.testing
import pytest
import typer
import typer.testing

from outlast.framework import AsyncJob, attach
from outlast.framework.attachment import returns_a_job

from .conftest import Program, ask, ended

DESCRIPTOR = [
    *("job_id", "status", "terminal", "status_command", "cancel_command"),
    *("poll_interval_ms", "timeout_ms", "started_at"),
]

HEAD = """
from __future__ import annotations
import click
from outlast.framework import AsyncJob, attach

def work(*args):
    print("worked", *args)
    return list(args)

@click.group()
def app():
    pass
"""

TAIL = """
if __name__ == "__main__":
    app()
"""


def test_a_start_is_answered_at_once_and_to_the_letter(example: Program) -> None:
    """`{"ok": true, "data": {...}}` with eight fields, and exit code 0, while the job goes on."""
    done = example("deploy", "staging", "--seconds", "60")

    assert sorted(DESCRIPTOR) == sorted(done.data)
    assert (0, "", True) == (done.code, done.err, done.envelope["ok"])
    assert ("queued", False, 600_000) == tuple(
        done.data[name] for name in ("status", "terminal", "timeout_ms")
    )
    cancel = ("job", "cancel", "--grace", "0", "--wait-stopped", "60s")
    assert 0 == example(*cancel, done.data["job_id"]).code


def test_the_commands_in_an_answer_are_the_tools_own(example: Program) -> None:
    """They lead back from any directory, with nothing in the environment, split at white space."""
    job = example("deploy", "staging", "--seconds", "0.2").data
    line = job["status_command"]
    assert line.startswith(shlex.join(example.argv) + " job status ")
    while not (seen := ask(line.split())).data["terminal"]:
        assert 3 == seen.code

    assert (0, "complete", "staging") == (
        seen.code,
        seen.data["status"],
        seen.data["result"]["value"]["env"],
    )
    cancelled = ask(job["cancel_command"].split())
    assert (0, False, "complete") == (
        cancelled.code,
        cancelled.data["cancelled"],
        cancelled.data["status"],
    )


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (("deploy", "staging", "--seconds", "0.1", "--wait", "50s"), 0, "complete"),
        (("deploy", "nowhere", "--seconds", "0.1", "--wait", "none"), 4, "failed"),
        (("deploy", "staging", "--seconds", "60", "--wait", "0.1s"), 3, None),
        (("deploy", "staging", "--wait", "soon"), 2, None),
        (("deploy",), 2, None),
    ],
)
def test_a_wait_ends_with_the_jobs_fate(
    example: Program, arguments: tuple[str, ...], code: int, status: str | None
) -> None:
    """0 complete, 3 still running, 4 failed; 2 is wrong usage, and starts nothing."""
    done = example(*arguments)
    if code == 3:
        example("job", "cancel", "--grace", "0", "--wait-stopped", "60s", done.data["job_id"])
    if code == 2:
        assert [] == example("job", "list").data["items"]

    assert code == done.code
    assert status is None or status == done.data["status"]


def test_every_fate_of_a_job_has_its_code(script: Callable[..., Program]) -> None:
    """Timed out 7, cancelled 8, and what is not there 5, of `job status` as of `--wait`."""
    tool = script(
        HEAD
        + """
@app.command()
def slow() -> AsyncJob:
    return AsyncJob.command(["sleep", "60"], timeout="100ms", grace="0s")
@app.command()
def ever() -> AsyncJob:
    return AsyncJob.command(["sleep", "60"], grace="0s")
attach(app)
"""
        + TAIL
    )
    timed_out = tool("slow", "--wait", "50s")
    cancelled = tool("ever").data["job_id"]
    tool("job", "cancel", "--wait-stopped", "60s", cancelled)

    assert (7, "timeout") == (timed_out.code, timed_out.data["reason"])
    assert 7 == tool("job", "status", timed_out.data["job_id"]).code
    assert 8 == tool("job", "status", cancelled).code
    missing = tool("job", "status", "job_00000000000000000000000000")
    assert (5, "not_found") == (missing.code, missing.error["code"])


def test_a_key_finds_the_job_of_then(example: Program) -> None:
    """The same key is the same job; with other arguments it is refused."""
    first = example("deploy", "staging", "--seconds", "0.1", "--key", "k")
    again = example("deploy", "staging", "--seconds", "0.1", "--key", "k", "--wait", "50s")
    other = example("deploy", "production", "--seconds", "0.1", "--key", "k")

    assert first.data["job_id"] == again.data["job_id"]
    assert (2, "conflict") == (other.code, other.error["code"])


def test_a_tool_lists_its_own_jobs_and_outlast_all(script: Callable[..., Program]) -> None:
    """They are in one store; a label tells whose they are, and a key is the tool's own."""
    body = (
        HEAD
        + "@app.command()\ndef go() -> AsyncJob:\n    return AsyncJob(work)\nattach(app)"
        + TAIL
    )
    one, two = script(body, "one.py"), script(body, "two.py")
    ours = one("go", "--key", "k", "--wait", "50s").data
    theirs = two("go", "--key", "k", "--wait", "50s").data
    everything = Program(sys.executable, "-m", "outlast", cwd=one.cwd)

    assert [ours["job_id"]] == [job["job_id"] for job in one("job", "list").data["items"]]
    assert {"outlast.tool": "two"} == theirs["labels"]
    assert {ours["job_id"], theirs["job_id"]} == {
        job["job_id"] for job in everything("job", "list").data["items"]
    }


def test_groups_below_are_served_too(script: Callable[..., Program]) -> None:
    """A command in a group, one that is added later, and one that says nothing of what it returns."""
    tool = script(
        HEAD
        + """
@app.group()
def db(): pass
@db.command()
@click.argument("name")
def migrate(name: str) -> AsyncJob | None:
    return AsyncJob(work, name) if name != "nothing" else None
attach(app)
@app.command()
def late() -> "AsyncJob":
    return AsyncJob(work, "late")
@app.command()
def mute():
    return AsyncJob(work, "mute")
@app.command()
def plain() -> int:
    click.echo("plain")
"""
        + TAIL
    )
    assert ["m"] == tool("db", "migrate", "m", "--wait", "50s").data["result"]["value"]
    assert (0, "") == tool("db", "migrate", "nothing")[:2]
    assert ["late"] == tool("late", "--wait", "50s").data["result"]["value"]
    assert ["mute"] == ended(tool, tool("mute").data["job_id"])["result"]["value"]
    assert "--wait" not in tool("mute", "--help").out
    assert (0, "plain\n") == tool("plain")[:2]


def test_a_group_inside_of_a_program_can_be_attached(script: Callable[..., Program]) -> None:
    """Then its `job` is below it, and the commands in its answers say so."""
    tool = script(
        HEAD
        + """
@app.group()
def cloud(): pass
@cloud.command()
def up() -> AsyncJob:
    return AsyncJob(work)
attach(cloud)
"""
        + TAIL
    )
    job = tool("cloud", "up").data

    assert shlex.join(tool.argv) + " cloud job status " in job["status_command"]
    assert ask(shlex.split(job["status_command"])).code in (0, 3)
    ended_job = tool("cloud", "job", "wait", job["job_id"]).data
    assert "complete" == ended_job["status"]


def test_the_authors_own_option_stays(script: Callable[..., Program]) -> None:
    """A command that has an option of one of our names keeps it."""
    tool = script(
        HEAD
        + """
@app.command()
@click.option("--json", "body")
def post(body: str) -> AsyncJob:
    return AsyncJob(work, body)
attach(app)
"""
        + TAIL
    )
    assert ["{}"] == tool("post", "--json", "{}", "--wait", "50s").data["result"]["value"]


def test_a_wrong_call_is_told_in_an_envelope(script: Callable[..., Program]) -> None:
    """To a program; a person reads what the parser says."""
    tool = script(
        HEAD
        + """
@app.command()
@click.argument("env")
def deploy(env: str) -> AsyncJob:
    return AsyncJob(work, env)
attach(app)
"""
        + TAIL
    )
    done = tool("deploy", "x", "--nope")
    assert (2, "invalid_request", "No such option '--nope'.", "See: tool.py deploy --help") == (
        done.code,
        *(done.error[name] for name in ("code", "message", "suggestion")),
    )
    tool.env["OUTLAST_OUTPUT"] = "text"
    spoken = tool("deploy")
    assert (2, "") == (spoken.code, spoken.out)
    assert "Missing argument 'ENV'." in spoken.err
    assert "Missing argument 'ENV'." == tool("deploy", "--json").error["message"]


def test_a_refused_job_is_told_in_an_envelope(script: Callable[..., Program]) -> None:
    """What cannot run is no traceback: exit code 2, and what would be right."""
    tool = script(
        HEAD
        + """
@app.command()
def deploy() -> AsyncJob:
    return AsyncJob(lambda: 1)
@app.command()
def missing() -> AsyncJob:
    return AsyncJob.command(["no-such-program"])
attach(app)
"""
        + TAIL
    )
    for name, words in {"deploy": "a lambda cannot run", "missing": "there is no program"}.items():
        done = tool(name)
        assert (2, "invalid_request") == (done.code, done.error["code"])
        assert done.error["message"].startswith(words)


@pytest.mark.parametrize("closed", ["<&-", "2>&-", ">&-", "<&- >&- 2>&-"])
def test_a_stream_that_the_caller_closed_changes_nothing(
    script: Callable[..., Program], closed: str
) -> None:
    """What would go there goes nowhere; the job is started and waited for all the same."""
    tool = script(
        HEAD
        + """
@app.command()
def deploy() -> AsyncJob:
    return AsyncJob(work)
attach(app)
"""
        + TAIL
    )
    shell = Program("sh", "-c", f'exec "$@" {closed}', "sh", *tool.argv, cwd=tool.cwd)
    done = shell("deploy", "--wait", "50s", "--json")

    assert (0, ">&-" in closed.split()) == (done.code, not done.out), done
    assert ["complete"] == [job["status"] for job in tool("job", "list").data["items"]]
    assert 5 == shell("job", "status", "nope").code


@pytest.mark.parametrize("kind", ["click", "typer"])
def test_an_async_command_is_refused(script: Callable[..., Program], kind: str) -> None:
    """Nothing would await it: no job, and an exit code of 0, would be a lie."""
    group = {"click": "click.Group()", "typer": "typer.Typer()\napp.callback()(lambda: None)"}
    tool = script(
        f"import {kind}\nfrom outlast.framework import AsyncJob, attach\napp = {group[kind]}\n"
        "@app.command()\n"
        "async def deploy() -> AsyncJob: return AsyncJob.command(['true'])\n"
        "attach(app)\n"
        "app()\n"
    )
    done = tool("deploy")

    assert (2, "invalid_request") == (done.code, done.error["code"])
    assert done.error["message"].startswith("deploy is async")
    assert "" == done.err


def test_a_folder_that_is_a_program_is_called_by_its_own_name(
    script: Callable[..., Program],
) -> None:
    """`python FOLDER` runs its `__main__.py`, and is what the answer's commands run again."""
    tool = script(
        HEAD
        + """
@app.command()
def deploy() -> AsyncJob:
    return AsyncJob(work)
attach(app)
"""
        + TAIL,
        "__main__.py",
    )
    folder = Program(sys.executable, "there", cwd=tool.cwd)
    line = folder("deploy", "--wait", "50s").data["status_command"]

    assert line.startswith(shlex.join([sys.executable, str(tool.cwd / "there")]) + " job status ")
    assert 0 == ask(shlex.split(line)).code


def test_whoever_waits_has_the_id_at_once(example: Program) -> None:
    """On stderr, before the waiting: it survives a kill of the caller."""
    done = example("deploy", "staging", "--seconds", "0.1", "--wait", "50s")
    line = done.err.splitlines()[0]

    assert f"{done.data['job_id']} is yours to ask for at any time: " in line
    assert line.endswith(done.data["status_command"])


@pytest.mark.parametrize("kind", ["click", "typer"])
def test_an_author_tests_a_tool_as_ever(home: Path, kind: str) -> None:
    """By the runner of the framework it is written with, in the same process."""
    if kind == "click":
        runner: Any = click.testing.CliRunner()
        app: Any = click.Group()
    else:
        runner, app = typer.testing.CliRunner(), typer.Typer()

    @app.command("go")
    def go() -> AsyncJob:
        return AsyncJob.command(["true"])

    attach(app, name="mine")
    done = runner.invoke(app, ["go", "--wait", "50s"])
    job = json.loads(done.stdout)["data"]
    listed = runner.invoke(app, ["job", "list"])

    assert (0, "complete", {"outlast.tool": "mine"}) == (
        done.exit_code,
        job["status"],
        job["labels"],
    )
    assert [job["job_id"]] == [
        each["job_id"] for each in json.loads(listed.stdout)["data"]["items"]
    ]
    missing = runner.invoke(app, ["job", "status", "job_00000000000000000000000000"])
    assert 5 == missing.exit_code


@pytest.mark.parametrize("kind", [click.Group, typer.Typer])
def test_a_command_of_ours_takes_no_others_name(kind: Callable[[], Any]) -> None:
    """One called `job` is a mistake, or a second call; the author's own `manifest` stays."""
    app = kind()

    @app.command("manifest")
    def manifest() -> None: ...

    attach(app)
    with pytest.raises(ValueError, match="has a command called job already"):
        attach(app)


def test_text_is_for_people(example: Program) -> None:
    """Where text is asked for there is one line: the id, how it stands, and how to ask again."""
    example.env["OUTLAST_OUTPUT"] = "text"
    done = example("deploy", "staging", "--seconds", "0.1")
    job_id, _, rest = done.out.partition(" ")

    assert rest.startswith("is queued; ask for it: ")
    assert job_id in example("job", "list").out
    assert done.out.count("\n") == 1
    assert example("deploy", "staging", "--json", "--key", "k").envelope["ok"]
    listed = example("job", "list", "--json").data["items"]
    for job in listed:
        example("job", "cancel", "--grace", "0", "--wait-stopped", "60s", job["job_id"])


def test_help_speaks_of_the_tool(example: Program) -> None:
    """`job --help` has the six verbs, with examples in the tool's own name."""
    told = example("job", "--help")
    assert 0 == told.code
    name = example.argv[-1].rpartition("/")[2].removesuffix(".py")

    assert f"{name} job status ID" in told.out
    assert "outlast job" not in told.out
    for verb in ("status", "wait", "result", "logs", "cancel", "list"):
        assert f"\n  {verb} " in told.out
        assert 0 == example("job", verb, "--help").code
    assert (2, f"See: {name} job --help") == (
        example("job", "delete").code,
        example("job", "delete").error["suggestion"],
    )


# What a function says of itself ---------------------------------------------------------------


def plainly() -> AsyncJob: ...


def perhaps() -> AsyncJob | None: ...


def unknown() -> "AsyncJob | NoSuchName": ...  # type: ignore[name-defined]  # noqa: F821, UP037 - that is the point


def silent(): ...  # type: ignore[no-untyped-def]  # that is the point


def other() -> int: ...


@functools.wraps(plainly)
def wrapped(*args: Any) -> Any: ...


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (plainly, True),
        (perhaps, True),
        (unknown, True),
        pytest.param(wrapped, True, id="wrapped"),
        (silent, False),
        (other, False),
        (None, False),
    ],
)
def test_a_function_says_what_it_returns(function: Any, expected: bool) -> None:
    """By its annotation, as text or not, alone or as one of two, behind decorators, too."""
    assert expected == returns_a_job(function)


def test_only_programs_are_attached() -> None:
    """What is neither Click's group nor a Typer is refused."""
    with pytest.raises(TypeError, match=r"takes a click.Group or a typer.Typer, not <function"):
        attach(plainly)

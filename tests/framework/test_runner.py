"""A function in its own process: what it finds there, and what is known of its end."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..world import PATIENCE_S, eventually
from .conftest import Program, ended

HEAD = """
import os, signal, sys, time
import click
from outlast.framework import AsyncJob, attach, progress

@click.group()
def app():
    pass

def command(function, **spec):
    @app.command(function.__name__)
    @click.argument("words", nargs=-1)
    def start(words) -> AsyncJob:
        return AsyncJob(function, *words, **spec)

"""

TAIL = """
attach(app)
if __name__ == "__main__":
    app()
"""


@pytest.fixture
def run(script: Callable[..., Program]) -> Callable[..., Any]:
    """Runs a function's body as a job, and returns the job once it has ended."""

    def call(body: str, *words: str, options: str = "") -> Any:
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        tool = script(f"{HEAD}def work(*words):\n{lines}\n\ncommand(work{options})\n{TAIL}")
        return tool("work", *words, "--wait", "50s").data

    return call


def test_people_see_what_it_returned(home: Path, script: Callable[..., Program]) -> None:
    """`job result` as text: what it printed, then its value, on stdout; its fate on stderr."""
    tool = script(
        f"{HEAD}def work():\n    print('copied')\n    return {{'hosts': 3}}\n\ncommand(work)\n{TAIL}"
    )
    job_id = tool("work", "--wait", "50s").data["job_id"]
    done = tool("job", "result", "--text", job_id)

    assert 'copied\n{"hosts": 3}\n' == done.out


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return {'words': words}", {"words": ["a", "ü \ud83d\ude80"]}),
        ("return [1, 2.5, None, True, 'x']", [1, 2.5, None, True, "x"]),
        ("return 0", 0),
        ("pass", None),
        ("sys.exit(0)", None),
    ],
)
def test_what_it_returns_is_the_jobs_value(
    run: Callable[..., Any], body: str, expected: Any
) -> None:
    """As JSON gives it back: a tuple is a list."""
    job = run(body, "a", "ü \U0001f680")

    assert ("complete", None, 0) == (job["status"], job["reason"], job["exit_code"])
    if isinstance(expected, dict):
        expected = {"words": ["a", "ü \U0001f680"]}
    assert expected == job["result"]["value"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("raise ValueError('no such environment: prod')", "ValueError: no such environment: prod"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import json; json.loads('{')", "json.decoder.JSONDecodeError: Expecting property name"),
        ("raise type('Odd', (Exception,), {})('x')", "Odd: x"),
        ("return {1, 2}", "TypeError: the return value is not JSON: Object of type set"),
        ("return float('nan')", "TypeError: the return value is not JSON: "),
        ("return 'x' * (1 << 20)", "ValueError: the return value is 1,048,578 bytes of JSON"),
        ("raise ValueError('x' * 5000)", "ValueError: xxx"),
    ],
)
def test_what_it_raises_is_how_the_job_failed(
    run: Callable[..., Any], body: str, error: str
) -> None:
    """Reason `exception`, exit code 1, type and message, and no value."""
    job = run(body)

    assert ("failed", "exception", 1) == (job["status"], job["reason"], job["exit_code"])
    assert job["error"].startswith(error)
    assert len(job["error"]) <= 2000
    assert job["result"]["value"] is None


def test_the_traceback_is_in_the_log(run: Callable[..., Any]) -> None:
    """From the function on; of the process around it nothing."""
    lines = run("print('begun')\nraise ValueError('x')")["result"]

    assert "begun\n" == lines["stdout"]
    assert lines["stderr"].startswith('Traceback (most recent call last):\n  File "')
    assert lines["stderr"].endswith("in work\n    raise ValueError('x')\nValueError: x\n")
    assert "runner.py" not in lines["stderr"]


@pytest.mark.parametrize(
    ("body", "reason", "code"),
    [
        ("sys.exit(3)", "exit_nonzero", 3),
        ("sys.exit('words')", "exit_nonzero", 1),
        ("os._exit(9)", "exit_nonzero", 9),
        ("os.kill(os.getpid(), signal.SIGKILL)", "signal", None),
    ],
)
def test_another_end_is_told_as_what_it_was(
    run: Callable[..., Any], body: str, reason: str, code: int | None
) -> None:
    """An exit with a code is the program's own verdict, and a signal is one."""
    job = run(body)

    assert ("failed", reason, code) == (job["status"], job["reason"], job["exit_code"])
    assert job["error"] is None


def test_a_value_counts_only_once_it_is_complete(run: Callable[..., Any]) -> None:
    """A process that is killed after its function has returned has failed, and has no value."""
    job = run("import atexit\natexit.register(os.kill, os.getpid(), 9)\nreturn 1")

    assert ("signal", None) == (job["reason"], job["result"]["value"])


def test_it_runs_where_and_how_its_caller_did(script: Callable[..., Program]) -> None:
    """The same interpreter, its options, its path, the environment and the working directory."""
    tool = script(
        HEAD
        + """
sys.path.insert(0, "relative")
os.environ["ADDED"] = "by the tool"
def work():
    return {"python": sys.executable, "path": sys.path, "cwd": os.getcwd(), "utf8": sys.flags.utf8_mode,
            "optimize": sys.flags.optimize, "added": os.environ["ADDED"], "argv": sys.argv,
            "name": __name__, "file": __file__}
command(work)
"""
        + TAIL
    )
    tool.argv[1:1] = ["-O", "-X", "utf8"]
    found = tool("work", "--wait", "50s").data["result"]["value"]
    path = found.pop("path")

    assert {
        "python": sys.executable,
        "cwd": str(tool.cwd),
        "utf8": 1,
        "optimize": 1,
        "added": "by the tool",
        "argv": [tool.argv[-1]],
        "name": "__outlast_main__",
        "file": tool.argv[-1],
    } == found
    # The script was imported once more, so that its own line came once more as well.
    there = str(Path(tool.argv[-1]).parent)
    assert ["relative", f"{tool.cwd}/relative", there] == path[:3]


def test_a_module_is_imported_by_its_name(home: Path, tmp_path: Path) -> None:
    """`python -m tool` from one directory; from another the answer's command says where it is."""
    package = tmp_path / "tools" / "shipper"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "other.py").write_text("def where(): return __name__\n")
    (package / "__main__.py").write_text(
        "from .other import where\n" + HEAD + "def work():\n    return [__name__, where()]\n"
        "command(work)\ncommand(where)\n" + TAIL
    )
    tool = Program(sys.executable, "-m", "shipper", cwd=package.parent)
    job = ended(tool, tool("work").data["job_id"])
    argv = job["status_command"].split()
    tool.cwd, tool.argv = Path("/"), argv[: argv.index("job")]

    assert ["shipper.__main__", "shipper.other"] == job["result"]["value"]
    assert ["env", f"PYTHONPATH={package.parent}", sys.executable] == argv[:3]
    assert "complete" == tool("job", "status", job["job_id"]).data["status"]
    assert {"outlast.tool": "shipper"} == job["labels"]


def test_output_comes_line_by_line(script: Callable[..., Program]) -> None:
    """What is printed can be read while the function goes on, as can its progress."""
    tool = script(
        HEAD
        + """
def work():
    print("first")
    progress(60, "copying")
    time.sleep(600)
command(work, grace="0s")
"""
        + TAIL
    )
    job_id = tool("work").data["job_id"]
    eventually(lambda: tool("job", "logs", job_id).out == "first\n", "the first line")
    job = eventually(
        lambda: (seen := tool("job", "status", job_id).data)["message"] and seen, "progress"
    )

    assert (60, "copying", "running", False) == tuple(
        job[name] for name in ("progress_pct", "message", "status", "terminal")
    )
    assert 0 == tool("job", "cancel", "--wait-stopped", "60s", job_id).code


CLEANED = (
    HEAD
    + """
def work(*words):
    try:
        print("begun")
        time.sleep(600)
    finally:
        print("finally")

def undo(*words):
    progress(5, "undoing")
    print("undone", *words)
    {more}

command(work, cleanup=undo, {spec})
"""
    + TAIL
)


def logs(tool: Program, job_id: str) -> str:
    """What a job has printed, once nothing of it is left."""
    deadline = time.monotonic() + PATIENCE_S
    while tool("job", "status", job_id).data["stopped_at"] is None:
        assert time.monotonic() < deadline
    return tool("job", "logs", job_id).out


@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_a_cleanup_has_the_grace(script: Callable[..., Program], how: str) -> None:
    """SIGTERM unwinds the function, and the hook is called with its arguments; then it is over."""
    spec = 'timeout="1s", grace="60s"' if how == "timeout" else 'grace="60s"'
    tool = script(CLEANED.format(more="pass", spec=spec))
    job_id = tool("work", "a", "b").data["job_id"]
    eventually(lambda: "begun" in tool("job", "logs", job_id).out, "its begin")
    if how == "cancel":
        assert 0 == tool("job", "cancel", job_id).code

    assert "begun\nfinally\nundone a b\n" == logs(tool, job_id)
    job = tool("job", "status", job_id).data
    reason, code = ("timeout", -1) if how == "timeout" else ("cancelled", None)
    assert (reason, code, "undoing") == (job["reason"], job["exit_code"], job["message"])


def test_a_cleanup_that_takes_too_long_is_killed(script: Callable[..., Program]) -> None:
    """The grace is over when it is over; nothing of the job is left."""
    tool = script(CLEANED.format(more="time.sleep(600)", spec='grace="500ms"'))
    job_id = tool("work").data["job_id"]
    eventually(lambda: "begun" in tool("job", "logs", job_id).out, "its begin")
    tool("job", "cancel", job_id)

    assert "begun\nfinally\nundone\n" == logs(tool, job_id)


def test_a_cleanup_that_raises_is_told(script: Callable[..., Program]) -> None:
    """In the log; the job is cancelled all the same."""
    tool = script(CLEANED.format(more="raise OSError('stuck')", spec='grace="60s"'))
    job_id = tool("work").data["job_id"]
    eventually(lambda: "begun" in tool("job", "logs", job_id).out, "its begin")
    tool("job", "cancel", job_id)
    logs(tool, job_id)
    result = tool("job", "result", "--json", job_id).data

    assert result["result"]["stderr"].endswith("OSError: stuck\n")
    assert ("cancelled", "cancelled") == (result["status"], result["reason"])


def test_a_signal_of_somebody_elses_is_told_as_one(script: Callable[..., Program]) -> None:
    """The hook is called, and the job ends by that signal, which we did not send."""
    text = CLEANED.format(more="pass", spec='grace="60s"')
    tool = script(text.replace('"begun"', "os.getpid()"))
    job_id = tool("work").data["job_id"]
    pid = eventually(lambda: tool("job", "logs", job_id).out, "its begin")
    os.kill(int(pid), signal.SIGTERM)

    assert logs(tool, job_id).endswith("finally\nundone\n")
    node = tool("job", "status", job_id).data["nodes"][0]
    assert ("signal", signal.SIGTERM) == (node["reason"], node["signal"])


def test_an_exception_whose_text_cannot_be_told_is_one_all_the_same(
    run: Callable[..., Any],
) -> None:
    """Its type is known, and so is that the job failed by it."""
    job = run(
        "class Odd(Exception):\n    def __str__(self): raise RuntimeError('no text')\nraise Odd"
    )

    assert ("failed", "exception") == (job["status"], job["reason"])
    assert job["error"].endswith("Odd: <exception str() failed>")


def test_what_is_not_there_any_more_is_an_exception(script: Callable[..., Program]) -> None:
    """The code was changed between the start and the run: told as such, by type and message."""
    tool = script(
        HEAD
        + """
def work():
    pass
command(work)
command(time.time)
"""
        + TAIL
    )
    tool("work", "--wait", "50s")
    job = tool("work").data
    ended(tool, job["job_id"])
    path = Path(tool.argv[-1])
    path.write_text(
        path.read_text().replace("def work", "def labour").replace("(work)", "(labour)")
    )
    again = Program(sys.executable, "-m", "outlast", cwd=tool.cwd)
    failed = ended(again, again("job", "retry", job["job_id"]).data["job_id"])

    assert "exception" == failed["reason"]
    assert f"ImportError: {path} has no work any more" == failed["error"]
    assert 0 < tool("time", "--wait", "50s").data["result"]["value"]
    path.unlink()
    gone = ended(again, again("job", "retry", job["job_id"]).data["job_id"])
    assert f"ImportError: the script {path} is not there any more" == gone["error"]


def test_any_program_may_leave_a_value(home: Path, tmp_path: Path) -> None:
    """A command writes JSON to the file named by OUTLAST_OUTCOME, and reads it as `result.value`."""
    outlast = Program(sys.executable, "-m", "outlast", cwd=tmp_path)
    line = """printf '{"value": {"hosts": 3}}' > "$OUTLAST_OUTCOME" """
    job = outlast("run", "--json", "--wait", "50s", "--shell", line).data

    assert {"hosts": 3} == job["result"]["value"]


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"error": 5}', "\xff", "x" * 2_000_000])
def test_what_is_no_outcome_is_none(home: Path, tmp_path: Path, text: str) -> None:
    """Whatever a command writes there, its job ends as its exit code says."""
    (tmp_path / "outcome").write_text(text, encoding="latin-1")
    outlast = Program(sys.executable, "-m", "outlast", cwd=tmp_path)
    line = 'cp outcome "$OUTLAST_OUTCOME"; exit 1'
    job = outlast("run", "--json", "--wait", "50s", "--shell", line).data

    assert ("exit_nonzero", None, None) == (job["reason"], job["error"], job["result"]["value"])


def test_progress_outside_of_a_job_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it fail where nobody can be told; inside, it appends a line."""
    from outlast.framework import progress

    monkeypatch.delenv("OUTLAST_PROGRESS", raising=False)
    progress(5, "nobody hears")
    monkeypatch.setenv("OUTLAST_PROGRESS", str(tmp_path))
    progress(5, "a directory")
    monkeypatch.setenv("OUTLAST_PROGRESS", str(tmp_path / "progress"))
    progress(5)
    progress(message="x" * 500)

    lines = [json.loads(line) for line in (tmp_path / "progress").read_text().splitlines()]
    assert [{"progress_pct": 5}, {"message": "x" * 200}] == lines

"""`outlast framework check`: what it finds missing in a tool, and the score that this comes to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import SCRIPTS, Done, Program

pytestmark = pytest.mark.slow  # many calls of whole tools

TOOL = '''
"""A tool that was written by hand: each test breaks another part of it."""
import json, os, sys

folder = os.path.dirname(os.path.abspath(__file__))
me = [sys.executable, os.path.abspath(__file__)]
begun = os.path.join(folder, "begun")

def line(verb): return " ".join([*me, "job", verb, "task_0000000001"])

asked = len(open(begun).read()) if os.path.exists(begun) else 0

def running(): return asked < 2

def tell(data, code):
    print(json.dumps({"ok": True, "data": data}))
    sys.exit(code)

words = sys.argv[1:]
if words[0] == "start":
    open(begun, "w").close()  # holds a letter for each time that it is asked
    tell({"job_id": "task_0000000001", "status": "queued", "terminal": False, "poll_interval_ms": 100,
          "timeout_ms": 1000, "started_at": None, "status_command": line("status"),
          "cancel_command": line("cancel")}, 0)
if words[1] != "list" and words[-1] != "task_0000000001":
    tell({}, 5)
if words[1] == "status":
    open(begun, "a").write("x")
    tell({"status": "running" if running() else "complete", "terminal": not running()}, 3 if running() else 0)
tell({}, 0)
'''


def check(where: Path, *arguments: str) -> Done:
    return Program(sys.executable, "-m", "outlast", cwd=where)("framework", "check", *arguments)


def missing(data: dict[str, Any]) -> dict[str, int]:
    return {each["check"]: each["level"] for each in data["checks"] if not each["passed"]}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_tool_of_the_framework_has_all_of_it(home: Path, tmp_path: Path, name: str) -> None:
    """Three of three, with nothing missing."""
    call = [sys.executable, str(SCRIPTS[name]), "deploy", "staging", "--seconds", "8"]
    done = check(tmp_path, *call)

    assert (0, 3, {}) == (done.code, done.data["score"], missing(done.data))
    assert done.data["job_id"].startswith("job_")


def test_outlast_itself_has_all_of_it(home: Path, tmp_path: Path) -> None:
    """It is the framework's first user."""
    call = [sys.executable, "-m", "outlast", "submit", "--", "sleep", "8"]
    assert 3 == check(tmp_path, *call).data["score"]


@pytest.mark.parametrize(
    ("before", "after", "score", "lacks"),
    [
        ("", "", 3, set()),
        ('"cancel_command"', '"stop"', 2, {"cancel_command", "job cancel"}),
        ('"timeout_ms": 1000', '"timeout_ms": "1s"', 2, {"timeout_ms"}),
        ('"terminal": not running()', '"over": 1', 2, {"terminal"}),
        ('else "complete", ', 'else "succeeded", ', 2, {"status is one of six words"}),
        ('!= "list"', '!= "wait" and sys.exit(9)', 1, None),
        ('"poll_interval_ms": 100', '"poll": 1', 1, {"poll_interval_ms"}),
        ("3 if running() else 0", "0", 1, {"status exits 3 while it runs"}),
        ("3 if running() else 0", "3 if running() else 4", 1, {"status exits 0 once complete"}),
        ("tell({}, 5)", "tell({}, 4)", 1, {"status exits 5 for what is not there"}),
        ('"job_id": ', '"task_id": ', 1, {"job_id"}),
        ('"status_command"', '"poll_command"', 1, {"status_command"}),
        ('line("status")', '"no-such-program task_0000000001"', 0, None),
        ("tell({\"job_id", "print('started'); sys.exit(0); tell({\"job_id", 0, None),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(
    script: Callable[..., Program],
    before: str,
    after: str,
    score: int,
    lacks: set[str] | None,
) -> None:
    """Each part of the rule has its check, and the score is the level below the lowest that fails."""
    assert before in TOOL
    tool = script(TOOL.replace(before, after, 1))
    done = check(tool.cwd, *tool.argv, "start")
    found = missing(done.data)

    assert (score, 0 if score == 3 else 4) == (done.data["score"], done.code)
    assert lacks is None or lacks == set(found)
    assert score == min(found.values(), default=4) - 1


def test_words_are_enough_for_the_first_level(home: Path, script: Callable[..., Program]) -> None:
    """An id and a command, told in a sentence."""
    tool = script(
        "import sys\n"
        "if sys.argv[1] == 'start':\n"
        "    print(f'Started task 4711. Ask with `{sys.executable} {sys.argv[0]} show 4711`.')\n"
    )
    done = check(tool.cwd, "--min", "1", *tool.argv, "start")

    assert (0, 1, "4711") == (done.code, done.data["score"], done.data["job_id"])


def test_a_tool_that_does_not_start_has_nothing(home: Path, tmp_path: Path) -> None:
    """Score 0, and the reason."""
    done = check(tmp_path, "no-such-tool", "start")

    assert (4, 0, None) == (done.code, done.data["score"], done.data["job_id"])
    first = done.data["checks"][0]
    assert ("it returns", "it cannot be started: No such file or directory") == (
        first["check"],
        first["says"],
    )
    assert (2, "invalid_request") == (check(tmp_path).code, check(tmp_path).error["code"])


def test_people_get_a_list(home: Path, script: Callable[..., Program]) -> None:
    """One line for each thing that was looked at, and the score at the end."""
    tool = script(TOOL.replace('"cancel_command"', '"stop"'))
    lines = check(tool.cwd, "--text", *tool.argv, "start").out.splitlines()

    assert "1  yes  it returns" == lines[0]
    assert "3  NO   cancel_command: it is null in the answer to the start" in lines
    assert "score: 2 of 3" == lines[-1]

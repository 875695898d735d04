"""What can be a job, and what is refused, before anything runs."""

from __future__ import annotations

import enum
import functools
import math
import subprocess
import sys
import zipapp
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from outlast.errors import InvalidRequest
from outlast.framework import AsyncJob
from outlast.testing.sshd import Farm

from .conftest import Program, ask


def work(*args: Any, **kwargs: Any) -> Any: ...


def exactly(one: int, *, two: int) -> None: ...


async def later() -> None: ...


def one_by_one() -> Any:
    yield 1


class Worker:
    def __call__(self) -> None: ...

    def method(self) -> None: ...

    @staticmethod
    def static() -> None: ...


class Colour(enum.StrEnum):
    RED = "red"


def nested() -> Callable[[], None]:
    def inside() -> None: ...

    return inside


@functools.wraps(work)
def disguised() -> None: ...


def faults_of(function: Any, *args: Any, **spec: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidRequest) as refusal:
        AsyncJob(function, *args, **spec)
    return refusal.value.faults


@pytest.mark.parametrize(
    ("function", "why"),
    [
        pytest.param(lambda: 1, "a lambda cannot run as a job: it has no name", id="lambda"),
        pytest.param(nested(), "nested.inside cannot run as a job: it was defined", id="closure"),
        pytest.param(later, "later cannot run as a job: it returns before it has run", id="async"),
        pytest.param(one_by_one, "one_by_one cannot run as a job: it returns", id="generator"),
        pytest.param(Worker().method, "Worker.method cannot run as a job: it is a m", id="method"),
        pytest.param(Worker(), "it is no function, but of type Worker", id="object"),
        pytest.param(functools.partial(work), "but of type partial", id="partial"),
        pytest.param(disguised, "it is not what", id="wrapped"),
    ],
)
def test_what_no_other_process_finds_is_refused(function: Any, why: str) -> None:
    """With the reason, and with what would be right."""
    with pytest.raises(InvalidRequest) as refusal:
        AsyncJob(function)

    assert why in refusal.value.message
    assert "top level of a module or script" in str(refusal.value.suggestion)


def test_a_static_function_of_a_class_is_found() -> None:
    """Its qualified name leads to it."""
    assert "Worker.static" == AsyncJob(Worker.static).spec.name


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Path("x"), "argument 1 is a PosixPath, which is not JSON: pass str() of it"),
        (Colour.RED, "argument 1 is a Colour, which is not JSON: pass text, numbers or lists"),
        (date(2026, 1, 1), "argument 1 is a date, which is not JSON: pass text,"),
        (b"x", "argument 1 is a bytes, which is not JSON"),
        ({1}, "argument 1 is a set, which is not JSON"),
        ({1: 2}, "argument 1 has the key 1, which is no text"),
        ([0, (1, b"")], "argument 1[1][1] is a bytes"),
        ({"a": {"b": b""}}, "argument 1['a']['b'] is a bytes"),
        (math.nan, "argument 1 is nan, which JSON does not know"),
        (math.inf, "argument 1 is inf, which JSON does not know"),
    ],
    ids=repr,
)
def test_what_json_would_change_is_refused(value: Any, why: str) -> None:
    """However deep inside of an argument it is."""
    (fault,) = faults_of(work, value)
    assert fault.startswith(why)


def test_every_fault_is_told_at_once() -> None:
    """Of the arguments, and of how they are given."""
    faults = faults_of(exactly, b"", b"", kwargs={"three": b""})

    assert 4 == len(faults)
    assert "exactly cannot be called so: too many positional arguments" == faults[-1]


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"timeout": "soon"}, "timeout: "),
        ({"timout": "1s"}, "'timout' is not a key of a job's spec"),
        ({"command": ["x"]}, "a job runs a function or a command: see AsyncJob.command"),
    ],
)
def test_the_spec_is_looked_at_as_well(spec: dict[str, Any], why: str) -> None:
    """A clock that is none, and a key that is misspelt."""
    (fault,) = faults_of(work, **spec)
    assert fault.startswith(why)


def test_too_much_is_refused() -> None:
    """A process can be given only so much; the rest goes to a file."""
    (fault,) = faults_of(work, "x" * 200_000)
    assert "bytes as JSON, and 131,071 is the most: write them to a file" in fault


def test_a_command_is_checked_like_any_spec() -> None:
    """`AsyncJob.command` takes a list, and says what else is wrong."""
    with pytest.raises(InvalidRequest, match="command is a list of arguments, not 'ls -l'"):
        AsyncJob.command("ls -l")
    assert ("ls", "-l") == AsyncJob.command(["ls", "-l"]).spec.command


PROGRAM = """
import sys
from outlast.framework import AsyncJob, start
def work(): pass
"""
RUN = "sys.exit(start(AsyncJob(work), json=True))\n"


@pytest.mark.parametrize("how", ["-c", "stdin", "interactive"])
def test_what_was_typed_in_is_refused(home: Path, how: str, tmp_path: Path) -> None:
    """-c, stdin and a REPL: no file holds the function."""
    program = PROGRAM + "\n" + RUN
    argv = {"-c": ["-c", program], "stdin": ["-"], "interactive": ["-i"]}[how]
    done = subprocess.run(
        [sys.executable, *argv],
        input=None if how == "-c" else program,
        stdin=subprocess.DEVNULL if how == "-c" else None,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )

    assert "work cannot run as a job: it was typed in, by -c, stdin or a REPL" in done.stderr
    assert not home.exists()


def test_a_script_that_runs_its_command_line_at_import_is_refused(
    script: Callable[..., Program],
) -> None:
    """Before it is imported again, and would start itself again and again."""
    done = script(PROGRAM + RUN)()

    assert "would run its command line again when work is imported from it" in done.err
    assert 1 == done.code


def test_a_function_of_an_archive_is_refused(home: Path, tmp_path: Path) -> None:
    """What a zip's `__main__` defines is in no file that could be imported; its modules are."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text(PROGRAM + "if __name__:\n    " + RUN)
    (tmp_path / "app" / "lib.py").write_text("def work(): return 'from the zip'\n")
    zipapp.create_archive(tmp_path / "app", tmp_path / "app.pyz")
    done = ask([sys.executable, str(tmp_path / "app.pyz")], cwd=tmp_path)

    assert "which is no file of its own" in done.err

    (tmp_path / "app" / "__main__.py").write_text(
        "import sys\nfrom lib import work\nfrom outlast.framework import AsyncJob, start\n"
        "sys.exit(start(AsyncJob(work), wait='50s'))"
    )
    zipapp.create_archive(tmp_path / "app", tmp_path / "app.pyz")
    program = Program(sys.executable, tmp_path / "app.pyz", cwd=tmp_path)
    assert "from the zip" == program().data["result"]["value"]


def test_a_command_runs_on_the_hosts_of_the_caller_s_inventory(
    script: Callable[..., Program], home: Path, farm: Farm
) -> None:
    """Groups and clocks are those of the home that the tool submits to; faults are told as ever."""
    home.mkdir(mode=0o700)
    one, two = farm.hosts
    (home / "hosts.toml").write_text(
        f'[hosts.web1]\naddress = "{one}"\ntimeout = "50s"\n[hosts.web2]\naddress = "{two}"\n'
        '[groups.web]\nmembers = ["web1", "web2"]\n'
    )
    program = script(
        "import sys\nfrom outlast.framework import AsyncJob, start\n"
        "job = AsyncJob.command(['true'], on=sys.argv[1])\n"
        "sys.exit(start(job, json=True, wait='50s'))\n"
    )
    done = program("web").data

    assert ["web1", "web2"] == [node["node"] for node in done["nodes"]]
    assert ("complete", 50_000) == (done["status"], done["nodes"][0]["timeout_ms"])
    assert "on: label:x means no host of" in program("label:x").out

"""Tools that use the framework, run as their users run them: processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE_S = 60

SCRIPTS = {name: EXAMPLES / f"deploy_{name}.py" for name in ("click", "argparse")}


class Done(NamedTuple):
    """What came of one call."""

    code: int
    out: str
    err: str

    @property
    def envelope(self) -> dict[str, Any]:
        """The one line of JSON on stdout, and nothing beside it."""
        assert self.out.count("\n") == 1, self
        loaded: dict[str, Any] = json.loads(self.out)
        return loaded

    @property
    def data(self) -> Any:
        envelope = self.envelope
        assert envelope["ok"], envelope
        return envelope["data"]

    @property
    def error(self) -> dict[str, Any]:
        error = self.envelope["error"]
        assert isinstance(error, dict), self
        return error


class Program:
    """A program and where it is called."""

    def __init__(self, *argv: str | Path, cwd: Path) -> None:
        self.argv = [str(word) for word in argv]
        self.cwd = cwd
        self.env: dict[str, str] = {}

    def __call__(self, *arguments: str) -> Done:
        env = os.environ | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
        for name in ("OUTLAST_OUTPUT", "NO_COLOR", "COLUMNS", "PYTHONPATH"):
            env.pop(name, None)
        return ask([*self.argv, *arguments], cwd=self.cwd, env=env | self.env)


def ask(argv: list[str], *, cwd: Path | str = "/", env: dict[str, str] | None = None) -> Done:
    """Call something; by default as another shell would: elsewhere, and knowing nothing."""
    done = subprocess.run(
        argv,
        cwd=cwd,
        env={"PATH": os.defpath} if env is None else env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def ended(program: Program, job_id: str) -> dict[str, Any]:
    """Return a job once it has ended."""
    done = program("job", "wait", "--timeout", f"{PATIENCE_S - 10}s", job_id)
    assert done.data["terminal"], done
    data: dict[str, Any] = done.data
    return data


@pytest.fixture(params=SCRIPTS)
def example(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Program:
    """Each of the examples that are plain scripts."""
    return Program(sys.executable, SCRIPTS[request.param], cwd=tmp_path)


@pytest.fixture
def script(home: Path, tmp_path: Path) -> Callable[..., Program]:
    """Makes a program of a text: `script(body)`, called as `python tool.py`."""

    def write(body: str, name: str = "tool.py") -> Program:
        path = tmp_path / "there" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(body))
        return Program(sys.executable, path, cwd=tmp_path)

    return write

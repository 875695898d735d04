"""A tool that its user has installed: in an environment of its own, by its name and by its path."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from .conftest import EXAMPLES, SCRIPTS, Program, ask, ended

ROOT = EXAMPLES.parent
pytestmark = pytest.mark.slow

DAY_MS = 24 * 60 * 60 * 1000


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with outlast and `examples/shipit`, each as pip installs it."""
    path = tmp_path_factory.mktemp("user") / "venv"
    python = str(path / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True, timeout=100)
    # What they depend on, and what builds them, is taken from here: nothing is downloaded.
    (packages,) = path.glob("lib/*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "-qq"]
    install = [*pip, "install", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*install, "--ignore-installed", ROOT, EXAMPLES / "shipit"], check=True, timeout=100
    )
    return path


@pytest.fixture
def shipit(environment: Path, home: Path, tmp_path: Path) -> Program:
    """The installed tool, found on PATH."""
    program = Program("shipit", cwd=tmp_path)
    program.env["PATH"] = f"{environment / 'bin'}:{os.defpath}"
    return program


def test_it_names_itself_for_any_shell(shipit: Program, environment: Path) -> None:
    """By its absolute path, though PATH leads to it here: another shell's may not."""
    first = shipit("deploy", "staging", "--seconds", "0")
    shipit.argv = [str(environment / "bin" / "shipit")]
    shipit.env.clear()
    second = shipit("deploy", "staging", "--seconds", "0")

    for done in (first, second):
        line = done.data["status_command"]
        assert line.startswith(f"{environment}/bin/shipit job status --home /")
        assert ask(["/bin/sh", "-c", line], env={"PATH": os.defpath}).code in (0, 3)
        assert {"env": "staging"} == ended(shipit, done.data["job_id"])["result"]["value"]


def test_its_groups_and_its_other_commands_work(shipit: Program, tmp_path: Path) -> None:
    """`db migrate` is a job, `version` is not; an error of the work has its type and message."""
    migration = tmp_path / "migrate.sh"
    migration.write_text("#!/bin/sh\necho migrated\n")
    migration.chmod(0o755)
    done = shipit("db", "migrate", str(migration), "--wait", "50s")
    failed = shipit("deploy", "nowhere", "--seconds", "0", "--wait", "50s")

    assert "1.0\n" == shipit("version").out
    assert (0, "migrated\n") == (done.code, done.data["result"]["stdout"])
    assert {"kind": "migration", "outlast.tool": "shipit"} == done.data["labels"]
    assert (4, "LookupError: there is no environment 'nowhere'") == (
        failed.code,
        failed.data["error"],
    )
    assert "runner.py" not in failed.data["result"]["stderr"]


def test_the_interpreter_is_the_tools(shipit: Program, environment: Path) -> None:
    """Not the one of whoever carries the job: the function finds what its tool was installed with."""
    job = ended(shipit, shipit("deploy", "staging", "--seconds", "0").data["job_id"])
    store = sqlite3.connect(Path(os.environ["OUTLAST_HOME"]) / "outlast.db")
    try:
        (command,) = store.execute("SELECT spec ->> '$.command' FROM jobs").fetchone()
    finally:
        store.close()

    assert str(environment / "bin" / "python") in command
    assert "shipit.work:roll_out" in command
    assert "complete" == job["status"]


LOOPS = {
    "python": [sys.executable, str(EXAMPLES / "agent_loop.py")],
    "sh": ["/bin/sh", str(EXAMPLES / "agent_loop.sh")],
}
TOOLS = ["shipit", *SCRIPTS]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("tool", TOOLS)
def test_an_agents_loop_sees_any_tool_through(loop: str, tool: str, shipit: Program) -> None:
    """It knows nothing of the tool but the command that it is given."""
    words = [tool] if tool == "shipit" else [sys.executable, str(SCRIPTS[tool])]
    follow = Program(*LOOPS[loop], *words, cwd=shipit.cwd)
    python = f"{Path(sys.executable).parent}:{shipit.env['PATH']}"  # what takes JSON apart
    follow.env["PATH"] = f"{shipit.env['PATH'].partition(':')[0]}:{python}"
    done = follow("deploy", "staging", "--seconds", "1")
    failed = follow("deploy", "nowhere", "--seconds", "0")

    assert 0 == done.code, done
    assert done.out.startswith("started job_")
    assert "ended: complete" in done.out
    assert 1 == failed.code, failed
    assert "ended: failed, exception" in failed.out
    if loop == "python":
        assert '{"env": "staging"' in done.out


def test_another_shell_on_another_day_finds_the_job(shipit: Program, environment: Path) -> None:
    """Two days later by every clock it is as it was; after its retention it is told as expired."""
    shipit.argv, path = [str(environment / "bin" / "shipit")], shipit.env.pop("PATH")
    job = ended(shipit, shipit("deploy", "staging", "--seconds", "0").data["job_id"])
    assert 0 == Program(sys.executable, "-m", "outlast", cwd=shipit.cwd)("supervisor", "stop").code

    def another_day(days: int) -> int:
        """Everything that was ever noted is so much longer ago; ask in a fresh shell, elsewhere."""
        store = sqlite3.connect(Path(os.environ["OUTLAST_HOME"]) / "outlast.db")
        try:
            for table in ("jobs", "nodes"):
                columns = [row[1] for row in store.execute(f"PRAGMA table_info({table})")]
                shifts = ", ".join(
                    f"{name} = {name} - {days * DAY_MS}" for name in columns if name[-3:] == "_ms"
                )
                store.execute(f"UPDATE {table} SET {shifts}")
            store.commit()
        finally:
            store.close()
        return ask(["/bin/sh", "-c", job["status_command"]], env={}).code

    assert path
    assert [0, 0, 5] == [another_day(0), another_day(2), another_day(30)]


def test_a_moved_environment_is_told_as_such(
    environment: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that waited meanwhile fails, and says what is not there; a retry says what happened."""
    monkeypatch.setenv("OUTLAST_MAX_RUNNING", "1")
    before, after = tmp_path / "before", tmp_path / "after"
    shutil.copytree(environment, before, symlinks=True)
    call = [str(before / "bin" / "python"), "-c", "from shipit.cli import app; app()"]
    tool = Program(*call, cwd=tmp_path)
    outlast = Program(sys.executable, "-m", "outlast", cwd=tmp_path)
    first = outlast("submit", "--", "sleep", "1000").data["job_id"]
    waiting = tool("deploy", "staging", "--seconds", "0").data["job_id"]
    before.rename(after)
    outlast("job", "cancel", "--grace", "0", "--wait-stopped", "20s", first)
    failed = ended(outlast, waiting)
    retried = outlast("job", "retry", waiting)
    tool.argv[0] = str(after / "bin" / "python")

    assert ("failed", "spawn_failed") == (failed["status"], failed["reason"])
    assert f"could not run {before}/bin/python: No such file or directory" == failed["error"]
    assert (2, "invalid_request") == (retried.code, retried.error["code"])
    assert (
        f"there is no program {before}/bin/python: was its virtual environment moved or removed?"
        == retried.error["message"]
    )
    assert failed["status"] == tool("job", "status", waiting).data["status"]
    again = ended(tool, tool("deploy", "staging", "--seconds", "0").data["job_id"])
    assert {"env": "staging"} == again["result"]["value"]

"""What a call pays for before it does anything: each module that it imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .conftest import Cli

HEAVY = {
    "asyncio",
    "concurrent.futures",
    "logging",
    "multiprocessing",
    "pathlib",
    "rich",
    "resource",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "tomllib",
    "traceback",
    "outlast.client",
    "outlast.core.events",
    "outlast.core.moves",
    "outlast.core.plan",
    "outlast.core.sight",
    "outlast.core.transition",
    "outlast.engine.follow",
    "outlast.engine.preflight",
    "outlast.engine.server",
    "outlast.engine.supervisor",
    "outlast.executors",
    "outlast.ports.executor",
    "outlast.ports.store",
    "outlast.store.sqlite_find",
}
"""What nobody needs who asks for a job that has ended."""

NEEDED = {
    "outlast",
    "outlast.clock",
    "outlast.core",
    "outlast.core.frozen",
    "outlast.core.job",
    "outlast.core.limits",
    "outlast.core.outcome",
    "outlast.core.spec",
    "outlast.core.state",
    "outlast.doors",
    "outlast.doors.cli",
    "outlast.doors.cli.app",
    "outlast.engine",
    "outlast.engine.desks",
    "outlast.engine.link",
    "outlast.engine.public",
    "outlast.engine.result",
    "outlast.engine.service",
    "outlast.engine.verbs",
    "outlast.engine.turns",
    "outlast.engine.wire",
    "outlast.errors",
    "outlast.framework",
    "outlast.framework.call",
    "outlast.framework.caller",
    "outlast.framework.job",
    "outlast.framework.job.status",
    "outlast.framework.lazy",
    "outlast.framework.many",
    "outlast.framework.tool",
    "outlast.home",
    "outlast.settings",
    "outlast.shim",
    "outlast.shim.spool",
    "outlast.shim.system",
    "outlast.store",
    "outlast.store.rows",
    "outlast.store.sql",
    "outlast.store.sql.sqlite",
    "outlast.store.sqlite",
    "outlast.store.sqlite_connection",
    "outlast.store.sqlite_errors",
    "outlast.version",
    "outlast.wiring",
}

PROGRAM = """
import os, sys
sys.argv = ["outlast", *sys.argv[1:]]
def tell(code):
    sys.stderr.write("\\n".join(sys.modules))
    sys.stderr.flush()
    end(code)
end, os._exit = os._exit, tell
from outlast.doors.cli import main
main()
"""


def imported(cli: Cli, *arguments: str) -> set[str]:
    """The names of all modules that a call has imported by its end."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM_WITH_PATH, *arguments],
        env=cli.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.split("\n"))


PROGRAM_WITH_PATH = f"import sys; sys.path[:0] = {sys.path!r}\n{PROGRAM}"
"""Without `site`, so that what an environment's own start files import is not counted as ours."""


def test_job_status_imports_what_it_needs(cli: Cli) -> None:
    """And nothing else of ours: whoever adds a module here makes every poll pay for it."""
    modules = imported(cli, "job", "status", cli.ended("--", "true"))
    ours = {name for name in modules if name.partition(".")[0] == "outlast"}

    assert set() == modules & HEAVY
    assert set() == ours - NEEDED


@pytest.mark.parametrize("arguments", [("submit", "--", "true"), ("job", "list"), ("--help",)])
def test_no_quick_call_imports_what_is_heavy(cli: Cli, arguments: tuple[str, ...]) -> None:
    """The libraries that draw, run event loops and start processes."""
    heavy = {"asyncio", "concurrent.futures", "logging", "rich", "subprocess", "tomllib"}

    assert set() == imported(cli, *arguments) & heavy


def test_the_package_itself_is_lazy() -> None:
    """`import outlast` imports none of its parts until one is asked for."""
    line = "import sys, outlast; print(*[m for m in sys.modules if m.startswith('outlast.')])"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)

    assert ["outlast.version"] == done.stdout.split()

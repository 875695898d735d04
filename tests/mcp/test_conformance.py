"""The protocol's own conformance suite, which others wrote, over HTTP: it has no other way in."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..rigs.parts import Parts
from ..world import PATIENCE_S
from .conftest import Host

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = Path(__file__).with_name("expected-failures.yml")
SCENARIOS = (
    ("server-initialize", "2025-11-25"),
    ("tools-list", "2025-11-25"),
    ("tools-list", "2026-07-28"),
    ("server-stateless", "2026-07-28"),
    ("http-header-validation", "2026-07-28"),
    ("caching", "2026-07-28"),
    ("dns-rebinding-protection", "2026-07-28"),
    ("tasks-lifecycle", "2026-07-28"),
    ("tasks-capability-negotiation", "2026-07-28"),
    ("tasks-wire-fields", "2026-07-28"),
    ("tasks-request-state-removal", "2026-07-28"),
    ("tasks-mrtr-input", "2026-07-28"),
    ("tasks-request-headers", "2026-07-28"),
    ("tasks-dispatch-and-envelope", "2026-07-28"),
    ("tasks-required-task-error", "2026-07-28"),
    ("tasks-mrtr-composition", "2026-07-28"),
)
"""Each with the revision of the protocol that it is run at. In all, each message is held to its schema."""

TURNS = 3
"""
How often a scenario may be run before it has failed: within, it waits 5 or 10 s for what a busy machine takes longer
for, and cannot be told otherwise. What is wrong is wrong each time.
"""


@pytest.fixture
def address(host: Host) -> Iterator[str]:
    """Where a server with the suite's own tools listens."""
    with (host.folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.mcp.conformance_server"],
            cwd=ROOT,
            env=os.environ | {"OUTLAST_HOME": str(host.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert server.stdout is not None
    try:
        assert select.select([server.stdout], [], [], PATIENCE_S)[0]
        line = server.stdout.readline()
        assert line, (host.folder / "log").read_text()
        yield f"{json.loads(line)['data']['url']}/mcp"
    finally:
        server.terminate()
        server.wait(PATIENCE_S)
        server.stdout.close()


@pytest.mark.parametrize(("scenario", "revision"), SCENARIOS)
def test_the_suite_finds_nothing(
    address: str, host: Host, parts: Parts, scenario: str, revision: str
) -> None:
    """Every check of the scenario passes, but for those of which it is said why not."""
    argv = [
        *(*parts.conformance, "server", "--url", address),
        *("--scenario", scenario, "--spec-version", revision, "--force"),
        *("--expected-failures", str(EXPECTED), "--output-dir", str(host.folder / "results")),
        *("--timeout", str(int(1000 * PATIENCE_S))),
    ]
    for _ in range(TURNS):
        done = subprocess.run(
            argv,
            cwd=host.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_S,
            check=False,
        )
        if done.returncode == 0:
            break

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout

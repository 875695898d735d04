"""The protocol's own inspector, which others wrote, finds what it looks for: over stdio and HTTP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ..http.conftest import Service
from ..rigs.parts import Parts
from ..world import PATIENCE_S
from .conftest import PROGRAM, Host

pytestmark = pytest.mark.slow

NOT_LET_IN, UNREACHABLE, TOOL_ERROR = 3, 4, 5
"""What the inspector ends with."""


def inspect(host: Host, parts: Parts, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it once."""
    return subprocess.run(
        [*parts.inspector, *words, "--format", "json"],
        env=os.environ | {"OUTLAST_HOME": str(host.home), "HOME": str(host.folder)},
        cwd=host.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )


def result(done: subprocess.CompletedProcess[str]) -> Any:
    assert 0 == done.returncode, done
    return json.loads(done.stdout)["result"]


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_a_tool_is_found_and_called(host: Host, parts: Parts, era: str) -> None:
    """In both eras: the tool is listed, no schema of any is found wanting, and what it answers is right."""
    spoken = (PROGRAM, "mcp", "--protocol-era", era)

    listed = result(inspect(host, parts, *spoken, "--method", "tools/list", "--strict"))
    call = ("--method", "tools/call", "--tool-name", "job_run", "--tool-arg", "command=echo hi")
    told = result(inspect(host, parts, *spoken, *call))

    assert "job_run" in [tool["name"] for tool in listed["tools"]]
    assert ("complete", "hi\n") == tuple(
        told["structuredContent"][key] for key in ("status", "stdout")
    )


@pytest.fixture
def service(host: Host) -> Iterator[Service]:
    """The same tools over HTTP."""
    service = Service(host.home, host.folder)
    service.start()
    yield service
    service.close()


def test_a_tool_is_found_and_called_over_http(host: Host, parts: Parts, service: Service) -> None:
    """With a token it is the same; and who shows none is told that it is this."""
    token = (host.home / "token").read_text().strip()
    there = f"{service.url}/mcp"
    shown = ("--header", f"Authorization: Bearer {token}")
    call = ("--method", "tools/call", "--tool-name", "job_run", "--tool-arg", "command=echo hi")

    nobody = inspect(host, parts, there, "--method", "tools/list")
    told = result(inspect(host, parts, there, *shown, *call))

    assert NOT_LET_IN == nobody.returncode, nobody
    assert ("complete", "hi\n") == tuple(
        told["structuredContent"][key] for key in ("status", "stdout")
    )


def test_what_is_wrong_is_told_apart(host: Host, parts: Parts) -> None:
    """No such tool, and nobody there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}/mcp"
        gone = inspect(host, parts, nowhere, "--method", "tools/list")
    call = ("--method", "tools/call", "--tool-name", "job_rum")
    unknown = inspect(host, parts, PROGRAM, "mcp", *call)

    assert [UNREACHABLE, TOOL_ERROR] == [gone.returncode, unknown.returncode]

"""`outlast mcp`, over stdin and stdout."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from ..world import PATIENCE_S
from .conftest import ERAS, PROGRAM, Host, go

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def begun() -> subprocess.Popen[bytes]:
    """Return a server that has answered once, so that it is up."""
    process = subprocess.Popen(
        [PROGRAM, "mcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(HELLO).encode() + b"\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    assert "outlast" == answer["result"]["serverInfo"]["name"]
    return process


@pytest.mark.parametrize("era", ERAS)
def test_a_command_that_ends_is_answered_with_its_end(host: Host, era: str) -> None:
    """In both eras: how it ended, and the ends of what it printed, in a few words."""

    async def story() -> None:
        async with host.agent(era) as agent:
            told = await agent("job_run", command="echo out; echo err >&2; exit 3")
            expected = {
                "status": "failed",
                "terminal": True,
                "reason": "exit_nonzero",
                "exit_code": 3,
                "stdout": "out\n",
                "stderr": "err\n",
            }
            assert expected == {key: told[key] for key in expected}
            assert host.heard[0].startswith(told["job_id"])

    go(story)


def test_the_end_of_its_input_ends_the_server(host: Host) -> None:
    """With 0, and nothing on stderr."""
    process = begun()
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (0, b"", b"") == (process.returncode, out, err)


def test_sigterm_ends_the_server(host: Host) -> None:
    """Though it is waiting for a message at the time: with 0."""
    process = begun()
    process.terminate()
    assert 0 == process.wait(PATIENCE_S)
    process.communicate()


def test_a_file_of_messages_is_served_to_its_end(host: Host, tmp_path: Path) -> None:
    """What stdin is does not matter, and nothing but the protocol is on stdout."""
    path = tmp_path / "messages"
    path.write_text(json.dumps(HELLO) + "\nno message\n")
    with path.open() as file:
        done = subprocess.run(
            [PROGRAM, "mcp"], stdin=file, capture_output=True, timeout=PATIENCE_S, check=False
        )
    assert 0 == done.returncode, done.stderr
    assert {"2.0"} == {json.loads(line)["jsonrpc"] for line in done.stdout.splitlines()}


def test_a_server_is_not_reached_through_another_one() -> None:
    """`--server` is refused: that server has a door of its own."""
    done = subprocess.run(
        [PROGRAM, "mcp", "--server", "http://127.0.0.1:1"], capture_output=True, check=False
    )
    assert (2, b"") == (done.returncode, done.stdout)
    assert b"leave --server out" in done.stderr

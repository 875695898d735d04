"""The examples do what they say."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from .rigs.receiver import KEY
from .world import eventually

OTHER_KEY = f"whsec_{'b' * 32}"

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_the_first_job_is_as_told(tmp_path: Path) -> None:
    """`make run`: the story holds to its end, and nothing is left of it."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "first_job.py")],
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert 5 == sum(line[:2] in ("1.", "2.", "3.", "4.", "5.") for line in done.stdout.splitlines())
    assert [] == list(tmp_path.iterdir())
    ours = Path("/proc")
    left = [p for p in ours.glob("[0-9]*/cmdline") if str(tmp_path) in read(p)]
    assert [] == left


LOOPS = {
    "python": [sys.executable, str(EXAMPLES / "agent_loop.py")],
    "sh": ["/bin/sh", str(EXAMPLES / "agent_loop.sh")],
}
LINE = """echo step one; echo '{"progress_pct": 50, "message": "half"}' >> "$OUTLAST_PROGRESS"; exit 7"""


@pytest.mark.parametrize("loop", LOOPS)
def test_an_agents_loop_finds_the_end(home: Path, loop: str) -> None:
    """Submitted, asked for until it is terminal, and read: by the JSON alone."""
    done = follow_through(loop, "/bin/sh", "-c", LINE)

    assert 7 == done.returncode, done.stderr
    assert done.stdout.startswith("started job_")
    assert "ended: failed, exit_nonzero" in done.stdout
    assert done.stdout.endswith("step one\n")


@pytest.mark.parametrize("loop", LOOPS)
def test_an_agents_loop_tells_why_nothing_was_begun(home: Path, loop: str) -> None:
    """An answer that is not `ok` ends it, with the words of the error."""
    done = follow_through(loop, "no-such-program")

    assert 1 == done.returncode
    assert "invalid_request: there is no program 'no-such-program' in PATH" in done.stderr


def test_the_loop_in_sh_needs_no_jq(home: Path, tmp_path: Path) -> None:
    """Where there is no jq, Python takes the JSON apart."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "sleep", "outlast"):
        (tools / name).symlink_to(shutil.which(name, path=search_path()) or name)
    (tools / "python3").symlink_to(sys.executable)
    done = follow_through("sh", "/bin/sh", "-c", LINE, path=str(tools))

    assert 7 == done.returncode, done.stderr
    assert done.stdout.endswith("step one\n")


def search_path() -> str:
    """Where `outlast` is found first, and what a shell needs."""
    return f"{Path(sys.executable).parent}:{os.defpath}"


def follow_through(
    loop: str, *command: str, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LOOPS[loop], "outlast", "submit", "--", *command],
        env=os.environ | {"PATH": path or search_path()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # it has ended meanwhile


def test_a_nightly_batch_minds_only_failures(home: Path, tmp_path: Path) -> None:
    """What became of each file, counted by the manifest's own words."""
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        (tmp_path / "in" / name).write_text(name)
    line = "test $(cat {input}) != b -o -e fixed && cp {input} {output}"
    argv = [sys.executable, str(EXAMPLES / "nightly_batch.py"), "in", "out", "sh", "-c", line]
    nights = []
    for _ in range(2):
        nights.append(
            subprocess.run(
                argv,
                cwd=tmp_path,
                env=os.environ
                | {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "LC_ALL": "C.UTF-8"},
                capture_output=True,
                text=True,
                check=False,
                timeout=110,
            )
        )
        (tmp_path / "fixed").touch()

    assert [(1, "     1 complete\n     1 exit_nonzero\n"), (0, "     2 complete\n")] == [
        (night.returncode, night.stdout) for night in nights
    ]


@pytest.mark.slow
def test_a_receiver_believes_what_is_signed(tmp_path: Path) -> None:
    """The one of the documentation: once for each id, and nothing that somebody else has signed."""
    key = tmp_path / "key"
    key.write_text(KEY)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    receiver = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "webhook_receiver.py"), str(key), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    body = '{"type":"job.failed","data":{"job_id":"job_1"}}'
    try:
        answers = [
            eventually(lambda: post(port, body, signed, message), "an answer")  # noqa: B023 - called at once
            for signed, message in ((KEY, "msg_1"), (KEY, "msg_1"), (OTHER_KEY, "msg_2"))
        ]
    finally:
        receiver.terminate()
        told, _ = receiver.communicate()

    assert [204, 204, 401] == answers
    assert b"job.failed job_1\n" == told


def post(port: int, body: str, key: str, message: str) -> int | None:
    """Send a message there, and return the answer's status; None where nobody listens yet."""
    at = datetime.now(UTC)
    headers = {
        "Webhook-Id": message,
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Webhook(key).sign(message, at, body),
    }
    try:
        with httpx.Client(trust_env=False) as client:
            return client.post(
                f"http://127.0.0.1:{port}/", content=body, headers=headers
            ).status_code
    except httpx.TransportError:
        return None

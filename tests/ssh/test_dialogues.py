"""Hosts that ask: a real sshd whose login shell is a small appliance, answered by rules."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.testing.sshd import Farm

from .appliance import PASSWORD

Appliance = Callable[[str], str]
"""Makes the hosts an appliance with that oddity, and returns the name of one."""

RULES: list[dict[str, Any]] = [
    {"prompt": r"User: $", "answer": "ops"},
    {"prompt": r"Host: $", "answer": "backup1"},
    {"prompt": r"Password for \w+: $", "answer_from": "env:APPLIANCE"},
    {"prompt": r"\[y/n\] $", "answer": "y"},
]


@pytest.fixture
def logins(tmp_path: Path) -> Path:
    """The appliance's own count of who came."""
    return tmp_path / "logins"


@pytest.fixture
def appliance(farm: Farm, logins: Path, monkeypatch: pytest.MonkeyPatch) -> Appliance:
    """Hosts on which nothing runs but an appliance; its password is in the environment."""
    monkeypatch.setenv("APPLIANCE", PASSWORD)
    program = Path(__file__).with_name("appliance.py")

    def make(odd: str) -> str:
        line = f"exec {sys.executable} -I -S {program} {odd} {logins}"
        key = (farm.folder / "user.pub").read_text()
        (farm.folder / "authorized_keys").write_text(f'command="{line}" {key}')
        return farm.hosts[0]

    return make


def over(client: Client, job: Job) -> Job:
    """Wait until a job has ended, and nothing is left to do."""
    deadline = time.monotonic() + 60
    while not (job := client.get(job.id)).is_settled:
        assert time.monotonic() < deadline, client.describe(job)
        time.sleep(0.02)
    return job


def until_printed(client: Client, job: Job, text: bytes) -> None:
    deadline = time.monotonic() + 60
    while text not in client.output(job.id):
        assert time.monotonic() < deadline, (client.output(job.id), client.describe(job))
        time.sleep(0.02)


def files_with_the_secret(home: Path) -> list[Path]:
    return [
        path
        for path in home.rglob("*")
        if path.is_file()
        and any(part in path.read_bytes() for part in (PASSWORD.encode(), PASSWORD[:7].encode()))
    ]


@pytest.mark.parametrize("odd", ["nothing", "pieces", "echoes", "tells"])
def test_an_appliance_is_answered(
    client: Client, home: Path, appliance: Appliance, odd: str
) -> None:
    """
    Whether its prompts come whole or byte by byte, and whether it repeats the password: the
    transcript has what was asked and answered, the exit code is its own, the secret is nowhere.
    """
    job = over(client, client.submit(on=appliance(odd), dialogue=RULES))

    node = client.describe(job)["nodes"][0]
    assert ("complete", 0, None) == (job.status, job.exit_code, node["error"])
    assert ("connection", None, False) == (
        node["containment"],
        node["survives"],
        node["survives_disconnect"],
    )
    told = b"you said (hidden), did you?\r\n" if odd == "tells" else b""
    assert (
        b"\x1b[1mRESTRICTED SHELL\x1b[0m (password needed)\r\nUser: ops\r\nHost: backup1\r\n"
        b"Password for ops: (hidden)\r\n"
        + told
        + b"Send the files? [y/n] y\r\n3 files of ops sent to backup1\r\n"
    ) == client.output(job.id).replace(b"\r\n\r\n", b"\r\n")
    assert [] == files_with_the_secret(home)

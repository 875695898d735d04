"""What a caller asks for, made ready to be sent to a server."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import pytest

from outlast import Limits
from outlast.errors import InvalidRequest
from outlast.over_http.given import MAX_STDIN_BYTES, as_sent


def test_a_spec_is_sent_as_it_was_said() -> None:
    """What it means, hosts and defaults, is the server's to know; Python's values become JSON's."""
    given = {
        "command": ("make", "-j8"),
        "timeout": timedelta(minutes=5),
        "grace": "2s",
        "limits": Limits(pids=5),
        "on": ("web", "db"),
        "labels": {"a": "b"},
        "cwd": Path("/srv"),
    }

    assert {
        "jobs": [
            {
                "command": ["make", "-j8"],
                "timeout": 300.0,
                "grace": "2s",
                "limits": {"output_bytes": 1 << 30, "pids": 5},
                "on": ["web", "db"],
                "labels": {"a": "b"},
                "cwd": "/srv",
            }
        ],
        "keys": ["k"],
    } == as_sent([given], ["k"], None)


def test_what_commands_read_is_sent(tmp_path: Path) -> None:
    """The file is here, the command there."""
    path = tmp_path / "input"
    path.write_bytes(b"\x00\xff")
    jobs = [{"command": ["cat"], "stdin": path}, {"command": ["wc"], "stdin": path}]
    body = as_sent(jobs, [None, None], None)

    assert b"\x00\xff" == base64.b64decode(body["stdin_base64"])
    assert [{"command": ["cat"]}, {"command": ["wc"]}] == body["jobs"]


def test_what_would_be_meant_here_is_refused(tmp_path: Path) -> None:
    """All of it at once, each with its remedy."""
    given = {
        "command": ["pwd"],
        "cwd": "there",
        "secret_env": {"A": "env:HOME", "B": "secret:fine"},
        "stdin": tmp_path / "missing",
        "nonsense": 1,
    }
    login = {"command": ["pwd"], "on": "web", "hosts": {"web": {"password": "file:/x"}}}
    for spec, words in (
        (given, ["env:HOME would be read on the server", "cwd there is on the server"]),
        (given, ["cannot be read: No such file", "'nonsense' is not a key", "our own fault"]),
        (login, ["file:/x would be read on the server"]),
    ):
        with pytest.raises(InvalidRequest) as caught:
            as_sent([spec], [None], None, ["our own fault"])
        assert [] == [each for each in words if each not in caught.value.message]


def test_too_much_to_read_is_refused(tmp_path: Path) -> None:
    """With the limit, before anything is sent."""
    path = tmp_path / "input"
    with path.open("wb") as file:
        file.truncate(MAX_STDIN_BYTES + 1)

    with pytest.raises(InvalidRequest, match="a server takes 8 MiB at most"):
        as_sent([{"command": ["cat"], "stdin": str(path)}], [None], None)


def test_one_submission_reads_one_thing() -> None:
    """Of many jobs, some of which read another file, none is sent."""
    jobs = [{"command": ["cat"], "stdin": "/dev/null"}, {"command": ["cat"]}]

    with pytest.raises(InvalidRequest, match="stdin is the same for all"):
        as_sent(jobs, [None, None], None)

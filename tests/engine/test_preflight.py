"""What this machine objects to, asked before anything happens."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from outlast.core.job import JobSpec, Limits
from outlast.engine.preflight import local_faults, read_request
from outlast.errors import InvalidRequest
from outlast.ports.executor import Capabilities, Captured


@pytest.fixture
def captured(tmp_path: Path) -> Captured:
    for name, mode in (("tool", 0o755), ("data", 0o644), ("two words", 0o755)):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(mode)
    return Captured(env={"PATH": "/usr/bin:/bin"}, cwd=str(tmp_path))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"command": ("true",)}, None),
        ({"command": ("./tool",)}, None),
        ({"shell": "anything at all"}, None),
        ({"script": "#!/bin/sh\n"}, None),
        ({"script": "x", "runtime": "sh -e"}, None),
        ({"command": ("tool",), "env": {"PATH": "."}}, None),
        ({"command": ("tool",)}, "'tool' in PATH: for the file in this directory write ./tool"),
        ({"command": ("./data",)}, "./data is not executable: chmod +x"),
        ({"command": ("./gone",)}, "no program ./gone"),
        ({"command": ("ls -la",)}, "or the whole line with --shell"),
        ({"script": "x", "runtime": "no-such-thing -e"}, "no program 'no-such-thing'"),
        ({"script": "x", "runtime": "  "}, "no program ' '"),
        ({"command": ("true",), "cwd": "/nonexistent"}, "cwd /nonexistent is not there"),
        ({"command": ("true",), "cwd": "/etc/passwd"}, "cwd /etc/passwd is no directory"),
        ({"command": ("true",), "stdin": "gone"}, "stdin gone is not there"),
        ({"command": ("true",), "stdin": "."}, "stdin . is a directory"),
        ({"command": (".venv/bin/python3",)}, "virtual environment moved or removed"),
        ({"command": ("true",), "stdin": "data"}, None),
    ],
)
def test_what_could_not_start_is_told(
    captured: Captured, spec: dict[str, Any], words: str | None
) -> None:
    """And what could is let through."""
    faults = local_faults(JobSpec(**spec), captured, anything)

    assert [] == faults if words is None else words in faults[0]


def anything(_: str, __: object) -> Capabilities:
    """Of an executor that refuses nothing."""
    return Capabilities()


def test_limits_that_nobody_would_keep_are_refused(captured: Captured) -> None:
    """A limit is kept or refused, never ignored; the executor says which, and why."""
    spec = JobSpec(command=("true",), limits=Limits(memory_bytes=1 << 30, pids=10))

    def capabilities(_: str, __: object) -> Capabilities:
        return Capabilities(refused_limits={"pids": "are not counted there", "cpus": "neither"})

    assert ["limits.pids are not counted there"] == local_faults(spec, captured, capabilities)


def test_an_executor_is_not_asked_for_nothing(captured: Captured) -> None:
    """Asking takes time: who sets no limit but that of the output, which is always kept, asks not."""
    spec = JobSpec(command=("true",))

    def capabilities(_: str, __: object) -> Capabilities:
        raise AssertionError("nobody wants to know")

    assert [] == local_faults(spec, captured, capabilities)


def test_hosts_without_the_library_for_them_are_told_what_installs_it(
    captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is stored, and without importing it to find out."""
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    (fault,) = local_faults(JobSpec(command=("true",), on=("a",)), captured, anything)

    assert fault.endswith("pip install 'outlast[ssh]'")


def test_what_is_wrong_anywhere_is_told_together(captured: Captured) -> None:
    """The caller's own faults, the spec's, the secrets' and the machine's, each once."""
    given = [
        {"command": ["gone"], "timeout": "soon", "secret_env": {"A": "env:NOT_THERE_AT_ALL"}},
        {"command": ["gone"], "timeout": "soon"},
    ]
    with pytest.raises(InvalidRequest) as refused:
        read_request(given, captured, anything, ["an option was wrong"])

    assert 4 == len(refused.value.faults)
    assert "an option was wrong" == refused.value.faults[0]


def test_what_cannot_be_asked_about_is_not_asked_about(captured: Captured) -> None:
    """A NUL in a name is a fault of its own, and not one of ours."""
    with pytest.raises(InvalidRequest) as refused:
        read_request([{"command": ["./a\0b"], "stdin": "c\0d"}], captured, anything)

    assert all("NUL" in fault for fault in refused.value.faults)


def test_a_secret_that_is_no_reference_is_never_shown(captured: Captured) -> None:
    """It may be the secret itself: told once, by the variable's name."""
    with pytest.raises(InvalidRequest) as refused:
        read_request([{"command": ["true"], "secret_env": {"PW": "hunter2"}}], captured, anything)

    assert 1 == len(refused.value.faults)
    assert "hunter2" not in str(refused.value)


def test_what_is_sound_is_returned(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """Specs in their order, and the values of their secrets."""
    monkeypatch.setenv("TOKEN_FOR_TEST", "value")
    specs, secrets = read_request(
        [{"command": ["true"], "secret_env": {"T": "env:TOKEN_FOR_TEST"}}, {"shell": "x"}],
        captured,
        anything,
    )

    assert (("true",), "x") == (specs[0].command, specs[1].shell)
    assert {"env:TOKEN_FOR_TEST": "value"} == secrets

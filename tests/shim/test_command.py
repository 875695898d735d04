"""What a command finds around it: a session of its own, and nothing of ours."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from outlast.shim.command import find_program

from ..world import is_alive
from .rig import Rig, ended

PYTHON = sys.executable


def told(rig: Rig, code: str, **changes: object) -> str:
    """Return what a line of Python prints as a command."""
    message = rig.message(PYTHON, "-I", "-S", "-c", code, **changes)
    lines = rig.run(message)
    assert (0, None, None) == ended(lines), rig.output(message, "stderr")
    return rig.output(message).decode().strip()


@pytest.mark.parametrize("code", [0, 1, 2, 37, 126, 127, 128, 130, 137, 254, 255])
def test_an_exit_code_is_told_as_it_is(rig: Rig, code: int) -> None:
    """Codes that shells give a meaning to are the command's own all the same."""
    assert (code, None, None) == ended(rig.run(rig.sh(f"exit {code}")))


def test_every_exit_code_is_told_by_one_shim(rig: Rig) -> None:
    """0 to 255, one after the other, by the same shim."""
    channel = rig.shim()
    codes = [ended(channel.run(rig.sh(f"exit {code}")))[0] for code in range(256)]

    assert list(range(256)) == codes


DEADLY = [
    number
    for number in range(1, signal.NSIG)
    if number in signal.valid_signals()
    and number
    not in (
        *(signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH),
        *(signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU),
    )
]


def test_every_signal_that_ends_a_command_is_told(rig: Rig) -> None:
    """A command that dies of a signal has no exit code, but the signal's number."""
    channel = rig.shim()
    code = "import os, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.kill(os.getpid(), int(os.environ['N']))"
    found = []
    for number in DEADLY:
        message = rig.message(PYTHON, "-I", "-S", "-c", code)
        message["env"]["N"] = str(number)
        found.append(ended(channel.run(message)))

    # Python itself ignores SIGPIPE and SIGXFSZ, so those two it survives.
    survived = (signal.SIGPIPE, signal.SIGXFSZ)
    expected = [(0, None, None) if n in survived else (None, n, None) for n in DEADLY]
    assert expected == found


def test_a_command_leads_its_own_session(rig: Rig) -> None:
    """Session and group are its own, and not its shim's: killing one's group spares the other."""
    code = "import os; print(os.getpid(), os.getsid(0), os.getpgid(0), os.getsid(os.getppid()))"
    pid, session, group, shims = told(rig, code).split()

    assert pid == session == group != shims


def test_a_command_has_three_descriptors(rig: Rig) -> None:
    """Nothing of ours is open in it: input from nowhere, output into its files."""
    code = (
        "import os; fds = sorted(map(int, os.listdir('/proc/self/fd')))[:-1];"
        "print(*[os.readlink(f'/proc/self/fd/{fd}') for fd in fds])"
    )
    message = rig.message(PYTHON, "-I", "-S", "-c", code)
    rig.run(message)

    folder = message["folder"]
    assert ["/dev/null", f"{folder}/stdout", f"{folder}/stderr"] == rig.output(
        message
    ).decode().split()


def signal_sets(rig: Rig) -> dict[str, int]:
    """Return the sets of signals that a command has, as /proc/PID/status tells them (proc(5))."""
    message = rig.message("/bin/cat", "/proc/self/status")
    rig.run(message)
    pairs = (line.split(":") for line in rig.output(message).decode().splitlines())
    # 32 and 33 are the C library's own: nobody can set them, and whoever started us may ignore them.
    ours = sum(1 << (number - 1) for number in signal.valid_signals())
    names = ("SigIgn", "SigBlk", "SigCgt")
    return {name: int(value, 16) & ours for name, value in pairs if name in names}


def test_a_command_ignores_and_blocks_no_signal(rig: Rig) -> None:
    """SIGPIPE ends it as it ends everything else; nothing is blocked or ignored."""
    sets = signal_sets(rig)

    assert (0, 0, 0) == (sets["SigIgn"], sets["SigBlk"], sets["SigCgt"])


def test_what_our_caller_ignores_is_no_command_s(home: Path) -> None:
    """Whoever started us may ignore and block what it likes: a command begins at the defaults."""
    code = (
        "import signal, sys; from pathlib import Path; from tests.shim.rig import Rig;"
        "from tests.shim.test_command import signal_sets;"
        "[signal.signal(n, signal.SIG_IGN) for n in signal.valid_signals() if n not in (9, 17, 19)];"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGTERM});"
        "rig = Rig(Path(sys.argv[1]));"
        "print(*[signal_sets(rig)[name] for name in ('SigIgn', 'SigBlk')]); rig.close()"
    )
    root = Path(__file__).parents[2]
    answer = subprocess.run(
        [PYTHON, "-c", code, str(home)],
        check=False,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert "0 0" == answer.stdout.strip(), answer.stderr


def test_a_pipe_without_a_reader_ends_a_command(rig: Rig) -> None:
    """`yes | head -1` ends, since `yes` dies of SIGPIPE."""
    message = rig.sh("yes | head -1")

    assert (0, None, None) == ended(rig.run(message))
    assert b"y\n" == rig.output(message)


def test_umask_directory_and_input_are_the_caller_s(rig: Rig, tmp_path: Path) -> None:
    """They come with the order; what the command makes has the caller's mode."""
    (tmp_path / "in").write_bytes(b"given")
    message = rig.sh(
        "umask; pwd; cat; touch made", umask=0o027, cwd=str(tmp_path), stdin=str(tmp_path / "in")
    )
    rig.run(message)

    assert f"0027\n{tmp_path}\ngiven" == rig.output(message).decode()
    assert 0o640 == (tmp_path / "made").stat().st_mode & 0o777


def test_limits_are_the_caller_s(rig: Rig) -> None:
    """Soft and hard limits come with the order; one above ours is brought as near as may be."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = {"NOFILE": [64, 128], "CORE": [0, 0], "STACK": [1 << 20, 1 << 21]}
    code = (
        "import resource as r;"
        "print(r.getrlimit(r.RLIMIT_NOFILE), r.getrlimit(r.RLIMIT_CORE), r.getrlimit(r.RLIMIT_STACK))"
    )

    assert "(64, 128) (0, 0) (1048576, 2097152)" == told(rig, code, rlimits=wanted)
    above = told(rig, "import resource as r; print(*r.getrlimit(r.RLIMIT_NOFILE))",
                 rlimits={"NOFILE": [soft, -1]})  # fmt: skip
    assert above.split()[0] == str(soft)


def test_an_unknown_limit_is_passed_over(rig: Rig) -> None:
    """A limit that this kernel does not know keeps no command from starting."""
    assert "ok" == told(rig, "print('ok')", rlimits={"NONSENSE": [1, 1]})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"argv": ["/no/such/program"]}, "/no/such/program: No such file"),
        ({"argv": ["no-such-program"]}, "no-such-program"),
        ({"argv": ["/etc/passwd"]}, "/etc/passwd: Permission denied"),
        ({"cwd": "/no/such/place"}, "/no/such/place"),
        ({"argv": ["/no/such/one"], "rlimits": {"CORE": [0, 0]}}, "/no/such/one: No such file"),
        ({"stdin": "/no/such/input"}, "/no/such/input"),
        ({"argv": ["/bin/echo", "x" * 200_000]}, "too long"),
    ],
    ids=["path", "name", "mode", "cwd", "path, with a limit", "stdin", "size"],
)
def test_what_cannot_start_is_told_with_its_cause(
    rig: Rig, changes: dict[str, object], words: str
) -> None:
    """It failed before it ran: a reason, words, and neither code nor signal."""
    lines = rig.run(rig.message("/bin/true", **changes))

    assert (None, None, "spawn_failed") == ended(lines)
    (line,) = [line for line in lines if line["event"] == "ended"]
    assert line["unstarted"]
    assert words in line["error"]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_command_without_a_place_for_its_output_does_not_start(rig: Rig, stream: str) -> None:
    """Something else stands where its output goes: it is told, and nothing has run."""
    message = rig.message("/bin/true")
    Path(message["folder"], stream).mkdir(parents=True)
    (line,) = [line for line in rig.run(message) if line["event"] == "ended"]

    assert ("spawn_failed", True) == (line["reason"], line["unstarted"])
    assert "could not write output: Is a directory" == line["error"]


def test_an_attempt_without_a_place_does_not_start(rig: Rig) -> None:
    """Where not even its folder can be made, the supervisor is told, and the shim goes on."""
    message = rig.message("/bin/true")
    Path(message["folder"]).parent.parent.write_bytes(b"")
    channel = rig.shim()
    lines = channel.run(message)

    assert (None, None, "spawn_failed") == ended(lines)
    assert lines[0]["error"].startswith("could not claim its folder: ")
    assert (0, None, None) == ended(channel.run(rig.sh("exit 0")))


def test_a_program_is_looked_for_along_the_path(tmp_path: Path) -> None:
    """The first that may be executed is taken: no folder, and no file without the mode for it."""
    for name in ("one", "two", "three", "four"):
        (tmp_path / name).mkdir()
    (tmp_path / "two" / "tool").mkdir()
    (tmp_path / "three" / "tool").touch(0o644)
    (tmp_path / "four" / "tool").touch(0o755)
    path = {"PATH": f"one:{tmp_path}/two:three"}

    with pytest.raises(PermissionError, match="could not run tool: Permission denied"):
        find_program("tool", str(tmp_path), path)
    path["PATH"] += ":four"
    assert f"{tmp_path}/four/tool" == find_program("tool", str(tmp_path), path)
    assert "./tool" == find_program("./tool", str(tmp_path), path)


def test_a_script_without_its_first_line_is_told_so(rig: Rig, tmp_path: Path) -> None:
    """The kernel's words for it help nobody: what to do is said."""
    script = tmp_path / "script"
    script.write_text("echo hello\n")
    script.chmod(0o755)
    (line,) = [x for x in rig.run(rig.message(str(script))) if x["event"] == "ended"]

    assert "#! line" in line["error"]


def test_a_script_is_written_and_run(rig: Rig) -> None:
    """A job's script becomes a file of its attempt, which is executed."""
    message = rig.message("unused", script="#!/bin/sh\necho from a script\n")
    message["argv"] = [f"{message['folder']}/script"]
    rig.run(message)

    assert b"from a script\n" == rig.output(message)


def test_text_of_any_kind_reaches_a_command(rig: Rig) -> None:
    """Arguments and variables arrive byte by byte, those that are no text included."""
    message = rig.message("/bin/sh", "-c", 'printf %s "$1$X"', "sh", "\u00e9\u2603\U0001f600\udcff")
    message["env"]["X"] = "\u00e4\udc80"
    rig.run(message)

    expected = "\u00e9\u2603\U0001f600".encode() + b"\xff" + "\u00e4".encode() + b"\x80"
    assert expected == rig.output(message)


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1"])
def test_the_locale_of_our_start_changes_no_byte(open_rig: Callable[..., Rig], locale: str) -> None:
    """Even where the launcher was started under a locale without UTF-8."""
    rig = open_rig(LC_ALL=locale, LANG=locale)
    message = rig.message("/bin/echo", "\u00e9\u2603")
    rig.run(message)

    assert "\u00e9\u2603\n".encode() == rig.output(message)


def test_a_command_of_a_mebibyte_runs(rig: Rig) -> None:
    """Eight arguments of nearly 128 KiB each arrive whole."""
    arguments = [chr(97 + n) * (128 * 1024 - 2) for n in range(8)]
    message = rig.message("/bin/sh", "-c", 'printf %s "$@" | wc -c', "sh", *arguments)

    assert (0, None, None) == ended(rig.run(message))
    assert 8 * (128 * 1024 - 2) == int(rig.output(message))


def test_a_start_under_a_tiny_limit_never_becomes_a_second_shim(rig: Rig) -> None:
    """With next to no memory allowed the start fails or the program dies; nothing else happens."""
    message = rig.message("/bin/true", rlimits={"AS": [4096, 4096]})
    lines = rig.run(message)

    assert (0, None, None) != ended(lines)
    assert 1 == len([line for line in rig.lines(message) if line["event"] == "ended"])
    assert 1 == len(rig.shims())


def test_a_command_killed_by_somebody_else_is_told_by_its_signal(rig: Rig) -> None:
    """A signal that we did not send is the command's own end: a number and no reason."""
    message = rig.sh("exec sleep 100")
    channel = rig.shim()
    channel.send(message)
    channel.until("began")
    began = rig.record(message).began
    assert began is not None
    os.kill(began["pid"], signal.SIGKILL)

    assert (None, signal.SIGKILL, None) == ended(channel.until())
    assert not is_alive(began["pid"])

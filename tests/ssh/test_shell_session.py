"""What a session carries on its host, under each shell: kept by the shim, from command to command."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import stat
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .shell import PATIENCE_S, SHELLS, SHIM, Host, Seen, steps, wait_alone

SESSION = SHIM.with_name("session.sh")

pytestmark = pytest.mark.slow  # the shell's own work: the same under any Python


class Session:
    """The commands of one session on a host, one after another."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.name = f"ses_{os.urandom(5).hex()}"
        self.state = host.folder / "sessions" / self.name
        self._numbers = itertools.count()
        self.key = ""

    def begin(self, shell: str = "", *, wait: bool = True, **spec: Any) -> None:
        """Order a command, and return once it has begun, or never will; or at once."""
        self.key = f"job_{next(self._numbers)}{self.name}/0/1"
        self.host.start(shell, self.key, session="s", session_id=self.name, **spec)
        if wait:
            self.host.until(lambda seen: seen.state != "none", self.key)

    def run(self, shell: str = "", **spec: Any) -> str:
        """Return what a command prints."""
        self.ended(shell, **spec)
        return self.host.file("stdout", self.key).read_bytes().decode("utf-8", "surrogateescape")

    def ended(self, shell: str = "", **spec: Any) -> Seen:
        """Return how a command has ended."""
        self.begin(shell, **spec)
        return self.host.over(self.key)

    @property
    def stderr(self) -> str:
        return self.host.file("stderr", self.key).read_text()


# Of mksh a state is whole too, but one without a PATH: `printf` is no part of that shell.
@pytest.fixture(params=[name for name in SHELLS if name != "mksh"])
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Session:
    """A session on a host that has only this shell."""
    name = str(request.param)
    if shutil.which(SHELLS[name][0]) is None and not os.environ.get("CI"):
        pytest.skip(f"no {name} here: apt-get install {name}")
    return Session(Host(tmp_path / "host", name))


def test_directory_and_variables_are_carried(session: Session, tmp_path: Path) -> None:
    """Set, changed and taken away: the next command finds what the last one left."""
    (tmp_path / "a b'c").mkdir()
    session.run(f"cd '{tmp_path}/a b'\\''c'; export A=1 B=2; C=3")
    session.run('unset HOME B; export A="$A$A"')

    assert f"{tmp_path}/a b'c 11 - - -\n" == session.run(
        'echo "$PWD $A ${B:--} ${C:--} ${HOME:--}"'
    )


def test_words_are_run_by_the_session_s_shell(session: Session, tmp_path: Path) -> None:
    """So that `cd` and `export` are its own; a program is found, and its code is the command's."""
    session.run(command=("cd", str(tmp_path)))
    session.run(command=("export", "A=a b"))

    assert f"{tmp_path}\n" == session.run(command=("pwd",))
    assert "a b\n" == session.run(command=("printenv", "A"))
    assert ("7", "no") == session.ended(command=("sh", "-c", "exit 7")).ended
    assert ("127", "no") == session.ended(command=("no-such-program",)).ended
    assert "x\n" == session.run(script="#!/bin/sh\necho x\n")


ENDS = {
    "left in the middle": ("export A={}; exit 3", ("3", "no"), True),
    "the last command's code": ("export A={}; false", ("1", "no"), True),
    "at a failure": ("set -e; export A={}; false; exit 9", ("1", "no"), True),
    "like a signal": ("export A={}; exit 137", ("137", "no"), True),
    "traced": ("set -xu; export A={}; exit 3", ("3", "no"), True),
    "read-only": ("readonly A={}; export A; true", ("0", "no"), True),
    "its own trap": ("trap 'echo bye' EXIT; export A={}", ("0", "no"), True),
    "odd settings": ("IFS=x; set -f; export A={}", ("0", "no"), True),
    "killed": ("export A={}; kill -9 $$", ("137", "yes"), False),
    "ended": ("export A={}; kill -TERM $$", ("143", "yes"), False),
    "another program": ("export A={}; exec true", ("0", "no"), False),
    "no path": ("export A={} PATH=/nowhere", ("0", "no"), True),
}
"""A line with a place for a value, how it ends, and whether the value is carried."""


def test_the_end_is_told_as_it_was(session: Session) -> None:
    """Code and signal are the line's own; one that was killed leaves all as it was."""
    told, expected = {}, {}
    had = "-"
    for name, (line, ended, is_carried) in ENDS.items():
        seen = session.ended(f'echo "${{A:--}}"; {line.format(f"new{len(told)}")}')
        printed = session.host.file("stdout", session.key).read_text()
        told[name] = (printed.splitlines()[0], seen.ended)
        expected[name] = (had, ended)
        if is_carried:
            had = f"new{len(told) - 1}"
        assert "OUTLAST" not in session.stderr, name

    assert expected == told
    assert f"{had}\n" == session.run('echo "$A"')


def test_a_line_that_is_none_leaves_all_as_it_was(session: Session) -> None:
    """Its fault is told by the shell, with the code that the shell has for it."""
    session.run("export A=old")
    seen = session.ended("export A=new; if")

    assert "no" == seen.ended[1]
    assert "0" != seen.ended[0]
    assert session.stderr
    assert "old\n" == session.run('echo "$A"')


@pytest.mark.parametrize("how", ["timeout", "stop"])
def test_a_command_that_is_ended_leaves_all_as_it_was(session: Session, how: str) -> None:
    """At its limit or by a cancel, though it hears the signal and ends by itself."""
    session.run("export A=old")
    line = "trap 'exit 0' TERM; export A=new; echo up; while :; do sleep 0.1; done"
    session.begin(line, timeout=timedelta(seconds=1 if how == "timeout" else 600))
    if how == "stop":
        session.host.until(lambda seen: seen.words[5] != "0", session.key)
        session.host.call("stop", session.key, "5", "cancelled")
    session.host.over(session.key)

    assert "old\n" == session.run('echo "$A"')


def test_a_command_whose_parent_is_killed_leaves_all_as_it_was(session: Session) -> None:
    """Nobody knows how it ended."""
    session.run("export A=old")
    session.begin("export A=new; sleep 0.3")
    keeper = int(session.host.file("began", session.key).read_text().split()[6])
    os.kill(keeper, signal.SIGKILL)
    session.host.until(lambda seen: seen.main == "dead", session.key)

    assert "old\n" == session.run('echo "$A"')


def test_what_is_given_to_one_command_is_its_own(session: Session) -> None:
    """Variables and secrets of a command are not carried; the session has what it had."""
    session.run("export A=carried B=carried TOKEN=carried")
    given = {"env": {"A": "given", "X": "given"}, "secret_env": {"TOKEN": "env:TOKEN"}}
    said = session.run(
        'echo "$A $X $B $TOKEN"; export A=changed B=changed',
        secrets={"env:TOKEN": "hunter2"},
        **given,
    )

    assert "given given carried hunter2\n" == said
    assert b"hunter2" not in session.state.read_bytes()
    assert "carried - changed carried\n" == session.run('echo "$A ${X:--} $B $TOKEN"')


def test_what_is_the_shell_s_or_ours_is_not_carried(session: Session) -> None:
    """Nor is what a shell has besides: functions, options, a mask; the connection is the present one."""
    session.run(
        "f() { echo f; }; umask 0; set -f; local=1; export SSH_CONNECTION=old OUTLAST_X=old OPTIND=5"
    )
    said = session.run("set | grep -E '^(f|local|OUTLAST_X|SSH_CONNECTION)=' ; umask; echo $-; f")

    assert "=old" not in said
    assert "0000" not in said
    assert "f\n" not in said
    assert "f" not in said.splitlines()[-1]


def test_the_state_is_for_its_user_alone(session: Session) -> None:
    """Whatever the command's mask; and it is replaced whole."""
    session.run("umask 0; export A=1")

    assert 0o600 == stat.S_IMODE(session.state.stat().st_mode)
    assert 0o700 == stat.S_IMODE(session.state.parent.stat().st_mode)
    assert [session.state] == list(session.state.parent.iterdir())


def test_a_directory_that_is_gone_is_told(session: Session, tmp_path: Path) -> None:
    """Nothing runs elsewhere instead; a command that names a directory goes on from there."""
    (tmp_path / "there").mkdir()
    session.run(f"cd {tmp_path}/there; rmdir {tmp_path}/there; export A=1")
    seen = session.ended("echo ran")
    assert ("void", ("spawn_failed", "session")) == (seen.state, seen.words[1:])

    session.run("true", cwd=str(tmp_path))
    assert f"{tmp_path} 1\n" == session.run('echo "$PWD $A"')


def test_a_directory_is_called_as_it_was(session: Session, tmp_path: Path) -> None:
    """By way of a link it is by way of a link again."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    session.run(f"cd {tmp_path}/link; PWD=/ignored")
    session.run(f"cd {tmp_path}/link")

    assert f"{tmp_path}/link\n" == session.run("pwd")


def test_a_state_that_is_not_whole_is_not_used(session: Session) -> None:
    """Half of what was carried would be something else."""
    session.run("export A=1 B=2")
    session.state.write_bytes(session.state.read_bytes()[:-3])

    seen = session.ended("echo ran")
    assert ("void", ("spawn_failed", "session")) == (seen.state, seen.words[1:])


def test_what_cannot_be_kept_is_told(session: Session) -> None:
    """The command's own end is as it was, and the session as before."""
    session.run("export A=old")
    session.state.unlink()
    session.state.mkdir()
    (session.state / "in the way").touch()

    assert ("3", "no") == session.ended("export A=new; exit 3", cwd="/").ended


def test_background_processes_are_no_part_of_it(session: Session, tmp_path: Path) -> None:
    """They end with the command, or may go on; what the shell had is carried either way."""
    session.run("export A=1; sleep 1000 & cd /")
    session.run(
        f"(until [ -e {tmp_path}/go ]; do sleep 0.05; done) & export A=2; true & wait $!; "
        f"touch {tmp_path}/go",
        leftovers="wait",
    )

    assert "/ 2\n" == session.run('echo "$PWD $A"')


def test_two_sessions_have_nothing_in_common(session: Session) -> None:
    """Each has its own directory and variables."""
    other = Session(session.host)
    session.run("export A=1; cd /")
    other.run("export A=2; cd /tmp")

    assert ["/ 1\n", "/tmp 2\n"] == [each.run('echo "$PWD $A"') for each in (session, other)]


VALUES = st.binary(max_size=60).filter(lambda value: b"\0" not in value)
NAMES = st.one_of(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True),
    st.sampled_from(["dir", "key", "sh", "status", "line", "LC_ALL", "LANG", "ENV", "x", "PATH"]),
).filter(
    lambda name: (
        not name.startswith(("OUTLAST", "BASH", "EPOCH"))
        and name not in {"_", "UID", "EUID", "PPID", "GROUPS", "IFS", "PWD", "RANDOM", "SECONDS"}
    )
)


@settings(
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(variables=st.dictionaries(NAMES, VALUES, max_size=4))
def test_any_variable_is_carried_as_it_is(
    session: Session, tmp_path: Path, variables: dict[str, bytes]
) -> None:
    """Quotes, line breaks, what looks like our own lines, and bytes that are no text."""
    fresh = Session(session.host)
    script = tmp_path / f"set{time.monotonic_ns()}"
    script.write_bytes(
        b"".join(
            b"export " + name.encode() + b"='" + value.replace(b"'", b"'\\''") + b"'\n"
            for name, value in variables.items()
        )
    )
    fresh.run(f". {script}")
    said = fresh.run("/usr/bin/env -0").encode("utf-8", "surrogateescape").split(b"\0")

    assert {name.encode() + b"=" + value for name, value in variables.items()} <= set(said)


# ------------------------------------------------------------------------------- kill -9, everywhere


@pytest.mark.parametrize("step", steps(SHIM, "take_place", "carry_on"))
def test_whoever_is_killed_when_a_state_is_old_or_new(tmp_path: Path, step: int) -> None:
    """The shim is killed at a line that is about sessions: the next command finds one, whole."""
    host = Host(tmp_path / "host", "dash")
    session = Session(host)
    session.run("export A=old B=old")
    host.shim.write_text(deadly(SHIM, step))
    session.begin("export A=new B=new", wait=False)
    host.shim.write_text(SHIM.read_text())
    wait_alone(host.folder)

    assert session.run('echo "$A $B"') in ("old old\n", "new new\n")


@pytest.mark.parametrize("step", steps(SESSION, "OUTLAST_save", "OUTLAST_write"))
def test_who_is_killed_while_a_state_is_written_leaves_no_half(tmp_path: Path, step: int) -> None:
    """Or all of it. The command's code is its own all the same."""
    script, new = tmp_path / "session.sh", tmp_path / "new"
    script.write_text(deadly(SESSION, step))
    state = tmp_path / "state"
    state.write_text("variable OWN 'it'\\''s'\ndirectory '/'\n# whole\n")
    dash = shutil.which("dash") or "dash"  # what the session has for PATH is nothing
    words = ["begin", dash, str(state), str(new), "OWN", "line", "export A=new; exit 3"]
    done = subprocess.run([dash, str(script), *words], check=False, timeout=PATIENCE_S, cwd="/")

    assert 3 == done.returncode
    told = new.read_text()
    assert not told.endswith("# whole\n") or told == f"variable A 'new'\n{state.read_text()}"


def deadly(script: Path, step: int) -> str:
    """The text of a script in which who comes to a line is killed there."""
    lines = script.read_text().splitlines(keepends=True)
    return "".join([*lines[:step], "kill -9 $$\n", *lines[step:]])

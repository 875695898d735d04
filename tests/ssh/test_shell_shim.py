"""The shim for a host that has only a POSIX shell: what it promises, under each such shell."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outlast.core.job import JobSpec, Limits
from outlast.executors.ssh.answer import parse_start
from outlast.executors.ssh.order import key_on_host, lines_of, order_of
from outlast.ports.executor import Captured, Launch
from outlast.shim import system

from ..world import eventually
from .shell import KEY, SHELLS, SHIM, Host, steps, wait_alone

pytestmark = pytest.mark.slow  # the shell's own work: the same under any Python

AT_ONCE = timedelta()


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    """Each shell in turn. All are there: `.ci/run` installs what is missing."""
    name = str(request.param)
    if shutil.which(SHELLS[name][0]) is None and not os.environ.get("CI"):
        pytest.skip(f"no {name} here: apt-get install {name}")
    return name


@pytest.fixture
def host(tmp_path: Path, shell: str) -> Host:
    """A host that has nothing but this shell."""
    return Host(tmp_path / "host", shell)


@pytest.mark.parametrize(
    ("line", "ended"),
    [
        pytest.param("exit 0", ("0", "no"), id="ends well"),
        pytest.param("exit 37", ("37", "no"), id="a code"),
        pytest.param("exit 255", ("255", "no"), id="the code that ssh has for itself"),
        pytest.param("kill -9 $$", ("137", "yes"), id="a signal"),
        pytest.param("exit 137", ("137", "no"), id="the code that looks like a signal"),
        pytest.param("kill -SEGV $$", ("139", "yes"), id="another signal"),
    ],
)
def test_the_end_is_told_as_it_was(host: Host, line: str, ended: tuple[str, str]) -> None:
    """A code and a signal are told apart, though a shell gives both the same number."""
    host.start(line)

    assert ended == host.over().ended


def test_output_goes_to_files_and_is_read_by_offset(host: Host) -> None:
    """Byte for byte, from anywhere, at most so much; nothing at the end."""
    host.start("printf 'ab\\0\\377cd'; echo err >&2")
    host.over()

    assert b"ab\0\xffcd" == host.call("read", KEY, "stdout", "0", "100")
    assert b"\0\xff" == host.call("read", KEY, "stdout", "2", "2")
    assert b"" == host.call("read", KEY, "stdout", "6", "100")
    assert b"err\n" == host.call("read", KEY, "stderr", "0", "100")


def test_far_offsets_are_found(host: Host) -> None:
    """Beyond many blocks, a piece is the one that was asked for."""
    host.file("stdout").parent.mkdir(parents=True)
    data = bytes(i * 7 % 251 for i in range(300_000))
    host.file("stdout").write_bytes(data)

    for at, most in ((0, 1), (65535, 2), (65536, 70000), (131073, 100), (299_999, 50)):
        assert data[at : at + most] == host.call("read", KEY, "stdout", str(at), str(most))


def test_a_second_start_starts_nothing(host: Host, tmp_path: Path) -> None:
    """While it runs, and when it is over."""
    line = f"echo started >> {tmp_path}/starts; until [ -e {tmp_path}/go ]; do sleep 0.05; done"
    assert host.start(line).startswith(b"started\n")
    host.until(lambda seen: seen.state == "began")
    assert host.start(line).startswith(b"known\n")
    (tmp_path / "go").touch()
    host.over()
    assert host.start(line).startswith(b"known\n")

    assert "started\n" == (tmp_path / "starts").read_text()


def test_of_many_starts_at_once_one_counts(host: Host, tmp_path: Path) -> None:
    """Whoever links its identity first runs; the others leave without a trace."""
    from concurrent.futures import ThreadPoolExecutor

    line = f"echo started >> {tmp_path}/starts; sleep 0.2; exit 37"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: host.start(line), range(4)))

    assert ("37", "no") == host.over().ended
    assert "started\n" == (tmp_path / "starts").read_text()


def test_an_order_cut_on_its_way_is_not_obeyed(host: Host, tmp_path: Path) -> None:
    """Half an order starts nothing; the whole one does, afterwards."""
    from outlast.executors.ssh.order import WHOLE

    order = order_of(
        Launch(key=host.key(KEY), spec=JobSpec(shell="exit 37"), captured=Captured(env={}))
    )
    for size in range(0, len(order) - len(WHOLE), 41):
        host.call("start", KEY, data=order[:size])
    wait_alone(tmp_path / "host")
    assert "none" == host.status().state
    host.call("start", KEY, data=order)
    assert ("37", "no") == host.over().ended


@pytest.mark.parametrize(
    ("spec", "detail"),
    [
        pytest.param({"shell": "true", "cwd": "/not/there"}, "directory", id="no such directory"),
        pytest.param({"command": ("no-such-program",)}, "program", id="no such program"),
        pytest.param({"command": ("/etc",)}, "program", id="a directory"),
        pytest.param({"command": ("/etc/passwd",)}, "executable", id="no program at all"),
        pytest.param({"shell": "true", "stdin": "never sent"}, "stdin", id="nothing to read"),
    ],
)
def test_what_cannot_begin_is_told(host: Host, spec: dict[str, str], detail: str) -> None:
    """It never ran, with the reason; and it never will."""
    host.start(**spec)

    seen = host.over()
    assert ("void", ("spawn_failed", detail)) == (seen.state, seen.words[1:])


def test_a_program_is_looked_for_where_the_job_says(host: Host, tmp_path: Path) -> None:
    """A `PATH` of the job's own is in force for the question whether there is the program, too."""
    mine = tmp_path / "mine"
    mine.write_text("#!/bin/sh\nexit 37\n")
    mine.chmod(0o755)
    host.start(command=("mine",), env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert ("37", "no") == host.over().ended

    secret = {"secret_env": {"PATH": "env:ELSEWHERE"}, "secrets": {"env:ELSEWHERE": str(tmp_path)}}
    host.start(key="job_b/0/1", command=("mine",), **secret)
    assert ("37", "no") == host.over("job_b/0/1").ended


def test_who_is_patient_is_told_the_end(host: Host) -> None:
    """An answer that waits comes once all is over, or a moment after what goes on has begun."""
    short, long = (host.key(f"job_{name}/0/1") for name in ("short", "long"))
    argv = [*host.argv, str(host.shim), "n", "serve"]
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OUTLAST_SH": str(host.sh)},
    ) as serving:
        said = {}
        for nonce, key, line in (("n1", short, "echo out; exit 37"), ("n2", long, "sleep 1000")):
            launch = Launch(key=key, spec=JobSpec(shell=line), captured=Captured(env={}))
            order = order_of(launch)
            words = (nonce, "start", key_on_host(key), len(order), lines_of(order), "yes")
            serving.stdin.write(" ".join(map(str, words)).encode() + b"\n" + order)
            serving.stdin.flush()
            said[nonce] = b""
            while not said[nonce].endswith(f"\n{nonce}\n".encode()):
                said[nonce] += serving.stdout.readline()
        serving.stdin.close()
        serving.wait(60)
    host.call("stop", "job_long/0/1", "0", "cancelled")
    host.over("job_long/0/1")
    over, goes_on = (
        parse_start(said[n].removeprefix(b"n\n").removesuffix(f"\n{n}\n".encode()))
        for n in ("n1", "n2")
    )

    assert over is not None
    assert b"out\n" == over.output
    told = over.attempts[key_on_host(short)]
    assert (37, True) == (told.status, told.emptied_at is not None)
    assert goes_on is not None
    assert (True, None) == (
        goes_on.attempts[key_on_host(long)].is_running,
        goes_on.attempts[key_on_host(long)].ended_at,
    )


def test_who_connects_tells_the_time(host: Host) -> None:
    """What is told of attempts is told by that clock, however wrong the host's own may be."""
    told = 1_000_000_000
    key = key_on_host(host.key(KEY))
    launch = Launch(key=host.key(KEY), spec=JobSpec(shell="true"), captured=Captured(env={}))
    order = order_of(launch)
    start = f"n1 start {key} {len(order)} {lines_of(order)} yes\n".encode() + order
    done = subprocess.run(
        [*host.argv, str(host.shim), "n", "serve", str(told)],
        input=start,
        stdout=subprocess.PIPE,
        env={**os.environ, "OUTLAST_SH": str(host.sh)},
        timeout=60,
        check=True,
    )
    host.over()

    words = done.stdout.split()
    assert told <= int(words[words.index(b"now") + 1]) < told + 3600
    for name, at in (("began", 2), ("ended", 0), ("emptied", 0)):
        assert told <= int(host.file(name).read_text().split()[at]) < told + 3600


def test_a_limit_of_time_ends_the_whole_tree(host: Host, tmp_path: Path) -> None:
    """TERM is ignored by one, a session of its own is another's: after the grace both are gone."""
    line = f"setsid sh -c 'echo $$ > {tmp_path}/child; exec sleep 1000' & trap '' TERM; while :; do sleep 1; done"
    host.start(line, timeout=timedelta(seconds=1), grace=timedelta(seconds=1))

    seen = host.over()
    assert ("timeout", ("137", "yes")) == (seen.reason, seen.ended)
    assert not is_alive(int((tmp_path / "child").read_text()))


def test_a_silent_command_is_ended(host: Host) -> None:
    """One that prints nothing for the time that it is given."""
    host.start("echo once; sleep 1000", idle_timeout=timedelta(seconds=1), grace=AT_ONCE)

    assert "idle_timeout" == host.over().reason


def test_a_flood_is_ended(host: Host) -> None:
    """At its output limit, seen within seconds."""
    host.start(
        "while :; do echo 0123456789; sleep 0.01; done",
        limits=Limits(output_bytes=100),
        grace=AT_ONCE,
    )

    assert "output_limit" == host.over().reason


def test_a_stop_ends_it(host: Host) -> None:
    """With its reason; asked twice it is the same, and so it is when all is over."""
    host.start("sleep 1000")
    host.until(lambda seen: seen.state == "began")
    host.call("stop", KEY, "0", "cancelled")
    host.call("stop", KEY, "0", "cancelled")

    assert ("cancelled", ("137", "yes")) == (host.over().reason, host.status().ended)
    host.call("stop", KEY, "0", "cancelled")
    assert "cancelled" == host.status().reason


def test_what_was_stopped_before_it_began_never_begins(host: Host) -> None:
    """The stop takes the place that the command would have to take."""
    host.call("stop", KEY, "0", "cancelled")

    assert host.start("exit 37").startswith(b"known\n")
    assert ("void", "cancelled") == (host.status().state, host.status().words[1])


def test_background_processes_do_not_outlive_the_command(host: Host, tmp_path: Path) -> None:
    """Unless they may; then the output is final only once they are gone."""
    host.start("sleep 1000 & exit 3")
    host.start(
        f"(until [ -e {tmp_path}/go ]; do sleep 0.05; done; echo late) & exit 3",
        key="job_b/0/1",
        leftovers="wait",
    )

    assert ("3", "no") == host.over().ended
    host.until(lambda seen: seen.state == "began" and seen.words[9] != "-", "job_b/0/1")
    assert not host.status("job_b/0/1").is_over
    (tmp_path / "go").touch()
    host.over("job_b/0/1")
    assert b"late\n" == host.call("read", "job_b/0/1", "stdout", "0", "10")


def test_what_is_waited_for_has_the_limit_of_the_command(host: Host) -> None:
    """Ended when that passes, and the command's own end stays what it was."""
    host.start("sleep 1000 & exit 3", leftovers="wait", timeout=timedelta(seconds=2), grace=AT_ONCE)

    seen = host.over()
    assert (("3", "no"), "-") == (seen.ended, seen.reason or "-")


def test_without_its_parent_the_command_goes_on_under_its_limit(host: Host) -> None:
    """`keep` is killed: the status says so, and the clock beside it goes on."""
    host.start("sleep 1000", timeout=timedelta(seconds=2), grace=AT_ONCE)
    host.until(lambda seen: seen.state == "began")
    keeper = int(host.file("began").read_text().split()[6])
    os.kill(keeper, signal.SIGKILL)

    seen = host.until(lambda seen: seen.keeper == "dead")
    assert "alive" == seen.main
    seen = host.over()
    assert ("dead", "timeout", "-") == (seen.main, seen.reason, seen.words[9])


def test_a_number_that_means_another_by_now_is_left_alone(host: Host, tmp_path: Path) -> None:
    """Once the command's number is another process's, or of another boot, no group is touched."""
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as other:
        try:
            stat = Path(f"/proc/{other.pid}/stat").read_text().rpartition(") ")[2].split()
            for key, start, boot in (
                ("job_x/0/1", "1", system.boot_id()),
                ("job_y/0/1", stat[19], "earlier"),
            ):
                began = host.file("began", key)
                began.parent.mkdir(parents=True)
                began.write_text(f"began try 1 {other.pid} {start} {boot} {2**22 + 1} 1 marker\n")
                host.call("stop", key, "0", "cancelled")
                host.over(key)
            wait_alone(tmp_path / "host")
            assert other.poll() is None
        finally:
            other.kill()


def test_what_runs_is_not_removed(host: Host, tmp_path: Path) -> None:
    """Only what is over."""
    host.start(f"until [ -e {tmp_path}/go ]; do sleep 0.05; done")
    host.until(lambda seen: seen.state == "began")
    host.call("remove", KEY)
    assert "began" == host.status().state
    (tmp_path / "go").touch()
    host.over()
    host.call("remove", KEY, "job_never/0/1")

    assert "none" == host.status().state
    assert [] == os.listdir(host.folder / "jobs")


def test_who_watches_rests_once_all_is_removed(host: Host) -> None:
    """And begins again when he is asked to."""
    host.start("true")
    host.over()
    argv = [*host.argv, str(host.shim), "n", "serve"]
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=nowhere) as serving:
        children = Path(f"/proc/{serving.pid}/task/{serving.pid}/children")

        def is_watched() -> bool:
            return any(is_alive(int(pid)) for pid in children.read_text().split())

        def ask(*words: str) -> None:
            serving.stdin.write(" ".join((*words, "\n")).encode())
            serving.stdin.flush()
            while serving.stdout.readline() != f"{words[0]}\n".encode():
                pass

        ask("n1", "watch")
        assert is_watched()
        ask("n2", "remove", key_on_host(host.key(KEY)))
        eventually(lambda: not is_watched())
        ask("n3", "watch")
        assert is_watched()
        serving.stdin.close()
        serving.wait(60)


def test_what_is_retired_does_not_begin_again(host: Host, tmp_path: Path) -> None:
    """Nothing but its mark is left, and that goes a day later, when somebody connects."""
    host.start(f"echo x >>{tmp_path}/log")
    host.over()
    host.call("retire", KEY, "job_never/0/1")
    folder = host.file("began").parent
    assert {"began", "retired"} == set(os.listdir(folder))

    assert host.start(f"echo x >>{tmp_path}/log").startswith(b"known\n")
    host.call("retire", KEY)
    host.call("serve")
    assert "began" == host.status().state
    os.utime(folder / "retired", (0, 0))
    host.call("serve")

    assert "x\n" == (tmp_path / "log").read_text()
    assert [] == os.listdir(host.folder / "jobs")


def test_input_and_script_and_directory(host: Host, tmp_path: Path) -> None:
    """A script runs by its first line, where it is told, with what was put there to read."""
    (tmp_path / "there").mkdir()
    host.call("put", KEY, "stdin", data=b"given\0")
    host.start(
        script="#!/bin/sh\ncat; pwd; echo $OUTLAST_ATTEMPT $OUTLAST_JOB_ID",
        stdin="x",
        cwd=str(tmp_path / "there"),
    )
    host.over()

    key = host.key(KEY)
    job = key.partition("/")[0]
    said = host.call("read", KEY, "stdout", "0", "1000")
    assert f"given\0{tmp_path}/there\n{key} {job}\n".encode() == said


def test_the_command_has_the_login_s_umask(host: Host) -> None:
    """What keeps the shim's own files to their owner is not handed down."""
    host.start("umask; echo ${OUTLAST_UMASK-none}")
    host.over()
    before = os.umask(0o027)
    try:
        host.start("umask", key="job_b/0/1")
    finally:
        os.umask(before)
    host.over("job_b/0/1")

    assert f"{before:04o}\nnone\n".encode() == host.call("read", KEY, "stdout", "0", "100")
    assert b"0027\n" == host.call("read", "job_b/0/1", "stdout", "0", "100")


def test_secrets_are_in_no_argument_and_in_no_file_once_it_runs(host: Host, tmp_path: Path) -> None:
    """The command has it; the attempt's folder and the processes' arguments do not."""
    host.start(
        f"echo $TOKEN; until [ -e {tmp_path}/go ]; do sleep 0.05; done",
        secrets={"env:TOKEN": "hunter2"},
        secret_env={"TOKEN": "env:TOKEN"},
    )
    host.until(lambda seen: seen.state == "began" and seen.words[5] != "0")
    pid = host.file("began").read_text().split()[3]
    shown = Path(f"/proc/{pid}/cmdline").read_bytes()
    files = {path.name: path.read_bytes() for path in host.file("began").parent.iterdir()}
    (tmp_path / "go").touch()
    host.over()

    assert b"hunter2" not in shown
    assert ["stdout"] == [name for name, data in files.items() if b"hunter2" in data]


ANY_TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40)
NAMES = st.one_of(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True),
    st.sampled_from(["dir", "IFS", "PS4", "LC_ALL", "BASH_ENV", "UID", "_x", "at", "pid", "env"]),
).filter(lambda name: not name.startswith("OUTLAST"))


@settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(words=st.lists(ANY_TEXT, max_size=4), env=st.dictionaries(NAMES, ANY_TEXT, max_size=3))
def test_arguments_and_variables_arrive_as_they_are(
    host: Host, words: list[str], env: dict[str, str]
) -> None:
    """Any text but NUL, quotes and line breaks and all, under any name."""
    key = f"job_{time.monotonic_ns()}/0/1"
    host.start(key=key, command=("/usr/bin/printenv", "-0"), env=env)
    other = key.replace("job_", "job_w")
    host.start(key=other, command=("/usr/bin/printf", "%s\\0", *words, "last"))
    host.over(key)
    host.over(other)

    said = host.file("stdout", key).read_bytes().split(b"\0")
    assert {f"{name}={value}".encode() for name, value in env.items()} <= set(said)
    printed = host.file("stdout", other).read_bytes().split(b"\0")
    assert [*(word.encode() for word in words), b"last", b""] == printed


# ------------------------------------------------------------------------------- kill -9, everywhere


@pytest.mark.parametrize("step", steps(SHIM, "start", "keep", "enter"))
def test_whoever_is_killed_when_nothing_runs_twice(tmp_path: Path, step: int) -> None:
    """
    The shim is killed at one of its lines, and started again as it should be: the command has
    run once, and its end is told as it was, or as unknown; never another one.
    """
    lines = SHIM.read_text().splitlines(keepends=True)
    line = f"echo started >> {tmp_path}/starts; sleep 0.1; exit 37"
    deadly = "".join([*lines[:step], "kill -9 $$\n", *lines[step:]])
    host = Host(tmp_path / "host", "dash", deadly)
    host.start(line)
    host.shim.write_text("".join(lines))
    # Once nobody of the first try is left, somebody tries again, and again that changes nothing.
    wait_alone(tmp_path / "host")
    host.start(line)
    wait_alone(tmp_path / "host")
    host.start(line)

    seen = host.until(lambda seen: seen.is_over or seen.keeper == "dead" == seen.main)
    wait_alone(tmp_path / "host")
    starts = (tmp_path / "starts").read_text() if (tmp_path / "starts").exists() else ""
    if seen.state == "began" and seen.words[9] != "-":
        code, signalled = seen.ended
        # The deadly line may be the command's own last one before it becomes the command.
        assert (code, signalled, starts) in [("37", "no", "started\n"), ("137", "yes", "")]
    else:
        assert starts in ("", "started\n")


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not fetched does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(") ")[2][0] not in "ZX"

"""Cgroups, real ones: where they can be made, what is kept in them, and how all of it ends."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from outlast.shim import cgroup
from outlast.shim.cgroup import Cgroup

from ..world import eventually
from . import kernel
from .rig import Line, Rig, ended

_numbers = count(1)


@pytest.fixture
def base() -> Iterator[str]:
    """A cgroup of the test's own, in which a launcher may be started."""
    kernel.cgroup_mount()
    yield from own_cgroup(f"{cgroup.find_base()}")


def own_cgroup(above: str) -> Iterator[str]:
    folder = f"{above}/{cgroup.PREFIX}test-{os.getpid()}-{next(_numbers)}"
    os.mkdir(folder)
    try:
        yield folder
    finally:
        Cgroup(folder).kill()
        eventually(lambda: not Cgroup(folder).is_populated(), "the cgroup's emptiness")
        Cgroup(folder).remove()
    assert not os.path.exists(folder)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process
        process.kill()


def within(base: str) -> list[str]:
    """Return what runs a program in the cgroup *base*."""
    return ["/bin/sh", "-ec", f'echo $$ > {base}/cgroup.procs; exec "$@"', "sh"]


# -------------------------------------------------------------------------- where they can be made

LOOK = (
    "import json; from outlast.shim import cgroup;"
    "print(json.dumps([cgroup.find_base(), sorted(cgroup.available_controllers())]))"
)


def test_cgroups_are_made_below_our_own(base: str) -> None:
    """Each process makes them where it is itself; nothing is left of the trial."""
    assert base == kernel.told(LOOK, under=within(base))[0]
    # Its files are the kernel's, and come and go with the controllers that others hand down to it.
    assert [] == [each.name for each in os.scandir(base) if each.is_dir()]


def test_a_leaf_for_ourselves_is_not_the_place(base: str) -> None:
    """A launcher that finds itself where the last one moved it makes cgroups beside that."""
    own = f"{base}/{cgroup.OWN}"
    os.mkdir(own)

    assert base == kernel.told(LOOK, under=within(own))[0]


@pytest.mark.parametrize(
    ("script", "sees_controllers"),
    [
        pytest.param("umount --lazy $CGROUPS", False, id="not mounted"),
        pytest.param("mount -o remount,bind,ro $CGROUPS", True, id="read-only"),
        pytest.param("mount --bind /dev/null /proc/$$/cgroup", True, id="in none of version 2"),
        pytest.param("mount -t tmpfs none $CGROUPS", False, id="something else in their place"),
        pytest.param("mount -t tmpfs none /proc", False, id="no /proc"),
        pytest.param(
            "mount -t tmpfs none /mnt; mkdir /mnt/part; mount --bind $CGROUPS/$PART /mnt/part;"
            "umount --lazy $CGROUPS",
            False,
            id="a part of the tree",
        ),
    ],
)
def test_where_cgroups_cannot_be_made_none_are(
    base: str, script: str, sees_controllers: bool
) -> None:
    """No folder is told, and controllers only where they can be seen."""
    mount = kernel.cgroup_mount()
    script = script.replace("$CGROUPS", mount).replace("$PART", os.path.relpath(base, mount))

    found, controllers = kernel.told(LOOK, under=kernel.mounts(script))

    assert (None, sees_controllers) == (found, bool(controllers))


# ------------------------------------------------------------------------------------- controllers


@pytest.fixture
def handed_down() -> Iterator[tuple[str, str]]:
    """A controller, and a cgroup that could hand it down: any will do, all follow one rule."""
    mount = Path(kernel.cgroup_mount())
    there = (mount / "cgroup.controllers").read_text().split()
    control = mount / "cgroup.subtree_control"
    wanted = [name for name in there if name in cgroup.CONTROLLERS.values()] or there
    if not wanted:
        pytest.skip("version 1 has all controllers of this machine")
    with control.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        had = wanted[0] in control.read_text().split()
        control.write_text(f"+{wanted[0]}")
        try:
            for folder in own_cgroup(str(mount)):
                yield folder, wanted[0]
        finally:
            if not had:
                control.write_text(f"-{wanted[0]}")


ENABLE = (
    "import json, sys; from outlast.shim import cgroup;"
    "cgroup.CONTROLLERS = {'limit': sys.argv[2]};"
    "print(json.dumps(sorted(cgroup.enable_controllers(sys.argv[1]))))"
)


def test_controllers_are_handed_down(handed_down: tuple[str, str]) -> None:
    """Those that keep a job's limits work below, where nothing stands in their way."""
    folder, controller = handed_down

    assert [controller] == kernel.told(ENABLE, folder, controller)
    assert controller in Path(folder, "cgroup.subtree_control").read_text().split()
    assert not os.path.exists(f"{folder}/{cgroup.OWN}")


def test_processes_make_way_for_controllers(
    handed_down: tuple[str, str], sleeper: subprocess.Popen[bytes]
) -> None:
    """The kernel wants a cgroup that hands down to be empty: those in it move to a leaf."""
    folder, controller = handed_down
    Cgroup(folder).add(sleeper.pid)

    assert [controller] == kernel.told(ENABLE, folder, controller)
    assert [sleeper.pid] == Cgroup(f"{folder}/{cgroup.OWN}").processes()
    assert [] == Cgroup(folder).processes()
    sleeper.kill()


def test_a_cgroup_without_controllers_hands_none_down(base: str, tmp_path: Path) -> None:
    """Nor does a folder that is no cgroup at all."""
    os.mkdir(f"{base}/part")  # its parent enabled nothing for it

    assert frozenset() == cgroup.enable_controllers(f"{base}/part")
    assert frozenset() == cgroup.enable_controllers(str(tmp_path))


# ------------------------------------------------------------------------------ one for an attempt


def test_controllers_that_cannot_be_handed_down_are_none(tmp_path: Path) -> None:
    """Neither as it stands, nor after making way: the limits they keep are refused then."""
    (tmp_path / "cgroup.controllers").write_text("memory pids\n")
    (tmp_path / "cgroup.subtree_control").mkdir()

    assert frozenset() == cgroup.enable_controllers(str(tmp_path))


def test_a_cgroup_is_made_once(base: str) -> None:
    """A second launch of the same attempt finds it, and takes it."""
    first, second = (Cgroup.make(base, "job_1/0/1", {}) for _ in range(2))

    assert f"{base}/outlast-job_1-0-1" == first.path == second.path
    assert os.path.isdir(first.path)


@pytest.mark.parametrize("has_swap", [True, False])
def test_limits_are_written_as_the_kernel_reads_them(tmp_path: Path, has_swap: bool) -> None:
    """Processors by their share of a period, and memory without a way out into swap."""
    folder = tmp_path / cgroup.name_of("job_1/0/1")
    folder.mkdir()
    expected = {"cpu.max": "150000 100000", "memory.max": "1048576", "pids.max": "9"}
    if has_swap:
        expected["memory.swap.max"] = "0"
    for name in expected:
        (folder / name).touch()

    Cgroup.make(str(tmp_path), "job_1/0/1", {"cpus": 1.5, "memory_bytes": 1 << 20, "pids": 9.0})

    assert expected == {path.name: path.read_text() for path in folder.iterdir()}


def test_a_limit_that_nothing_keeps_is_an_error(base: str) -> None:
    """Where the controller does not work, no job may run as if it did."""
    with pytest.raises(OSError, match=r"max"):
        Cgroup.make(base, "job_1/0/1", {"memory_bytes": 1 << 20})  # base hands nothing down


BORN = """
import json, os, sys
from outlast.shim.cgroup import Cgroup
group = Cgroup(sys.argv[1])
waits, go = os.pipe()
pid = group.fork()
if pid == 0:
    os.close(go)
    os.read(waits, 1)
    os._exit(37)
told = group.processes() == [pid]
os.write(go, b"g")
print(json.dumps([told, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), group.processes()]))
"""


def test_a_child_is_born_in_it(base: str) -> None:
    """Forked into it, a process is there from its first moment, and a child as any other."""
    assert [True, 37, []] == kernel.told(BORN, Cgroup.make(base, "job_1/0/1", {}).path)


def test_no_child_is_born_where_there_is_no_cgroup(tmp_path: Path) -> None:
    """A folder that is none, or that is gone, is an error, and no process comes of it."""
    with pytest.raises(OSError):  # noqa: PT011 each kernel has words of its own for it
        Cgroup(str(tmp_path)).fork()
    with pytest.raises(FileNotFoundError):
        Cgroup(f"{tmp_path}/gone").fork()


def test_all_in_it_are_killed_at_once(base: str) -> None:
    """Those in cgroups below it too, whoever made them."""
    group = Cgroup.make(base, "job_1/0/1", {})
    os.mkdir(f"{group.path}/deeper")
    with subprocess.Popen(["sleep", "1000"]) as one, subprocess.Popen(["sleep", "1000"]) as two:
        group.add(one.pid)
        Cgroup(f"{group.path}/deeper").add(two.pid)
        group.kill()

        assert (-signal.SIGKILL, -signal.SIGKILL) == (one.wait(30), two.wait(30))


def test_it_goes_with_all_that_was_made_below_it(base: str) -> None:
    """A command may make cgroups in its own: none of them stays."""
    group = Cgroup.make(base, "job_1/0/1", {})
    os.makedirs(f"{group.path}/a/b")
    os.mkdir(f"{group.path}/c")
    group.remove()

    assert not os.path.exists(group.path)


def test_it_stays_while_somebody_is_in_it(base: str, sleeper: subprocess.Popen[bytes]) -> None:
    """Removing it then is silent, and changes nothing."""
    group = Cgroup.make(base, "job_1/0/1", {})
    group.add(sleeper.pid)
    group.remove()

    assert ([sleeper.pid], True) == (group.processes(), group.is_populated())
    group.kill()
    sleeper.wait(30)
    eventually(lambda: not group.is_populated(), "its emptiness")


def test_it_is_populated_by_what_is_below_it(base: str, sleeper: subprocess.Popen[bytes]) -> None:
    """It has no process of its own, and cannot be removed; where there is none, nothing is in it."""
    group = Cgroup.make(base, "job_1/0/1", {})
    os.mkdir(f"{group.path}/deeper")
    Cgroup(f"{group.path}/deeper").add(sleeper.pid)
    found = (group.processes(), group.is_populated())
    group.kill()
    sleeper.wait(30)

    assert ([], True) == found
    assert not Cgroup(f"{base}/gone").is_populated()


def test_attempts_are_known_by_their_cgroups(base: str) -> None:
    """Of what is in one folder with them, those that are no attempt's are left out."""
    Cgroup.make(base, "job_1/0/1", {})
    Cgroup.make(base, "job_1/12/3", {})
    os.mkdir(f"{base}/{cgroup.OWN}")
    os.mkdir(f"{base}/else")

    assert ["job_1/0/1", "job_1/12/3"] == sorted(cgroup.keys(base))


def test_one_that_is_gone_has_nothing_in_it(tmp_path: Path) -> None:
    """Asked after its end, it has no processes and saw no kill; to end it again is silent."""
    group = Cgroup(str(tmp_path / "gone"))
    group.kill()
    group.remove()

    assert ([], False) == (group.processes(), group.saw_oom_kill())


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ("low 0\nmax 7\noom 1\noom_kill 1\noom_group_kill 0\n", True),
        ("low 0\nmax 7\noom 0\noom_kill 0\n", False),
        ("low 0\n", False),
        ("nonsense\n", False),
    ],
)
def test_a_kill_for_want_of_memory_is_seen(tmp_path: Path, events: str, expected: bool) -> None:
    """The kernel counts them in `memory.events`."""
    (tmp_path / "memory.events").write_text(events)

    assert expected == Cgroup(str(tmp_path)).saw_oom_kill()


# ----------------------------------------------------------------------------- a job that is in one


def words(lines: list[Line]) -> str:
    return str(next(line["error"] for line in lines if line["event"] == "ended"))


def test_a_job_s_cgroup_is_told_and_goes_with_it(base: str, open_rig: Callable[..., Rig]) -> None:
    """The record names it for whoever has to end it without the shim; afterwards it is gone."""
    rig = open_rig(under=within(base))
    message = rig.sh("exit 3")
    lines = rig.run(message)

    path = f"{base}/{cgroup.name_of(message['key'])}"
    assert (3, None, None) == ended(lines)
    assert ("cgroup", path) == (lines[0]["containment"], lines[0]["cgroup"])
    eventually(lambda: not os.path.exists(path), "the cgroup's removal")


@pytest.mark.parametrize(
    ("limits", "expected"), [({}, (3, None, None)), ({"pids": 9}, (None, None, "spawn_failed"))]
)
def test_where_no_cgroup_can_be_made_a_limit_cannot_be_kept(
    open_rig: Callable[..., Rig], limits: dict[str, float], expected: tuple[object, ...]
) -> None:
    """A job without one runs all the same, held together by its shim; one with it does not begin."""
    rig = open_rig(under=kernel.no_cgroups())
    lines = rig.run(rig.sh("exit 3", limits=limits))

    assert expected == ended(lines)
    if limits:
        assert "no cgroup can be made here to keep pids" == words(lines)
    else:
        assert ("subreaper", None) == (lines[0]["containment"], lines[0]["cgroup"])


@pytest.mark.parametrize(
    ("limits", "expected"), [({}, (3, None, None)), ({"pids": 9}, (None, None, "spawn_failed"))]
)
def test_where_one_more_is_refused_a_limit_cannot_be_kept(
    base: str, open_rig: Callable[..., Rig], limits: dict[str, float], expected: tuple[object, ...]
) -> None:
    """The same where cgroups could be made once, and there may be no more of them."""
    rig = open_rig(under=within(base))
    Path(base, "cgroup.max.descendants").write_text("0")
    lines = rig.run(rig.sh("exit 3", limits=limits))

    assert expected == ended(lines)
    if limits:
        assert words(lines).startswith("the limits pids cannot be kept here: ")
    else:
        assert ("subreaper", None) == (lines[0]["containment"], lines[0]["cgroup"])


def test_a_cgroup_that_takes_no_process_is_done_without(
    base: str, open_rig: Callable[..., Rig]
) -> None:
    """Made, but of no use: the job runs in none, and the useless one is gone."""
    rig = open_rig(under=within(base))
    make_useless(base)
    message = rig.sh("exit 3")
    lines = rig.run(message)

    assert (3, None, None) == ended(lines)
    assert ("subreaper", None) == (lines[0]["containment"], lines[0]["cgroup"])
    assert not os.path.exists(f"{base}/{cgroup.name_of(message['key'])}")


def make_useless(base: str) -> None:
    """Have every cgroup that is made in *base* from now on refuse processes (cgroups(7))."""
    os.mkdir(f"{base}/threads")
    Path(base, "threads", "cgroup.type").write_text("threaded")


def stand_in(folder: str) -> list[str]:
    """
    Return what runs a launcher to which *folder* is a cgroup with all the limits there are.

    No machine has them all for certain: the files are plain ones, and hold what is written.
    """
    names = ["cgroup.kill", "cgroup.procs", *(f"{name}.max" for name in ("cpu", "memory", "pids"))]
    return kernel.mounts(
        f"mount -t tmpfs none {folder}; cd {folder}; touch {' '.join(names)};"
        " echo oom_kill 1 > memory.events"
    )


def test_a_job_with_limits_runs_within_them(base: str, open_rig: Callable[..., Rig]) -> None:
    """They stand in its cgroup before it begins; what memory's limit kills is told as such."""
    key = "job_limited/0/1"
    folder = f"{base}/{cgroup.name_of(key)}"
    os.mkdir(folder)
    rig = open_rig(under=[*within(base), *stand_in(folder)])
    seen = Path(f"/proc/{rig.pid}/root{folder}")
    limits = {"memory_bytes": 1 << 20, "cpus": 0.5, "pids": 9}
    channel = rig.shim()
    channel.send(rig.sh("exec sleep 1000", key=key, limits=limits))
    (began,) = channel.until("began")

    assert ("cgroup", folder) == (began["containment"], began["cgroup"])
    assert ["50000 100000", "1048576", "9"] == [
        (seen / f"{name}.max").read_text() for name in ("cpu", "memory", "pids")
    ]
    assert str(began["pid"]) == (seen / "cgroup.procs").read_text()
    os.kill(began["pid"], signal.SIGKILL)  # as the kernel does
    assert (None, signal.SIGKILL, "oom_killed") == ended(channel.until())


def test_a_job_with_limits_does_not_begin_outside_its_cgroup(
    base: str, open_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    """Where no process can be put into it, none is left to run without limits."""
    key = "job_limited/0/1"
    folder = f"{base}/{cgroup.name_of(key)}"
    os.mkdir(folder)
    under = [
        *within(base),
        *stand_in(folder),
        "/bin/sh",
        "-ec",
        f'rm {folder}/cgroup.procs; exec "$@"',
        "sh",
    ]
    rig = open_rig(under=under)
    message = rig.sh("touch ran", key=key, limits={"pids": 9}, cwd=str(tmp_path))

    lines = rig.run(message)

    assert (None, None, "spawn_failed") == ended(lines)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("run-1.scope", {"memory", "pids"}), ("outlast.service", set())],
    ids=["a scope's", "a service's"],
)
def test_a_services_own_cgroup_hands_nothing_down(
    tmp_path: Path, name: str, expected: set[str]
) -> None:
    """systemd could not start the service again: it puts processes there itself."""
    base = tmp_path / name
    base.mkdir()
    (base / "cgroup.controllers").write_text("memory pids rdma\n")
    (base / "cgroup.subtree_control").touch()

    assert expected == cgroup.enable_controllers(str(base))
    assert bool(expected) == bool((base / "cgroup.subtree_control").read_text())

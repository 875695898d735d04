"""What commands inherit, in files that are there for exactly as long as somebody needs them."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from outlast.core.job import Job, JobId, JobSpec, Node
from outlast.engine.capture import SECRET_MARK, read_capture, share_capture, write_capture
from outlast.engine.captures import Captures
from outlast.home import Home
from outlast.ports.executor import Captured
from outlast.testing import FakeClock

from .world import no_room_to_write

CAPTURED = Captured(
    env={"A": "1", SECRET_MARK + "env:PW": "hunter2", "caf\u00e9": "\udcff"},
    umask=0o077,
    rlimits={"NOFILE": (10, 20)},
    cwd="/somewhere",
)
JOB = Job(
    id=JobId("job_1"),
    spec=JobSpec(command=("true",), env={"B": "2"}, secret_env={"PW": "env:PW"}),
    nodes=(Node(),),
    created_at=FakeClock().now(),
    capture="one",
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(str(tmp_path))
    home.prepare()
    return home


def files(home: Home) -> list[str]:
    return sorted(os.listdir(home.capture("")))


def test_what_was_captured_is_read_as_it_was_written(home: Home) -> None:
    """Text of no encoding included; the file is this user's alone."""
    write_capture(home.capture("one"), CAPTURED)

    assert 0o600 == os.stat(home.capture("one")).st_mode & 0o777
    assert CAPTURED == read_capture(home.capture("one"))


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"env": 1, "rlimits": {"A": 1}}'])
def test_what_cannot_be_read_is_gone(home: Home, content: str | None) -> None:
    """Whatever became of the file."""
    if content is not None:
        Path(home.capture("one")).write_text(content)

    assert read_capture(home.capture("one")) is None
    assert Captures(home).read(JOB) is None


def test_a_full_disk_is_told_and_leaves_no_half_file(home: Home) -> None:
    """Nothing was submitted, then."""
    with no_room_to_write(), pytest.raises(OSError, match="large"):
        write_capture(home.capture("one"), CAPTURED)

    assert [] == files(home)


def test_each_job_inherits_its_own_secrets_and_variables(home: Home) -> None:
    """From one file for all of a submission; the references are nobody's variables."""
    captures = Captures(home)
    write_capture(home.capture("one"), CAPTURED)
    inherited = {"A": "1", "caf\u00e9": "\udcff", "B": "2"}
    for job, env in (
        (JOB, {**inherited, "PW": "hunter2"}),
        (replace(JOB, spec=replace(JOB.spec, secret_env={})), inherited),
        (replace(JOB, spec=replace(JOB.spec, secret_env={"A": "env:PW"}, env={})),
         {"A": "hunter2", "caf\u00e9": "\udcff"}),
    ):  # fmt: skip
        secrets = dict.fromkeys(job.spec.references, "hunter2")
        assert replace(CAPTURED, env=env, secrets=secrets) == captures.read(job)

    other = replace(JOB, spec=replace(JOB.spec, secret_env={"X": "env:X"}))
    assert captures.read(other) is None, "its secret is not there"


def test_what_captured_nothing_inherits_a_path_alone(home: Home) -> None:
    """A submission from elsewhere: nothing of ours goes with it."""
    job = replace(JOB, capture=None, spec=JobSpec(command=("true",)))

    assert Captured(env={"PATH": os.defpath}) == Captures(home).read(job)


def test_a_file_goes_with_the_last_who_needs_it(home: Home) -> None:
    """Not before that is stored, which is when it is swept."""
    captures = Captures(home)
    write_capture(home.capture("one"), CAPTURED)
    one, two = (JobId("job_1"), 0), (JobId("job_2"), 0)
    for place in (one, two):
        captures.hold(place, "one")
        captures.hold(place, None)
    captures.read(JOB)
    captures.let_go(one, "one")
    captures.let_go(one, "one")
    captures.let_go(one, None)
    captures.sweep()
    assert ["one"] == files(home)
    captures.let_go(two, "one")
    assert ["one"] == files(home)
    captures.sweep()
    captures.sweep()

    assert [] == files(home)
    assert captures.read(JOB) is None


def test_what_a_killed_submission_left_goes_when_it_is_old(home: Home) -> None:
    """What somebody waits for does not, however old; nor what may be just being submitted."""
    captures = Captures(home)
    clock = FakeClock()
    captures.hold((JobId("job_1"), 0), "waits")
    for name, age in (("waits", 9), ("forgotten", 1.1), ("killed.new", 2), ("young", 0.9)):
        Path(home.capture(name)).write_text("")
        at = (clock.now() - timedelta(hours=age)).timestamp()
        os.utime(home.capture(name), (at, at))
    captures.sweep_forgotten(clock.now())

    assert ["waits", "young"] == files(home)


def test_submissions_that_come_and_go_meanwhile_disturb_nobody(home: Home) -> None:
    """A file that gets its name, or goes, just while the folder is read."""
    captures, now = Captures(home), FakeClock().now()
    is_over = threading.Event()

    def submit() -> None:
        while not is_over.is_set():
            for number in range(20):
                write_capture(home.capture(str(number)), CAPTURED)
                os.unlink(home.capture(str(number)))

    submitting = threading.Thread(target=submit)
    submitting.start()
    try:
        for _ in range(300):
            captures.sweep_forgotten(now)
    finally:
        is_over.set()
        submitting.join()

    assert [] == files(home)


def test_what_all_are_given_is_held_once(home: Home) -> None:
    """Under a name of its content; it stays for the next, however old it is and whoever is done."""
    given = replace(CAPTURED, env={"A": "1"})
    names = [share_capture(home.capture(""), given) for _ in range(2)]
    other = share_capture(home.capture(""), replace(given, env={"A": "2"}))
    captures = Captures(home)
    captures.hold((JOB.id, 0), names[0])
    captures.let_go((JOB.id, 0), names[0])
    captures.sweep()
    captures.sweep_forgotten(FakeClock().now() + timedelta(days=36500))

    assert names[0] == names[1] != other
    assert sorted([names[0], other]) == files(home)
    assert given == read_capture(home.capture(names[0]))

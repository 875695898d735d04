"""What every test here may ask for, and what is asked of every test: to leave nothing behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from outlast import Client, settings
from outlast.settings import JOBS_OWN, load_settings
from outlast.testing import leaks, no_leaks
from outlast.testing.sshd import SSHD, Farm
from outlast.wiring import make_link

from .world import LEAVE, fresh_client, unsettled

MEASURED = "COVERAGE_PROCESS_CONFIG"
"""What coverage leaves in the environment for the processes that are started below it."""


# How long an example takes is the machine's business, and says nothing of the code. In CI Hypothesis
# has a profile of its own, in which it is the same, and so are the examples of each run.
hypothesis.settings.register_profile(
    "default", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)


# `nohup`, and `&` in a script, have whatever they start ignore these, and so what that starts: here it
# is to hear them, as it does where somebody starts it by hand.
for _signum, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_signum) is signal.SIG_IGN:
        signal.signal(_signum, _usual)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, what takes long comes first: nobody is to wait for it alone at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True, scope="session")
def supervisors_are_measured() -> Iterator[None]:
    """Where coverage is measured, a supervisor's environment lets it be measured too."""
    with pytest.MonkeyPatch.context() as patch:
        if MEASURED in os.environ:
            patch.setattr(settings, "SUPERVISORS_OWN", (*settings.SUPERVISORS_OWN, MEASURED))
        yield


@pytest.fixture(autouse=True)
def leaves_nothing() -> Iterator[None]:
    """After each test: no child, descriptor or thread that was not there before it."""
    with no_leaks():
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaves_nothing: None) -> Iterator[Path]:
    """
    A fresh OUTLAST_HOME. At the end its supervisor is asked to leave, and there must be no
    process, lock, socket, cgroup and no unsettled job of it; what there is, is killed first.
    """
    path = tmp_path / "home"
    for name in ("OUTLAST_FAILPOINT", *JOBS_OWN):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OUTLAST_HOME", str(path))
    monkeypatch.setenv("OUTLAST_IDLE_EXIT", "20s")
    monkeypatch.setenv("OUTLAST_MIN_FREE", "1m")
    yield path
    deadline = time.monotonic() + leaks.PATIENCE_S
    while (jobs := unsettled(path)) and time.monotonic() < deadline:
        time.sleep(leaks.LOOK_S)  # it ended, and its supervisor is about to see all of it gone
    rows = [f"row {job.id}: {job.status}, its processes not known to be gone" for job in jobs]
    while left := leaks.leftovers(path):
        # Asked again: one that somebody had just started does not listen yet.
        make_link(load_settings(home=path)).leave(LEAVE)
        if time.monotonic() > deadline:
            break
        time.sleep(leaks.LOOK_S)
    if left:
        leaks.kill_processes(path)
    assert [] == left + rows


@pytest.fixture
def client(home: Path) -> Iterator[Client]:
    """The library's door to the test's home."""
    with fresh_client() as client:
        yield client


@pytest.fixture
def farm(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Farm]:
    """Two hosts (or as many as asked for) that let this user in, by a configuration of theirs."""
    if SSHD is None and not os.environ.get("CI"):
        pytest.skip("no sshd here: apt-get install openssh-server")  # CI has it: `.ci/run`
    farm = Farm(tmp_path / "farm", getattr(request, "param", 2))
    monkeypatch.setenv("OUTLAST_SSH_CONFIG", str(farm.config))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    farm.start()
    yield farm
    farm.stop()

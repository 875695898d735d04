"""The policy's file, and what becomes of one that changes while a server runs."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from outlast.access import Access
from outlast.core.inventory import NONE
from outlast.core.job import JobSpec
from outlast.errors import Forbidden
from outlast.network import make_access
from outlast.policy import Policies
from outlast.settings import load_settings
from outlast.testing import FakeClock

POLICY = '[ci]\nexecutors = ["local"]\ncommands = [%s]\n'


def test_a_policy_that_was_changed_is_in_force_from_then_on(home: Path) -> None:
    """For tokens that are known by then, and logins; but not while it may still be written."""
    path, clock = home / "policy.toml", FakeClock()
    home.mkdir(0o700)
    path.write_text(POLICY % '"make"')
    settings = load_settings(home=home)
    policies = Policies(settings, clock)
    with closing(make_access(settings)) as made:
        _, text = made.create("ci", policy="ci")
        access = Access(
            made._home, made._tokens, clock, made.audit, policies=policies, inventory=lambda: NONE
        )
        known = access.authenticate(text.encode())
        assert known is access.authenticate(text.encode())
        make, git = (JobSpec(command=(word,)) for word in ("make", "git"))
        access.admit(known, [make])

        path.write_text(POLICY % '"git"')
        os.utime(path, (clock.now().timestamp(),) * 2)
        clock.advance(timedelta(seconds=0.6))
        access.admit(access.authenticate(text.encode()), [make])
        clock.advance(timedelta(seconds=0.6))
        for now in (access.authenticate(text.encode()), access.renewed(known)):
            assert now is not None
            access.admit(now, [git])
            with pytest.raises(Forbidden):
                access.admit(now, [make])


@pytest.mark.parametrize("broken", ["[ci]\nexecutors = 7\n", "[ci", None], ids=str)
def test_a_policy_that_makes_no_sense_changes_nothing(
    home: Path, broken: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does one that is gone: what was refused is refused on, and it is said once, with why."""
    path, clock = home / "policy.toml", FakeClock()
    home.mkdir(0o700)
    path.write_text(POLICY % '"make"')
    policies = Policies(load_settings(home=home), clock)
    before = policies()

    if broken is None:
        path.unlink()
    else:
        path.write_text(broken)
    for _ in range(3):
        clock.advance(timedelta(seconds=2))
        assert before is policies()

    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith(f"the policy that was read before stays in force: {path}")
    path.write_text(POLICY % '"git"')
    clock.advance(timedelta(seconds=2))
    assert before != policies()

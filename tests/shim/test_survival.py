"""What a job outlives is read from where its processes live."""

from __future__ import annotations

import pytest

from outlast.shim import survival

USER = "/user.slice/user-1000.slice"


@pytest.mark.parametrize(
    ("cgroups", "is_container", "expected"),
    [
        pytest.param(
            f"0::{USER}/user@1000.service/app.slice/run-r1.scope\n", False, "logout", id="own scope"
        ),
        pytest.param(
            f"0::{USER}/user@1000.service/app.slice/outlast.service\n", False, "logout", id="unit"
        ),
        pytest.param(
            f"0::{USER}/user@1000.service/app.slice/outlast.service/outlast-own\n",
            True,
            "logout",
            id="below it, in a container with a user manager",
        ),
        pytest.param(
            f"4:pids:/x\n1:name=systemd:{USER}/user@1000.service/run-r1.scope\n",
            False,
            "logout",
            id="an older systemd",
        ),
        pytest.param(f"0::{USER}/session-3.scope\n", False, "session", id="a session's scope"),
        pytest.param("0::/system.slice/user@home.mount\n", False, "session", id="not a manager"),
        pytest.param("0::/system.slice/ci.service\n", False, "session", id="a system service"),
        pytest.param("0::/\n", True, "container", id="a container"),
        pytest.param("", False, "session", id="nothing to read"),
    ],
)
def test_the_cgroup_tells_what_is_outlived(cgroups: str, is_container: bool, expected: str) -> None:
    """Only what the user manager keeps outlives a logout; a container keeps nothing."""
    assert expected == survival.told_by(cgroups, is_container=is_container)

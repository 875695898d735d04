"""Which container engine is meant: by a variable, or by where Docker and Podman listen."""

from __future__ import annotations

from pathlib import Path

import pytest

from outlast.executors.container.address import VARIABLES, find_engine, places


def test_the_first_variable_that_is_set_is_obeyed() -> None:
    """Ours, Docker's, Podman's; whether anybody listens there, is seen later."""
    env = {name: f"unix:///{name}" for name in VARIABLES}
    found = []
    for name in VARIABLES:
        found.append(find_engine(env))
        env[name] = ""  # as good as not set

    assert ("OUTLAST_CONTAINER_ENGINE", "DOCKER_HOST", "CONTAINER_HOST") == VARIABLES
    assert [f"unix:///{name}" for name in VARIABLES] == found


@pytest.mark.parametrize("name", VARIABLES)
def test_an_engine_elsewhere_is_refused(name: str) -> None:
    """By name: nothing of this machine could be mounted there, nor looked after."""
    with pytest.raises(LookupError, match=f"{name} is ssh://host, and only an engine of this"):
        find_engine({name: "ssh://host"})


def test_the_sockets_of_both_engines_are_looked_for(tmp_path: Path) -> None:
    """The machine's own, and this user's below XDG_RUNTIME_DIR; without one, there is none."""
    machine = ["/var/run/docker.sock", "/run/podman/podman.sock"]
    mine = [f"{tmp_path}/docker.sock", f"{tmp_path}/podman/podman.sock"]

    assert machine == list(places({}))
    assert [machine[0], *mine, machine[1]] == list(places({"XDG_RUNTIME_DIR": str(tmp_path)}))


@pytest.mark.parametrize("name", ["docker.sock", "podman/podman.sock"])
def test_a_user_s_own_engine_is_found(tmp_path: Path, name: str) -> None:
    """Rootless Docker's, rootless Podman's; unless the machine has one, which comes first."""
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    place.touch()
    expected = place if not Path("/var/run/docker.sock").exists() else "/var/run/docker.sock"

    assert f"unix://{expected}" == find_engine({"XDG_RUNTIME_DIR": str(tmp_path)})

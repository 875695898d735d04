"""Which container engine is meant: by a variable, or by where Docker and Podman listen."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from outlast.executors.container.address import VARIABLES, find_engine, places

from ..world import POWERLESS


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


def listen(place: Path) -> socket.socket:
    """Have somebody listen there, as an engine would."""
    place.parent.mkdir(exist_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen()
    return listener


def told(folder: Path) -> str:
    """Return which engine is found, and what keeps from it, by a caller who is as anybody."""
    look = "import sys; from outlast.executors.container.address import absence, find_engine; "
    look += "env = {'XDG_RUNTIME_DIR': sys.argv[1]}; print(find_engine(env), absence(env))"
    done = subprocess.run(
        [*POWERLESS, sys.executable, "-c", look, folder], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.skipif(os.path.exists("/var/run/docker.sock"), reason="this machine's comes first")
def test_an_engine_that_may_not_be_used_hides_no_other(tmp_path: Path) -> None:
    """One that is down is meant all the same: it may be coming. Where none is ours, the first tells."""
    first, second = tmp_path / "docker.sock", tmp_path / "podman" / "podman.sock"
    with listen(first), listen(second):
        both = told(tmp_path)
        first.chmod(0)
        not_the_first = told(tmp_path)
        second.chmod(0)
        neither = told(tmp_path)
        second.chmod(0o600)
        first.unlink()
        listen(first).close()
        first_is_down = told(tmp_path)

    assert f"unix://{first} None" == both == first_is_down
    assert f"unix://{second} None" == not_the_first
    assert neither.startswith(f"unix://{first} unix://{first} is not this user's to use. Join")

"""Which container engine is meant: by the caller's environment, or by where engines listen."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from typing import Final

CONNECT_S: Final = 2.0
"""For an engine that is so busy that it takes no more callers for now."""

GET_ONE: Final = "Install Docker (docker.io) or Podman and have its service listen"
MAY_NOT: Final = "join its group (docker), or take an engine of your own (rootless)"

UNIX: Final = "unix://"

VARIABLES: Final = ("OUTLAST_CONTAINER_ENGINE", "DOCKER_HOST", "CONTAINER_HOST")
"""What names an engine's address; the first that is set is obeyed."""


def places(env: Mapping[str, str]) -> Iterator[str]:
    """Yield the sockets where an engine of this machine, or of this user, may listen."""
    runtime = env.get("XDG_RUNTIME_DIR")
    yield "/var/run/docker.sock"
    if runtime:
        yield f"{runtime}/docker.sock"
        yield f"{runtime}/podman/podman.sock"
    yield "/run/podman/podman.sock"


def absence(env: Mapping[str, str]) -> str | None:
    """
    Say why no engine can be had by the caller with *env*; None where there is one, though it may
    be down for now: its socket is left, and a job waits for it a while.
    """
    try:
        address = find_engine(env)
    except LookupError as error:
        return str(error.args[0])
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(CONNECT_S)
        try:
            peer.connect(address.removeprefix(UNIX))
        except (ConnectionRefusedError, BlockingIOError, TimeoutError):
            return None
        except PermissionError:
            return f"{address} is not this user's to use: {MAY_NOT}"
        except OSError as error:
            return (
                f"no container engine listens at {address} ({error.strerror or error}). {GET_ONE}"
            )
    return None


def find_engine(env: Mapping[str, str]) -> str:
    """
    Return the address of the engine that the caller with *env* means.

    Raises:
        LookupError: There is none, or it is elsewhere; the words say what was looked for.
    """
    for name in VARIABLES:
        if address := env.get(name):
            if not address.startswith(UNIX):
                raise LookupError(
                    f"{name} is {address}, and only an engine of this machine is used: {UNIX}/PATH"
                )
            return address
    looked = list(places(env))
    for path in looked:
        if os.path.exists(path):
            return UNIX + path
    raise LookupError(
        f"there is no container engine: none of {', '.join(VARIABLES)} is set, and none of"
        f" {', '.join(looked)} is there. {GET_ONE}"
    )

"""Which container engine is meant: by the caller's environment, or by where engines listen."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from typing import Final

CONNECT_S: Final = 2.0
"""For an engine that is so busy that it takes no more callers for now."""

GET_ONE: Final = "Install Docker (docker.io) or Podman and have its service listen"
MAY_NOT: Final = "Join its group (docker), or take an engine of your own (rootless)"

UNIX: Final = "unix://"

VARIABLES: Final = ("OUTLAST_CONTAINER_ENGINE", "DOCKER_HOST", "CONTAINER_HOST")
"""What names an engine's address; the first that is set is obeyed."""


class NoEngine(LookupError):
    """No engine can be had: *why*, and as *remedy* what would help."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(f"{why}. {remedy}")
        self.why = why
        self.remedy = remedy


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
        reach_engine(env)
    except NoEngine as error:
        return str(error)
    return None


def reach_engine(env: Mapping[str, str]) -> str:
    """
    Return the address of the engine that the caller with *env* means, and may use.

    Raises:
        NoEngine: There is none. One that is down for now has left its socket, and is there.
    """
    address = find_engine(env)
    refusal = _refusal(address)
    if refusal is None or isinstance(refusal, ConnectionRefusedError):
        return address
    if isinstance(refusal, PermissionError):
        raise NoEngine(f"{address} is not this user's to use", MAY_NOT)
    words = refusal.strerror or refusal
    raise NoEngine(f"no container engine listens at {address} ({words})", GET_ONE)


def _refusal(address: str) -> OSError | None:
    """Return what the socket at *address* says to a caller; None where it takes the call."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(CONNECT_S)
        try:
            peer.connect(address.removeprefix(UNIX))
        except (BlockingIOError, TimeoutError):
            return None  # busy
        except OSError as error:
            return error
    return None


def find_engine(env: Mapping[str, str]) -> str:
    """
    Return the address of the engine that the caller with *env* means: where nothing names it, the
    first whose socket this user may call; where there is none, the first that has one.

    Raises:
        NoEngine: There is none, or it is elsewhere; the words say what was looked for.
    """
    for name in VARIABLES:
        if address := env.get(name):
            if not address.startswith(UNIX):
                raise NoEngine(
                    f"{name} is {address}, and only an engine of this machine is used",
                    f"Set it to {UNIX}/PATH, or leave it out",
                )
            return address
    looked = list(places(env))
    there = [UNIX + path for path in looked if os.path.exists(path)]
    if not there:
        raise NoEngine(
            f"there is no container engine: none of {', '.join(VARIABLES)} is set, and none of"
            f" {', '.join(looked)} is there",
            GET_ONE,
        )
    if len(there) == 1:  # whether it takes a call, is seen by whoever has something to say
        return there[0]
    # One that is down is waited for; one that is not for this user never answers.
    mine = (each for each in there if not isinstance(_refusal(each), PermissionError))
    return next(mine, there[0])

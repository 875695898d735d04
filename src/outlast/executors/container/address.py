"""Which container engine is meant: by the caller's environment, or by where engines listen."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final

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
        f"there is no container engine: neither {', '.join(VARIABLES)} is set, nor is there"
        f" {', '.join(looked)}. Install Docker (docker.io) or Podman and have its service listen"
    )

"""The container engine of this machine, seen apart from any job: whether it answers, and what was left."""

from __future__ import annotations

import os
from typing import Any, NamedTuple
from urllib.parse import quote

from .errors import Unavailable
from .executors.container.address import NoEngine, reach_engine
from .shim import spool
from .shim.container import LABELS
from .shim.engine import Engine, EngineError

ANSWER_S = 10.0
"""How long an engine may take that is only asked what it is."""

PODMAN = "Podman Engine"
"""The part that says so; for its platform Podman names the machine's."""

HOME, JOB, ATTEMPT = LABELS
CONTAINER, VOLUME = "container", "volume"


class Version(NamedTuple):
    """An engine that answers."""

    address: str
    name: str
    version: str


class Left(NamedTuple):
    """A container of some home's, or a volume: the folder /out of one."""

    kind: str
    """`container` or `volume`. Containers come first: a volume goes only without its own."""

    name: str
    home: str
    job_id: str
    state: str
    """`left`: nobody will come for it, since its home or its job is gone. Else `needed`."""


def engine() -> Version:
    """
    Return the engine that this process's environment means.

    Raises:
        Unavailable: There is none, or it does not answer; the words say what was looked for.
    """
    found = _engine()
    told = _ask(found, "GET", "/version")
    parts = [each.get("Name") for each in told.get("Components") or ()]
    name = "Podman" if PODMAN in parts else (told.get("Platform") or {}).get("Name")
    return Version(found.address, name or "Docker", str(told.get("Version")))


def survey() -> tuple[Left, ...]:
    """Return what Outlast made with the engine, whoever's it is. Raises Unavailable."""
    filters = quote('{"label":["' + HOME + '"]}')
    containers = _ask(_engine(), "GET", f"/containers/json?all=1&filters={filters}")
    volumes = _ask(_engine(), "GET", f"/volumes?filters={filters}")["Volumes"] or ()
    left = [_judged(CONTAINER, each["Names"][0].lstrip("/"), each["Labels"]) for each in containers]
    return tuple(sorted(left + [_judged(VOLUME, each["Name"], each["Labels"]) for each in volumes]))


def _judged(kind: str, name: str, labels: dict[str, str]) -> Left:
    home = labels[HOME]
    folder = f"{home}/jobs/{labels.get(ATTEMPT, '')}"
    record = spool.read_record(folder) if os.path.isdir(folder) else None
    is_over = record is not None and record.emptied is not None
    is_left = not os.path.isdir(folder) or (is_over and not spool.is_held(folder))
    state = "left" if is_left else "needed"
    return Left(kind, name, home, labels.get(JOB, ""), state)


def remove(left: Left) -> None:
    """Remove a container, whatever it does, or a volume. Silent if it is gone. Raises Unavailable."""
    path = f"/volumes/{left.name}"
    if left.kind == CONTAINER:
        path = f"/containers/{left.name}?force=1&v=1"
    try:
        _ask(_engine(), "DELETE", path)
    except Unavailable as error:
        if not isinstance(error.__cause__, EngineError) or error.__cause__.status != 404:
            raise


def _engine() -> Engine:
    try:
        return Engine(reach_engine(os.environ))
    except NoEngine as error:
        raise Unavailable(error.why, suggestion=error.remedy) from None


def _ask(asked: Engine, method: str, path: str) -> Any:
    try:
        return asked.ask(method, path, wait_s=ANSWER_S)
    except OSError as error:
        raise Unavailable(
            f"the container engine at {asked.address} does not answer: {error}",
            suggestion="See that its service runs",
        ) from error
    except EngineError as error:
        raise Unavailable(f"the container engine at {asked.address} refuses: {error}") from error

"""The container engine of this machine, seen apart from any job: whether it answers, and what was left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote

from .errors import Unavailable
from .executors.container.address import NoEngine, reach_engine
from .home import IDENTITY
from .shim import spool
from .shim.container import ENDED, LABELS
from .shim.engine import Engine, EngineError

ANSWER_S = 10.0
"""How long an engine may take that is only asked what it is."""

PODMAN = "Podman Engine"
"""The part that says so; for its platform Podman names the machine's."""

HOME, JOB, ATTEMPT = LABELS
OVER = "its attempt is over"
CONTAINER, VOLUME = "container", "volume"

LEFT = "left"
"""Nobody will come for it."""

NEEDED = "needed"
FOREIGN = "foreign"
"""It runs, and its job is not to be found from here: gone, or where this process does not see it."""

UNKNOWN = "unknown"
"""Its job may not be looked for."""

IDLE = ("created", "configured", "initialized", *ENDED)
"""How a container stands that does not run."""


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
    """One of the states below."""

    why: str
    """What tells so, in words."""

    id: str


def engine() -> Version:
    """
    Return the engine that this process's environment means.

    Raises:
        Unavailable: There is none, or it does not answer; the words say what was looked for.
    """
    found = _engine()
    told = _ask(found, "GET", "/version")
    with _making_sense(found):
        parts = [each.get("Name") for each in told.get("Components") or ()]
        name = "Podman" if PODMAN in parts else (told.get("Platform") or {}).get("Name")
        return Version(found.address, name or "Docker", str(told["Version"]))


def survey() -> tuple[Left, ...]:
    """Return what Outlast made with the engine, whoever's it is. Raises Unavailable."""
    filters, asked = quote('{"label":["' + HOME + '"]}'), _engine()
    containers = _ask(asked, "GET", f"/containers/json?all=1&filters={filters}")
    volumes = _ask(asked, "GET", f"/volumes?filters={filters}")
    found = []
    with _making_sense(asked):
        busy = [each for each in containers if each.get("State") not in IDLE]
        running = {each["Labels"].get(ATTEMPT) for each in busy}
        for each in containers:  # one that is half removed may have no name
            name = next(iter(each.get("Names") or ()), each["Id"]).lstrip("/")
            found.append((CONTAINER, name, each["Id"], each["Labels"]))
        there = volumes["Volumes"] or ()
        found += [(VOLUME, each["Name"], each["Name"], each["Labels"]) for each in there]
    return tuple(sorted(_judged(*each, running) for each in found))


def _judged(kind: str, name: str, key: str, labels: dict[str, str], running: set[Any]) -> Left:
    home, attempt = labels[HOME], labels.get(ATTEMPT, "")
    try:
        state, why = _stand(home, attempt)
    except OSError as error:
        state, why = UNKNOWN, f"its job may not be looked for: {error.strerror or error}"
    if state == LEFT and why != OVER and attempt in running:
        state, why = FOREIGN, f"it runs, and {why}"
    return Left(kind, name, home, labels.get(JOB, ""), state, why, key)


def _stand(home: str, attempt: str) -> tuple[str, str]:
    """
    Return whether anybody needs what was made for *attempt*, and why.

    Raises:
        OSError: That is not to be seen. It proves nothing: a home is its user's alone.
    """
    folder = f"{home}/jobs/{attempt}"
    if _is_there(folder):
        record = spool.read_record(folder)
        if record is not None and record.emptied is not None and not spool.is_held(folder):
            return LEFT, OVER
        return NEEDED, "its job is not over"
    if _is_there(f"{home}/{IDENTITY}"):
        return LEFT, "its job is gone"
    if _is_there(home):  # what a disk is mounted on is there without the disk
        return UNKNOWN, "where its home was is none"
    return LEFT, "its home is not there"


def _is_there(path: str) -> bool:
    """Whether it is; OSError where nobody can say. os.path.exists would say no."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def remove(left: Left) -> None:
    """Remove a container, whatever it does, or a volume. Silent if it is gone. Raises Unavailable."""
    path = f"/volumes/{left.id}"
    if left.kind == CONTAINER:
        path = f"/containers/{left.id}?force=1&v=1"
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


@contextmanager
def _making_sense(asked: Engine) -> Iterator[None]:
    """Tell of answers that are none of an engine's."""
    try:
        yield
    except (AttributeError, KeyError, TypeError):
        raise Unavailable(
            f"what answers at {asked.address} is no container engine",
            suggestion="Name the engine's own socket: OUTLAST_CONTAINER_ENGINE=unix:///PATH",
        ) from None


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

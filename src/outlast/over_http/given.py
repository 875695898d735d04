"""What a caller asks for, made ready to be sent: nothing in it may mean this machine."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from ..core.parse import read_spec
from ..errors import InvalidRequest

MAX_STDIN_BYTES: Final = 8 << 20
"""Sent with the request, and so by way of memory on both sides."""

OWN: Final = ("env:", "file:")
"""References that a caller would take for its own machine's."""


def as_sent(
    given: Sequence[Mapping[str, Any]],
    keys: Sequence[str | None],
    stdin: bytes | None,
    faults: Iterable[str] = (),
) -> dict[str, Any]:
    """
    Return the body of `POST /jobs`. What the commands are to read is in it; hosts, groups,
    programs and directories are the server's, who tells what is wrong with them.

    *faults* are those that the caller found itself.

    Raises:
        InvalidRequest: Something would be meant here, or cannot be sent; every fault is listed.
    """
    found = list(faults)
    wrong: list[str] = []
    for each in given:
        # Which hosts a group means is the server's to know: till then, one.
        spec, faults_of = read_spec(
            {**each, "on": "host", "hosts": None} if each.get("on") else each
        )
        wrong += faults_of
        found += own_references({*spec.references, *spec.signing, *_logins(each.get("hosts"))})
        runs_there = not spec.is_remote and spec.container is None
        if runs_there and spec.cwd is not None and not os.path.isabs(spec.cwd):
            found.append(f"cwd {spec.cwd} is on the server: give an absolute directory")
    data = _stdin(given, stdin, found)
    if found:
        raise InvalidRequest(*dict.fromkeys(found + wrong))
    jobs = [{name: value for name, value in each.items() if name != "stdin"} for each in given]
    body: dict[str, Any] = {"jobs": [plain(each) for each in jobs], "keys": list(keys)}
    if data is not None:
        body["stdin_base64"] = base64.b64encode(data).decode()
    return body


def own_references(references: Iterable[str]) -> list[str]:
    """Return what is wrong with *references* that a caller would take for this machine's."""
    return [
        f"{reference} would be read on the server, and not here: name one of its own secrets,"
        " secret:NAME, which its administrator puts there"
        for reference in sorted(references)
        if reference.startswith(OWN)
    ]


def _logins(hosts: object) -> set[str]:
    """Return what the logins that a caller says of hosts refer to."""
    said = hosts.values() if isinstance(hosts, Mapping) else ()
    ways = (each if isinstance(each, Mapping) else vars(each) for each in said if each is not None)
    return {
        value
        for each in ways
        for key in ("password", "passphrase")
        if isinstance(value := each.get(key), str)
    }


def _stdin(
    given: Sequence[Mapping[str, Any]], stdin: bytes | None, faults: list[str]
) -> bytes | None:
    """Return what the commands read: one and the same for all of a submission."""
    named = {each.get("stdin") for each in given}
    paths = [path for path in named if isinstance(path, str | os.PathLike)]
    if stdin is None and paths:
        if len(named) > 1:
            faults.append("stdin is the same for all jobs of one submission to a server")
            return None
        stdin = _read(os.fspath(paths[0]), faults)
    if stdin is not None and len(stdin) > MAX_STDIN_BYTES:
        faults.append(
            f"stdin is {_size(len(stdin))}, and a server takes {_size(MAX_STDIN_BYTES)} at most:"
            " put it where the command can fetch it"
        )
        return None
    return stdin


def _read(path: str, faults: list[str]) -> bytes | None:
    try:
        with open(os.path.expanduser(path), "rb") as file:
            return file.read(MAX_STDIN_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no path"
        faults.append(f"stdin {path} cannot be read: {why}")
        return None


def _size(size: int) -> str:
    return f"{size / (1 << 20):.3g} MiB"


def plain(value: Any) -> Any:
    """Return *value* as JSON has it: durations as seconds, values of ours as their members."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, str | bytes | int | float) or value is None:
        return value
    if isinstance(value, Iterable):
        return [plain(each) for each in value]
    return plain({name: each for name, each in vars(value).items() if each is not None})

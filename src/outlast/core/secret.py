"""A server's own secrets: how they are named, and where each is found; and what has no place."""

from __future__ import annotations

import re
from typing import Final

MEMORY: Final = "memory:"
"""
Stands before the name of what is in memory alone, where somebody has given a secret itself. Only
we write such a reference: no caller may ask for what another one has given.
"""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)


def is_secret(name: str) -> bool:
    """Whether *name* can be that of a secret of the server's."""
    return _NAME.fullmatch(name) is not None


def read_secrets(table: object, where: str, faults: list[str]) -> dict[str, str]:
    """Return the reference of each name; tells what is wrong after *where*, and shows no value."""
    if not isinstance(table, dict):
        faults.append(f"{where}secrets is a table: [secrets], and NAME = 'file:/PATH' below")
        return {}
    for name, reference in table.items():
        if not is_secret(name):
            faults.append(f"{where}[secrets] {name!r:.80} is no name for a secret")
        kind, _, what = reference.partition(":") if isinstance(reference, str) else ("", "", "")
        if not (kind == "env" and what) and not (kind == "file" and what.startswith(("/", "~"))):
            faults.append(
                f"{where}[secrets] {name:.80} is not a reference: write file:/PATH or env:NAME"
            )
    return dict(table)

"""What queues, resources, schedules, sessions and tokens may be called: one rule for all of them."""

from __future__ import annotations

import re
from typing import Final

MAX_NAME: Final = 64
PATTERN: Final = rf"[A-Za-z0-9][A-Za-z0-9._@-]{{0,{MAX_NAME - 1}}}"

_NAME: Final = re.compile(PATTERN)


def is_name(name: object) -> bool:
    """Whether something of ours may be called that."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def fault_of_name(name: object, what: str) -> str | None:
    """Say what keeps *name* from being that of *what*, as in "a queue"; None: nothing."""
    if is_name(name):
        return None
    return (
        f"{name!r:.80} is no name for {what}: letters, digits and . _ @ -, at most {MAX_NAME},"
        " the first a letter or a digit"
    )

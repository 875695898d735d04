"""What somebody may have meant: another program's word for it, or what is really near."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..core.near import near

ELSEWHERE: Final = {
    **dict.fromkeys(("jobs", "ls", "ps"), "list"),
    **dict.fromkeys(("kill", "stop"), "cancel"),
    **dict.fromkeys(("remove", "rm"), "delete"),
    **dict.fromkeys(("info", "inspect", "show"), "status"),
    **dict.fromkeys(("output", "tail"), "logs"),
    "exec": "run",
    "rerun": "retry",
    "start": "submit",
}
"""What our commands are called in shells, in git and by container engines."""


def nearest(word: str, names: Iterable[str]) -> str | None:
    """
    Return the one of *names* that *word* is called elsewhere, is but for its case, or is near to.
    """
    names = list(names)
    for name in names:
        if name in (word, ELSEWHERE.get(word)) or name.lower() == word.lower():
            return name
    return near(word, names)

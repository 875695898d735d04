"""What somebody may have meant: another program's word for it, or what is really near."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SHORTEST: Final = 3
"""Of fewer letters everything is near."""

SHORT: Final = 5
"""Up to here one slip is allowed, and two beyond."""


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
    Return the one of *names* that *word* is called elsewhere, is but for its case, is a beginning
    of, or is at most a slip or two away from.
    """
    names = list(names)
    for name in names:
        if name in (word, ELSEWHERE.get(word)) or name.lower() == word.lower():
            return name
    if len(word.strip("-")) < SHORTEST:
        return None
    near = [(0, name) for name in names if name.startswith(word)]
    slips = 1 if len(word.strip("-")) <= SHORT else 2
    near += [(away, name) for name in names if (away := distance(word, name)) <= slips]
    return min(near, key=lambda each: each[0])[1] if near else None


def distance(one: str, other: str) -> int:
    """
    Return how many slips lie between two words: a letter too many, too few, wrong, or two swapped.

    The optimal string alignment distance (https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance).
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one):
        row = [i + 1]
        for j, b in enumerate(other):
            away = min(last[j] + (a != b), last[j + 1] + 1, row[j] + 1)
            if i and j and a == other[j - 1] and b == one[i - 1]:
                away = min(away, before[j - 1] + 1)
            row.append(away)
        before, last = last, row
    return last[-1]

"""What is really near to a word, of those that there are: a slip of the pen away."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SHORTEST: Final = 3
"""Of fewer letters everything is near."""

SHORT: Final = 5
"""Up to here one slip is allowed, and two beyond."""


def near(word: str, names: Iterable[str]) -> str | None:
    """Return the one of *names* that *word* is a beginning of, or a slip or two away from."""
    if len(word.strip("-")) < SHORTEST:
        return None
    names = list(names)
    found = [(0, name) for name in names if name.startswith(word)]
    slips = 1 if len(word.strip("-")) <= SHORT else 2
    found += [(away, name) for name in names if (away := distance(word, name)) <= slips]
    return min(found, key=lambda each: (each[0], len(each[1])))[1] if found else None


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

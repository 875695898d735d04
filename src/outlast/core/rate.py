"""How often somebody may do something: a bucket of tokens for each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

MOST: Final = 10_000
"""So many are remembered: whoever was seen longest ago is forgotten, and begins with a full bucket."""


class Buckets:
    """
    For each key a bucket that holds *burst*, and gets *per_s* more in a second
    (https://en.wikipedia.org/wiki/Token_bucket).
    """

    def __init__(self, per_s: float, burst: float, *, most: int = MOST) -> None:
        self._per_s = per_s
        self._burst = burst
        self._most = most
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable, now: float) -> float:
        """
        Take one from the bucket of *key*. Returns 0, or for how many seconds there is none: then
        nothing was taken. *now* is in seconds, on a clock that never jumps.
        """
        left, at = self._left.get(key, (self._burst, now))
        left = min(self._burst, left + max(0.0, now - at) * self._per_s)
        wait = 0.0 if left >= 1 else (1 - left) / self._per_s
        self._left[key] = (left if wait else left - 1, now)
        self._left.move_to_end(key)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return wait

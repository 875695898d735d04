"""
What this machine has of each resource, and of processors and memory where it has bounds; who holds
some, and for whom the rest is kept.

It is given in the order in which those in front of their queues were found to wait for it. Whoever
came later takes only what all before them could spare if they began at once: so that who needs
much has it as soon as enough was given back, and the small ones do not eat it up meanwhile.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

from .lane import Place
from .shares import NOTHING, Share


class Stock:
    """What this machine has: *has* says how much there is of each."""

    def __init__(self, has: Share) -> None:
        self._has = has
        self._needs: dict[Place, Share] = {}
        """What nodes need that need any, be it that they wait or that they run."""

        self._held: dict[str, int] = {}
        """How much is in use."""

        self._line: dict[Place, None] = {}
        """Those who wait for some, in the order in which they are given it."""

        self._kept: dict[str, int] = {}
        """How much those in the line need."""

        self._granted: set[Place] = set()
        """Those in the line for whom there is enough."""

    def note(self, place: Place, needs: Mapping[str, int]) -> None:
        """Have a node take *needs* with its turn."""
        if needs:
            self._needs[place] = needs

    def take(self, place: Place) -> None:
        """Give a node what it needs, be it there or not: it runs."""
        self._line.pop(place, None)
        self._hold(place, +1)

    def give_back(self, place: Place) -> None:
        """Take from a node what `take` gave it."""
        self._hold(place, -1)

    def forget(self, place: Place) -> None:
        """Have a node wait for nothing, and need nothing."""
        self._needs.pop(place, None)
        self._line.pop(place, None)

    def _hold(self, place: Place, sign: int) -> None:
        for name, amount in self._needs.get(place, NOTHING).items():
            self._held[name] = self._held.get(name, 0) + sign * amount

    # Asking ---------------------------------------------------------------------------------

    def go_round(self, is_in_front: Callable[[Place], bool]) -> None:
        """
        Begin to ask anew who is admitted, since something was taken or given back. Nothing is kept
        any more for those who are in front of their queues no longer.
        """
        line, self._line = self._line, {}
        self._kept.clear()
        self._granted.clear()
        for place in line:
            if is_in_front(place):
                self._stand_in_line(place)

    def admits(self, place: Place) -> bool:
        """
        Whether a node in front of its queue may begin, as far as it needs resources. One that may
        not stands in line for them from then on.
        """
        if place not in self._line:
            if self.has_for(place):
                return True
            self._stand_in_line(place)
        return place in self._granted

    def has_for(self, place: Place) -> bool:
        """
        Whether there is what a node needs, beside what is kept. There is where all of it is free:
        the machine may have less than when the node was submitted, and none must wait for ever.
        """
        return not self._lacks(place, self._kept)

    def lacks(self, place: Place) -> list[str]:
        """Return what there is not enough of for a node, beside what is kept for who is before it."""
        kept: dict[str, int] = {}
        if place in self._needs:
            for other in itertools.takewhile(lambda each: each != place, self._line):
                for name, amount in self._needs[other].items():
                    kept[name] = kept.get(name, 0) + amount
        return self._lacks(place, kept)

    def _lacks(self, place: Place, kept: Mapping[str, int]) -> list[str]:
        lacking = []
        for name, amount in self._needs.get(place, NOTHING).items():
            taken = self._held.get(name, 0) + kept.get(name, 0)
            if taken and taken + amount > self._has.get(name, 0):
                lacking.append(name)
        return lacking

    def _stand_in_line(self, place: Place) -> None:
        if self.has_for(place):
            self._granted.add(place)
        self._line[place] = None
        for name, amount in self._needs[place].items():
            self._kept[name] = self._kept.get(name, 0) + amount

"""What is to be collected of an attempt that has ended, and what came of it, as its folder knows."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from typing import Any

from ...artifacts import MANIFEST, Summary, read
from ...core.collect import Collect, collect_from_json
from ...core.container import OUT
from ...core.sight import Emptied, Exited, Sight
from ...core.state import Reason
from ...record import Line


class Wanted:
    """Of the attempt in *folder*, whose command ended as the line *ended* says."""

    def __init__(self, folder: str, collect: Collect, ended: Line) -> None:
        self.folder = folder
        self.collect = collect
        self.is_due = not ended.get("unstarted") and collect.is_due(ended["code"], ended["reason"])

    @classmethod
    def of(cls, folder: str, order: dict[str, Any] | None, ended: Line | None) -> Wanted | None:
        """Return what *order* wants; None if nothing, or if its command has not ended."""
        if order is None or ended is None or not order.get("collect"):
            return None
        return cls(folder, collect_from_json(order["collect"]), ended)

    @property
    def is_under_way(self) -> bool:
        """Whether its end is told once its files are here, and they are not."""
        return self.is_due and not os.path.exists(f"{self.folder}/{MANIFEST}")

    @cached_property
    def _summary(self) -> Summary:
        known = read(self.folder)
        return Summary() if known is None else known.summary

    def told(self, seen: Sight) -> Sight:
        """Return what is seen of its end, with what came of the collecting."""
        if not self.is_due:
            return seen
        if isinstance(seen, Emptied):
            return replace(seen, message=self._summary.left_out or seen.message)
        if isinstance(seen, Exited) and self.collect.required and seen.reason is None:
            missing = self._summary.missing(f"in {OUT}") if seen.exit_code == 0 else None
            if missing is not None:
                return replace(seen, reason=Reason.ARTIFACTS_MISSING, error=missing)
        return seen

"""What is to be fetched after an attempt's command, and what came of it, as its folder knows them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ...artifacts import Collection, Summary
from ...core.collect import Collect, collect_from_json, collect_to_json
from ...core.job import JobSpec
from ...core.limits import from_epoch_ms, from_ms, to_epoch_ms


class Wanted:
    """A view of *known*, the facts of an attempt; *note* adds to them, on disk."""

    def __init__(self, known: dict[str, Any], note: Callable[..., None]) -> None:
        self._known = known
        self._note = note

    @staticmethod
    def of(spec: JobSpec) -> dict[str, Any]:
        """Return what an attempt's folder is to know of it from the start."""
        if spec.collect is None:
            return {}
        return {"collect": collect_to_json(spec.collect)}

    @property
    def collect(self) -> Collect:
        """Which files, and how many; by default none."""
        return collect_from_json(self._known.get("collect") or {"globs": ()})

    @property
    def cwd(self) -> str | None:
        """Where its command ran; None: in the user's home there."""
        cwd: str | None = self._known["cwd"]
        return cwd

    @property
    def reconnect_timeout(self) -> timedelta:
        """How long a host that stays away is waited for."""
        return from_ms(self._known["reconnect_ms"])

    @property
    def is_under_way(self) -> bool:
        """Whether its command has ended, and its end is told once its files are here."""
        return "collecting" in self._known and "collected" not in self._known

    @property
    def until(self) -> datetime:
        """When what is not here by then is left out."""
        return from_epoch_ms(self._known["collecting"]) + self.collect.timeout

    def after(self, ended: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Return what is to be noted with the end of the command: that it is to be begun, or not."""
        collect = self.collect
        is_due = collect.globs and collect.is_due(ended["code"], ended["reason"])
        return {"collecting": to_epoch_ms(now)} if is_due else {}

    def done(self, collection: Collection) -> None:
        """All that will ever be here is here."""
        if self.is_under_way:
            self._note(collected=dict(vars(collection.summary)))

    # What came of it ------------------------------------------------------------------------

    @property
    def left_out(self) -> str | None:
        """What is to be said of files that were wanted and are not here."""
        return Summary(**self._known.get("collected", {})).left_out

    @property
    def missing(self) -> str | None:
        """What is wrong where there had to be files, and are none."""
        collected = self._known.get("collected")
        if collected is None or not self.collect.required:
            return None
        return Summary(**collected).missing("on the host")

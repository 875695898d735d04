"""Somebody whose request is being answered, for as long as their token is good."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from ...core.principal import Principal


class Presence:
    """
    What the present task does for *principal*, which may be cut short from outside. It is what
    `asyncio.timeout` does, whose context takes longer than all else that a request needs here.
    """

    __slots__ = ("_before", "_is_cut", "_task", "cookie", "principal")

    def __init__(self, principal: Principal, cookie: str | None) -> None:
        self.principal: Final = principal
        self.cookie: Final = cookie
        self._task: Final = cast("asyncio.Task[Any]", asyncio.current_task())
        self._before: Final = self._task.cancelling()
        self._is_cut = False

    def cut(self) -> None:
        """Have the task leave what it does, by `asyncio.CancelledError`. Idempotent."""
        if not self._is_cut:
            self._is_cut = True
            self._task.cancel()

    def was_cut(self) -> bool:
        """Whether the `CancelledError` that was caught is due to `cut`, and to nobody else."""
        return self._is_cut and self._task.uncancel() <= self._before

"""How long a caller stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .spec import duration

if TYPE_CHECKING:
    from datetime import timedelta

FOREVER: Final = "none"


def patience(option: str, value: str | None, default: timedelta | None) -> timedelta | None:
    """
    Return how long to stay; None: to the end.

    Raises:
        InvalidRequest: *value* is no duration.
    """
    if value is None:
        return default
    stay: timedelta | None = None if value == FOREVER else duration(option, value)
    return stay

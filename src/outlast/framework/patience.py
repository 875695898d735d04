"""How long a caller stays, and other durations that an option gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import InvalidRequest

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
    return None if value == FOREVER else duration(option, value)


def duration(option: str, value: str | None) -> timedelta | None:
    """
    Return the time that an option gives; None where there is none.

    Raises:
        InvalidRequest: It is no duration.
    """
    if value is None:
        return None
    from ..core.limits import parse_duration

    try:
        return parse_duration(value)
    except ValueError as error:
        raise InvalidRequest(f"{option}: {error}") from None

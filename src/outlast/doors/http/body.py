"""The body of a request: JSON, an object, and nothing that JSON does not have."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ...errors import ClientError, InvalidRequest

if TYPE_CHECKING:
    from starlette.requests import Request

MEDIA_TYPE: Final = "application/json"
EXACT: Final = 2**53
"""Below it, each whole number is one that a float can be (RFC 8259, 6)."""


class UnsupportedMediaType(InvalidRequest):
    """The body is not JSON, or does not say so."""

    code, http_status = "unsupported_media_type", 415


async def read_object(request: Request, *, may_be_empty: bool = False) -> dict[str, Any]:
    """
    Return the body, a JSON object; an empty one for no body, where *may_be_empty*.

    A body must say that it is JSON: a form in a page of another site cannot.

    Raises:
        InvalidRequest: It is something else.
    """
    raw = await request.body()
    if not raw and may_be_empty:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MEDIA_TYPE:
        raise UnsupportedMediaType(f"the body is {MEDIA_TYPE}, not {kind or 'of no type'!r:.80}")
    try:
        data = json.loads(raw, parse_constant=_refuse, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise InvalidRequest(f"the body is a JSON object, not {type(data).__name__}")
    return data


def _number(text: str) -> float:
    """Read a number that is written with a point or an exponent: 2.0 is a whole one all the same."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text:.80} is no number that a computer has")
    return int(number) if number.is_integer() and abs(number) < EXACT else number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def take(data: dict[str, Any], key: str, read: Callable[[Any], Any], faults: list[str]) -> Any:
    """Take *key* out of *data* and read it; what is wrong goes to *faults*. None: not given."""
    if key not in data:
        return None
    value = data.pop(key)
    if value is None:
        faults.append(f"{key} is null: leave it out")
        return None
    try:
        return read(value)
    except (ValueError, TypeError, ClientError) as error:
        faults.append(f"{key}: {error}")
        return None


def flag(value: object) -> bool:
    """Return a flag. Raises ValueError for what is none."""
    if not isinstance(value, bool):
        raise ValueError("it is true or false")  # noqa: TRY004 - of a caller's JSON
    return value


def left_over(data: dict[str, Any], faults: list[str]) -> None:
    """Have *faults* name what nobody asked for."""
    faults += [f"{key!r:.80} is not a key of this request" for key in data]


async def read_nothing(request: Request) -> None:
    """See that the body of a request that takes none has no key. Raises InvalidRequest."""
    faults: list[str] = []
    left_over(await read_object(request, may_be_empty=True), faults)
    if faults:
        raise InvalidRequest(*faults)

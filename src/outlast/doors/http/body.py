"""The body of a request: JSON, an object, and nothing that JSON does not have."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ...errors import ClientError, InvalidRequest

if TYPE_CHECKING:
    from starlette.requests import Request

MEDIA_TYPE: Final = "application/json"


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
        data = json.loads(raw, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise InvalidRequest(f"the body is a JSON object, not {type(data).__name__}")
    return data


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def take(data: dict[str, Any], key: str, read: Callable[[Any], Any], faults: list[str]) -> Any:
    """Take *key* out of *data* and read it; what is wrong goes to *faults*. None: not given."""
    value = data.pop(key, None)
    if value is None:
        return None
    try:
        return read(value)
    except (ValueError, TypeError, ClientError) as error:
        faults.append(f"{key}: {error}")
        return None


def left_over(data: dict[str, Any], faults: list[str]) -> None:
    """Have *faults* name what nobody asked for."""
    faults += [f"{key!r:.80} is not a key of this request" for key in data]

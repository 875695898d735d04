"""What a server answers instead of what was asked for, as the errors that it would be here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from ..errors import (
    BadAnswer,
    ClientError,
    Expired,
    Forbidden,
    Internal,
    InvalidRequest,
    NotFound,
    Unauthorized,
    Unavailable,
)

PROBLEM: Final = "application/problem+json"
JSON: Final = "application/json"
SHOWN: Final = 120

BY_STATUS: Final[Mapping[int, type[ClientError]]] = {
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.GONE: Expired,
    HTTPStatus.TOO_MANY_REQUESTS: Unavailable,
}
"""What a code that we do not know is a kind of."""

TOKEN: Final = (
    "Give its token: OUTLAST_TOKEN, or OUTLAST_TOKEN_FILE=PATH."
    " To make one there: outlast token create NAME"
)


def error_of(server: str, status: int, headers: Mapping[str, str], body: bytes) -> ClientError:
    """Return what an answer that is none of what was asked for says."""
    told = _object(body) if _kind(headers) in (PROBLEM, JSON) else None
    if told is None or not isinstance(told.get("code"), str):
        return _not_ours(server, status, headers, body)
    code, detail = told["code"], str(told.get("detail") or told["code"])
    kind = _kinds().get(code) or _other(code, status, retryable=told.get("retryable") is True)
    job_id, suggestion = _text(told.get("job_id")), _text(told.get("suggestion"))
    if kind.http_status == HTTPStatus.UNAUTHORIZED:
        suggestion = TOKEN  # the server speaks of headers, which are ours to write
    if issubclass(kind, InvalidRequest):
        faults = told.get("faults")
        words = [str(each) for each in faults] if isinstance(faults, list) and faults else [detail]
        return kind(*words, job_id=job_id, suggestion=suggestion)
    return kind(detail, job_id=job_id, suggestion=suggestion)


def read_object(
    server: str, status: int, headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """
    Return the JSON object that an answer is.

    Raises:
        BadAnswer: It is none: what answers is no Outlast.
    """
    told = _object(body) if _kind(headers) == JSON else None
    if told is None:
        raise _not_ours(server, status, headers, body)
    return told


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the server asks to stay away for; a date is not understood."""
    said = headers.get("retry-after", "").strip()
    return float(said) if said.isascii() and said.isdecimal() and len(said) < 7 else None


def _not_ours(server: str, status: int, headers: Mapping[str, str], body: bytes) -> ClientError:
    """Say what it was that answered: a proxy's page, most likely, or another service's."""
    phrase = f"{status} {_phrase(status)}".strip()
    if 300 <= status < 400:
        target = headers.get("location", "elsewhere")
        return BadAnswer(
            f"{server} answers {phrase}: it sends us to {target!r:.{SHOWN}}",
            suggestion="Give that server itself, if it is the one you mean: a token is not taken there",
        )
    what = f"{_kind(headers) or 'nothing that says what it is'}: {_beginning(body)!r}"
    words = f"{server} answers {phrase} with what is no answer of Outlast's, {what}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return Unavailable(
            words, suggestion="It comes from what stands before the server: see there"
        )
    return BadAnswer(words, suggestion="Is this the address of `outlast serve`, prefix included?")


def _beginning(body: bytes) -> str:
    text = " ".join(body[:4096].decode("utf-8", "replace").split())
    _, found, title = text.partition("<title>")
    return (title.partition("</title>")[0].strip() if found else text)[:SHOWN]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


@cache
def _kinds() -> dict[str, type[ClientError]]:
    """Return each class of errors by its code."""
    return {kind.code: kind for kind in _tree(ClientError) if "code" in vars(kind)} | {
        Internal.code: Internal
    }


def _tree(kind: type[ClientError]) -> Iterator[type[ClientError]]:
    yield kind
    for each in kind.__subclasses__():
        if each.__module__ == ClientError.__module__:
            yield from _tree(each)


@cache
def _other(code: str, status: int, *, retryable: bool) -> type[ClientError]:
    """Return a class for a code that only the server knows, below one that callers know."""
    above = BY_STATUS.get(status)
    if above is None:
        above = Unavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else InvalidRequest
    name = "".join(word.capitalize() for word in code.split("_"))
    return type(name, (above,), {"code": code, "http_status": status, "retryable": retryable})

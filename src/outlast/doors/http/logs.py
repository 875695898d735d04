"""
The service's log on stderr: a line for each request and for whatever else is said here, uvicorn's
own words included. Routes are told and not what was asked for: no token, body or query is in it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

requests: Final = logging.getLogger("outlast.http.request")
"""Is given a request's facts as `extra={"facts": {...}}`; silent unless `begin` was called."""


def begin(kind: str) -> None:
    """Write all that is logged in this process to stderr, as *kind*: `text` or `json`."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if kind == "json" else _Text())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _facts(record: logging.LogRecord) -> Mapping[str, Any]:
    """Return what is known of a request; of all else what was said, and by whom."""
    facts: Mapping[str, Any] | None = getattr(record, "facts", None)
    return facts or {"event": "log", "logger": record.name, "message": record.getMessage()}


class _Json(logging.Formatter):
    """One object a line: `time`, `level`, `event`, and what belongs to that event."""

    def format(self, record: logging.LogRecord) -> str:
        told = {"time": _time(record), "level": record.levelname.lower(), **_facts(record)}
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str)


class _Text(logging.Formatter):
    """The same for people: `TIME LEVEL words`."""

    def format(self, record: logging.LogRecord) -> str:
        facts = _facts(record)
        if facts["event"] == "log":
            words = f"{facts['logger']}: {facts['message']}"
        else:
            words = " ".join(
                f"{name}={value}" for name, value in facts.items() if value is not None
            )
        if record.exc_info:
            words += "\n" + self.formatException(record.exc_info)
        return f"{_time(record)} {record.levelname} {words}"

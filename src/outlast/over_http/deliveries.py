"""Deliveries as a server tells them, read back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ..core.delivery import Delivery, DeliveryState, Try
from ..core.job import JobId
from ..errors import BadAnswer


def read_deliveries(told: Mapping[str, Any]) -> tuple[Delivery, ...]:
    """
    Return the deliveries that a server tells of; which secret they are signed with stays there.

    Raises:
        BadAnswer: One is none, or in a state that this version does not know.
    """
    try:
        return tuple(map(_delivery, told["items"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer(
            f"the server tells of a webhook that this version does not understand:"
            f" {type(error).__name__}: {error!s:.80}"
        ) from None


def _delivery(told: Mapping[str, Any]) -> Delivery:
    return Delivery(
        id=told["webhook_id"],
        job_id=JobId(told["job_id"]),
        url=told["url"],
        secret="",
        event=told["event"],
        is_servers=told["for_all_jobs"],
        state=DeliveryState(told["state"]),
        attempts=told["attempts"],
        created_at=datetime.fromisoformat(told["created_at"]),
        due_at=None
        if told["next_attempt_at"] is None
        else datetime.fromisoformat(told["next_attempt_at"]),
        tries=tuple(map(_try, told["tries"])),
    )


def _try(told: Mapping[str, Any]) -> Try:
    return Try(
        attempt=told["attempt"],
        at=datetime.fromisoformat(told["at"]),
        took=timedelta(milliseconds=told["took_ms"]),
        status=told["status"],
        error=told["error"],
    )

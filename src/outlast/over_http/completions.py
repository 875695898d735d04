"""Completions of a server's: asked for again and again by who stays, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..core.completion import Completion, CompletionPage
from ..core.limits import check_limit
from ..errors import BadAnswer
from .jobs import WITH_SPEC, read_job
from .streams import Deadline

if TYPE_CHECKING:
    from ..clock import SystemClock
    from ..engine import verbs
    from .transport import Transport

MAX_PAGE: Final = 500
MAX_WAIT_S: Final = 60
"""How long a server holds one request at most."""


def completions(
    transport: Transport, clock: SystemClock, request: verbs.Completions
) -> CompletionPage:
    """Return the ends that a server tells of. As `Service.completions`."""
    check_limit(request.limit)
    deadline = Deadline(clock, request.timeout)
    since, found = request.since, list[Completion]()
    while True:
        left, wanted = deadline.left_s, request.limit - len(found)
        stay = 0.0 if found else MAX_WAIT_S if left is None else min(left, MAX_WAIT_S)
        query = [("limit", str(min(wanted, MAX_PAGE))), ("wait", f"{stay:.3f}")]
        if since is not None:
            query.append(("since", since))
        told = transport.ask_object(
            "GET",
            ["completions"],
            query=query,
            headers={"Prefer": WITH_SPEC},
            stay_s=stay,
            patience_s=deadline.patience_s,
        )
        page = _page(told)
        found += page.completions
        since = page.next_cursor
        is_full = len(page) < MAX_PAGE or len(found) >= request.limit
        if is_full if found else deadline.is_over:
            return CompletionPage(completions=tuple(found), next_cursor=since)


def _page(told: Mapping[str, Any]) -> CompletionPage:
    try:
        ends = [({**each}, each["cursor"]) for each in told["completions"]]
        cursor = told["next_cursor"]
    except (KeyError, TypeError) as error:
        raise BadAnswer(
            f"the server tells of completions that this version does not understand:"
            f" {type(error).__name__}: {error!s:.80}"
        ) from None
    for job, _ in ends:
        del job["cursor"]
    return CompletionPage(
        completions=tuple(Completion(job=read_job(job), cursor=at) for job, at in ends),
        next_cursor=cursor,
    )

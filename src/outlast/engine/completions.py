"""Does the verb about completions: each end once, for whoever was away, and for whoever stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from ..core.completion import Completion, CompletionPage
from ..core.limits import check_limit
from ..ports.store import Query

if TYPE_CHECKING:
    from datetime import datetime

    from ..core.job import Job
    from ..ports.clock import Clock
    from ..ports.completions import Completions
    from ..ports.store import Store
    from ..ports.supervision import Supervision
    from . import verbs

CATCH_UP: Final = timedelta(milliseconds=200)


class CompletionDesk:
    """The ends of one home's jobs."""

    def __init__(
        self, completions: Completions, store: Store, supervision: Supervision, clock: Clock
    ) -> None:
        self._completions = completions
        self._store = store
        self._supervision = supervision
        self._clock = clock

    def close(self) -> None:
        """Let go of the store. Idempotent."""
        self._completions.close()

    def find(self, request: verbs.Completions) -> CompletionPage:
        """
        Return the ends behind the request's cursor; staying for the first where there is none.

        Asleep by one subscription to the changes of all jobs, until something happens to one.
        """
        page = self.look(request)
        if page.completions or request.timeout == timedelta(0):
            return page
        clock, timeout = self._clock, request.timeout
        deadline = None if timeout is None else clock.monotonic() + timeout.total_seconds()
        news = self._supervision.news(None, timeout=timeout)
        try:
            while True:
                # Read after subscribing: what ended before it is seen, what comes is told.
                page = self.look(request._replace(since=page.next_cursor), catch_up=False)
                left = None if deadline is None else deadline - clock.monotonic()
                if page.completions or (left is not None and left <= 0):
                    return page
                news.changed(None if left is None else timedelta(seconds=left))
        finally:
            news.close()

    def look(self, request: verbs.Completions, *, catch_up: bool = True) -> CompletionPage:
        """Return the ends behind the request's cursor as they stand, without staying."""
        check_limit(request.limit)
        page = self._completions.after(request.since, limit=request.limit)
        if catch_up and not page.completions and self._is_at_work():
            self._supervision.catch_up(CATCH_UP)
            page = self._completions.after(request.since, limit=request.limit)
        now = self._clock.now()
        kept = tuple(each for each in page if _is_kept(each, now))
        if page.completions and not kept:  # all of them are about to go: what is behind them?
            return self.look(request._replace(since=page.next_cursor))
        return CompletionPage(completions=kept, next_cursor=page.next_cursor)

    def _is_at_work(self) -> bool:
        return bool(self._store.find(Query(unsettled=True, limit=1)).jobs)


def _is_kept(completion: Completion, now: datetime) -> bool:
    expires_at = completion.job.expires_at
    return expires_at is None or expires_at > now


def public_page(page: CompletionPage, public: Callable[[Job], dict[str, Any]]) -> dict[str, Any]:
    """Return *page* as the JSON that every door gives. *public* returns that of a job."""
    return {
        "completions": [{**public(each.job), "cursor": each.cursor} for each in page],
        "next_cursor": page.next_cursor,
    }

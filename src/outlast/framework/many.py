"""Several ids in one call: what is shown of them, and the one exit code that stands for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..core.outcome import OURS, Exit, exit_code, own_exit_status
from ..errors import Conflict, Forbidden, InvalidRequest, NotFound, NotTerminal
from .caller import job_ids

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ..core.job import Job, JobId
    from ..errors import ClientError
    from .caller import Caller

K = TypeVar("K")
T = TypeVar("T")


def ids_argument(function: Any) -> Any:
    """Give a command its ids."""
    return click.argument("ids", metavar="ID...", nargs=-1, shell_complete=_offer)(function)


def _offer(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from .completion import offer_jobs  # whom no shell asks does not pay for it

    return offer_jobs(context, param, incomplete)


def exit_status_option(function: Any) -> Any:
    """Give a command `--exit-status`."""

    def remember(context: click.Context, _: click.Parameter, value: bool) -> None:
        context.obj.exit_status = value

    return click.option(
        "--exit-status",
        is_flag=True,
        expose_value=False,
        callback=remember,
        help="Exit with the command's own code; 124 timed out, 128+N signal N, 125 the rest.",
    )(function)


def read_ids(given: Sequence[str]) -> tuple[JobId, ...]:
    """
    Return the ids to work on.

    Raises:
        InvalidRequest: There is none.
    """
    ids = job_ids(given)
    if not ids:
        raise InvalidRequest(
            "no job id was given" if not given else "there was no job id on stdin",
            suggestion="List them: outlast job list",
        )
    return ids


def each_of(names: Iterable[K], do: Callable[[K], T]) -> tuple[list[T], ClientError | None]:
    """
    Do something to each job, say, with which it can be done. Returns what came of them, and what
    says which are left: those that are not there, and those with which it cannot be done as they
    stand.

    Raises:
        ClientError: It could be done with none of them; or it is not about one of them, and the
            next would be told the same.
    """
    done: list[T] = []
    left: list[ClientError] = []
    for name in names:
        try:
            done.append(do(name))
        except (NotFound, Conflict, NotTerminal, Forbidden) as error:
            left.append(error)
    if not left:
        return done, None
    first = left[0]
    if len(left) > 1:
        told = dict.fromkeys(each.message for each in left)
        parts = told if isinstance(first, InvalidRequest) else ["; ".join(told)]
        first = type(first)(*parts, suggestion=first.suggestion)
    if not done:
        raise first
    return done, first


def show(
    caller: Caller,
    jobs: Sequence[Job],
    ids: Sequence[JobId],
    text: Callable[[Job], str],
    *,
    error: ClientError | None = None,
    warnings: Sequence[str] = (),
    more: Callable[[Job], dict[str, Any]] = lambda _: {},
) -> None:
    """Print one job as it is, several as `items`."""

    def data() -> Any:
        public = [caller.service.public(job) | more(job) for job in jobs]
        return public[0] if len(ids) == 1 else {"items": public}

    caller.answer(
        data, lambda: "\n".join(text(job) for job in jobs), error=error, warnings=warnings
    )


def code_of(caller: Caller, jobs: Sequence[Job], error: ClientError | None = None) -> int:
    """
    Return the exit code that stands for all of *jobs*.

    One that is not there: 5. Else one that has not ended: 3. Else the code that all of them
    have; where they differ, 6 if one is complete or partly so, and 4 if none is.
    """
    if caller.exit_status:
        codes = {own_exit_status(job) for job in jobs}
        return codes.pop() if len(codes) == 1 and error is None else OURS
    if error is not None:
        return error.exit_code
    codes = {exit_code(job) for job in jobs}
    if Exit.RUNNING in codes:
        return Exit.RUNNING
    if len(codes) == 1:
        return codes.pop()
    return Exit.PARTIAL if codes & {Exit.COMPLETE, Exit.PARTIAL} else Exit.FAILED

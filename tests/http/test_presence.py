"""What is cut short from outside, and what only looks so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from outlast.core.principal import Principal, Scope
from outlast.doors.http.presence import Presence

PRINCIPAL = Principal(name="ci", scope=Scope.RUN, token_id="tok_1")


def ended(how: Callable[[Presence, asyncio.Task[bool]], None]) -> bool | None:
    """Have a task end so; returns whether it was cut, None where it was cancelled."""
    begun: list[Presence] = []

    async def work() -> bool:
        begun.append(one := Presence(PRINCIPAL, None))
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if one.was_cut():
                return True
            raise
        raise AssertionError("nobody woke it")

    async def main() -> bool | None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        how(begun[0], task)
        return await _answer(task)

    return asyncio.run(main())


async def _answer(task: Awaitable[bool]) -> bool | None:
    try:
        return await task
    except asyncio.CancelledError:
        return None


def _twice(one: Presence, _: asyncio.Task[bool]) -> None:
    one.cut()
    one.cut()


def _both(one: Presence, task: asyncio.Task[bool]) -> None:
    one.cut()
    task.cancel()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        pytest.param(lambda one, _: one.cut(), True, id="cut"),
        pytest.param(_twice, True, id="cut twice"),
        pytest.param(lambda _, task: task.cancel(), None, id="cancelled by somebody else"),
        pytest.param(_both, None, id="both: whoever cancels the task is obeyed"),
    ],
)
def test_a_cut_is_told_from_a_cancel(
    how: Callable[[Presence, asyncio.Task[bool]], None], told: bool | None
) -> None:
    """A cut is caught where the request is answered; the end of the server goes on."""
    assert told is ended(how)

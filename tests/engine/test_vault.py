"""Secrets in the supervisor's memory: lent over its socket, as long as their lender is there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from outlast.clock import SystemClock
from outlast.engine.lease import Lease
from outlast.engine.link import Link
from outlast.engine.vault import Vault
from outlast.errors import Unavailable
from outlast.testing import FakeExecutor

from ..world import eventually
from .test_server import served
from .world import World

VALUES = {"memory:a": "hunter2", "memory:b": "swordfish"}


def a_link(world: World) -> Link:
    """The way to the supervisor of *world*; none can be started."""

    def start(_: int) -> bool:
        raise Unavailable("none can be started")

    return Link(world.home.path, "1.2.3", start, SystemClock())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "home", {})
    yield world
    world.store.close()


def test_what_is_lent_is_held_while_a_lender_is_there() -> None:
    """Of two who lend the same, the last one; its value stays until nobody can need it."""
    vault, one, two = Vault(), object(), object()
    vault.lend(one, VALUES)
    vault.lend(two, {"memory:a": "hunter3"})

    vault.take_back(one)
    assert {"memory:a"} == vault.held([*VALUES, "memory:c"])
    assert {"memory:a": "hunter3", "memory:b": "swordfish"} == dict(vault)
    vault.take_back(two, ["memory:a"])
    assert not vault.held(VALUES)
    vault.lend(two, {"memory:b": "b"})
    vault.forget()
    assert {"memory:b": "b"} == dict(vault)


def test_nothing_shows_what_is_lent(world: World) -> None:
    """Neither of the two, whoever prints them."""
    vault, lease = Vault(), Lease(a_link(world))
    vault.lend(1, VALUES)
    with pytest.raises(Unavailable) as told:
        lease.lend(VALUES)

    assert ["Vault(2 secrets)", "Lease(2 secrets)"] == [repr(vault), repr(lease)]
    assert not any(value in f"{told.value!r} {told.value}" for value in VALUES.values())


def test_a_lease_ends_with_its_connection(world: World) -> None:
    """The supervisor holds what it was lent until the lender takes it back, or is gone."""

    async def live() -> None:
        link = a_link(world)
        async with served(world, FakeExecutor(world.host)) as there:
            with ExitStack() as stack:
                one, two = Lease(link), Lease(link)
                for lease in (one, two):
                    stack.callback(lease.close)
                    await asyncio.to_thread(lease.lend, VALUES)
                await asyncio.to_thread(one.take_back, "memory:a")
                await asyncio.to_thread(two.close)
                await asyncio.to_thread(
                    eventually, lambda: there.vault.held(VALUES) == {"memory:b"}
                )
                asked = frozenset(VALUES)
                assert {"memory:b"} == await asyncio.to_thread(link.held, asked)
            await asyncio.to_thread(eventually, lambda: not there.vault.held(VALUES))
            there.vault.forget()
            assert {} == dict(there.vault)

    asyncio.run(live())


def test_another_supervisor_is_lent_it_again(world: World) -> None:
    """By whoever holds it still, once they ask for it; meanwhile nobody holds it."""

    async def live() -> None:
        lease = Lease(a_link(world))
        try:
            async with served(world, FakeExecutor(world.host)):
                await asyncio.to_thread(lease.lend, VALUES)
            async with served(world, FakeExecutor(world.host)) as there:
                assert {} == dict(there.vault)
                await asyncio.to_thread(lease.renew)
                assert VALUES == dict(there.vault)
        finally:
            lease.close()

    asyncio.run(live())

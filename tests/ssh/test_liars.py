"""Hosts that lie about their files, and connections that break: nothing is lost, and nothing harmed."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from outlast import artifacts
from outlast.artifacts import Collection
from outlast.core.collect import Collect
from outlast.executors.ssh.collect import Fetching
from outlast.executors.ssh.refusal import Cut
from outlast.executors.ssh.walk import TooMany, Walk

from .liar import DIRECTORY, FIFO, SYMLINK, File, World, attrs, folder_of, linked

PATIENCE_S = 60.0


NO_NAMES = (b"..", b".", b"", b"../../x", b"/etc/passwd", b"a/b", b"a\0b")


def fetch(
    world: World, folder: str, *globs: str, floor_bytes: int = 0, **limits: Any
) -> Collection:
    """Collect what *globs* stand for, over as many connections as it takes."""
    collect = Collect(globs=globs, **limits)

    async def go() -> Collection:
        async with linked(world) as link:
            while True:
                try:
                    return await Fetching(await link(), folder, collect, None, floor_bytes).run(
                        PATIENCE_S
                    )
                except Cut:
                    continue

    return asyncio.run(go())


def states(collection: Collection) -> dict[bytes, str]:
    return {each.name: each.error or each.state for each in collection.files}


EVIL = [
    *(b"..", b"../../x", b"/etc/passwd", b"a/b", b"a\0b", b"a\nb", b"\x1b[2J", b"\xff\xfe", b"%2E"),
    *(b"~1", b"nul.txt", b"README", b"readme", b"x" * 300, b"\xe2\x80\xaegpj.exe", b"", b"."),
]


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    """What is no name for a file is told; the rest is here, under numbers, by paths that are safe."""
    world = World({b"d/" + name: File(b"evil") for name in EVIL})
    folder = folder_of(tmp_path / "1")
    found = fetch(world, folder, "d/*")
    here = {each.name.removeprefix(b"d/") for each in found.here}

    assert {name for name in EVIL if name not in NO_NAMES} == here
    assert ["1"] == os.listdir(tmp_path)
    assert {"artifacts", "artifacts.json"} == set(os.listdir(folder))
    assert all(name.isdigit() for name in os.listdir(f"{folder}/artifacts"))
    paths = [each.path for each in found.files]
    assert len(paths) == len({path.casefold() for path in paths})
    assert all(path.isprintable() and ".." not in path.split("/") for path in paths)


LIES = {
    b"endless": (File(lambda offset, size: b"x" * size), "over the limit of 64k in all"),
    b"endless of a size": (File(lambda offset, size: b"x" * size, size=9), "complete"),
    b"huge by its word": (File(b"x", size=1 << 60), "over the limit of 64k in all"),
    b"shorter than said": (File(b"x" * 9, size=9000), "changed"),
    b"sized nothing": (File(b"proc", size=0), "complete"),
    b"more than asked": (File(lambda offset, size: b"x" * 200_000, size=20_000), "complete"),
    b"a pipe inside": (File(b"x", open_mode=FIFO), "no regular file"),
    b"a link": (
        File(b"x", mode=SYMLINK),
        "a link, and only one that is named without * is followed",
    ),
    b"not to be read": (
        File(refusal=asyncssh.SFTPPermissionDenied("no")),
        "it cannot be read: no",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_about_a_file_costs_a_limit_at_most(tmp_path: Path, name: bytes) -> None:
    """It is told for what it is, and others are fetched all the same."""
    file, told = LIES[name]
    folder = folder_of(tmp_path / "1")
    found = fetch(World({name: file, b"~honest": File(b"truth")}), folder, "*", max_bytes=1 << 16)

    assert {name: told, b"~honest": "complete"} == states(found)
    sizes = [os.path.getsize(f"{folder}/artifacts/{each.number}") for each in found.here]
    assert [each.size for each in found.here] == sizes
    assert sum(sizes) <= 1 << 16


def test_folders_without_end_have_one(tmp_path: Path) -> None:
    """A folder in a folder in a folder: as deep as a path may be long."""
    world = World()

    class Bottomless(dict[bytes, Any]):
        def __contains__(self, _: object) -> bool:
            return True

        def __getitem__(self, _: bytes) -> Any:
            return lambda: iter([(b"d" * 200, attrs(DIRECTORY)), (b"f", attrs())])

    world.folders = Bottomless()
    found = fetch(world, folder_of(tmp_path / "1"), "**")

    told = {"it cannot be read: no such file", "this is no name for a file"}
    assert told == set(states(found).values())
    assert max(len(each.name) for each in found.files) <= 4096


def test_names_without_end_are_counted() -> None:
    """Whoever names more files than anybody looks at is not listened to any longer."""

    def names() -> Iterator[tuple[bytes, asyncssh.SFTPAttrs]]:
        while True:
            yield b"again", attrs()

    async def go() -> None:
        async with linked(World(folders={b".": names})) as link:
            made = await link()
            async with made.files() as sftp:
                walk = Walk(made, sftp, b"", most_names=1000)
                assert [] == [found async for found in walk.find("*.log")]

    with pytest.raises(TooMany):
        asyncio.run(go())


def test_what_was_here_is_not_fetched_again(tmp_path: Path) -> None:
    """The connection breaks again and again: each byte crosses about once, and the sums are right."""
    data = {b"%d" % number: os.urandom(3 << 20) for number in range(3)}
    world = World({name: File(content) for name, content in data.items()})
    folder = folder_of(tmp_path / "1")

    async def go() -> Collection:
        collect = Collect(globs=("*",))
        async with linked(world) as link:
            for _ in range(20):
                world.most_reads = 40
                try:
                    return await Fetching(await link(), folder, collect, None, 0).run(PATIENCE_S)
                except Cut:
                    continue
        raise AssertionError("it makes no way")

    found = asyncio.run(go())

    assert {name: hashlib.sha256(content).hexdigest() for name, content in data.items()} == {
        each.name: each.sha256 for each in found.files
    }
    assert [data[each.name] for each in found.files] == [
        b"".join(artifacts.pieces(folder, each)) for each in found.files
    ]
    assert world.read < 2 * 9 << 20


def test_a_file_that_was_changed_meanwhile_is_fetched_anew(tmp_path: Path) -> None:
    """Half of one file and half of another are no file."""
    folder = folder_of(tmp_path / "1")
    world = World({b"a": File(b"1" * (1 << 20))}, most_reads=4)

    async def go() -> Collection:
        collect = Collect(globs=("*",))
        async with linked(world) as link:
            with pytest.raises(Cut):
                await Fetching(await link(), folder, collect, None, 0).run(PATIENCE_S)
            (begun,) = artifacts.read(folder).files  # type: ignore[union-attr]  # it was begun
            assert ("begun", 1 << 20) == (begun.state, begun.size)
            world.files[b"a"] = File(b"2" * 1000)
            return await Fetching(await link(), folder, collect, None, 0).run(PATIENCE_S)

    (artifact,) = asyncio.run(go()).files

    assert b"2" * 1000 == b"".join(artifacts.pieces(folder, artifact))
    assert hashlib.sha256(b"2" * 1000).hexdigest() == artifact.sha256


def test_a_disk_that_is_full_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written below the floor; what is not here is told."""
    folder = folder_of(tmp_path / "1")
    found = fetch(World({b"a": File(b"x")}), folder, "*", floor_bytes=1 << 60)

    assert ("incomplete", "the disk here: No space left on device") == (found.state, found.error)
    assert {b"a": "the disk here: No space left on device"} == states(found)
    assert [] == os.listdir(f"{folder}/artifacts")


def test_a_host_that_says_nothing_is_waited_for_as_long_as_was_said(tmp_path: Path) -> None:
    """Then what is here is told, and the rest as missing."""
    folder = folder_of(tmp_path / "1")
    world = World({b"a": File(b"x"), b"b": File(b"y", is_mute=True)})

    async def go() -> Collection:
        async with linked(world) as link:
            return await Fetching(await link(), folder, Collect(globs=("*",)), None, 0).run(1.0)

    found = asyncio.run(go())
    late = "not all was fetched within 1h"

    assert ("incomplete", late) == (found.state, found.error)
    assert late == states(found)[b"b"]

"""What an attempt tells whose files are being fetched: its end, once, when nothing more comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from outlast.artifacts import Keeper
from outlast.core.parse import parse_spec
from outlast.core.sight import Alive, Exited, Sight
from outlast.executors.ssh.answer import Told
from outlast.executors.ssh.attempt import Attempt
from outlast.executors.ssh.collecting import Collecting
from outlast.executors.ssh.link import Link
from outlast.executors.ssh.place import Place
from outlast.testing import FakeClock

KEY = "job_x/0/1"


class Story:
    """One attempt whose command has ended with 0, as a fresh supervisor finds it."""

    def __init__(self, folder: Path, *, required: bool = False) -> None:
        self.clock = FakeClock()
        self.folder = str(folder / KEY)
        self.told: list[Sight] = []
        collect = {"globs": ["x"], "required": required}
        spec = parse_spec({"shell": "x", "on": "h", "collect": collect, "reconnect_timeout": 60})
        place = Place(node="h")
        attempt = Attempt.new(KEY, self.folder, self.clock, self.tell, place=place, spec=spec)
        attempt.note_sent()
        told = Told("began", at=1, boot="b", containment="marker", ended_at=1, status=0)
        attempt.begun(told, self.clock.now())
        attempt.ended(told, self.clock.now())
        self.attempt = self.fresh()

    def tell(self, _: str, seen: Sight) -> None:
        self.told.append(seen)

    def fresh(self) -> Attempt:
        attempt = Attempt.stored(KEY, self.folder, self.clock, self.tell)
        assert attempt is not None
        return attempt

    def play(self, act: Callable[[Collecting], None]) -> Exited:
        """Have *act* happen to who collects over a connection that is not there; the end told."""

        async def go() -> None:
            link = Link(self.attempt.place, lambda: "nonce")
            ended = asyncio.Event()
            collecting = Collecting(link, self.clock, ended.set, 0)
            act(collecting)
            if not any(isinstance(seen, Exited) for seen in self.told):
                await ended.wait()
            await collecting.close()
            await link.close()

        asyncio.run(go())
        (exited,) = (seen for seen in self.told if isinstance(seen, Exited))
        return exited


def test_its_end_is_told_once_nothing_more_comes(tmp_path: Path) -> None:
    """Until then it is alive, to whoever asks."""
    story = Story(tmp_path)
    assert [Alive] == list({type(seen) for seen in story.told})
    assert isinstance(story.attempt.sight(), Alive)
    ended = story.play(lambda collecting: collecting.stop(story.attempt, "enough"))

    assert (0, None) == (ended.exit_code, ended.reason)
    assert "not all files were collected: enough" == story.fresh().files.left_out


def test_who_was_killed_before_it_was_told_fetches_nothing_again(tmp_path: Path) -> None:
    """The manifest is there: that is enough, and no connection is needed."""
    story = Story(tmp_path, required=True)
    keeper = Keeper(story.folder)
    writing = keeper.begin(b"x", 1, 1)
    writing.read()
    writing.write(b"x")
    writing.end()
    keeper.finish()
    ended = story.play(lambda collecting: collecting.take(story.attempt))

    assert (0, None) == (ended.exit_code, ended.reason)
    assert story.fresh().files.left_out is None


@pytest.mark.parametrize("required", [False, True])
def test_a_host_that_stays_away_is_waited_for_so_long(tmp_path: Path, required: bool) -> None:
    """Then the command's end stands; but where there had to be files, they are missing."""
    story = Story(tmp_path, required=required)

    def away(collecting: Collecting) -> None:
        collecting.is_away(story.attempt, "gone")
        story.clock.advance(timedelta(seconds=59))
        collecting.is_away(story.attempt, "gone")
        assert story.attempt.files.is_under_way
        story.clock.advance(timedelta(seconds=1))
        collecting.is_away(story.attempt, "gone")

    ended = story.play(away)

    assert (0, "artifacts_missing" if required else None) == (ended.exit_code, ended.reason)
    assert not story.attempt.files.is_under_way

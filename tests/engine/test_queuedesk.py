"""What is said of all queues at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from outlast.clock import SystemClock
from outlast.core.queue import Queue
from outlast.engine.queuedesk import QueueDesk
from outlast.home import Home
from outlast.settings import load_settings
from outlast.store.sqlite import SqliteStore
from outlast.store.sqlite_queues import SqliteQueues
from outlast.wiring import make_link


class Raced(SqliteQueues):
    """Queues of which somebody deletes one just when they have been looked at."""

    def find(self) -> Mapping[str, Queue]:
        found = super().find()
        if "tape" in found:
            self.delete("tape")
        return found


def test_a_queue_that_goes_meanwhile_keeps_no_other_from_being_paused(tmp_path: Path) -> None:
    """It is looked once more, and all that are there are changed together."""
    settings = load_settings(home=tmp_path / "home")
    home = Home(settings.home)
    home.prepare()
    queues, store, link = Raced(home.database), SqliteStore(home.database), make_link(settings)
    desk = QueueDesk(queues, link, link, SystemClock(), home=home, get=store.get)
    for name in ("disk", "tape"):
        queues.add(Queue(name=name, created_at=SystemClock().now()))

    paused = desk.pause_all()

    assert [("default", "paused"), ("disk", "paused")] == [
        (each.queue.name, each.queue.state) for each in paused
    ]
    desk.close()
    store.close()
    link.close()

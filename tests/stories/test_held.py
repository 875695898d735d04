"""Jobs that somebody holds begin once they are released, whatever supervisor is killed meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from outlast import Client
from outlast.errors import Conflict
from outlast.shim.failpoint import OF_HOLDING, VARIABLE

from ..world import PATIENCE_S, eventually, fresh_client, kill, supervisor_of


@pytest.mark.parametrize("name", OF_HOLDING)
def test_who_is_held_begins_once_released(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held over a death, released in spite of another one; it runs once, and is held no more."""
    with fresh_client() as client:
        job = client.submit(shell="echo started >> starts", cwd=str(tmp_path), hold=True)
        told = client.describe(client.get(job.id))
        kill(supervisor_of(client))
        client.wait(client.submit(["true"]).id, timeout=PATIENCE_S)
        held = client.get(job.id)
        kill(supervisor_of(client))
        token = tmp_path / "token"
        token.touch()
        monkeypatch.setenv(VARIABLE, f"{name}:{token}")
        released = client.release(job.id)
        monkeypatch.delenv(VARIABLE)
        after = client.wait(job.id, timeout=PATIENCE_S)
        again = client.release(job.id)

    assert not token.exists()
    assert (True, "held") == (told["held"], told["nodes"][0]["phase"])
    assert ("queued", True) == (held.status, held.held)
    assert [False] * 3 == [each.held for each in (released, after, again)]
    assert ("complete", "started\n") == (after.status, (tmp_path / "starts").read_text())


def test_what_waits_may_be_held_and_what_has_begun_may_not(client: Client) -> None:
    """Others go past it; its needs and its release both have to come; an end is an end."""
    runs = client.submit(["sleep", "1000"], queue="q", queue_width=1)
    waits = client.submit(["true"], queue="q", queue_width=1)
    passes = client.submit(["true"], queue="q", queue_width=1)
    needs = client.submit(["true"], after=f"any:{runs.id}", hold=True)
    eventually(lambda: client.get(runs.id).status == "running", "the start")

    client.hold(waits.id)
    with pytest.raises(Conflict, match="is running: only what has not begun can be held"):
        client.hold(runs.id)
    client.cancel(runs.id, grace=0)
    client.wait(passes.id, timeout=PATIENCE_S)
    assert [("queued", True)] * 2 == [
        (job.status, job.held) for job in map(client.get, (waits.id, needs.id))
    ]
    cancelled = client.cancel(waits.id)
    for verb in (client.hold, client.release):
        with pytest.raises(Conflict, match="is cancelled"):
            verb(waits.id)
    client.release(needs.id)

    assert "cancelled" == cancelled.status
    assert "complete" == client.wait(needs.id, timeout=PATIENCE_S).status

"""What the machine has is never given twice, whatever supervisor is killed meanwhile."""

from __future__ import annotations

from pathlib import Path

from ..world import PATIENCE_S, fresh_client, kill, supervisor_of
from .conftest import Command


def test_a_resource_in_use_outlives_its_supervisor(home: Path, tmp_path: Path) -> None:
    """
    What runs still counts for the next one, who waits for all of it is still before the small ones,
    and has it alone where there is less by then than it needs.
    """
    home.mkdir()
    (home / "config.toml").write_text("[resources]\ngpu = 2\n")
    with fresh_client() as client:
        holder = Command(client, home, tmp_path, resources={"gpu": 1})
        large = client.submit(["true"], queue="large", resources={"gpu": 2})
        small = client.submit(["true"], queue="small", resources={"gpu": 1})

        def nothing_began() -> None:
            # Who had his turn by now has begun.
            client.wait(client.submit(["true"]).id, timeout=PATIENCE_S)
            assert ["queued"] * 2 == [client.get(job.id).status for job in (large, small)]

        nothing_began()
        kill(supervisor_of(client))
        nothing_began()
        (home / "config.toml").write_text("[resources]\ngpu = 1\n")
        kill(supervisor_of(client))
        nothing_began()
        holder.let_go()
        large, small = client.wait_all([large.id, small.id], timeout=PATIENCE_S)

    assert ("failed", 1) == (holder.after().status, holder.count_starts())
    assert ("complete", "complete") == (large.status, small.status)
    times = [at for at in (large.completed_at, small.started_at) if at is not None]
    assert (2, sorted(times)) == (len(times), times)

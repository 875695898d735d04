"""What an agent has run is a part of the agent's trace."""

from __future__ import annotations

import pytest

from ..rigs.collector import collecting
from ..world import eventually
from .conftest import Host, go

pytestmark = pytest.mark.slow  # real processes, for seconds

TRACE, OF_THE_CALL, OF_THE_HOST = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "c" * 16


def test_a_job_is_below_the_call_that_began_it(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the call says in `_meta`; else below whoever started the server."""
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        monkeypatch.setenv("TRACEPARENT", f"00-{TRACE}-{OF_THE_HOST}-01")
        given = {"command": ["true"], "wait_seconds": 30}

        async def story() -> None:
            async with host.agent() as agent:
                said = {"traceparent": f"00-{TRACE}-{OF_THE_CALL}-01"}
                await agent.client.call_tool("job_run", given, meta=said)  # type: ignore[arg-type]  # it is open
                await agent("job_run", **given)

        go(story)
        eventually(lambda: 2 == len(collector.named("job")))

        jobs = sorted(collector.named("job"), key=lambda job: job.begin_ns)
        assert [(TRACE, OF_THE_CALL), (TRACE, OF_THE_HOST)] == [
            (job.trace_id, job.parent_id) for job in jobs
        ]

"""Jobs that wait for others, under supervisors that are killed between an end and a beginning."""

from __future__ import annotations

from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.errors import InvalidRequest, NotTerminal
from outlast.shim.failpoint import VARIABLE

from ..world import PATIENCE_S, eventually, fresh_client, kill, supervisor_of

UNTIL_GO = "until [ -e go ]; do sleep 0.02; done"


def fate(job: Job) -> tuple[str, str | None]:
    return job.status, job.reason


@pytest.mark.slow  # whole lives, of which a shorter test covers the parts
@pytest.mark.parametrize(
    "name",
    [
        "supervisor.before_record_end",
        "supervisor.after_record_end",
        "supervisor.before_claim",
        "supervisor.after_claim",
        "supervisor.after_launch",
    ],
)
def test_whoever_dies_between_an_end_and_a_beginning(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waited begins once, after the end; who can never begin is told so, and so on."""
    where = {"cwd": str(tmp_path)}
    with fresh_client() as client:
        first = client.submit(shell=f"{UNTIL_GO}; echo first >> order; exit 3", **where)
        eventually(lambda: client.get(first.id).status == "running", "the first's start")
        cleans = client.submit(shell="echo cleans >> order", after=[f"failed:{first.id}"], **where)
        never = client.submit(shell="echo never >> order", after=first.id, **where)
        last = client.submit(
            shell="echo last >> order", after=[cleans.id, f"any:{never.id}"], **where
        )
        eventually(lambda: client.get(last.id).nodes[0].phase == "waiting", "the wait")
        token = tmp_path / "token"
        token.touch()
        monkeypatch.setenv(VARIABLE, f"{name}:{token}")
        kill(supervisor_of(client))
        client.get(last.id)  # starts another one, which is to die at the named place
        (tmp_path / "go").touch()
        eventually(lambda: not token.exists(), f"death at {name}")
    monkeypatch.delenv(VARIABLE)

    with fresh_client() as other:
        ended = other.wait_all([cleans.id, never.id, last.id], timeout=PATIENCE_S)

    assert [("complete", None), ("failed", "dependency_failed"), ("complete", None)] == [
        *map(fate, ended)
    ]
    assert ["first", "cleans", "last"] == (tmp_path / "order").read_text().split()


def test_what_is_waited_for_is_there_until_it_is_not(client: Client, tmp_path: Path) -> None:
    """
    Jobs that are not there cannot be waited for, and all of them are told; one that ended already
    is judged at once; and none is deleted for whose end another one may still ask.
    """
    ended = client.wait(client.submit(shell="exit 3").id, timeout=PATIENCE_S)
    gone = client.wait(client.submit(["true"]).id, timeout=PATIENCE_S)
    client.delete(gone.id)
    holds = client.submit(["sleep", "1000"])

    with pytest.raises(InvalidRequest) as refused:
        client.submit(["true"], after=[gone.id, "job_never", ended.id])
    waits = client.submit(["true"], after=[f"any:{ended.id}", holds.id])
    with pytest.raises(NotTerminal, match=f"{waits.id} waits for {ended.id}"):
        client.delete(ended.id)
    at_once = client.wait(client.submit(["true"], after=ended.id).id, timeout=PATIENCE_S)
    told = client.describe(client.get(waits.id))
    client.cancel(holds.id, grace=0)
    after = client.wait(waits.id, timeout=PATIENCE_S)
    again = client.wait(client.retry(waits.id).id, timeout=PATIENCE_S)
    client.delete(ended.id)

    assert (
        f"after: the job {gone.id} was deleted, or its retention is over",
        "after: the job job_never is not there",
    ) == refused.value.faults
    assert ("failed", "dependency_failed") == fate(at_once)
    assert [{"job_id": ended.id, "on": "any"}, {"job_id": holds.id, "on": "complete"}] == told[
        "after"
    ]
    assert ("waiting", f"waits for {holds.id}") == (told["nodes"][0]["phase"], told["message"])
    assert (
        ("failed", "dependency_failed"),
        f"{holds.id} is cancelled, and had to complete",
    ) == (fate(after), after.nodes[0].error)
    assert (("complete", None), ()) == (fate(again), again.spec.after)


def test_what_is_tried_again_waits_for_what_has_not_ended(client: Client) -> None:
    """For nobody else, however they ended; and it is not held, whoever held the old one."""
    failed = client.wait(client.submit(shell="exit 3").id, timeout=PATIENCE_S)
    runs = client.submit(["sleep", "1000"])
    old = client.submit(["true"], after=[f"any:{failed.id}", f"any:{runs.id}"], hold=True)
    never = client.wait(client.submit(["true"], after=failed.id).id, timeout=PATIENCE_S)
    client.cancel(old.id)
    again = client.retry(old.id)
    at_once = client.wait(client.retry(never.id).id, timeout=PATIENCE_S)
    told = client.describe(client.get(again.id))
    client.cancel(runs.id, grace=0)

    assert ("dependency_failed", ("complete", None)) == (never.reason, fate(at_once))
    assert ("waiting", f"waits for {runs.id}") == (told["nodes"][0]["phase"], told["message"])
    assert [{"job_id": runs.id, "on": "any"}] == told["after"]
    assert ("complete", None) == fate(client.wait(again.id, timeout=PATIENCE_S))

"""Receivers are told of ends: whichever door a job came by, whoever is killed, at least once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from outlast import Client
from outlast.core.delivery import Delivery
from outlast.errors import InvalidRequest, NotFound, NotTerminal
from outlast.shim.failpoint import OF_WEBHOOKS, VARIABLE

from ..rigs.receiver import KEY, Receiver
from ..world import eventually, fresh_client, kill, supervisor_of
from .conftest import ALLOW, configure

pytestmark = pytest.mark.slow  # real processes, for seconds

PROGRAM = str(Path(sys.executable).with_name("outlast"))

ENDS = {
    "job.complete": {"shell": "true"},
    "job.failed": {"shell": "exit 3"},
    "job.cancelled": {"shell": "sleep 60"},
}


def hook(url: str, key: str, **more: Any) -> dict[str, Any]:
    return {"url": url, "secret": key, **more}


def settled(client: Client, job_id: str) -> tuple[Delivery, ...]:
    """Return the deliveries of a job once none is due any more."""
    return eventually(
        lambda: [
            found
            for found in [client.deliveries(job_id)]
            if found and all(each.due_at is None for each in found)
        ],
        "an end of the deliveries",
    )[0]


@pytest.mark.parametrize("event", ENDS)
def test_a_receiver_is_told_of_an_end_however_it_came(
    allowed: Path, client: Client, receiver: Receiver, key: str, event: str
) -> None:
    """By its type and the public job, without what it printed and without what is said of webhooks."""
    job = client.submit(**ENDS[event], webhooks=[hook(receiver.url(), key)])
    if event == "job.cancelled":
        client.cancel(job.id)
    (got,) = receiver.wait_for()
    ended = client.wait(job.id)
    (delivery,) = settled(client, job.id)

    assert (event, "/hook", delivery.id) == (got.told["type"], got.path, got.id)
    assert client.describe(ended)["completed_at"] == got.told["timestamp"]
    assert (job.id, str(ended.status)) == (got.told["data"]["job_id"], got.told["data"]["status"])
    assert set() == {"result", "webhooks", "status_command"} & set(got.told["data"])
    assert (["delivered"], [204]) == ([delivery.state], [each.status for each in delivery.tries])


def test_it_is_tried_again_until_it_is_taken(allowed: Path, client: Client, key: str) -> None:
    """By the same id each time; every try stands in the log."""
    with Receiver(lambda number: 500 if number < 2 else 200) as receiver:
        job = client.submit(["true"], webhooks=[hook(receiver.url(), key)])
        (delivery,) = settled(client, job.id)

    assert [500, 500, 200] == [each.status for each in delivery.tries]
    assert ["answered 500", "answered 500", None] == [each.error for each in delivery.tries]
    assert {delivery.id} == {got.id for got in receiver.got}


def test_it_is_given_up_at_last_and_tried_again_when_somebody_asks(
    allowed: Path, client: Client, key: str
) -> None:
    """After the last pause; what is asked for again begins with new pauses, and has its key still."""
    with Receiver(lambda number: 503 if number < 4 else 200) as receiver:
        job = client.submit(["true"], webhooks=[hook(receiver.url(), key)])
        (given_up,) = settled(client, job.id)
        again = client.redeliver(job.id)
        (delivered,) = settled(client, job.id)

    assert ("failed", 4) == (given_up.state, given_up.attempts)
    assert [given_up.id] == [each.id for each in again]
    assert ("delivered", 5) == (delivered.state, delivered.attempts)
    assert () == client.redeliver(job.id)


def test_a_receiver_that_is_gone_is_not_asked_again(
    allowed: Path, client: Client, key: str
) -> None:
    """410 says that it wants no more."""
    with Receiver(lambda _: 410) as receiver:
        job = client.submit(["true"], webhooks=[hook(receiver.url(), key)])
        (delivery,) = settled(client, job.id)

    assert ("failed", [410]) == (delivery.state, [each.status for each in delivery.tries])


def test_only_the_ends_that_were_asked_for_are_told(
    allowed: Path, client: Client, receiver: Receiver, key: str
) -> None:
    """Another end makes nothing due, and its key is held no more."""
    webhooks = [hook(receiver.url(), key, events=["job.failed"])]
    fine = client.submit(["true"], webhooks=webhooks)
    wrong = client.submit(["false"], webhooks=webhooks)
    client.wait_all([fine.id, wrong.id])
    settled(client, wrong.id)
    eventually(lambda: not [*(allowed / "signing").iterdir()], "the keys let go")

    assert [wrong.id] == [got.told["data"]["job_id"] for got in receiver.got]
    assert () == client.deliveries(fine.id)


def test_the_receiver_of_all_jobs_is_told_besides(
    home: Path, client: Client, receiver: Receiver, key: str
) -> None:
    """From the settings as they are at the end: written while the supervisor runs, they hold."""
    configure(home, ALLOW)
    client.wait(client.submit(["true"]).id)
    configure(home, f'{ALLOW}\nurl = "{receiver.url("/all?token=1")}"\nsecret = "{key}"\n')
    with fresh_client() as other:
        job = other.submit(["true"], webhooks=[hook(receiver.url("/own"), key)])
        found = settled(other, job.id)

    assert {"/all?token=1", "/own"} == {got.path for got in receiver.got}
    assert {True, False} == {each.is_servers for each in found}


def test_every_end_is_told_once_where_nothing_goes_wrong(
    allowed: Path, client: Client, receiver: Receiver, key: str
) -> None:
    """Forty jobs at once, to one receiver: each of them, and none twice."""
    jobs = client.submit_many(
        {"command": ["true"], "webhooks": [hook(receiver.url(), key)]} for _ in range(40)
    )
    client.wait_all(job.id for job in jobs)
    eventually(lambda: not client.deliveries(state="due"), "the last of them")

    told = [got.told["data"]["job_id"] for got in receiver.got]
    assert sorted(job.id for job in jobs) == sorted(told)


@pytest.mark.parametrize("place", [*OF_WEBHOOKS, "supervisor.after_record_end"])
def test_no_death_loses_one(
    place: str, allowed: Path, receiver: Receiver, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A supervisor that dies between an end and its message, or before it has recorded that it was sent."""
    armed = allowed.with_name("armed")
    armed.touch()
    monkeypatch.setenv(VARIABLE, f"{place}:{armed}")
    with fresh_client() as client:
        job = client.submit(["true"], webhooks=[hook(receiver.url(), key)])
        eventually(lambda: not armed.exists(), f"a death at {place}")
    with fresh_client() as client:
        (delivery,) = settled(client, job.id)

    assert "delivered" == delivery.state
    assert {delivery.id} == {got.id for got in receiver.got}
    assert (2 if place == "deliveries.before_record" else 1) == len(receiver.got)


@pytest.fixture
def slow_to_retry(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that tries again after an hour, and whose supervisor leaves as soon as it is idle."""
    monkeypatch.setenv("OUTLAST_IDLE_EXIT", "0s")
    configure(home, ALLOW.replace('"100ms", "200ms", "400ms"', '"1h"'))
    return home


def test_a_supervisor_stays_while_something_is_to_be_sent(
    slow_to_retry: Path, client: Client, key: str
) -> None:
    """It is not idle before; killed, the next one who asks has another."""
    with Receiver(lambda _: 500) as receiver:
        job = client.submit(["true"], webhooks=[hook(receiver.url(), key)])
        eventually(lambda: client.deliveries(job.id, state="due"), "the first try")
        (due,) = eventually(
            lambda: [each for each in client.deliveries(job.id) if each.attempts], "a try"
        )
    first = supervisor_of(client)
    kill(first)
    # Asked again: one that dies may still take a word, as long as not all of its threads are gone.
    second = eventually(
        lambda: client.deliveries(job.id) and supervisor_of(client), "another supervisor"
    )

    assert (1, "due") == (due.attempts, due.state)
    assert second not in (None, first)


def test_no_file_and_no_answer_has_the_key(
    allowed: Path, client: Client, receiver: Receiver, key: str
) -> None:
    """Once it is delivered: neither the database, nor the log, nor what any command says."""
    url = receiver.url("/hook?code=hidden-in-the-query")
    job = client.submit(["true"], webhooks=[hook(url, key)])
    held = (allowed / "signing" / job.id).exists()
    found = settled(client, job.id)
    shown = subprocess.run(
        [PROGRAM, "webhook", "list", job.id, "--json"], capture_output=True, check=True
    ).stdout
    eventually(lambda: not (allowed / "signing" / job.id).exists(), "the key let go")

    kept = b"".join(path.read_bytes() for path in allowed.rglob("*") if path.is_file())
    log = (allowed / "supervisor.log").read_bytes()
    said = json.dumps(client.describe(client.get(job.id))).encode() + shown + repr(found).encode()
    assert held
    assert KEY[6:].encode() not in kept + said
    assert b"hidden-in-the-query" not in log + shown
    assert job.id.encode() in log


WRONG = {
    "no key": ({"secret": "env:NOT_THERE"}, "there is no such variable"),
    "a key, not a reference": ({"secret": KEY}, "is a reference"),
    "no key for webhooks": ({"secret": "env:WEAK"}, "is no key for webhooks"),
    "private": ({"url": "https://10.0.0.1/"}, "no public one"),
    "plain": ({"url": "http://hooks.example/"}, "http://"),
    "an event that there is not": ({"events": ["job.started"]}, "job.started"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_could_never_be_sent_is_told_at_once(
    home: Path, client: Client, key: str, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything has happened, and without showing a key."""
    monkeypatch.setenv("WEAK", "whsec_c2hvcnQ=")
    wrong, says = WRONG[case]
    with pytest.raises(InvalidRequest) as caught:
        client.submit(["true"], webhooks=[hook("https://hooks.example/", key) | wrong])

    assert says in str(caught.value)
    assert KEY not in str(caught.value)
    assert () == client.list().jobs


def test_what_has_not_ended_is_not_told_again(
    allowed: Path, client: Client, receiver: Receiver, key: str
) -> None:
    """And of a job that there is not, nothing is known."""
    job = client.submit(["sleep", "60"], webhooks=[hook(receiver.url(), key)])

    with pytest.raises(NotTerminal):
        client.redeliver(job.id)
    for ask in (client.deliveries, client.redeliver):
        with pytest.raises(NotFound):
            ask("job_none")
    with pytest.raises(InvalidRequest, match="no state"):
        client.deliveries(state="gone")
    client.cancel(job.id, grace=0, wait_stopped="60s")

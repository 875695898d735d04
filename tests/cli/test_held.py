"""`outlast submit --hold`, `job hold` and `job release`, as people and scripts meet them."""

from __future__ import annotations

from ..world import eventually
from .conftest import Cli


def test_a_job_is_held_and_released(cli: Cli) -> None:
    """Several at once, and again: nothing changes then. What has begun is left as it is."""
    first = cli.submit("--hold", "--", "true")
    second = cli.submit("--delay", "1d", "--", "true")
    assert [f"{first} is held", f"{second} is held"] == cli(
        "job", "hold", "--text", first, second
    ).text.splitlines()
    (held,) = [each for each in cli("job", "list").data["items"] if each["job_id"] == second]
    assert (True, "held") == (held["held"], held["nodes"][0]["phase"])
    released = cli("job", "release", first, second).data["items"]
    assert [first, second] == [job["job_id"] for job in released if "held" not in job]
    assert 0 == cli("job", "wait", "--timeout", "60s", first).code

    assert f"{first} is complete\n" == cli("job", "release", "--text", first).text
    refused = cli("job", "hold", first)
    assert (2, "conflict") == (refused.code, refused.error["code"])
    assert f"{first} is complete: only what has not begun can be held" == refused.error["message"]
    assert 5 == cli("job", "release", "job_never").code
    assert 0 == cli("job", "cancel", second).code


def test_what_is_tried_again_may_be_held(cli: Cli) -> None:
    """Until it is released; without the option it begins, whatever the old one did."""
    old = cli.ended("--", "true")
    told = cli("job", "retry", "--hold", "--text", old).text
    again = told.split()[0]
    assert f"{again}  retries {old}, held\n" == told
    assert cli("job", "status", again).data["held"]
    cli("job", "release", again)
    assert 0 == cli("job", "wait", "--timeout", "60s", again).code

    cli("job", "cancel", held := cli.submit("--hold", "--", "true"))
    assert "held" not in cli("job", "retry", held).data


def test_who_is_held_between_two_tries_says_so(cli: Cli) -> None:
    """Its next try has no time any more: it comes once it is released."""
    job = cli.submit("--retries", "1", "--retry-delay", "1h", "--", "false")
    eventually(lambda: cli("job", "status", job).data["nodes"][0]["phase"] == "retrying")
    eventually(lambda: cli("job", "hold", job).code == 0, "the wait for its next try")
    assert "at most 2, the next once it is released" in cli("job", "status", "--text", job).text
    assert "try 2 once it is released" in cli("job", "watch", "--once", "--text").text
    cli("job", "release", job)
    assert "at most 2, the next in 59m" in cli("job", "status", "--text", job).text
    cli("job", "cancel", job)


def test_who_waits_for_no_job_is_not_looked_for(cli: Cli) -> None:
    """An id that nobody has is told, and not as one for which nobody waits."""
    alone = cli.ended("--", "true")
    refused = cli("job", "list", "--after", "job_never")
    assert (5, "There is no job 'job_never'") == (refused.code, refused.error["message"])
    assert [] == cli("job", "list", "--after", alone).data["items"]
    cli("job", "delete", alone)
    assert [] == cli("job", "list", "--after", alone).data["items"]


def test_what_is_waited_for_stays_when_the_old_are_removed(cli: Cli) -> None:
    """`job delete --older-than` leaves out whose end somebody may still ask for, and no other."""
    needed, other = (cli.ended("--", "true") for _ in range(2))
    waits = cli.submit("--after", needed, "--hold", "--", "true")
    assert 2 == cli("job", "delete", needed).code
    assert {"deleted": [other]} == cli("job", "delete", "--older-than", "0").data
    cli("job", "release", waits)
    assert 0 == cli("job", "wait", "--timeout", "60s", waits).code


def test_each_of_many_jobs_is_tried(cli: Cli) -> None:
    """One that has begun, or is not there, keeps no other from being held, moved or tried again."""
    waiting, other = (cli.submit("--delay", "1d", "--", "true") for _ in range(2))
    begun = cli.running("--", "sleep", "60")
    ids = (waiting, begun, "job_never", other)
    held, moved = cli("job", "hold", *ids), cli("job", "move", "--queue", "disk", *ids)
    only = "only what has not begun can be"
    missing = "There is no job 'job_never'"

    for told, done in ((held, "held"), (moved, "moved")):
        assert (2, "conflict") == (told.code, told.envelope["error"]["code"])
        assert [f"{begun} is running: {only} {done}", missing] == told.envelope["error"]["faults"]
        assert [waiting, other] == [each["job_id"] for each in told.envelope["data"]["items"]]
    told = cli("job", "hold", "--text", *ids)
    assert [f"{waiting} is held", f"{other} is held"] == told.text.splitlines()
    assert all(words in told.talk for words in (begun, missing))
    cli("job", "cancel", waiting)
    again = cli("job", "retry", other, waiting)
    assert (2, "not_terminal") == (again.code, again.envelope["error"]["code"])
    assert [waiting] == [each["retry_of"] for each in again.envelope["data"]["items"]]
    assert (
        0 == cli("job", "cancel", begun, other, again.envelope["data"]["items"][0]["job_id"]).code
    )

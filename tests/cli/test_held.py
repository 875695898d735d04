"""`outlast submit --hold`, `job hold` and `job release`, as people and scripts meet them."""

from __future__ import annotations

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

    refused = cli("job", "hold", first)
    assert (2, "conflict") == (refused.code, refused.error["code"])
    assert f"{first} is complete: only what has not begun can be held" == refused.error["message"]
    assert 5 == cli("job", "release", "job_never").code
    assert 0 == cli("job", "cancel", second).code


def test_what_is_waited_for_stays_when_the_old_are_removed(cli: Cli) -> None:
    """`job delete --older-than` leaves out whose end somebody may still ask for, and no other."""
    needed, other = (cli.ended("--", "true") for _ in range(2))
    waits = cli.submit("--after", needed, "--hold", "--", "true")
    assert 2 == cli("job", "delete", needed).code
    assert {"deleted": [other]} == cli("job", "delete", "--older-than", "0").data
    cli("job", "release", waits)
    assert 0 == cli("job", "wait", "--timeout", "60s", waits).code

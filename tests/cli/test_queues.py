"""`outlast queue` and `outlast job move`, as people and scripts meet them."""

from __future__ import annotations

import pytest

from .conftest import Cli


def test_a_queue_s_life(cli: Cli) -> None:
    """Made, paused, seen, changed, drained, emptied and forgotten."""
    made = cli("queue", "create", "disk", "--width", "2", "--max-cpus", "1.5", "--max-memory", "1g")
    assert (2, 1.5, 1 << 30, "open") == tuple(
        made.data[key] for key in ("width", "max_cpus", "max_memory_bytes", "state")
    )
    assert "paused" == cli("queue", "pause", "disk").data["state"]
    job_id = cli.submit("--queue", "disk", "--", "true")
    cli.submit("--queue", "disk", "--delay", "1d", "--", "true")
    assert (
        "QUEUE    STATE   WIDTH  RUNNING  WAITING  CPUS  MEMORY\n"
        "default  open           0        0\n"
        "disk     paused  2      0        2        1.5   1g\n"
    ) == cli("queue", "list", "--text").text

    listed = cli("job", "list", "--queue", "disk", "--output", "id").text.split()
    assert job_id == listed[-1]
    oldest_first = cli("job", "list", "--queue", "disk", "--oldest-first", "--output", "id")
    assert listed[::-1] == oldest_first.text.split()
    assert [] == cli("job", "list", "--queue", "default").data["items"]
    refused = cli("queue", "delete", "disk")
    assert (2, "not_terminal") == (refused.code, refused.error["code"])
    assert "outlast queue drain disk" in refused.error["suggestion"]

    assert "draining" == cli("queue", "drain", "disk").data["state"]
    refused = cli("submit", "--queue", "disk", "--", "true")
    assert (2, "conflict") == (refused.code, refused.error["code"])
    assert 0 == cli("job", "wait", "--timeout", "60s", job_id).code
    cli("job", "cancel", listed[0])
    assert {"deleted": "disk"} == cli("queue", "delete", "disk").data
    assert 5 == cli("queue", "pause", "disk").code


def test_a_job_says_what_it_needs_of_the_machine(cli: Cli) -> None:
    """Its JSON has it; what there is not is refused with all else that is wrong, in a retry as well."""
    cli.env["OUTLAST_RESOURCES"] = "gpu=2,license=1"
    job_id = cli.ended("--resource", "gpu", "--resource", "license=1", "--", "true")
    assert {"gpu": 1, "license": 1} == cli("job", "status", job_id).data["resources"]
    assert "resources" not in cli("job", "status", cli.submit("--", "true")).data

    more = ("--resource", "gpu=3", "--resource", "tape=1", "--resource", "disk=two")
    refused = cli("submit", *more, "--", "no-such-program")
    cli.env["OUTLAST_RESOURCES"] = "license=1"
    again = cli("job", "retry", job_id)

    less = "ask for less, or set OUTLAST_RESOURCES, resources in config.toml, to"
    assert [
        "resources: disk is 'two', and no whole number from 1 to 1,000,000",
        f"resources: it needs 3 of gpu, and this machine has 2: {less} gpu=3,license=1",
        f"resources: it needs 1 of tape, and this machine has none: {less} gpu=2,license=1,tape=1",
        "there is no program 'no-such-program' in PATH",
    ] == refused.error["faults"]
    assert (2, 2) == (refused.code, again.code)
    assert f"it needs 1 of gpu, and this machine has none: {less}" in str(again.error)
    assert 2 == len(cli("job", "list").data["items"])


def test_a_job_that_waits_is_moved(cli: Cli) -> None:
    """Several at once; what has begun is left as it is."""
    cli("queue", "create", "disk")
    cli("queue", "pause", "disk")
    first, second = (cli.submit("--queue", "disk", "--", "true") for _ in range(2))
    moved = cli("job", "move", "--priority", "-5", first)
    assert ("disk", -5, "queued") == tuple(
        moved.data[key] for key in ("queue", "priority", "status")
    )
    told = cli("job", "move", "--queue", "default", "--priority", "3", "--text", first, second).text
    assert [
        f"{first} is queued in default, priority 3",
        f"{second} is queued in default, priority 3",
    ] == told.splitlines()
    assert 0 == cli("job", "wait", "--timeout", "60s", first, second).code

    running = cli.running("--", "sleep", "600")
    refused = cli("job", "move", "--queue", "disk", running)
    assert (2, "conflict") == (refused.code, refused.error["code"])
    assert "not begun" in refused.error["message"]
    assert 5 == cli("job", "move", "--priority", "1", "job_none").code


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        pytest.param(("queue", "create", "no name"), "no name for a queue", id="name"),
        pytest.param(("queue", "create", "default"), "there already", id="default made"),
        pytest.param(("queue", "create", "q", "--width", "0"), "width: 0", id="width"),
        pytest.param(("queue", "create", "q", "--max-cpus", "x"), "max_cpus: 'x'", id="cpus"),
        pytest.param(
            ("queue", "create", "q", "--max-memory", "0"), "would ever begin", id="memory"
        ),
        pytest.param(("queue", "set", "default"), "nothing to change", id="nothing set"),
        pytest.param(("queue", "drain", "default"), "always takes jobs", id="default drained"),
        pytest.param(("queue", "delete", "default"), "always there", id="default deleted"),
        pytest.param(("job", "move", "ID"), "nothing to change", id="moved nowhere"),
        pytest.param(("job", "move", "--priority", "x", "ID"), "whole number", id="priority"),
        pytest.param(("job", "move", "--priority", "99", "ID"), "from -20 to 20", id="too high"),
        pytest.param(("job", "move", "--queue", "", "ID"), "is empty", id="queue of no name"),
        pytest.param(
            ("submit", "--queue", "default", "--queue-width", "1", "--", "true"),
            "queue set default --width",
            id="default's width",
        ),
    ],
)
def test_what_is_wrong_is_told(cli: Cli, call: tuple[str, ...], fault: str) -> None:
    """With exit code 2, and nothing has happened."""
    done = cli(*call)

    assert (2, True) == (done.code, fault in done.error["message"]), done.error
    assert [] == [each for each in cli("queue", "list").data["items"] if each["queue"] == "q"]


def test_a_queue_that_nobody_created_is_told(cli: Cli) -> None:
    """It may be a slip; with a width it is meant, and what was created is known."""
    cli("queue", "create", "disk")

    (told,) = cli("submit", "--queue", "dsik", "--", "true").envelope["warnings"]
    assert "'dsik'" in told
    assert "dsik" in cli("run", "--queue", "dsik", "--", "true").talk
    assert (
        [] == cli("submit", "--queue", "x", "--queue-width", "1", "--", "true").envelope["warnings"]
    )
    assert [] == cli("submit", "--queue", "disk", "--", "true").envelope["warnings"]


def test_default_can_be_paused(cli: Cli) -> None:
    """Then nothing that names no queue begins; other queues go on."""
    assert "paused" == cli("queue", "pause", "default").data["state"]
    waits = cli.submit("--", "true")
    assert 0 == cli("run", "--queue", "q", "--queue-width", "1", "--", "true").code
    assert "queued" == cli("job", "status", waits).data["status"]

    cli("queue", "resume", "default")
    assert 0 == cli("job", "wait", "--timeout", "60s", waits).code

"""`outlast queue` and `outlast job move`, as people and scripts meet them."""

from __future__ import annotations

from typing import Any

import pytest

from ..world import eventually
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
        "resources: disk is 'two', and not a whole number from 1 to 1,000,000",
        f"resources: it needs 3 of gpu, and this machine has 2: {less} gpu=3,license=1",
        f"resources: it needs 1 of tape, and this machine has none: {less} gpu=2,license=1,tape=1",
        "there is no program 'no-such-program' in PATH",
    ] == refused.error["faults"]
    assert (2, 2) == (refused.code, again.code)
    assert f"it needs 1 of gpu, and this machine has none: {less}" in str(again.error)
    assert 2 == len(cli("job", "list").data["items"])


def test_no_job_needs_more_than_the_machine_is_to_give(cli: Cli) -> None:
    """Refused with all else that is wrong, and with what helps."""
    cli.env |= {"OUTLAST_MAX_CPUS": "1.5", "OUTLAST_MAX_MEMORY": "1g"}
    refused = cli("submit", "--cpus", "2", "--memory", "1025m", "--", "no-such-program")

    less = "ask for less, or set OUTLAST_MAX"
    assert [
        f"--cpus is 2, and this machine has 1.5: {less}_CPUS, max_cpus in config.toml, to 2",
        (
            "--memory is 1025m, and this machine has 1g:"
            f" {less}_MEMORY, max_memory in config.toml, to 1025m"
        ),
        "there is no program 'no-such-program' in PATH",
    ] == refused.error["faults"][:3]
    assert 2 == refused.code


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

    cli("queue", "pause", "default")
    away = cli.submit("--", "true")
    (warning,) = cli("job", "move", "--queue", "dsik", away).envelope["warnings"]
    assert f"was disk meant? outlast job move --queue disk {away};" in warning
    again = cli.submit("--", "true")
    assert [] == cli("job", "move", "--queue", "disk", again).envelope["warnings"]
    cli("queue", "resume", "default")

    running = cli.running("--", "sleep", "600")
    refused = cli("job", "move", "--queue", "disk", running)
    assert (2, "conflict") == (refused.code, refused.error["code"])
    assert "not begun" in refused.error["message"]
    assert 5 == cli("job", "move", "--priority", "1", "job_none").code


def test_a_script_may_make_its_queue_each_time(cli: Cli) -> None:
    """With the same limits it stays as it stands, paused if it is; with others it is refused."""
    cli("queue", "create", "disk", "--width", "1")
    cli("queue", "pause", "disk")
    assert "paused" == cli("queue", "create", "disk", "--width", "1").data["state"]

    for other in (("--width", "2"), ()):
        refused = cli("queue", "create", "disk", *other)
        assert (2, "conflict") == (refused.code, refused.error["code"])
    assert [1] == [each["width"] for each in cli("queue", "list").data["items"] if each["width"]]


def test_a_queue_that_nobody_created_is_told_by_its_name(cli: Cli) -> None:
    """Which was meant, and how this one is made; one that could not be made is refused."""
    cli("queue", "create", "disk")
    slip = cli("submit", "--queue", "dsik", "--delay", "1d", "--", "true").envelope
    (warning,) = slip["warnings"]
    assert f"was disk meant? outlast job move --queue disk {slip['data']['job_id']};" in warning
    assert "outlast queue create dsik --width N" in warning
    refused = cli("submit", "--queue", "a b", "--", "true")
    assert (2, "'a b' is no name for a queue") == (refused.code, refused.error["message"][:28])

    assert "queue create dsik" in cli("queue", "pause", "dsik").error["suggestion"]
    cli("queue", "create", "dsik")
    assert 1 == cli("queue", "pause", "dsik").data["waiting"]


def test_a_queue_that_is_not_there_is_told_where_nothing_is_found(cli: Cli) -> None:
    """In a list and in a view; one in which nothing is, or of which jobs are kept, is none such."""
    cli("queue", "create", "disk")
    cli.ended("--queue", "tape", "--queue-width", "1", "--", "true")
    assert ["there is no queue 'dsik': was disk meant?"] == (
        cli("job", "list", "--queue", "dsik").envelope["warnings"]
    )
    assert "there is no queue 'dsik'" in cli("job", "watch", "--queue", "dsik", "--once").talk
    for name in ("disk", "tape", "default"):
        assert [] == cli("job", "list", "--queue", name).envelope["warnings"]


def test_several_queues_are_paused_at_once(cli: Cli) -> None:
    """And the one that nobody has created is told when the others are."""
    for name in ("disk", "tape"):
        cli("queue", "create", name)
    paused = cli("queue", "pause", "disk", "dsik", "tape").envelope
    assert (False, "not_found") == (paused["ok"], paused["error"]["code"])
    assert ["disk", "tape"] == [each["queue"] for each in paused["data"]["items"]]
    resumed = cli("queue", "resume", "tape", "disk")
    assert ["open", "open"] == [each["state"] for each in resumed.data["items"]]

    assert 5 == cli("queue", "drain", "dsik").code


def test_all_queues_are_changed_at_once(cli: Cli) -> None:
    """`default` and those that were created; the others are told, and `default` takes jobs always."""
    for name in ("disk", "tape"):
        cli("queue", "create", name)
    for name in ("scan", "schedule:nightly"):
        cli.submit("--queue", name, "--queue-width", "1", "--delay", "1d", "--", "true")
    names = ["default", "disk", "tape"]

    paused = cli("queue", "pause", "--all").envelope
    assert [(name, "paused") for name in names] == states(paused)
    of_schedule, of_nobody = paused["warnings"]
    assert "the queues 'schedule:nightly'; to have no more runs: outlast schedule" in of_schedule
    assert "nobody has created them: the queues 'scan';" in of_nobody
    assert [(name, "open") for name in names] == states(cli("queue", "resume", "--all").envelope)
    cli("queue", "create", "scan")

    drained = cli("queue", "drain", "--all").envelope
    assert [(name, "draining") for name in ("disk", "scan", "tape")] == states(drained)
    of_default, _ = drained["warnings"]
    assert of_default.startswith("default always takes jobs")
    assert ["default", "open"] == cli("queue", "list", "--text").text.splitlines()[1].split()[:2]
    assert (
        "default\ndisk\nscan\nschedule:nightly\ntape\n"
        == cli("queue", "list", "--output", "id").text
    )


def states(envelope: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["queue"], each["state"]) for each in envelope["data"]["items"]]


def test_who_waits_says_for_what(cli: Cli) -> None:
    """For what the machine has, say; and no more for a job that has ended."""
    cli.env["OUTLAST_RESOURCES"] = "gpu=1"
    needed = cli.ended("--", "true")
    cli.running("--resource", "gpu", "--", "sleep", "600")
    waits = cli.submit("--resource", "gpu", "--after", needed, "--", "true")
    held = cli.submit("--hold", "--", "true")
    behind = cli.submit("--resource", "gpu", "--after", held, "--", "true")

    cli("queue", "create", "disk")
    cli("queue", "pause", "disk")
    late = cli.submit("--queue", "disk", "--delay", "0.001s", "--name", "late", "--", "true")

    told = cli("job", "status", "--text", waits, behind, late).text
    assert [
        "this machine has no room for gpu=1 now; its turn comes next",
        f"{held} has to complete first",
        "in disk; its queue is paused",
    ] == [line.split(maxsplit=1)[1] for line in told.splitlines() if "  waits " in line]
    assert "late (in disk: q" in cli("job", "list", "--text").text
    stayed = cli("run", "--queue", "disk", "--wait", "0", "--", "true").talk
    assert " is queued (in disk; its queue is paused), and goes on" in stayed


def test_who_waits_between_two_tries_says_for_what_else(cli: Cli) -> None:
    """Beside when it is tried again: that its queue is paused meanwhile, say."""
    cli("queue", "create", "disk")
    again = ("--retries", "1", "--retry-delay", "1d", "--", "false")
    job_id = cli.submit("--queue", "disk", *again)
    eventually(lambda: "attempts" in cli("job", "status", job_id).data["nodes"][0], "the first try")
    told = cli("job", "status", "--text", job_id).text
    assert ("the next in" in told, "  waits " in told) == (True, False)
    cli("queue", "pause", "disk")
    assert (
        "  waits     in disk; its queue is paused\n" in cli("job", "status", "--text", job_id).text
    )
    kinds = [each["kind"] for each in cli("job", "status", job_id).data["waiting_for"]]
    assert ["retry", "queue_paused"] == kinds


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        pytest.param(("queue", "create", "no name"), "no name for a queue", id="name"),
        pytest.param(("queue", "create", "default"), "there already", id="default made"),
        pytest.param(("queue", "create", "q", "--width", "-1"), "width: -1", id="width"),
        pytest.param(("queue", "set", "q", "--width", "0"), "pause the queue; none", id="no width"),
        pytest.param(("queue", "create", "q", "--max-cpus", "x"), "max_cpus: 'x'", id="cpus"),
        pytest.param(
            ("queue", "create", "q", "--max-memory", "0"), "would ever begin", id="memory"
        ),
        pytest.param(("queue", "set", "default"), "nothing to change", id="nothing set"),
        pytest.param(("queue", "drain", "default"), "always takes jobs", id="default drained"),
        pytest.param(("queue", "pause"), "no queue was named", id="none paused"),
        pytest.param(("queue", "drain", "--all", "q"), "leave the names out", id="all and one"),
        pytest.param(("queue", "delete", "default"), "always there", id="default deleted"),
        pytest.param(("job", "move", "ID"), "nothing to change", id="moved nowhere"),
        pytest.param(("job", "move", "--priority", "x", "ID"), "whole number", id="priority"),
        pytest.param(("job", "move", "--priority", "99", "ID"), "from -20 to 20", id="too high"),
        pytest.param(
            ("job", "move", "--queue", "", "ID"), "is no name for a queue", id="queue of no name"
        ),
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

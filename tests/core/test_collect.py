"""What can be asked for as files to collect, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from outlast.core.collect import Collect
from outlast.core.parse import parse_spec, read_spec
from outlast.core.spec import spec_from_json, spec_to_json

WHOLE = {
    "globs": ["logs/*", "/var/log/syslog"],
    "on": "end",
    "max_bytes": "10m",
    "max_files": 3,
    "timeout": "5m",
    "required": True,
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("logs/*", Collect(globs=("logs/*",)), id="one"),
        pytest.param(["a", "b/**"], Collect(globs=("a", "b/**")), id="several"),
        pytest.param(
            WHOLE,
            Collect(
                globs=("logs/*", "/var/log/syslog"),
                on="end",
                max_bytes=10 << 20,
                max_files=3,
                timeout=timedelta(minutes=5),
                required=True,
            ),
            id="all",
        ),
        pytest.param(
            Collect(globs=("x",), max_files=2), Collect(globs=("x",), max_files=2), id="itself"
        ),
    ],
)
def test_what_is_asked_for_is_kept(given: Any, expected: Collect) -> None:
    """The globs alone, or all that can be said; JSON gives back what it was given."""
    spec = parse_spec({"shell": "x", "on": "web1", "collect": given})

    assert expected == spec.collect
    assert spec == spec_from_json(spec_to_json(spec)) == parse_spec(spec_to_json(spec))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param([], "names none", id="nothing"),
        pytest.param({"on": "end"}, "names none", id="no globs"),
        pytest.param(7, "collect is a list of globs", id="a number"),
        pytest.param(["logs/"], "names no file", id="a folder"),
        pytest.param([""], "names no file", id="empty"),
        pytest.param(["~/x"], "begins with ~", id="home"),
        pytest.param(["../x"], "leads upwards", id="upwards"),
        pytest.param(["a\0"], "NUL", id="nul"),
        pytest.param(["\udcff"], "is not UTF-8", id="no text"),
        pytest.param([b"a"], "is no pattern", id="bytes"),
        pytest.param(["x" * 5000], "longer than 4,096 bytes", id="long"),
        pytest.param(["x"] * 101, "101 globs are too many", id="many"),
        pytest.param({"globs": "x", "on": "sometimes"}, "collect: on is", id="when"),
        pytest.param({"globs": "x", "max_files": 200_000}, "100,000 is the most", id="files"),
        pytest.param({"globs": "x", "max_bytes": "much"}, "collect: max_bytes", id="size"),
        pytest.param({"globs": "x", "timeout": 0}, "no time at all", id="no time"),
        pytest.param({"globs": "x", "required": "yes"}, "true or false", id="a word"),
        pytest.param({"globs": "x", "glob": "y"}, "'glob' is not a key", id="unknown"),
    ],
)
def test_what_makes_no_sense_is_told(given: Any, told: str) -> None:
    """Once, and as a fault of `collect`."""
    _, faults = read_spec({"shell": "x", "on": "web1", "collect": given})

    assert 1 == len([fault for fault in faults if told in fault])
    assert all(fault.startswith("collect") for fault in faults)


def test_on_this_machine_there_is_nothing_to_fetch() -> None:
    """A job without hosts that collects is refused, and told where its files are."""
    _, faults = read_spec({"shell": "x", "collect": "y"})

    assert [
        "collect is for hosts and containers, and there is neither: what a command leaves on this machine is there already, in its cwd"
    ] == faults


@pytest.mark.parametrize(
    ("on", "code", "reason", "due"),
    [
        ("complete", 0, None, True),
        ("complete", 1, None, False),
        ("complete", None, "timeout", False),
        ("end", 1, None, True),
        ("end", None, "timeout", True),
        ("end", None, "cancelled", False),
    ],
)
def test_when_there_is_anything_to_fetch(
    on: str, code: int | None, reason: str | None, due: bool
) -> None:
    """After a good end; or after every end but a cancel."""
    assert due == Collect(globs=("x",), on=on).is_due(code, reason)


def test_the_limits_are_in_force_to_the_last_byte() -> None:
    """As many files and bytes as they say, and no more."""
    collect = Collect(globs=("x",), max_files=2, max_bytes=1024)

    assert collect.excess(2, 1024) is None
    assert "over the limit of 2 files" == collect.excess(3, 0)
    assert "over the limit of 1k in all" == collect.excess(1, 1025)

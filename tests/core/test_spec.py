"""A job's spec: what is accepted, in which spellings, and the way to JSON and back."""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.core.hosts import HOSTS_OWN
from outlast.core.job import JobId, JobSpec, Limits
from outlast.core.needs import Condition, Need
from outlast.core.parse import MAX_COMMAND_BYTES, parse_spec
from outlast.core.reader import MAX_ARGUMENT_BYTES
from outlast.core.spec import CLOCKS, spec_from_json, spec_to_json

from .lives import faults_of

TRUE: dict[str, Any] = {"command": ["true"]}

ACCEPTED: dict[str, tuple[dict[str, Any], JobSpec]] = {
    "a command": (TRUE, JobSpec(command=("true",))),
    "a tuple": ({"command": ("echo", "")}, JobSpec(command=("echo", ""))),
    "a line for the shell": ({"shell": "a | b"}, JobSpec(shell="a | b")),
    "a script with its line": ({"script": "#!/bin/sh\n"}, JobSpec(script="#!/bin/sh\n")),
    "a script and a runtime": (
        {"script": "print(1)", "runtime": "python3"},
        JobSpec(script="print(1)", runtime="python3"),
    ),
    "clocks that are not wanted": (
        TRUE | {"idle_timeout": "none", "queue_timeout": "none"},
        JobSpec(command=("true",)),
    ),
    "nulls say nothing": (
        TRUE | dict.fromkeys(("shell", "name", "timeout", "timeout_ms", "limits", "bogus")),
        JobSpec(command=("true",)),
    ),
    "durations, spoken": (
        TRUE | {"timeout": "5m", "grace": 0, "retention": timedelta(days=1)},
        JobSpec(
            command=("true",),
            timeout=timedelta(minutes=5),
            grace=timedelta(),
            retention=timedelta(days=1),
        ),
    ),
    "durations in milliseconds": (
        TRUE | {"timeout_ms": 1, "idle_timeout_ms": 1500, "queue_timeout_ms": 0},
        JobSpec(
            command=("true",),
            timeout=timedelta(milliseconds=1),
            idle_timeout=timedelta(seconds=1.5),
            queue_timeout=timedelta(),
        ),
    ),
    "finer than a millisecond": (
        TRUE | {"timeout": 0.0016},
        JobSpec(command=("true",), timeout=timedelta(milliseconds=2)),
    ),
    "the longest clock": (
        TRUE | {"retention_ms": 315_360_000_000},
        JobSpec(command=("true",), retention=timedelta(days=3650)),
    ),
    "limits": (
        TRUE | {"limits": {"memory_bytes": "1g", "cpus": 2, "pids": 100, "output_bytes": "512k"}},
        JobSpec(
            command=("true",),
            limits=Limits(memory_bytes=1 << 30, cpus=2.0, pids=100, output_bytes=1 << 19),
        ),
    ),
    "half a processor, one process": (
        TRUE | {"limits": {"cpus": 0.5, "pids": 1}},
        JobSpec(command=("true",), limits=Limits(cpus=0.5, pids=1)),
    ),
    "no limit of output": (
        TRUE | {"limits": {"output_bytes": None}},
        JobSpec(command=("true",), limits=Limits(output_bytes=None)),
    ),
    "limits, made": (
        TRUE | {"limits": Limits(pids=5)},
        JobSpec(command=("true",), limits=Limits(pids=5)),
    ),
    "any mapping": (
        {"command": ["true"], "env": OrderedDict(A="1")},
        JobSpec(command=("true",), env={"A": "1"}),
    ),
    "references": (
        TRUE | {"secret_env": {"A": "env:X", "B": "file:/run/b", "C": "secret:c"}},
        JobSpec(command=("true",), secret_env={"A": "env:X", "B": "file:/run/b", "C": "secret:c"}),
    ),
    "later, and before others": (
        TRUE | {"priority": 20, "delay": "10m"},
        JobSpec(command=("true",), priority=20, delay=timedelta(minutes=10)),
    ),
    "at a time": (
        TRUE | {"priority": -20, "start_at": "2026-12-01T09:00+01:00"},
        JobSpec(command=("true",), priority=-20, start_at=datetime(2026, 12, 1, 8, tzinfo=UTC)),
    ),
    "at a time that is one": (
        TRUE | {"start_at": datetime(2026, 12, 1, 8, 0, 0, 1999, tzinfo=UTC)},
        JobSpec(command=("true",), start_at=datetime(2026, 12, 1, 8, 0, 0, 1000, tzinfo=UTC)),
    ),
    "a queue of two": (
        TRUE | {"queue": "nightly", "queue_width": 2},
        JobSpec(command=("true",), queue="nightly", queue_width=2),
    ),
    "of what the machine has": (
        TRUE | {"resources": {"gpu": 2, "license.x": 1_000_000}},
        JobSpec(command=("true",), resources={"gpu": 2, "license.x": 1_000_000}),
    ),
    "none of it": (TRUE | {"resources": {}}, JobSpec(command=("true",))),
    "after others": (
        TRUE | {"after": ["job_1", "failed:job_2,any:job_3"]},
        JobSpec(
            command=("true",),
            after=(
                Need(job_id=JobId("job_1")),
                Need(job_id=JobId("job_2"), on=Condition.FAILED),
                Need(job_id=JobId("job_3"), on=Condition.ANY),
            ),
        ),
    ),
    "after others, as a job shows them": (
        TRUE | {"after": ["job_1", {"job_id": "job_2", "on": "failed"}, {"job_id": "job_3"}]},
        JobSpec(
            command=("true",),
            after=(
                Need(job_id=JobId("job_1")),
                Need(job_id=JobId("job_2"), on=Condition.FAILED),
                Need(job_id=JobId("job_3")),
            ),
        ),
    ),
    "after one, and held": (
        TRUE | {"after": "complete:job_1", "hold": True},
        JobSpec(command=("true",), after=(Need(job_id=JobId("job_1")),), hold=True),
    ),
    "choices": (
        TRUE | {"clean_env": True, "on_output_limit": "discard", "leftovers": "wait"},
        JobSpec(command=("true",), clean_env=True, on_output_limit="discard", leftovers="wait"),
    ),
    "the longest name": (TRUE | {"name": "x" * 255}, JobSpec(command=("true",), name="x" * 255)),
    "64 labels of the longest kind": (
        TRUE | {"labels": {f"{each:0255}": "v" * 255 for each in range(64)}},
        JobSpec(command=("true",), labels={f"{each:0255}": "v" * 255 for each in range(64)}),
    ),
    "the longest variable": (
        TRUE | {"env": {"A": "x" * (MAX_ARGUMENT_BYTES - 2)}},
        JobSpec(command=("true",), env={"A": "x" * (MAX_ARGUMENT_BYTES - 2)}),
    ),
    "a path that is no text": (
        TRUE | {"cwd": Path("/tmp"), "stdin": Path("in.txt")},
        JobSpec(command=("true",), cwd="/tmp", stdin="in.txt"),
    ),
    "the job it repeats": (
        TRUE | {"retry_of": "job_1", "cwd": "/tmp", "stdin": "in.txt"},
        JobSpec(command=("true",), retry_of="job_1", cwd="/tmp", stdin="in.txt"),  # type: ignore[arg-type]  # an id is text
    ),
}


@pytest.mark.parametrize(("given", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_a_spec_is_read(given: dict[str, Any], expected: JobSpec) -> None:
    """What is given in any of its spellings is the same spec; what is not given is the default."""
    assert expected == parse_spec(given)


def test_a_command_may_be_1_mib_long() -> None:
    """Arguments of 1 MiB in all, each as long as the kernel takes, are accepted as they are."""
    command = ["echo", *["x" * MAX_ARGUMENT_BYTES] * 7]
    command.append("x" * (MAX_COMMAND_BYTES - sum(len(each) + 1 for each in command) - 1))

    assert tuple(command) == parse_spec({"command": command}).command


# -------------------------------------------------------------------------------- to JSON and back

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
LABEL = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="="),
    max_size=20,
)
NAME = LABEL.filter(bool)
CLOCK = st.timedeltas(timedelta(milliseconds=1), timedelta(days=3650)).map(
    lambda value: timedelta(milliseconds=value // timedelta(milliseconds=1))
)
COUNT = st.integers(1, 1 << 40)
RUNS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(dict, command=st.tuples(TEXT.filter(bool), TEXT)),
    st.builds(dict, shell=TEXT.filter(bool)),
    st.builds(dict, script=TEXT.map("#!{}".format)),
    st.builds(dict, script=TEXT.filter(bool), runtime=TEXT.filter(bool)),
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "name": LABEL,
        "labels": st.dictionaries(NAME, LABEL, max_size=3),
        "env": st.dictionaries(NAME.map("E{}".format), TEXT, max_size=3),
        "secret_env": st.dictionaries(NAME.map("S{}".format), TEXT.map("env:N{}".format)),
        "clean_env": st.booleans(),
        "cwd": TEXT,
        "stdin": TEXT,
        "limits": st.builds(
            Limits,
            output_bytes=st.none() | COUNT,
            memory_bytes=st.none() | COUNT,
            cpus=st.none() | st.floats(0.01, 999999),
            pids=st.none() | st.integers(1, 1 << 22),
        ),
        "on_output_limit": st.sampled_from(["stop", "discard"]),
        "leftovers": st.sampled_from(["stop", "wait"]),
        "retry_of": TEXT,
        **dict.fromkeys(
            [name for name in CLOCKS if name not in {*HOSTS_OWN, "pull_timeout"}], CLOCK
        ),
    },
)
SPECS = st.builds(lambda runs, options: JobSpec(**runs, **options), RUNS, OPTIONS)


@given(SPECS)
def test_a_spec_comes_back_from_the_store(spec: JobSpec) -> None:
    """What is written as JSON is read as the same spec, by us and as a caller's request."""
    written = json.loads(json.dumps(spec_to_json(spec)))

    assert spec == spec_from_json(written)
    assert spec == parse_spec(written)


def test_json_says_only_what_is_not_the_default() -> None:
    """A plain command's JSON is its command; every key is written once it differs."""
    assert {"command": ["true"]} == spec_to_json(JobSpec(command=("true",)))
    assert {
        "shell": "ls",
        "name": "",
        "labels": {"a": "b"},
        "timeout_ms": 1500,
        "idle_timeout_ms": 1,
        "clean_env": True,
        "limits": {
            "output_bytes": 1 << 30,
            "memory_bytes": None,
            "cpus": None,
            "pids": 5,
        },
    } == spec_to_json(
        JobSpec(
            shell="ls",
            name="",
            labels={"a": "b"},
            timeout=timedelta(seconds=1.5),
            idle_timeout=timedelta(milliseconds=1),
            clean_env=True,
            limits=Limits(pids=5),
        )
    )


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from([10**400, -(10**400), "\ud83d", "5m", b"x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        *("command", "shell", "script", "runtime", "name", "labels", "env", "secret_env"),
        *("clean_env", "cwd", "stdin", "limits", "on_output_limit", "leftovers", "retry_of"),
        *("queue", "queue_width", "priority", "delay", "delay_ms", "start_at"),
        *("after", "hold", "resources"),
        *("retries", "retry_delay", "retry_backoff", "retry_jitter", "retry_on", "if_lost"),
        *CLOCKS,
        *(f"{name}_ms" for name in CLOCKS),
    ]
)


@given(st.dictionaries(KEYS | st.text(st.characters()), ANYTHING))
def test_reading_refuses_in_one_way_only(given: dict[str, Any]) -> None:
    """Whatever is given, it is accepted, or refused with faults that can be printed."""
    faults = faults_of(**given)

    "".join(faults).encode()
    if not faults:
        spec = parse_spec(given)
        assert spec == parse_spec(json.loads(json.dumps(spec_to_json(spec))))

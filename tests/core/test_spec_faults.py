"""Everything that can be wrong with a job's spec, a sentence each, all told at once."""

from __future__ import annotations

from typing import Any

import pytest

from outlast.core.parse import parse_spec
from outlast.core.reader import MAX_ARGUMENT_BYTES
from outlast.errors import InvalidRequest

from .lives import faults_of

TRUE: dict[str, Any] = {"command": ["true"]}
NO_QUEUE = (
    "is no name for a queue: letters, digits and . _ @ -, at most 64, the first a letter or a digit"
)
HUGE = 10**400


FAULTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    # what to run
    "nothing": ({}, ["there is nothing to run: the command is empty"]),
    "an empty command": ({"command": []}, ["there is nothing to run: the command is empty"]),
    "an empty line": ({"shell": ""}, ["there is nothing to run: the line for the shell is empty"]),
    "an empty script": ({"script": ""}, ["there is nothing to run: the script is empty"]),
    "an empty program": (
        {"command": ["", "x"]},
        ["the command's first argument, the program, is empty"],
    ),
    "a command as one text": (
        {"command": "ls -l"},
        [
            (
                "command is a list of arguments, not 'ls -l': split it,"
                " or give a line for the shell as shell"
            )
        ],
    ),
    "a command that is no list": (
        {"command": 7},
        ["command is a list of arguments, not 7: split it, or give a line for the shell as shell"],
    ),
    "arguments that are no text": (
        {"command": ["sleep", 60, None]},
        ["argument 1 is not text but 60", "argument 2 is not text but None"],
    ),
    "a NUL in an argument": (
        {"command": ["echo", "a\0b"]},
        ["argument 1 has a NUL byte in it, which no program can be given"],
    ),
    "bytes that are not UTF-8": (
        {"command": ["cat", b"caf\xe9".decode("utf-8", "surrogateescape")]},
        ["argument 1 is not UTF-8: put such bytes in a file or into stdin"],
    ),
    "half of a surrogate pair": (
        {"command": ["\ud83d"]},
        ["argument 0 is not UTF-8: put such bytes in a file or into stdin"],
    ),
    "one argument beyond the kernel's limit": (
        {"command": ["echo", "ä" * 65536]},
        [
            (
                "argument 1 is 131,072 bytes long, and the kernel takes 131,071 at most:"
                " pass data in a file or by stdin"
            )
        ],
    ),
    "more than 1 MiB in all": (
        {"command": ["echo", *["x" * 65535] * 16]},
        [
            (
                "the command is 1,048,581 bytes long, and 1,048,576 is the most:"
                " pass data in a file or by stdin"
            )
        ],
    ),
    "two things to run": (
        {"command": ["true"], "shell": "true"},
        ["command and shell exclude each other: give one"],
    ),
    "three things to run": (
        {"script": "#!/bin/sh\n", "command": ["true"], "shell": "true"},
        ["command and shell and script exclude each other: give one"],
    ),
    "a script that nothing runs": (
        {"script": "print(1)"},
        ["script has no #! line: add one, or say which runtime runs it"],
    ),
    "a script of another system's": (
        {"script": "#!/bin/sh\r\necho\r\n"},
        [
            (
                "script has a carriage return at the end of its #! line, and no program is named"
                " so: save it with the line ends of Unix"
            )
        ],
    ),
    "a runtime without a script": (
        TRUE | {"runtime": "python3"},
        ["runtime is for a script, and there is none"],
    ),
    # names and labels
    "a name that is too long": (TRUE | {"name": "ä" * 128}, ["name is longer than 255 bytes"]),
    "a name with a line's end": (
        TRUE | {"name": "a\nb"},
        ["name has control characters in it"],
    ),
    "a name that is not UTF-8": (
        TRUE | {"name": "\udc80"},
        ["name is not UTF-8: put such bytes in a file or into stdin"],
    ),
    "labels that are a list": (
        TRUE | {"labels": ["a=b"]},
        ["labels is a mapping of names to text, not ['a=b']"],
    ),
    "a label that is no text": (
        TRUE | {"labels": {"build": 7}},
        ["labels build is not text but 7"],
    ),
    "a label whose name is no text": (
        TRUE | {"labels": {7: "x"}},
        ["a name in labels is not text but 7"],
    ),
    "a label's name and value with control characters": (
        TRUE | {"labels": {"a\n": "b\x7f"}},
        [
            "the name of label 'a\\n' has control characters in it",
            "label 'a\\n' has control characters in it",
        ],
    ),
    "a label's value that is too long": (
        TRUE | {"labels": {"a": "x" * 256}},
        ["label a is longer than 255 bytes"],
    ),
    "a label's name that is too long": (
        TRUE | {"labels": {"a" * 256: ""}},
        ["the name of label " + "a" * 80 + " is longer than 255 bytes"],
    ),
    "a label's name with =": (
        TRUE | {"labels": {"a=b": "c"}},
        ["label name 'a=b' is empty or has = in it"],
    ),
    "a label's name that is empty": (
        TRUE | {"labels": {"": "c"}},
        ["label name '' is empty or has = in it"],
    ),
    "too many labels": (
        TRUE | {"labels": {f"l{each}": "" for each in range(65)}},
        ["65 labels are too many: 64 is the most"],
    ),
    # environment
    "a variable's name with =": (
        TRUE | {"env": {"A=B": "c"}},
        ["env: A=... is no name for a variable"],
    ),
    "a variable's name that is empty": (
        TRUE | {"env": {"": "c"}},
        ["env: '' is no name for a variable"],
    ),
    "a variable's name with a NUL": (
        TRUE | {"env": {"A\0": "c"}},
        ["a name in env has a NUL byte in it, which no program can be given"],
    ),
    "a variable with a NUL": (
        TRUE | {"env": {"A": "\0"}},
        ["env A has a NUL byte in it, which no program can be given"],
    ),
    "a variable that is too long with its name": (
        TRUE | {"env": {"AB": "x" * (MAX_ARGUMENT_BYTES - 2)}},
        ["env AB and its value are too long together"],
    ),
    "a variable as long as the kernel takes, its name left out": (
        TRUE | {"env": {"AB": "x" * MAX_ARGUMENT_BYTES}},
        ["env AB and its value are too long together"],
    ),
    "a variable that is too long by itself": (
        TRUE | {"env": {"AB": "x" * (MAX_ARGUMENT_BYTES + 1)}},
        [
            (
                "env AB is 131,072 bytes long, and the kernel takes 131,071 at most:"
                " pass data in a file or by stdin"
            )
        ],
    ),
    "a name in both": (
        TRUE | {"env": {"A": "1", "B": "2"}, "secret_env": {"B": "env:X", "A": "env:Y"}},
        [
            "A is in both env and secret_env: name it once",
            "B is in both env and secret_env: name it once",
        ],
    ),
    "a reference to nothing": (
        TRUE | {"secret_env": {"A": "env:"}},
        ["secret_env A is not a reference: write env:NAME, file:PATH or secret:NAME"],
    ),
    # choices
    "a flag that is a word": (
        TRUE | {"clean_env": "yes"},
        ["clean_env is true or false, not 'yes'"],
    ),
    "a priority that is none": (
        TRUE | {"priority": 21},
        ["priority: 21 is not a whole number from -20 to 20"],
    ),
    "a priority that is no number": (
        TRUE | {"priority": True},
        ["priority: True is not a whole number from -20 to 20"],
    ),
    "a time without a zone, and a delay beside it": (
        TRUE | {"start_at": "2026-12-01T08:00", "delay": "5x"},
        [
            "delay: '5x' is not a duration: write seconds, or a number with a unit such as 90s, 5m, 2h",
            "start_at: 2026-12-01T08:00:00 has no time zone: write Z behind it, or +01:00",
        ],
    ),
    "what is no time": (
        TRUE | {"start_at": "tomorrow"},
        ["start_at: 'tomorrow' is not a time: write it as 2026-12-01T08:00Z"],
    ),
    "a year that is a slip": (
        TRUE | {"start_at": "9999-12-31T23:59:59-01:00"},
        ["start_at: 9999-12-31T23:59:59-01:00 is a slip, not a wish"],
    ),
    "two ways to say when": (
        TRUE | {"start_at": "2026-12-01T08:00Z", "delay_ms": 5},
        ["delay and start_at both say when it may begin: give one"],
    ),
    "the width of no queue": (
        TRUE | {"queue_width": 2},
        ["queue_width is for a queue, and none is named: say queue as well"],
    ),
    "a queue that nobody could pause": (
        TRUE | {"queue": "dis k", "queue_width": 0},
        [
            f"'dis k' {NO_QUEUE}",
            "queue_width: 0 is not a whole number from 1 to 4,194,304",
        ],
    ),
    "a queue without a name": (
        TRUE | {"queue": ""},
        [
            f"'' {NO_QUEUE}",
        ],
    ),
    "resources that are none": (
        TRUE
        | {"resources": {"": 1, "a=b": 1, "gpu": 0, "cpu": True, "one": "1", "big": 1_000_001}},
        [
            *(
                f"resources: {name!r} is no name for one: letters, digits and . _ @ -, at most 64,"
                " the first a letter or a digit"
                for name in ("", "a=b")
            ),
            *(
                f"resources: {name} is {amount!r}, and not a whole number from 1 to 1,000,000"
                for name, amount in (("gpu", 0), ("cpu", True), ("one", "1"), ("big", 1_000_001))
            ),
        ],
    ),
    "resources that are a list": (
        TRUE | {"resources": ["gpu"]},
        ["resources: ['gpu'] is no mapping of names to numbers, each name once, as in gpu=2"],
    ),
    "too many resources": (
        TRUE | {"resources": {f"r{number}": 1 for number in range(65)}},
        ["resources: 65 are too many: 64 is the most"],
    ),
    "an unknown choice": (
        TRUE | {"on_output_limit": "wrap", "leftovers": ["stop"]},
        [
            "on_output_limit is stop or discard, not 'wrap'",
            "leftovers is stop or wait, not ['stop']",
        ],
    ),
    # clocks
    "a bad duration": (
        TRUE | {"timeout": "soon"},
        [
            (
                "timeout: 'soon' is not a duration: write seconds,"
                " or a number with a unit such as 90s, 5m, 2h"
            )
        ],
    ),
    "a duration of no kind": (
        TRUE | {"grace": ["5s"]},
        [
            (
                "grace: ['5s'] is not a duration: write seconds,"
                " or a number with a unit such as 90s, 5m, 2h"
            )
        ],
    ),
    "a negative duration": (
        TRUE | {"grace": -5},
        ["grace: -5 is negative: a duration is 0 or more"],
    ),
    "negative milliseconds": (
        TRUE | {"grace_ms": -5},
        ["grace_ms: -5 is not a whole number of milliseconds, 0 or more"],
    ),
    "milliseconds with a fraction": (
        TRUE | {"timeout_ms": 1.5},
        ["timeout_ms: 1.5 is not a whole number of milliseconds, 0 or more"],
    ),
    "milliseconds as text": (
        TRUE | {"timeout_ms": "5"},
        ["timeout_ms: '5' is not a whole number of milliseconds, 0 or more"],
    ),
    "milliseconds that are true": (
        TRUE | {"timeout_ms": True},
        ["timeout_ms: True is not a whole number of milliseconds, 0 or more"],
    ),
    "400 digits of milliseconds": (
        TRUE | {"retention_ms": HUGE},
        ["retention_ms: this is longer than 3650 days"],
    ),
    "over ten years": (
        TRUE | {"retention": "3651d"},
        ["retention: '3651d' is longer than 3650 days"],
    ),
    "no time to run": (
        TRUE | {"timeout": 0, "idle_timeout_ms": 0},
        [
            "timeout: this is no time at all: 1 ms is the shortest, 3650d the longest",
            "idle_timeout_ms: this is no time at all: 1 ms is the shortest, 3650d the longest",
        ],
    ),
    "no limit where there always is one": (
        TRUE | {"timeout": "none", "grace": "none", "retention": "none"},
        [
            "timeout: every job has one, and 3650d is the longest",
            "grace: every job has one, and 3650d is the longest",
            "retention: every job has one, and 3650d is the longest",
        ],
    ),
    "less than a millisecond to run": (
        TRUE | {"timeout": "0.4ms"},
        ["timeout: this is no time at all: 1 ms is the shortest, 3650d the longest"],
    ),
    "one clock twice": (
        TRUE | {"timeout": "5s", "timeout_ms": 5000},
        ["timeout and timeout_ms are the same clock: give one"],
    ),
    # limits
    "limits that are no mapping": (TRUE | {"limits": 7}, ["limits is a mapping, not 7"]),
    "an unknown limit": (
        TRUE | {"limits": {"memory": "1g"}},
        ["limits: 'memory' is not one of cpus, memory_bytes, output_bytes, pids"],
    ),
    "negative limits": (
        TRUE | {"limits": {"memory_bytes": -1, "output_bytes": -1, "cpus": -1, "pids": -1}},
        [
            "limits.memory_bytes: -1 is negative: a size is 0 or more",
            "limits.output_bytes: -1 is negative: a size is 0 or more",
            "limits.cpus: -1 is not a number above 0 and below a million",
            "limits.pids: -1 is not a whole number from 1 to 4,194,304",
        ],
    ),
    "limits of no kind": (
        TRUE | {"limits": {"memory_bytes": [1], "cpus": "2", "pids": 1.5}},
        [
            "limits.memory_bytes: [1] is not a size: write bytes, or a number with k, m, g or t",
            "limits.cpus: '2' is not a number above 0 and below a million",
            "limits.pids: 1.5 is not a whole number from 1 to 4,194,304",
        ],
    ),
    "limits that are true": (
        TRUE | {"limits": {"cpus": True, "pids": True}},
        [
            "limits.cpus: True is not a number above 0 and below a million",
            "limits.pids: True is not a whole number from 1 to 4,194,304",
        ],
    ),
    "limits of nothing": (
        TRUE | {"limits": {"memory_bytes": 0, "cpus": 0, "pids": 0}},
        [
            "limits.memory_bytes: 0 is no memory at all: the limit is a size above 0",
            "limits.cpus: 0 is not a number above 0 and below a million",
            "limits.pids: 0 is not a whole number from 1 to 4,194,304",
        ],
    ),
    "less than can be held to": (
        TRUE | {"limits": {"memory_bytes": "0.0001k", "cpus": 1e-10, "pids": -1}},
        [
            "limits.memory_bytes: '0.0001k' is no memory at all: the limit is a size above 0",
            "limits.cpus: 1e-10 is less than 0.01, the least that can be held to",
            "limits.pids: -1 is not a whole number from 1 to 4,194,304",
        ],
    ),
    "more processes than there can be": (
        TRUE | {"limits": {"pids": 4194305}},
        ["limits.pids: 4194305 is not a whole number from 1 to 4,194,304"],
    ),
    "a number that is none": (
        TRUE | {"limits": {"cpus": float("nan")}},
        ["limits.cpus: nan is not a number above 0 and below a million"],
    ),
    "400 digits of a limit": (
        TRUE | {"limits": {"cpus": 1e6, "output_bytes": "9" * 400}},
        [
            "limits.cpus: 1000000.0 is not a number above 0 and below a million",
            f"limits.output_bytes: '{'9' * 79} is more than 9,223,372,036,854,775,807 bytes",
        ],
    ),
    # the rest
    "an unknown key": (
        {**TRUE, "time_out": 5, "7": 8},
        ["'time_out' is not a key of a job's spec", "'7' is not a key of a job's spec"],
    ),
    "texts that are no text": (
        TRUE | {"name": 5, "cwd": ["x"], "stdin": {}},
        ["name is not text but 5", "cwd is not text but ['x']", "stdin is not text but {}"],
    ),
}


@pytest.mark.parametrize(("given", "faults"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told(given: dict[str, Any], faults: list[str]) -> None:
    """Each fault is told by a sentence that names the key, shows the value, says what is right."""
    with pytest.raises(InvalidRequest) as refused:
        parse_spec(given)

    assert faults == list(refused.value.faults)
    assert str(refused.value).encode().isascii() or "ä" in str(refused.value)


def test_all_faults_are_told_at_once() -> None:
    """Whoever corrects what one answer lists is not told another list by the next."""
    assert [
        "argument 0 is not text but 1",
        "name has control characters in it",
        "label name '' is empty or has = in it",
        "env: A=... is no name for a variable",
        "secret_env S is not a reference: write env:NAME, file:PATH or secret:NAME",
        "clean_env is true or false, not 1",
        "limits.pids: 0 is not a whole number from 1 to 4,194,304",
        "leftovers is stop or wait, not 'x'",
        "timeout: -1 is negative: a duration is 0 or more",
        "command and shell exclude each other: give one",
        "runtime is for a script, and there is none",
        "'bogus' is not a key of a job's spec",
    ] == list(
        faults_of(
            command=[1],
            shell="ls",
            runtime="sh",
            name="\n",
            labels={"": ""},
            env={"A=": ""},
            secret_env={"S": "hunter2"},
            clean_env=1,
            limits={"pids": 0},
            leftovers="x",
            timeout=-1,
            bogus=1,
        )
    )


def test_an_empty_command_is_told_beside_other_faults() -> None:
    """That there is nothing to run is not kept back until the rest is right."""
    assert (
        "timeout: -1 is negative: a duration is 0 or more",
        "there is nothing to run: the command is empty",
    ) == faults_of(command=[], timeout=-1)

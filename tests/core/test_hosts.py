"""How hosts are named, and what a job for them has of its own."""

from __future__ import annotations

from datetime import timedelta

import pytest

from outlast.core.hosts import Named, can_be_secret, parse_host
from outlast.core.job import SSH, JobSpec, nodes_of
from outlast.core.parse import parse_spec, read_spec
from outlast.core.spec import spec_from_json, spec_to_json


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("web1", Named("web1", None, None)),
        ("ops@web-1.example:2222", Named("web-1.example", "ops", 2222)),
        ("10.0.0.7", Named("10.0.0.7", None, None)),
        ("db_1.example.", Named("db_1.example.", None, None)),
        ("root@[fe80::1%eth0]:22", Named("fe80::1%eth0", "root", 22)),
    ],
)
def test_a_host_is_taken_apart(text: str, named: Named) -> None:
    """Name, user and port; what is not said is the configuration's."""
    assert named == parse_host(text)


@pytest.mark.parametrize(
    "text",
    ["", "a b", "-l", "a:0", "a:65536", "@a", "a@", "a/b", "::1", "a,b", "-x@a", "a..b", "a" * 300],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    """Nothing that could be taken for an option, a path, or two."""
    with pytest.raises(ValueError, match="is no host"):
        parse_host(text)


def test_an_address_without_brackets_is_told_of_them() -> None:
    """Its colons could be a port's."""
    with pytest.raises(ValueError, match="an IPv6 address in brackets"):
        parse_host("ops@fe80::1")


def test_hosts_have_clocks_of_their_own() -> None:
    """600 s to run and 30 s to connect, unless it is said otherwise; and JSON keeps it."""
    spec = parse_spec({"command": ["true"], "on": "a, b"})
    given = parse_spec(
        {
            "command": ["true"],
            "on": ["a"],
            "timeout": "5s",
            "connect_timeout_ms": 1,
            "max_parallel": 2,
        }
    )

    assert (("a", "b"), timedelta(seconds=600)) == (spec.on, spec.timeout)
    assert timedelta(seconds=30) == spec.connect_timeout
    assert (timedelta(seconds=5), timedelta(milliseconds=1)) == (
        given.timeout,
        given.connect_timeout,
    )
    for each in (spec, given):
        assert each == spec_from_json(spec_to_json(each)) == parse_spec(spec_to_json(each))


def test_each_host_is_a_node() -> None:
    """In the order given; a job without hosts has one, here."""
    nodes = nodes_of(JobSpec(command=("true",), on=("a", "b")))

    assert [(0, "a", SSH), (1, "b", SSH)] == [(n.index, n.name, n.executor) for n in nodes]
    assert ["local"] == [node.name for node in nodes_of(JobSpec(command=("true",)))]


def test_everything_that_is_wrong_with_hosts_is_told() -> None:
    """At once, and a key of theirs without them is told too."""
    _, faults = read_spec({"command": ["true"], "on": ["a", "a", "b c", 5], "clean_env": True})
    _, lonely = read_spec({"command": ["true"], "connect_timeout": "5s", "max_parallel": 1})
    _, wrong = read_spec({"command": ["true"], "on": 5})

    assert ["named twice", "is no host", "is no host", "clean_env"] == [
        next(word for word in ("named twice", "is no host", "clean_env") if word in fault)
        for fault in faults
    ]
    assert [
        "connect_timeout is for hosts, and on names none",
        "max_parallel is for hosts, and on names none",
    ] == lonely
    assert ["on is a list of hosts, not 5"] == wrong


def test_a_width_is_said_once() -> None:
    """A job for hosts waits in a queue, which has a width, or has one of its own."""
    _, faults = read_spec({"command": ["true"], "on": ["a"], "queue": "q", "max_parallel": 1})

    assert ["queue and max_parallel exclude each other: a queue has a width"] == faults


def test_what_a_host_s_shell_cannot_do_is_refused() -> None:
    """A limit is kept or refused, never ignored."""
    given = {"command": ["true"], "on": ["a"], "on_output_limit": "discard"}
    _, faults = read_spec(given)

    assert ["on_output_limit: a host's shell cannot discard what was printed"] == faults


@pytest.mark.parametrize(
    ("name", "can"), [("TOKEN", True), ("token", False), ("IFS", False), ("LC_ALL", False)]
)
def test_a_secret_s_name_can_be_exported(name: str, can: bool) -> None:
    """Capital letters, and none that a shell keeps for itself."""
    assert can == can_be_secret(name)

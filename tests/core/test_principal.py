"""Who may ask for what: scopes, what is reserved for administrators, and policies."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.core.collect import Collect
from outlast.core.container import Container
from outlast.core.dialogue import Rule
from outlast.core.hostspec import HostSpec
from outlast.core.inventory import read_inventory
from outlast.core.job import JobSpec, Limits
from outlast.core.parse import read_spec
from outlast.core.policy import HARMLESS, RULED, Policy, image_matches, is_below, nothing
from outlast.core.principal import Principal, Scope

KNOWN = HostSpec(address="10.0.0.1", user="ops", key="/k", password="file:/p")
INVENTORY, NO_FAULTS = read_inventory(
    {
        "hosts": {
            "web1": {"address": "10.0.0.1", "user": "ops", "key": "/k", "password": "file:/p"},
            "web2": {"jump": "edge"},
            "edge": {},
        },
        "groups": {"web": {"members": ["web1", "web2"]}},
    },
    "/etc/hosts.toml",
)


def who(scope: Scope = Scope.RUN, **fields: Any) -> Principal:
    return Principal(name="ci", scope=scope, **fields)


def policy(**fields: Any) -> Policy:
    return Policy(name="ci", **{"executors": ("local", "ssh", "container"), **fields})


def spec(**fields: Any) -> JobSpec:
    return JobSpec(**{"command": ("git", "pull"), **fields})


GIT = policy(commands=(("git", "pull"), ("/srv/deploy",)), hosts=None, images=None)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope.READ, [True, False, False]),
        (Scope.RUN, [True, True, False]),
        (Scope.ADMIN, [True, True, True]),
    ],
)
def test_each_scope_includes_those_before_it(scope: Scope, expected: list[bool]) -> None:
    """An administrator runs and reads; who runs reads; who reads does no more."""
    assert expected == [who(scope).may(each) for each in Scope]
    assert {each for each in Scope if who(scope).may(each)} == who(scope).scopes


def test_who_only_reads_starts_nothing() -> None:
    """Whatever it is, and the refusal names what it takes."""
    assert ["this token's scope is read: to start jobs needs run"] == who(Scope.READ).faults(spec())


RESERVED = {
    "a file to read": (spec(stdin="/etc/shadow"), "stdin"),
    "a secret from a file": (spec(secret_env={"A": "file:/etc/shadow"}), "file:"),
    "a secret from a variable": (spec(secret_env={"A": "env:AWS_KEY"}), "env:"),
    "an answer from a file": (
        spec(on=("web1",), dialogue=(Rule("x", answer_from="file:/p"),)),
        "file:",
    ),
    "another address for a name": (
        spec(on=("web1",), hosts={"web1": HostSpec(address="10.6.6.6")}),
        "address, user, key, password",
    ),
    "another user": (spec(on=("db",), hosts={"db": HostSpec(user="root")}), "user"),
    "a way through another host": (spec(on=("db",), hosts={"db": HostSpec(jump="mine")}), "jump"),
    "a key of the server's": (spec(on=("db",), hosts={"db": HostSpec(key="/k")}), "key"),
    "a password of the server's": (
        spec(on=("db",), hosts={"db": HostSpec(password="file:/p")}),
        "file:",
    ),
    "a configuration of SSH": (
        spec(on=("web1",), hosts={"web1": KNOWN}, env={"OUTLAST_SSH_CONFIG": "/tmp/c"}),
        "OUTLAST_SSH_CONFIG",
    ),
    "an engine of one's own": (
        spec(container=Container(image="a"), env={"DOCKER_HOST": "tcp://10.6.6.6"}),
        "DOCKER_HOST",
    ),
    "a folder of the server's": (
        spec(container=Container(image="a", mounts=("/etc:/x",))),
        "container.mounts",
    ),
    "root in the container": (spec(container=Container(image="a", user="0")), "container.user"),
    "a capability": (
        spec(container=Container(image="a", cap_add=("SYS_ADMIN",))),
        "container.cap_add",
    ),
    "rights that grow": (
        spec(container=Container(image="a", new_privileges=True)),
        "container.new_privileges",
    ),
    "a root to write in": (
        spec(container=Container(image="a", read_only=False)),
        "container.read_only",
    ),
    "swap": (spec(container=Container(image="a", swap_bytes=1)), "container.swap_bytes"),
}


@pytest.mark.parametrize(("asked", "told"), RESERVED.values(), ids=RESERVED)
def test_what_is_reserved_is_an_administrator_s(asked: JobSpec, told: str) -> None:
    """Nobody else may ask for it, with a policy or without one; the refusal names what it was."""
    loose = policy(hosts=None, images=None, sessions=("s",))

    assert [] == who(Scope.ADMIN).faults(asked, INVENTORY)
    for refused in (who(), who(policy=loose), who(secrets=frozenset({"A"}))):
        assert any(told in fault for fault in refused.faults(asked, INVENTORY))


def test_what_the_server_knows_of_a_host_is_nobody_s_request() -> None:
    """Keys, passwords and ways of the inventory come with a host's name; clocks are the job's."""
    hosts = {**INVENTORY.known(["web1", "web2"])}
    hosts["web1"] = HostSpec(**{**vars(hosts["web1"]), "timeout": timedelta(seconds=5)})
    asked = spec(on=("web1", "web2"), hosts=hosts)

    assert [] == NO_FAULTS
    assert [] == who().faults(asked, INVENTORY)
    assert [] == who(policy=policy(hosts=("web",))).faults(asked, INVENTORY)


REFUSED = {
    "a line for the shell": (GIT, spec(command=(), shell="git pull; id")),
    "a script": (GIT, spec(command=(), script="#!/bin/sh\nid")),
    "half of a word": (GIT, spec(command=("git", "pullx"))),
    "half of the words": (GIT, spec(command=("git",))),
    "two words in one": (GIT, spec(command=("git pull",))),
    "a program of that name elsewhere": (GIT, spec(command=("/tmp/git", "pull"))),
    "a way up": (GIT, spec(command=("/srv/../tmp/deploy",))),
    "another PATH": (GIT, spec(env={"PATH": "/tmp"})),
    "a library put before": (GIT, spec(env={"LD_PRELOAD": "/tmp/x.so"})),
    "git's own door": (GIT, spec(env={"GIT_SSH_COMMAND": "id"})),
    "a secret as such a variable": (GIT, spec(secret_env={"BASH_ENV": "secret:A"})),
    "a directory with a configuration": (GIT, spec(cwd="/tmp")),
    "a dialogue's shell": (GIT, spec(command=(), on=("a",), dialogue=(Rule("$", "id"),))),
    "answers beside a command": (GIT, spec(on=("a",), dialogue=(Rule("$", "id"),))),
    "a host's own shell": (GIT, spec(on=("a",), connection_bound=True)),
    "files off the host": (GIT, spec(on=("a",), collect=Collect(globs=("~/.ssh/*",)))),
    "a file in the container": (
        GIT,
        spec(container=Container(image="a", files={".gitconfig": "x"})),
    ),
    "an emptied folder in the container": (
        GIT,
        spec(container=Container(image="a", tmpfs=("/etc:1m",))),
    ),
    "a session": (GIT, spec(session="s")),
    "another executor": (policy(executors=("container",)), spec()),
    "another host": (policy(hosts=("web",)), spec(on=("web1", "db1"))),
    "another user of the host": (policy(hosts=("web1",)), spec(on=("root@web1",))),
    "another port of the host": (policy(hosts=("web1",)), spec(on=("web1:2222",))),
    "a group that nobody wrote down": (policy(hosts=("label:x=y",)), spec(on=("web1",))),
    "another image": (policy(images=("a:1",)), spec(container=Container(image="a:2"))),
    "another network": (
        policy(images=None),
        spec(container=Container(image="a", network="bridge")),
    ),
    "somebody's session": (policy(sessions=("mine",)), spec(session="theirs")),
    "before others": (policy(), spec(priority=1)),
    "something on this machine once it has ended": (
        policy(executors=("container",), images=None),
        spec(container=Container(image="a:1"), on_end=("true",)),
    ),
    "another command once it has ended": (
        GIT,
        spec(command=("git", "pull"), on_end="git pull; id"),
    ),
    "somebody's queue": (policy(queues=("mine",)), spec(queue="theirs")),
    "longer": (policy(clocks={"timeout": timedelta(hours=1)}), spec(timeout=timedelta(hours=2))),
    "longer on one host": (
        policy(hosts=None, clocks={"timeout": timedelta(hours=1)}),
        spec(
            on=("a",),
            timeout=timedelta(hours=1),
            hosts={"a": HostSpec(timeout=timedelta(hours=2))},
        ),
    ),
    "for ever": (policy(clocks={"idle_timeout": timedelta(hours=1)}), spec()),
    "more": (policy(limits={"memory_bytes": 1 << 20}), spec(limits=Limits(memory_bytes=1 << 21))),
    "without end": (policy(limits={"memory_bytes": 1 << 20}), spec()),
    "anything, by a section that is gone": (nothing("ci"), spec()),
}


@pytest.mark.parametrize(("by", "asked"), REFUSED.values(), ids=REFUSED)
def test_a_policy_refuses(by: Policy, asked: JobSpec) -> None:
    """What it does not allow; each refusal names the policy and says what would be allowed."""
    faults = who(policy=by, secrets=frozenset({"A"})).faults(asked, INVENTORY)

    assert [] != faults
    for fault in faults:
        assert fault.startswith("policy ci: ")
        assert ": " in fault.removeprefix("policy ci: ")


ALLOWED = {
    "the words": (GIT, spec()),
    "more words behind them": (GIT, spec(command=("git", "pull", "--rebase"))),
    "the program by its path": (GIT, spec(command=("/srv/deploy", "staging"))),
    "on a host": (GIT, spec(on=("web1",), hosts={"web1": KNOWN})),
    "a group's host": (policy(hosts=("web",)), spec(on=("web1", "web2"))),
    "a variable that is named": (
        policy(commands=(("git",),), env=("STAGE",)),
        spec(env={"STAGE": "x"}),
    ),
    "a directory below": (policy(commands=(("git",),), cwd=("/srv",)), spec(cwd="/srv/app")),
    "an allowed command once it has ended": (GIT, spec(on_end=("git", "pull"))),
    "a shell where no command is named": (policy(), spec(command=(), shell="id")),
    "a clock just so long": (
        policy(clocks={"timeout": timedelta(hours=1)}),
        spec(timeout=timedelta(hours=1)),
    ),
    "an image": (policy(images=("r/t/*",)), spec(container=Container(image="r/t/x:1"))),
    "a network": (
        policy(images=None, networks=("build",)),
        spec(container=Container(image="a", network="build")),
    ),
}


@pytest.mark.parametrize(("by", "asked"), ALLOWED.values(), ids=ALLOWED)
def test_a_policy_allows(by: Policy, asked: JobSpec) -> None:
    """What it names, and nothing is told."""
    assert [] == who(policy=by).faults(asked, INVENTORY)


@pytest.mark.parametrize(
    ("given", "limit", "asked", "expected"),
    [
        ({"A", "B"}, None, "A", True),
        ({"A"}, None, "B", False),
        ({"A"}, {"B"}, "A", False),
        ({"A"}, {"A"}, "A", True),
        (set(), {"A"}, "A", False),
    ],
)
def test_a_secret_is_given_by_name(
    given: set[str], limit: set[str] | None, asked: str, expected: bool
) -> None:
    """To a token, within what its policy leaves it; an administrator refers to any."""
    by = policy(secrets=None if limit is None else frozenset(limit))
    job = spec(secret_env={"TOKEN": f"secret:{asked}"})

    assert expected == (not who(policy=by, secrets=frozenset(given)).faults(job))
    assert [] == who(Scope.ADMIN).faults(job)


@pytest.mark.parametrize(
    "limits",
    [{"memory_bytes": 0}, {"memory_bytes": "0.1b"}, {"cpus": 1e-10}, {"pids": 0}, {"pids": -1}],
    ids=str,
)
def test_what_is_no_limit_to_an_engine_gets_past_no_policy(limits: dict[str, Any]) -> None:
    """It would be below the most of any: so it cannot be asked for, of whichever door."""
    most = policy(images=None, limits={"memory_bytes": 1 << 28, "cpus": 1.0, "pids": 100})
    asked = {"memory_bytes": 8 << 20, "cpus": 0.5, "pids": 10} | limits
    sound, wrong = read_spec({"command": ["true"], "container": "a", "limits": asked})

    assert [] != wrong + who(policy=most).faults(sound, INVENTORY)
    assert any(f"limits.{name}" in fault for name in limits for fault in wrong), wrong


def test_every_key_of_a_spec_has_a_rule() -> None:
    """A new key is refused by every policy until somebody decides what it means there."""
    assert {field.name for field in fields(JobSpec)} == HARMLESS | RULED


@pytest.mark.parametrize(
    ("image", "pattern", "expected"),
    [
        ("python:3.12", "python:3.12", True),
        ("python:3.12", "python:*", True),
        ("python:5000/evil", "python:*", False),
        ("python@sha256:ab", "python@*", True),
        ("r.example/team/x:1", "r.example/team/*", True),
        ("r.example/team/a/b", "r.example/team/*", True),
        ("r.example/team/../x", "r.example/team/*", False),
        ("r.example/team//x", "r.example/team/*", False),
        ("r.example/team/", "r.example/team/*", False),
        ("r.example/teamx/y", "r.example/team/*", False),
        ("anything", "*", True),
        ("any/../thing", "*", False),
    ],
)
def test_an_image_is_what_it_is_written_as(image: str, pattern: str, expected: bool) -> None:
    """A star stands for a tag, a digest, or names below a slash; never for a way around."""
    assert expected == image_matches(image, pattern)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/srv/app", True),
        ("/srv/app/x", True),
        ("/srv//app/./x", True),
        ("/srv/application", False),
        ("/srv/app/../x", False),
        ("srv/app", False),
        ("/srv", False),
        ("~/x", False),
    ],
)
def test_a_directory_is_below_another_by_its_parts(path: str, expected: bool) -> None:
    """Not by its letters, nor by a way up and down again."""
    assert expected == is_below(path, "/srv/app")


WORDS = st.lists(st.sampled_from(["git", "pull", "-C", "/tmp/git", "", "git pull"]), max_size=4)


@given(
    command=WORDS.map(tuple),
    shell=st.none() | st.just("git pull"),
    env=st.dictionaries(st.sampled_from(["PATH", "STAGE", "LD_PRELOAD"]), st.just("x")),
    cwd=st.none() | st.sampled_from(["/srv/app", "/srv/app/../..", "/tmp", "."]),
    timeout=st.integers(1, 7200).map(lambda seconds: timedelta(seconds=seconds)),
    on=st.lists(st.sampled_from(["web1", "web2", "db1", "root@web1"]), unique=True).map(tuple),
)
def test_whatever_passes_is_what_the_policy_names(
    *,
    command: tuple[str, ...],
    shell: str | None,
    env: dict[str, str],
    cwd: str | None,
    timeout: timedelta,
    on: tuple[str, ...],
) -> None:
    """However a request is put together: what is let through has nothing else in it."""
    by = policy(
        commands=(("git", "pull"),),
        env=("STAGE",),
        cwd=("/srv/app",),
        hosts=("web",),
        clocks={"timeout": timedelta(hours=1)},
    )
    asked = JobSpec(command=command, shell=shell, env=env, cwd=cwd, timeout=timeout, on=on)

    expected = (
        command[:2] == ("git", "pull")
        and shell is None
        and set(env) <= {"STAGE"}
        and cwd in (None, "/srv/app")
        and timeout <= timedelta(hours=1)
        and set(on) <= {"web1", "web2"}
    )
    assert expected == (not who(policy=by).faults(asked, INVENTORY))

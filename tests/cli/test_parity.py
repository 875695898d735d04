"""A verb has one name everywhere, is on every door, and stands in the documentation."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from functools import cached_property
from pathlib import Path

import click

from outlast import Client, JobSpec, Limits
from outlast.core.collect import Collect
from outlast.core.container import Container
from outlast.doors.cli.app import cli
from outlast.doors.cli.manifest import commands
from outlast.doors.cli.rows import ROWS
from outlast.doors.http.speckeys import SPEC_KEYS
from outlast.engine import verbs
from outlast.engine.queuedesk import QueueDesk
from outlast.engine.service import Service
from outlast.framework.caller import Caller
from outlast.over_http.queues import HttpQueues
from outlast.schedules import Schedules

DOCS = Path(__file__).parents[2] / "docs"

AS_COMMANDS = {
    "submit": "submit",
    "get": "job status",
    "list": "job list",
    "wait": "job wait",
    "read_output": "job logs",
    "cancel": "job cancel",
    "delete": "job delete",
    "retry": "job retry",
    "list_artifacts": "job artifacts list",
    "read_artifact": "job artifacts get",
    "zip_artifacts": "job artifacts zip",
    "open_session": "session open",
    "session": "session show",
    "sessions": "session list",
    "close_session": "session close",
    "deliveries": "webhook list",
    "redeliver": "webhook retry",
    "hold": "job hold",
    "release": "job release",
    "completions": "job completions",
    "move": "job move",
}
"""What a verb is called on the command line: `get` and `read_output` have a word for people."""


def tree() -> dict[str, click.Command]:
    return dict(commands(cli, click.Context(cli, obj=Caller())))


def test_every_verb_is_on_every_door() -> None:
    """As a request, a method of the service, a method of the library and a command."""
    for verb in verbs.VERBS:
        request = "".join(word.capitalize() for word in verb.split("_"))
        assert inspect.isclass(getattr(verbs, request)), verb
        assert callable(getattr(Service, verb)), verb
        assert callable(getattr(Client, verb)), verb
        assert AS_COMMANDS[verb] in tree(), verb
    assert set(verbs.VERBS) == set(AS_COMMANDS)


GROUPS = {"schedule": Schedules}
"""Verbs that the library has in a group of their own: by its name on the command line."""


def test_every_verb_of_a_group_is_on_every_door() -> None:
    """The commands of a group are its methods in the library, under the same names."""
    for group, methods in GROUPS.items():
        assert isinstance(getattr(Client, f"{group}s"), cached_property)
        verbs_of = {name.split()[1] for name in tree() if name.startswith(f"{group} ")}
        assert verbs_of
        assert verbs_of <= {name for name in vars(methods) if not name.startswith("_")}


def test_every_verb_about_queues_is_on_every_door() -> None:
    """A method of the service's queues, here and on a server, which are the library's; a command."""
    for verb in verbs.QUEUE_VERBS:
        assert callable(getattr(QueueDesk, verb)), verb
        assert callable(getattr(HttpQueues, verb)), verb
    assert isinstance(Client.queues, property)
    ours = [name.removeprefix("queue ") for name in tree() if name.startswith("queue ")]
    assert [*verbs.QUEUE_VERBS] == ours


def test_every_job_command_is_in_the_library() -> None:
    """Under the verb's name, or under its own where it shows what a verb has found."""
    methods = {command: verb for verb, command in AS_COMMANDS.items()}
    for name in tree():
        if name.startswith("job "):
            assert callable(getattr(Client, methods.get(name, name.removeprefix("job ")))), name


def test_every_verb_is_documented() -> None:
    """Each command stands in the reference, and each has examples of its own."""
    page = (DOCS / "reference" / "cli.md").read_text()
    for name, command in tree().items():
        assert re.search(rf"`outlast {name}[ `]", page), name
        assert command.epilog, name


def test_every_key_of_the_spec_is_an_option() -> None:
    """On `run` and on `submit`, under its own name."""
    keys = {field.name for field in fields(JobSpec)} - {
        "command",
        "container",
        "limits",
        "collect",
        "retry_of",
        "on_end_of",
        "session_id",
    }
    keys |= {f"limits.{field.name}" for field in fields(Limits)}
    keys |= {f"collect.{field.name}" for field in fields(Collect)}
    keys |= {f"container.{field.name}" for field in fields(Container)}
    options = {row.key for row in ROWS}

    assert keys == options - {"key"}
    for name in ("run", "submit"):
        taken = {param.name for param in tree()[name].params}
        assert {option.replace(".", "_") for option in options} | {"command"} <= taken


def test_an_option_is_called_as_its_key_is() -> None:
    """A list's in the singular, since one is given at a time; over HTTP the key is the same."""
    whole = {row.key: row.option for row in ROWS if "." not in row.key}
    others = {
        key: option
        for key, option in whole.items()
        if option.removeprefix("--").replace("-", "_") not in (key, key.removesuffix("s"))
    }
    assert {"start_at": "--at"} == others
    assert set() == {row.key.partition(".")[0] for row in ROWS} - set(SPEC_KEYS) - {"key"}


def test_every_option_of_a_verb_is_in_the_library() -> None:
    """What the command line can ask of a verb, the library can, too."""
    pairs = {
        "cancel": {"grace", "nodes", "wait_stopped"},
        "list": {"labels", "since", "queue", "limit"},
    }
    for verb, names in pairs.items():
        assert names <= set(inspect.signature(getattr(Client, verb)).parameters)

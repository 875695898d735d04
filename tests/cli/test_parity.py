"""A verb has one name everywhere, is on every door, and stands in the documentation."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from outlast import Client, JobSpec, Limits
from outlast.core.collect import Collect
from outlast.core.container import Container
from outlast.doors.cli.app import cli
from outlast.doors.cli.manifest import commands
from outlast.doors.cli.rows import ROWS
from outlast.doors.http.speckeys import SPEC_KEYS
from outlast.doors.mcp.tools import TOOLS
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


AS_TOOLS: dict[str, tuple[str, dict[str, Any]]] = {
    "queue create": ("queue_set", {"name": "q"}),
    "queue set": ("queue_set", {"name": "q", "width": 2}),
    "queue list": ("queue_list", {}),
    "queue pause": ("queue_set", {"name": "q", "state": "paused"}),
    "queue resume": ("queue_set", {"name": "q", "state": "open"}),
    "queue drain": ("queue_set", {"name": "q", "state": "draining"}),
    "queue delete": ("queue_delete", {"name": "q"}),
    "schedule add": ("schedule_add", {"name": "s", "job": {"command": "true"}, "every": "1h"}),
    "schedule list": ("schedule_list", {}),
    "schedule show": ("schedule_list", {"name": "s"}),
    "schedule pause": ("schedule_set", {"name": "s", "action": "pause"}),
    "schedule resume": ("schedule_set", {"name": "s", "action": "resume"}),
    "schedule run": ("schedule_set", {"name": "s", "action": "run"}),
    "schedule remove": ("schedule_set", {"name": "s", "action": "remove"}),
    "job hold": ("job_move", {"job_id": "j", "held": True}),
    "job release": ("job_move", {"job_id": "j", "held": False}),
    "job move": ("job_move", {"job_id": "j", "queue": "q", "priority": 1}),
    "job completions": ("job_completions", {"since": "c", "limit": 1}),
}
"""What an agent calls for a command: a tool, and the arguments that make it that."""


def test_every_verb_about_queues_and_schedules_is_an_agents_too() -> None:
    """By a tool that there is, with arguments that it takes; and so are the commands' options."""
    tools = {tool.name: tool for tool in TOOLS}
    groups = ("queue ", "schedule ", "job hold", "job release", "job move", "job completions")
    ours = {name for name in tree() if name.startswith(groups)}
    assert ours == AS_TOOLS.keys()
    for name, arguments in AS_TOOLS.values():
        takes = tools[name].takes
        assert arguments.keys() <= takes.keys()
        assert {*tools[name].required} <= arguments.keys()
        for key, value in arguments.items():
            assert value in takes[key].get("enum", [value]), (name, key)
    jobs_own = {param.name for param in tree()["submit"].params} - {"name"}
    for command in ("queue create", "queue set", "schedule add"):
        own = {param.name for param in tree()[command].params} - jobs_own - {"schedule"}
        assert {"name"} < own <= tools[AS_TOOLS[command][0]].takes.keys(), command


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


def test_every_command_has_its_exit_codes() -> None:
    """On the page about them, by its own name or by that of its group."""
    page = (DOCS / "reference" / "exit-codes.md").read_text()
    told = set(re.findall(r"`(?:outlast )?([a-z][a-z ]*?)(?: \.\.\.)?`", page))
    for name in tree():
        words = name.split()
        assert told & {" ".join(words[:count]) for count in range(1, len(words) + 1)}, name


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

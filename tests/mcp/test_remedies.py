"""What errors suggest to agents: no command that a tool stands for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import outlast
from outlast.doors.mcp.remedies import for_agents
from outlast.doors.mcp.tools import TOOLS

SOURCE = Path(outlast.__file__).parent
WITHOUT_A_TOOL = ("job artifacts",)
"""Commands that agents have no tool for."""


def sentences(path: Path) -> Iterator[str]:
    """Return the texts of a module that are no docstrings, with `x1` for what is put into them."""
    tree = ast.parse(path.read_text())
    docs = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {
        part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "x1" for part in node.values
            )
        elif isinstance(node, ast.Constant) and node not in docs | parts:
            yield str(node.value)


def test_every_command_that_is_suggested_is_a_tools_call() -> None:
    """Of those for jobs, queues, schedules and sessions, wherever an error may come from."""
    told = [
        for_agents(command)
        for module in ("core", "engine", "store")
        for path in sorted((SOURCE / module).rglob("*.py"))
        for text in sentences(path)
        for command in re.findall(r"outlast (?:job|queue|schedule|session) .*", text)
        if not command.removeprefix("outlast ").startswith(WITHOUT_A_TOOL)
    ]
    names = {tool.name for tool in TOOLS}

    assert len(told) > 10
    for each in told:
        assert names & set(re.findall(r"\w+", each)), each
        assert "outlast " not in each


@pytest.mark.parametrize(
    ("command", "call"),
    [
        ("outlast job cancel job_01M8", 'job_cancel(job_id="job_01M8")'),
        ("outlast job status job_01M8", 'job_get(job_id="job_01M8")'),
        ("outlast queue drain a.b, or", 'queue_set(name="a.b", state="draining"), or'),
        ("outlast job move --queue q job_01M8", 'job_move(job_id="job_01M8", queue="q")'),
        ("outlast queue set q --width none", 'queue_set(name="q", width=null)'),
        ("outlast schedule remove s", 'schedule_set(name="s", action="remove")'),
        ("outlast session close --cancel s", 'ssh_disconnect(sessionName="s", cancel=true)'),
        ("outlast token create NAME", "outlast token create NAME"),
    ],
)
def test_a_command_becomes_a_call(command: str, call: str) -> None:
    """With its arguments by their names; what has no tool stays a command."""
    assert call == for_agents(command)

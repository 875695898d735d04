"""What is told of what a job runs: the program, and no argument of it, wherever less than all is told."""

from __future__ import annotations

from outlast.core.parse import parse_spec
from outlast.framework.text import command_line
from outlast.reception import to_run
from outlast.tracing.jobs import _program

SCRIPT = parse_spec(
    {"script": "#!/bin/sh\n", "command": ["--password=x", "y"], "container": "box:1"}
)
COMMAND = parse_spec({"command": ["/bin/mount", "-o", "password=x"]})


def test_what_a_script_is_given_is_no_program() -> None:
    """Neither to the audit log, nor to traces, nor in a list."""
    assert ["shell"] == to_run([SCRIPT])["programs"]
    assert _program(SCRIPT) is None
    assert "a script of 10 characters with 2 arguments" == command_line(SCRIPT)


def test_of_a_command_it_is_the_first_word() -> None:
    """Its list shows all of it, to who may see the job."""
    assert ["/bin/mount"] == to_run([COMMAND])["programs"]
    assert "mount" == _program(COMMAND)
    assert "/bin/mount -o password=x" == command_line(COMMAND)

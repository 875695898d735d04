"""A tool's `manifest`: what it says is what the tool takes and gives."""

from __future__ import annotations

from collections.abc import Callable

from ..cli.test_manifest import fits
from .conftest import Program, ended

TOOL = """
import time
import click
import typer
from outlast.framework import AsyncJob, attach

def work(env): time.sleep(0.2); return env

app = typer.Typer()
db = typer.Typer()
app.add_typer(db, name="db")

@app.command()
def deploy(env: str, mode: str = "fast") -> AsyncJob:
    '''Roll out.'''
    return AsyncJob(work, env)

@db.command()
def migrate(names: list[str]) -> AsyncJob:
    return AsyncJob(work, names)

@app.command()
def version() -> None:
    print("1")

attach(app)
if __name__ == "__main__":
    app()
"""


def test_it_tells_all_in_one_call(script: Callable[..., Program]) -> None:
    """Each command: whether it is asynchronous, its exit codes, and what its data are."""
    data = script(TOOL)("manifest").data
    commands = {command["name"]: command for command in data["commands"]}
    told = {
        name: (command["asynchronous"], command["exit_codes"], command["data_schema"])
        for name, command in commands.items()
    }
    every = [0, 1, 2, 3, 4, 5, 6, 7, 8]

    assert {
        "deploy": (True, every, "started"),
        "db migrate": (True, every, "started"),
        "version": (False, None, None),
        "job status": (False, every, "jobs"),
        "job wait": (False, every, "jobs"),
        "job result": (False, every, "jobs"),
        "job logs": (False, [0, 1, 2, 5], "piece"),
        "job cancel": (False, [0, 1, 2, 5], "jobs"),
        "job list": (False, [0, 1, 2], "page"),
    } == told
    assert "tool" == data["program"]
    assert set(map(str, every)) == set(data["exit_codes"])
    deploy = commands["deploy"]
    assert [{"name": "env", "many": False, "required": True}] == deploy["arguments"]
    assert "Roll out." == deploy["help"]
    names = [name for option in deploy["options"] for name in option["names"]]
    assert ["--mode", "--wait", "--json", "--key"] == names
    assert commands["db migrate"]["arguments"][0]["many"]
    assert commands["job status"]["examples"][0] == "tool job status ID"


def test_what_a_tool_answers_is_what_its_schemas_say(script: Callable[..., Program]) -> None:
    """Of a start, of a start that is waited for, and of every command about jobs."""
    tool = script(TOOL)
    data = tool("manifest").data
    schemas = data["schemas"]
    schema_of = {command["name"]: command["data_schema"] for command in data["commands"]}
    job_id = tool("deploy", "x").data["job_id"]
    ended(tool, job_id)
    calls = {
        ("deploy", "x"): "deploy",
        ("db", "migrate", "x", "y", "--wait", "50s"): "db migrate",
        **{
            ("job", verb, "--json", job_id): f"job {verb}"
            for verb in ("status", "wait", "result", "logs", "cancel")
        },
        ("job", "list"): "job list",
    }
    for call, name in calls.items():
        envelope = tool(*call).envelope
        assert fits(envelope, schemas["envelope"], schemas) is None, call
        assert fits(envelope["data"], schemas[schema_of[name]], schemas) is None, call
    assert fits(tool("deploy").envelope, schemas["envelope"], schemas) is None
    assert 0 == tool("manifest", "--help").code
    for job in tool("job", "list").data["items"]:
        ended(tool, job["job_id"])

"""`outlast manifest`: what it says is what the program takes and gives."""

from __future__ import annotations

from typing import Any

import pytest

from outlast.testing.sshd import Farm

from .conftest import PROGRAM, Cli

pytestmark = pytest.mark.slow  # what is printed is the same under any Python


def fits(value: Any, schema: Any, schemas: dict[str, Any]) -> str | None:
    """Say where *value* is not what *schema* says; None if it is. Knows the words that we use."""
    if "$ref" in schema:
        return fits(value, schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        wrong = [fits(value, each, schemas) for each in schema["anyOf"]]
        return None if None in wrong else f"none of: {wrong}"
    if "enum" in schema:
        return None if value in schema["enum"] else f"{value!r} is not in {schema['enum']}"
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(is_a(value, kind) for kind in kinds):
        return f"{value!r} is not {kinds}"
    if isinstance(value, list) and "items" in schema:
        wrong = [fits(each, schema["items"], schemas) for each in value]
        return next((each for each in wrong if each), None)
    if isinstance(value, dict) and "properties" in schema:
        if missing := set(schema["required"]) - set(value):
            return f"without {missing}"
        if unknown := set(value) - set(schema["properties"]):
            return f"unknown {unknown}"
        for key, each in value.items():
            if why := fits(each, schema["properties"][key], schemas):
                return f"{key}: {why}"
    return None


def is_a(value: Any, kind: str) -> bool:
    return {
        "null": value is None,
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "array": isinstance(value, list),
        "object": isinstance(value, dict),
    }[kind]


def test_it_tells_every_command(cli: Cli) -> None:
    """The whole tree, each with its options, codes, and what its data are."""
    data = cli("manifest", "--text").data
    commands = {command["name"]: command for command in data["commands"]}

    assert [
        *("run", "submit"),
        *(
            f"job {verb}"
            for verb in (
                *("status", "wait", "result", "logs"),
                *("cancel", "list", "completions", "watch"),
                *("artifacts list", "artifacts get", "artifacts zip"),
                *("move", "delete", "hold", "release", "retry"),
            )
        ),
        *(f"batch {verb}" for verb in ("run", "status", "collect", "cancel")),
        *("convert", "containers prune"),
        *(f"hosts {verb}" for verb in ("list", "check", "trust", "clean")),
        *(
            f"schedule {verb}"
            for verb in ("add", "list", "show", "pause", "resume", "remove", "run")
        ),
        *(f"session {verb}" for verb in ("open", "list", "show", "close")),
        *(
            f"queue {verb}"
            for verb in ("create", "set", "list", "pause", "resume", "drain", "delete")
        ),
        *("serve", "mcp serve", "mcp install"),
        *(f"token {verb}" for verb in ("create", "list", "revoke")),
        *(f"webhook {verb}" for verb in ("list", "retry")),
        *(f"supervisor {verb}" for verb in ("status", "stop", "install", "run")),
        "framework check",
        *("doctor", "manifest"),
    ] == list(commands)
    assert [0, 1, 2, 3, 4, 5, 6, 7, 8] == commands["job status"]["exit_codes"]
    assert [0, 1, 2] == commands["submit"]["exit_codes"]
    assert [0, 1, 2, 5] == commands["job cancel"]["exit_codes"]
    assert ("raw", "envelope") == (commands["run"]["stdout"], commands["submit"]["stdout"])
    for command in commands.values():
        assert command["help"]
        assert command["examples"]
        names = {name for option in command["options"] for name in option["names"]}
        assert {"--home", "--json", "--text"} <= names
        assert all(option["help"] for option in command["options"])
        assert command["data_schema"] is None or command["data_schema"] in data["schemas"]


def test_real_answers_are_what_the_schemas_say(cli: Cli, farm: Farm) -> None:
    """Of every command that prints an envelope, and of an error."""
    manifest = cli("manifest").data
    schemas = manifest["schemas"]
    job_id = cli.ended("--name", "n", "--label", "a=b", "--", "false")
    running = cli.running("--", "sleep", "60")
    collects = ("--on", farm.hosts[0], "--collect", "x", "--collect", "d", "--require-artifacts")
    on_host = cli.ended(*collects, "--shell", "echo > x; mkdir d")
    waiting = cli.submit("--delay", "1d", "--after", f"any:{on_host}", "--", "true")
    (cli.folder / "input").write_text("text")
    batch = ("--manifest", "M.json", "input", "--", "true")
    calls = {
        "submit": ("submit", "--", "true"),
        "run": ("run", "--json", "--", "true"),
        "job status": ("job", "status", job_id, running),
        "job wait": ("job", "wait", job_id),
        "job result": ("job", "result", job_id),
        "job logs": ("job", "logs", "--json", job_id),
        "job cancel": ("job", "cancel", "--grace", "0", running),
        "job list": ("job", "list"),
        "job hold": ("job", "hold", waiting),
        "job release": ("job", "release", waiting),
        "job retry": ("job", "retry", job_id),
        "job move": ("job", "move", "--priority", "1", waiting),
        "job artifacts list": ("job", "artifacts", "list", on_host),
        "job artifacts get": ("job", "artifacts", "get", "--json", "--to", "x", on_host, "x"),
        "job artifacts zip": ("job", "artifacts", "zip", "--json", "--to", "zip", on_host),
        "job completions": ("job", "completions"),
        "job delete": ("job", "delete", job_id),
        "batch run": ("batch", *batch),
        "batch status": ("batch", "status", "M.json"),
        "batch collect": ("batch", "collect", "--wait", "20s", "M.json"),
        "batch cancel": ("batch", "cancel", "M.json"),
        "convert": ("convert", "--routes"),
        "framework check": ("framework", "check", PROGRAM, "submit", "--", "sleep", "1"),
        "hosts list": ("hosts", "list", farm.hosts[0]),
        "hosts check": ("hosts", "check", farm.hosts[0]),
        "hosts trust": ("hosts", "trust", farm.hosts[0]),
        "hosts clean": ("hosts", "clean", "--yes", "127.0.0.9:1", *farm.hosts),
        "schedule add": ("schedule", "add", "daily", "--cron", "@daily", "--", "true"),
        "schedule list": ("schedule", "list"),
        "schedule show": ("schedule", "show", "daily"),
        "schedule run": ("schedule", "run", "daily"),
        "schedule pause": ("schedule", "pause", "daily"),
        "schedule resume": ("schedule", "resume", "daily"),
        "schedule remove": ("schedule", "remove", "daily"),
        "session open": ("session", "open", "s", "--on", farm.hosts[0]),
        "session list": ("session", "list"),
        "session show": ("session", "show", "s"),
        "session close": ("session", "close", "s"),
        "webhook list": ("webhook", "list"),
        "webhook retry": ("webhook", "retry", on_host),
        "queue create": ("queue", "create", "disk", "--width", "1"),
        "queue set": ("queue", "set", "disk", "--max-cpus", "1.5", "--max-memory", "1g"),
        "queue list": ("queue", "list"),
        "queue pause": ("queue", "pause", "disk"),
        "queue resume": ("queue", "resume", "disk"),
        "queue drain": ("queue", "drain", "disk"),
        "queue delete": ("queue", "delete", "disk"),
        "token create": ("token", "create", "ci", "--expires", "30d"),
        "token list": ("token", "list"),
        "token revoke": ("token", "revoke", "ci"),
        "supervisor status": ("supervisor", "status"),
        "supervisor install": ("supervisor", "install", "--print"),
        "mcp install": ("mcp", "install", "--client", "codex", "--print"),
        "doctor": ("doctor",),
        "supervisor stop": ("supervisor", "stop"),
    }

    described = {each["name"]: each["data_schema"] for each in manifest["commands"]}
    # Where there is an engine to ask: tests/containers/test_execute.py; and
    # what answers once and stays: tests/http/test_serve.py
    assert set(calls) | {"containers prune", "serve"} == {
        name for name, schema in described.items() if schema
    }
    for name, call in calls.items():
        envelope = cli(*call).envelope
        assert fits(envelope, schemas["envelope"], schemas) is None, name
        wrong = fits(envelope["data"], schemas[described[name]], schemas)
        assert wrong is None, f"{name}: {wrong}"
    (closed,) = cli("session", "list", "--closed").data["items"]
    cli.settled(closed["last_job"])
    for call in (("submit",), ("job", "status", "nope"), ("submit", "--timeout", "x", "--", "?")):
        assert fits(cli(*call).envelope, schemas["envelope"], schemas) is None

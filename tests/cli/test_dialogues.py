"""Rules on the command line: from a file, one by one, and what is wrong with them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from outlast.testing.sshd import Farm

from ..ssh.appliance import PASSWORD
from .conftest import Cli

TOML = r"""
[[rule]]
prompt = 'User: $'
answer = 'ops'

[[rule]]
prompt = 'Password for \w+: $'
answer_from = 'env:APPLIANCE'
"""


@pytest.fixture
def appliance(farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A host that asks."""
    monkeypatch.setenv("APPLIANCE", PASSWORD)
    program = Path(__file__).parents[1] / "ssh" / "appliance.py"
    line = f"exec {sys.executable} -I -S {program} {tmp_path / 'logins'}"
    key = (farm.folder / "user.pub").read_text()
    (farm.folder / "authorized_keys").write_text(f'command="{line}" {key}')
    return farm.hosts[0]


@pytest.mark.slow
def test_a_file_and_single_rules_drive_an_appliance(cli: Cli, appliance: str) -> None:
    """First the file's, then those of the line; the transcript is what the run shows."""
    (cli.folder / "rules.toml").write_text(TOML)
    answers = ["--answer", "Host: $=backup1", "--answer", r"\[y/n\] $=y"]
    done = cli("run", "--on", appliance, "--dialogue", "rules.toml", *answers)

    assert 0 == done.code, done
    assert "Password for ops: (hidden)" in done.text
    assert "3 files of ops sent to backup1" in done.text
    assert PASSWORD not in done.text + done.talk
    (job_id,) = cli("job", "list", "--output", "id").text.split()
    (node,) = cli("job", "status", "--json", job_id).data["nodes"]
    assert (False, "connection") == (node["survives_disconnect"], node["containment"])
    told = [line.split() for line in cli("job", "status", "--text", job_id).text.splitlines()]
    assert ["command", "a", "dialogue", "of", "4", "rules"] in told
    assert ["on", appliance] in told


@pytest.mark.slow
def test_nobody_is_told_that_a_password_is_safe_on_the_line(cli: Cli, appliance: str) -> None:
    """It works, and is warned against; a JSON file is read as well."""
    rules = json.dumps([{"prompt": "User: $", "answer": "ops"}, {"prompt": "Host", "answer": "h"}])
    (cli.folder / "rules.json").write_text(rules)
    answers = ["--answer", "Password .*$=wrong", "--answer", "y/n=n"]
    done = cli("run", "--on", appliance, "--dialogue", "rules.json", *answers)

    assert 4 == done.code, done
    assert (
        "outlast: the answer to 'Password .*$' is text for all to see:"
        " for a secret, write env:NAME or file:PATH"
    ) in done.talk.splitlines()
    assert "Access denied" in done.text


WRONG: dict[str, tuple[str | None, list[str], str]] = {
    "no such file": (None, [], "--dialogue rules: No such file or directory"),
    "no TOML": ("secret = ", [], "--dialogue rules: neither TOML nor JSON"),
    "no JSON": ('[{"secret"', [], "--dialogue rules: neither TOML nor JSON"),
    "another table": (
        "[[rules]]\nprompt = 'x'",
        [],
        "--dialogue rules: in TOML it has tables [[rule]], and nothing else",
    ),
    "no rules": ("", [], "--dialogue rules: in TOML it has tables [[rule]], and nothing else"),
    "an answer without a prompt": (
        TOML,
        ["--answer", "secret"],
        "--answer is PROMPT=REF, and one has no = in it",
    ),
    "a rule that is none": (
        "[[rule]]\nprompt = '('\nanswer = 'secret'",
        [],
        "dialogue, rule 1: prompt '(' is no regular expression",
    ),
}


@pytest.mark.parametrize(("text", "more", "told"), WRONG.values(), ids=WRONG)
def test_faulty_rules_are_refused(cli: Cli, text: str | None, more: list[str], told: str) -> None:
    """Before anything happens, and without showing what may be a secret."""
    if text is not None:
        (cli.folder / "rules").write_text(text)
    cli.env["APPLIANCE"] = "x"
    done = cli("submit", "--on", "a", "--dialogue", "rules", *more)

    assert 2 == done.code, done
    assert told in done.error["message"], done
    assert "nothing to run" not in done.error["message"]
    assert "secret" not in done.error["message"]


@pytest.mark.slow
def test_a_command_is_bound_to_its_connection(cli: Cli, farm: Farm) -> None:
    """Its code is the run's, as ever."""
    done = cli("run", "--on", farm.hosts[0], "--connection-bound", "--exit-status", "--", "false")

    assert 1 == done.code, done

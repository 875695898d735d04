"""A policy's file: what it may say, and how it is told what it may not."""

from __future__ import annotations

import tomllib
from datetime import timedelta

import pytest

from outlast.core.policy import Policy
from outlast.core.policyreader import read_policies

WHOLE = """
[ci]
executors = ["local", "ssh", "container"]
hosts = ["web", "db1"]
images = ["python:3.12", "registry.example/team/*"]
networks = ["build"]
commands = ["git pull", ["make", "-C", "my dir"]]
env = ["STAGE"]
cwd = ["/srv"]
collect = ["/var/log/app.log"]
queues = ["nightly"]
secrets = ["DEPLOY_KEY"]

[ci.most]
timeout = "1h"
memory = "2g"
cpus = 1.5
pids = 100
output = "10m"

[loose]
executors = ["ssh", "container"]
hosts = ["*"]
images = ["*"]

[nothing]
executors = []
"""


def test_a_policy_is_what_its_file_says() -> None:
    """Each section by its name; what is not said is not allowed, or not restricted, as documented."""
    policies, faults = read_policies(tomllib.loads(WHOLE), "policy.toml")

    assert [] == faults
    assert (
        Policy(
            name="ci",
            executors=("local", "ssh", "container"),
            hosts=("web", "db1"),
            images=("python:3.12", "registry.example/team/*"),
            networks=("build",),
            commands=(("git", "pull"), ("make", "-C", "my dir")),
            env=("STAGE",),
            cwd=("/srv",),
            collect=("/var/log/app.log",),
            queues=("nightly",),
            secrets=frozenset({"DEPLOY_KEY"}),
            clocks={"timeout": timedelta(hours=1)},
            limits={"memory_bytes": 2 << 30, "cpus": 1.5, "pids": 100, "output_bytes": 10 << 20},
        )
        == policies["ci"]
    )
    assert (
        Policy(name="loose", executors=("ssh", "container"), hosts=None, images=None)
        == (policies["loose"])
    )
    assert Policy(name="nothing", executors=()) == policies["nothing"]


FAULTY = {
    "no section": ('executors = ["local"]', "is not a section"),
    "no executors": ("[ci]", "executors is missing"),
    "an executor that is none": ('[ci]\nexecutors = ["slurm"]', "is not one of"),
    "hosts that are missing": ('[ci]\nexecutors = ["ssh"]', "hosts is missing"),
    "images that are missing": ('[ci]\nexecutors = ["container"]', "images is missing"),
    "hosts for nothing": ('[ci]\nexecutors = ["local"]\nhosts = ["a"]', "which is not allowed"),
    "any and more": ('[ci]\nexecutors = ["ssh"]\nhosts = ["*", "a"]', "nothing beside it"),
    "a star in a name": ('[ci]\nexecutors = ["container"]\nimages = ["py*"]', "a star stands"),
    "a slip": ('[ci]\nexecutors = ["local"]\ncommand = ["git"]', "did you mean commands?"),
    "a text for a list": ('[ci]\nexecutors = "local"', "is a list of texts"),
    "a clock that is none": ('[ci]\nexecutors = []\n[ci.most]\ntimout = "1h"', "mean timeout?"),
    "an amount that is none": ('[ci]\nexecutors = []\n[ci.most]\nmemory = "much"', "most.memory"),
    "a program of any directory": (
        '[ci]\nexecutors = ["local"]\ncommands = ["./deploy"]',
        "absolute path",
    ),
    "an open quotation": ('[ci]\nexecutors = ["local"]\ncommands = ["a \'b"]', "commands:"),
    "no words": ('[ci]\nexecutors = ["local"]\ncommands = [""]', "neither words"),
    "a variable that undoes it": (
        '[ci]\nexecutors = ["local"]\ncommands = ["git"]\nenv = ["PATH"]',
        "commands would not hold",
    ),
    "a loader's variable": (
        '[ci]\nexecutors = ["local"]\ncommands = ["git"]\nenv = ["LD_PRELOAD"]',
        "commands would not hold",
    ),
    "sessions that undo it": (
        '[ci]\nexecutors = ["ssh"]\nsessions = ["s"]\ncommands = ["git"]',
        "commands would not hold",
    ),
    "any image that undoes it": (
        '[ci]\nexecutors = ["container"]\nimages = ["*"]\ncommands = ["git"]',
        "name images",
    ),
    "a way up": (
        '[ci]\nexecutors = ["local"]\ncommands = ["git"]\ncwd = ["/srv/.."]',
        "way up",
    ),
}


@pytest.mark.parametrize(("text", "told"), FAULTY.values(), ids=FAULTY)
def test_a_fault_of_the_file_is_told(text: str, told: str) -> None:
    """By its place, with what would be right."""
    _, faults = read_policies(tomllib.loads(text), "policy.toml")

    assert [True] == [told in fault for fault in faults]
    assert faults[0].startswith("policy.toml: ")


def test_all_faults_are_told_at_once() -> None:
    """Of all sections."""
    text = '[a]\nexecutors = ["x"]\n[b]\nnothing = 1\n[c]\nexecutors = []\n'
    _, faults = read_policies(tomllib.loads(text), "p")

    assert ["p: [a]", "p: [b]", "p: [b]"] == [fault[:6] for fault in faults]

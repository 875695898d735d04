"""The rules of a dialogue: what a caller may ask for, and what is told of the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from outlast.core.dialogue import Rule, unhidden
from outlast.core.parse import parse_spec
from outlast.core.spec import spec_from_json, spec_to_json

from .lives import faults_of

SECRET = "hunter2-c0rrect"
RULE = {"prompt": "Password: $", "answer_from": "env:PW"}
GIVE = "give answer, or answer_from with env:NAME, file:PATH or secret:NAME: one of them"
REFER = "answer_from is not a reference: write env:NAME, file:PATH or secret:NAME"

FAULTS: dict[str, tuple[Any, str]] = {
    "no rules": ([], "dialogue has no rules: one is the least, 100 the most"),
    "too many": ([RULE] * 101, "dialogue has 101 rules: one is the least, 100 the most"),
    "a text": ("x", "dialogue is a list of rules, each with a prompt and an answer"),
    "a mapping": ({"x": "y"}, "dialogue is a list of rules, each with a prompt and an answer"),
    "no rule": ([7], "dialogue, rule 1 is a mapping with a prompt and an answer"),
    "no prompt": (
        [{"answer": "y"}],
        "dialogue, rule 1: prompt is a regular expression, and there is none",
    ),
    "no expression": (
        [RULE, {"prompt": "(", "answer": "y"}],
        (
            "dialogue, rule 2: prompt '(' is no regular expression:"
            " missing ), unterminated subpattern at position 0"
        ),
    ),
    "a prompt with a NUL": (
        [{"prompt": "a\0", "answer": "y"}],
        "dialogue, rule 1: prompt has a NUL byte in it, which no program can be given",
    ),
    "a prompt too long": (
        [{"prompt": "a" * 1001, "answer": "y"}],
        "dialogue, rule 1: prompt is longer than 1000 bytes",
    ),
    "no answer": ([{"prompt": "a"}], f"dialogue, rule 1: {GIVE}"),
    "two answers": ([RULE | {"answer": SECRET}], f"dialogue, rule 1: {GIVE}"),
    "a secret for a reference": (
        [{"prompt": "a", "answer_from": SECRET}],
        f"dialogue, rule 1: {REFER}",
    ),
    "a reference to nothing": (
        [{"prompt": "a", "answer_from": "env:"}],
        (
            "dialogue, rule 1: answer_from refers to nothing:"
            " write env:NAME, file:PATH or secret:NAME"
        ),
    ),
    "a reference with a NUL": (
        [{"prompt": "a", "answer_from": "env:\0"}],
        "dialogue, rule 1: answer_from has a NUL byte in it, which no program can be given",
    ),
    "an answer that is no text": (
        [{"prompt": "a", "answer": [SECRET]}],
        "dialogue, rule 1: answer is text, not a value of type list",
    ),
    "an answer with a NUL": (
        [{"prompt": "a", "answer": f"{SECRET}\0"}],
        "dialogue, rule 1: answer has a NUL byte in it, which no program can be given",
    ),
    "an answer that no terminal's line holds": (
        [{"prompt": "a", "answer": SECRET * 300}],
        "dialogue, rule 1: answer is longer than 4000 bytes",
    ),
    "a number that is none": (
        [RULE | {"times": 0}],
        "dialogue, rule 1: times: 0 is not a whole number from 1 to 4,194,304",
    ),
    "a flag that is none": (
        [RULE | {"enter": "no"}],
        "dialogue, rule 1: enter is true or false, not 'no'",
    ),
    "an unknown key": (
        [RULE | {f"pass={SECRET}": 1}],
        ("dialogue, rule 1: pass=... is not one of prompt, answer, answer_from, times, enter"),
    ),
}


@pytest.mark.parametrize(("rules", "told"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_rule_is_told_without_its_answer(rules: Any, told: str) -> None:
    """By its number, and what would be right; what stands where an answer belongs is not shown."""
    faults = faults_of(on=["a"], dialogue=rules)

    assert SECRET not in "".join(faults)
    assert (told,) == faults


NOBODY = "a job that is bound to its connection has nothing of ours on the host that could"
MISFITS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a dialogue here": ({"dialogue": [RULE]}, ["dialogue is for hosts, and on names none"]),
    "a connection to nowhere": (
        {"command": ["true"], "connection_bound": True},
        ["connection_bound is for hosts, and on names none"],
    ),
    "nothing to run": (
        {"on": ["a"], "connection_bound": True},
        ["there is nothing to run: the command is empty"],
    ),
    "a dialogue that outlives its connection": (
        {"on": ["a"], "dialogue": [RULE], "connection_bound": False},
        ["connection_bound: a dialogue always is, since it needs a terminal"],
    ),
    "two who talk": (
        {"on": ["a"], "dialogue": [RULE], "stdin": "answers"},
        ["stdin: a dialogue is what its host reads"],
    ),
    "what only our shim sees to": (
        {
            "on": ["a"],
            "script": "#!/bin/sh",
            "connection_bound": True,
            "cwd": "/",
            "env": {"A": "b"},
            "secret_env": {"B": "env:B"},
            "leftovers": "wait",
        },
        [
            *(f"{name}: {NOBODY} see to it" for name in ("script", "cwd", "env", "secret_env")),
            f"leftovers: {NOBODY} wait for them",
        ],
    ),
}


@pytest.mark.parametrize(("spec", "told"), MISFITS.values(), ids=MISFITS)
def test_what_a_bound_job_cannot_have_is_refused(spec: dict[str, Any], told: list[str]) -> None:
    """All of it at once."""
    assert tuple(told) == faults_of(**spec)


def test_a_dialogue_has_clocks_of_its_own() -> None:
    """No output for a minute is too long, unless somebody says otherwise, or `none`."""
    given = {"on": ["a"], "dialogue": [RULE]}

    assert [timedelta(seconds=60), timedelta(minutes=5), None, timedelta(seconds=1)] == [
        parse_spec(given | more).idle_timeout
        for more in (
            {},
            {"idle_timeout": "5m"},
            {"idle_timeout": "none"},
            {"idle_timeout_ms": 1000},
        )
    ]


def test_rules_are_kept_as_they_were_given() -> None:
    """As JSON, and back; what stands at its default is left out."""
    rules = [RULE, {"prompt": "--More--", "answer": " ", "times": 1000, "enter": False}]
    spec = parse_spec({"on": ["a"], "dialogue": rules})

    assert (
        Rule("Password: $", answer_from="env:PW"),
        Rule("--More--", answer=" ", times=1000, enter=False),
    ) == spec.dialogue
    assert spec.connection_bound
    assert frozenset({"env:PW"}) == spec.references
    assert rules == spec_to_json(spec)["dialogue"]
    assert spec == spec_from_json(spec_to_json(spec))
    assert spec == parse_spec({"on": ["a"], "dialogue": spec.dialogue})


def test_a_password_in_plain_sight_is_noticed() -> None:
    """A prompt that asks for one, and an answer that is no reference."""
    rules = [Rule("(?i)password", "x"), Rule("PIN: ", "1"), Rule("User: ", "x"), Rule("token", "")]
    rules.append(Rule("Passphrase", answer_from="env:P"))

    assert ("(?i)password", "PIN: ") == tuple(rule.prompt for rule in unhidden(rules))


def test_a_prompt_that_would_take_for_ever_is_only_read() -> None:
    """At the door nothing is searched for: not even in no text, which can take as long."""
    for prompt in ("(?:a?|b?)" * 100 + "!", "((((a?){1000}){1000}){1000}){1000}!"):
        assert () == faults_of(on=["a"], dialogue=[{"prompt": prompt, "answer": "y"}])

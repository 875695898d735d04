"""What a job answers to a host that asks: an ordered list of rules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from .limits import positive_int
from .reader import shown, text_fault

TIMES: Final = 3
"""How often a rule answers, where nothing else was said: a wrong password must not go on for ever."""

REFERENCES: Final = ("env:", "file:", "secret:")
MAX_RULES: Final = 100
MAX_PROMPT_BYTES: Final = 1000
MAX_ANSWER_BYTES: Final = 4000
"""Below 4095: a terminal's line, for a program that reads lines, has no room for more (termios(3))."""

SECRETIVE: Final = r"(?i)pass(word|phrase|code)|secret|token|\bpin\b|community"
"""What a prompt says that asks for a secret."""


class Rule(NamedTuple):
    """One prompt and its answer: *answer* as it stands, or what *answer_from* refers to."""

    prompt: str
    """A regular expression, searched for in what the host has printed last."""

    answer: str | None = None
    answer_from: str | None = None
    """`env:NAME`, `file:PATH` or `secret:NAME`. Never a value."""

    times: int = TIMES
    """It answers so often, and then no more."""

    enter: bool = True
    """Whether the answer is followed by the Enter key."""


_DEFAULTS: Final = Rule("")._asdict()


def rules_to_json(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """Return *rules* as JSON, without what stands at its default."""
    return [
        {key: value for key, value in rule._asdict().items() if value != _DEFAULTS[key]}
        for rule in rules
    ]


def rules_from_json(data: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Return the rules that `rules_to_json` wrote."""
    return tuple(Rule(**each) for each in data)


def read_rules(value: object, faults: list[str]) -> tuple[Rule, ...]:
    """Return the rules that a caller gives: a list of mappings. Tells what is wrong, no answer."""
    if value is None:
        return ()
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        faults.append("dialogue is a list of rules, each with a prompt and an answer")
        return ()
    if not value or len(value) > MAX_RULES:
        faults.append(
            f"dialogue has {len(value) or 'no'} rules: one is the least, {MAX_RULES} the most"
        )
        return ()
    return tuple(_rule(f"dialogue, rule {n}", each, faults) for n, each in enumerate(value, 1))


def unhidden(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return the rules whose prompt seems to ask for a secret, and whose answer all can see."""
    return tuple(rule for rule in rules if rule.answer and re.search(SECRETIVE, rule.prompt))


def _rule(which: str, value: object, faults: list[str]) -> Rule:
    if isinstance(value, Rule):
        value = rules_to_json([value])[0]
    if not isinstance(value, Mapping):
        faults.append(f"{which} is a mapping with a prompt and an answer")
        return Rule("")
    faults += [
        f"{which}: {shown(str(key))} is not one of {', '.join(Rule._fields)}"
        for key in value
        if key not in Rule._fields
    ]
    given = {key: value.get(key) for key in Rule._fields}
    wrong = [
        *_prompt_faults(given["prompt"]),
        *_answer_faults(given["answer"], given["answer_from"]),
    ]
    times, enter = given["times"], given["enter"]
    if times is not None:
        try:
            times = positive_int(times)
        except ValueError as error:
            wrong.append(f"times: {error}")
    if not isinstance(enter, bool | None):
        wrong.append(f"enter is true or false, not {enter!r:.80}")
    faults += [f"{which}: {each}" for each in wrong]
    if wrong:
        return Rule("")
    return Rule(**{key: each for key, each in given.items() if each is not None})


def _prompt_faults(prompt: object) -> list[str]:
    if not isinstance(prompt, str) or not prompt:
        return ["prompt is a regular expression, and there is none"]
    if fault := text_fault(prompt):
        return [f"prompt {fault}"]
    if len(prompt.encode()) > MAX_PROMPT_BYTES:
        return [f"prompt is longer than {MAX_PROMPT_BYTES} bytes"]
    try:
        re.compile(prompt)  # and no more: to search, even in no text, can take for ever
    except (re.error, OverflowError, RecursionError) as error:
        return [f"prompt {prompt!r:.80} is no regular expression: {error}"]
    return []


def _answer_faults(answer: object, reference: object) -> list[str]:
    """Return what is wrong with an answer. It is never shown: it may be a secret."""
    if (answer is None) == (reference is None):
        return ["give answer, or answer_from with env:NAME, file:PATH or secret:NAME: one of them"]
    if reference is not None:
        if not isinstance(reference, str) or not reference.startswith(REFERENCES):
            return ["answer_from is not a reference: write env:NAME, file:PATH or secret:NAME"]
        if reference in REFERENCES:
            return ["answer_from refers to nothing: write env:NAME, file:PATH or secret:NAME"]
        fault = text_fault(reference)
        return [f"answer_from {fault}"] if fault else []
    if not isinstance(answer, str):
        return [f"answer is text, not a value of type {type(answer).__name__}"]
    if fault := text_fault(answer):
        return [f"answer {fault}"]
    if len(answer.encode()) > MAX_ANSWER_BYTES:
        return [f"answer is longer than {MAX_ANSWER_BYTES} bytes"]
    return []

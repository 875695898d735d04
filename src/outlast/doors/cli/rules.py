"""The rules of a dialogue as the command line takes them: from a file, and one by one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

UNREAD: Final = [{"prompt": "x", "answer": ""}]
"""In place of rules that cannot be read: that there is nothing to run is not told besides."""


def read_dialogue(given: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """Return the dialogue that the options give, as a part of a spec: first the file's rules."""
    path, answers = given.get("dialogue"), given.get("answers") or ()
    if path is None and not answers:
        return {}
    filed = [] if path is None else _filed(path, faults)
    if not isinstance(filed, list):
        return {"dialogue": filed}
    return {"dialogue": [*filed, *_given(answers, faults)]}


def _filed(path: str, faults: list[str]) -> Any:
    """
    Return what a file says: in JSON a list of rules, in TOML tables `[[rule]]`.

    What a rule may be is told by whoever checks the spec.
    """
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            text = file.read()
        if text.lstrip().startswith("[") and not text.lstrip().startswith("[["):
            import json

            return json.loads(text)
        import tomllib

        data = tomllib.loads(text)
    except OSError as error:
        faults.append(f"--dialogue {path}: {error.strerror}")
    except ValueError as error:
        # Where it breaks, and not what stands there: that may be a secret.
        where = str(error).rpartition("(")[2].rstrip(")")
        faults.append(f"--dialogue {path}: neither TOML nor JSON ({where:.80})")
    else:
        if set(data) == {"rule"}:
            return data["rule"]
        faults.append(f"--dialogue {path}: in TOML it has tables [[rule]], and nothing else")
    return UNREAD


def _given(given: Sequence[str], faults: list[str]) -> list[dict[str, str]]:
    """Return the rules that `--answer PROMPT=REF` gives; what is no reference is the answer."""
    from ...core.dialogue import REFERENCES

    rules = []
    for each in given:
        prompt, equals, answer = each.partition("=")
        if not equals:
            # Not shown: what stands there may be a secret.
            faults.append("--answer is PROMPT=REF, and one has no = in it")
            continue
        key = "answer_from" if answer.startswith(REFERENCES) else "answer"
        rules.append({"prompt": prompt, key: answer})
    return rules

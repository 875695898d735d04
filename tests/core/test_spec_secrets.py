"""A secret put in the wrong place of a spec is not repeated by whoever refuses it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .lives import faults_of

SECRET = "hunter2-correct-horse"
LEAKS: dict[str, Any] = {
    "a value for a reference": {"TOKEN": SECRET},
    "a value that is no text": {"TOKEN": [SECRET]},
    "a list": [f"TOKEN={SECRET}"],
    "a text": SECRET,
    "a value in the name": {f"TOKEN={SECRET}": "env:TOKEN"},
    "a value in the name, and no reference": {f"TOKEN={SECRET}": SECRET},
    "a name that is no text": {(SECRET,): "env:TOKEN"},
    "a value with a NUL": {"TOKEN": f"{SECRET}\0"},
    "a value that is not UTF-8": {"TOKEN": f"{SECRET}\udc80"},
    "a value too long": {"TOKEN": SECRET * 10000},
    "a wrong kind of reference": {"TOKEN": f"vault:{SECRET}"},
}


@pytest.mark.parametrize("secrets", LEAKS.values(), ids=LEAKS)
def test_no_fault_shows_a_secret(secrets: Any) -> None:
    """What stands where a secret's reference belongs may be the secret: it is never repeated."""
    faults = faults_of(command=["true"], secret_env=secrets)

    assert faults
    assert SECRET not in "".join(faults)


@given(st.text(min_size=4))
def test_no_secret_is_ever_shown(value: str) -> None:
    """Whatever is given as a secret's value, the faults are the same as for any other."""
    told, other = (
        faults_of(command=["true"], secret_env={"TOKEN": f"{each}|{value}"}) for each in "AB"
    )

    assert told == other

"""
Resources: what this machine has so many of, by names of the user's own (`gpu`, `license`), and how
many of them each node of a job needs while it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from .naming import fault_of_name

if TYPE_CHECKING:
    from .reader import Reader

MOST: Final = 1_000_000
"""Of one resource; more is a slip, not a wish."""

MAX_NAMES: Final = 64

OWN: Final = "*"
"""Before what is a machine's or a queue's, and no resource: no name of one begins so."""


def read_needs(reader: Reader) -> dict[str, int] | None:
    """Take `resources` from what a caller gives: names to numbers; None where none are named."""
    value = reader.take("resources")
    if value is None:
        return None
    needs, faults = _read(value)
    reader.faults += [f"resources: {fault}" for fault in faults]
    return needs or None


def read_stock(value: object) -> dict[str, int]:
    """
    Return what a machine has: a mapping of names to numbers, or text such as `gpu=2,license=1`.

    Raises:
        ValueError: It is neither; every fault is told.
    """
    stock, faults = _read(_pairs(value) if isinstance(value, str) else value)
    if faults:
        raise ValueError("; ".join(faults))
    return stock


def write_stock(stock: Mapping[str, int]) -> str:
    """Return *stock* as `read_stock` reads it."""
    return ",".join(f"{name}={amount}" for name, amount in stock.items())


def lacks(needs: Mapping[str, int], has: Mapping[str, int]) -> list[str]:
    """Return what keeps a job with these *needs* from ever running beside others, and what helps."""
    return [
        f"resources: it needs {amount} of {name}, and this machine has {has.get(name, 0) or 'none'}:"
        " ask for less, or set OUTLAST_RESOURCES, resources in config.toml, to"
        f" {write_stock({**has, name: amount})}"
        for name, amount in needs.items()
        if amount > has.get(name, 0)
    ]


def _pairs(text: str) -> dict[str, Any] | str:
    pairs: dict[str, Any] = {}
    for each in filter(None, text.split(",")):
        name, equals, amount = (part.strip() for part in each.partition("="))
        if not equals or name in pairs:
            return text
        pairs[name] = int(amount) if amount.isdecimal() and amount.isascii() else amount
    return pairs


def _read(value: object) -> tuple[dict[str, int], list[str]]:
    """Return the sound part of a mapping of names to numbers, and what is wrong with the rest."""
    if not isinstance(value, Mapping):
        return {}, [f"{value!r:.80} is no mapping of names to numbers, each name once, as in gpu=2"]
    faults = []
    if len(value) > MAX_NAMES:
        faults.append(f"{len(value)} are too many: {MAX_NAMES} is the most")
    sound: dict[str, int] = {}
    for name, amount in value.items():
        if fault := fault_of_name(name, "one"):
            faults.append(fault)
        elif isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount <= MOST:
            faults.append(f"{name} is {amount!r:.80}, and not a whole number from 1 to {MOST:,}")
        else:
            sound[name] = amount
    return sound, faults

"""Secrets that are in the supervisor's memory and nowhere else, lent by whoever was given them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


class Vault(Mapping[str, str]):
    """
    Values by their references, which begin with `MEMORY`. What is lent is *held* as long as a
    lender is there; its value stays for what was submitted by then, until `forget`.
    """

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._lenders: dict[str, set[object]] = {}

    def __repr__(self) -> str:
        return f"Vault({len(self)} secrets)"

    def __getitem__(self, reference: str) -> str:
        return self._values[reference]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def lend(self, lender: object, values: Mapping[str, str]) -> None:
        """Have *values*, in place of what the same references stood for."""
        for reference, value in values.items():
            self._values[reference] = value
            self._lenders.setdefault(reference, set()).add(lender)

    @property
    def is_lent(self) -> bool:
        """Whether some lender is there, who may want to go on with it."""
        return bool(self._lenders)

    def held(self, references: Iterable[str]) -> frozenset[str]:
        """Return those of *references* whose lender is there."""
        return frozenset(self._lenders.keys() & set(references))

    def take_back(self, lender: object, references: Iterable[str] | None = None) -> None:
        """*lender* does not lend these any more; None: nothing any more."""
        for reference in list(self._lenders) if references is None else references:
            lenders = self._lenders.get(reference, set())
            lenders.discard(lender)
            if not lenders:
                self._lenders.pop(reference, None)

    def forget(self) -> None:
        """Drop the values that nobody lends. For when there is no job that may need one."""
        self._values = {name: self._values[name] for name in self._values if name in self._lenders}

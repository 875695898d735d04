"""Reading what a job's secrets refer to, for a caller on this machine, or of a server's own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from ..core.job import JobSpec
from ..core.secret import MEMORY
from ..errors import InvalidRequest


def resolve_secrets(
    specs: Iterable[JobSpec],
    environ: Mapping[str, str] | None = None,
    *,
    named: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """
    Return the values of all references in *specs*, by reference, and the keys of their webhooks.

    `env:NAME` is a variable of the caller's, `file:PATH` a file's text without its last line
    break. `secret:NAME` is what *named*, a server's own table, refers to by that name; None: there
    is no server. What is in the supervisor's memory alone is not looked for.

    Raises:
        InvalidRequest: One cannot be read. No value is ever in the message.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, str] = {}
    faults: list[str] = []
    specs = tuple(specs)
    signing = {reference for spec in specs for reference in spec.signing}
    for reference in sorted(signing.union(*(spec.references for spec in specs))):
        if reference.startswith(MEMORY):
            continue
        kind, _, name = reference.partition(":")
        if kind == "secret" and named is not None:
            if name not in named:
                faults.append(f"secret {reference}: the server has none of that name")
                continue
            kind, _, name = named[name].partition(":")
        if kind == "env":
            if name in environ:
                values[reference] = environ[name]
            else:
                faults.append(f"secret {reference}: there is no such variable")
        elif kind == "file":
            try:
                with open(os.path.expanduser(name), encoding="utf-8") as file:
                    values[reference] = file.read().removesuffix("\n")
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or "it is not text"
                faults.append(f"secret {reference}: {why}")
        else:
            faults.append(f"secret {reference}: named secrets are a server's; use env: or file:")
    if signing:
        from ..core.webhook import key_fault  # here: most jobs have no webhook

        told = ((reference, key_fault(values[reference])) for reference in signing & {*values})
        faults += sorted(f"secret {reference} {fault}" for reference, fault in told if fault)
    if faults:
        raise InvalidRequest(*faults)
    return values

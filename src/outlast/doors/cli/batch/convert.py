"""`outlast convert`: a batch whose command is the built-in converter."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from ....convert.routes import (
    KINDS,
    TARGETS,
    kind_of,
    missing_parts,
    parts_for,
)
from ....framework.completion import offer_files
from ....framework.lazy import verb
from .options import (
    Faults,
    batch_options,
    check_places,
    inputs_of,
    manifest_path,
    room,
    stay,
    whole,
)

if TYPE_CHECKING:
    from ....batch.inputs import Inputs
    from ....framework.caller import Caller
    from .go import Asked

TIMEOUT: Final = "5m"
MEMORY: Final = "2g"
INSTALL: Final = "pip install 'outlast[convert]'"


@verb(
    "convert",
    epilog="""
    outlast convert --to md -o text docs
    outlast convert --wait 120s --to pdf -o out --recursive --include '*.docx' docs
    outlast convert --routes
    """,
)
@click.argument("inputs", nargs=-1, metavar="SRC...", shell_complete=offer_files)
@click.option("--to", type=click.Choice(tuple(TARGETS)), help="What documents are to become.")
@click.option("-o", "--output-dir", metavar="DIR", help="Where outputs go, in folders as inputs.")
@click.option("--timeout", metavar="D", help=f"For each document.  [default: {TIMEOUT}]")
@click.option("--memory", metavar="SIZE", help=f"For each document.  [default: {MEMORY}]")
@click.option("--routes", is_flag=True, help="Tell what becomes what, and what is missing for it.")
@batch_options
def convert(caller: Caller, **given: Any) -> int:
    """
    Convert documents, each in a job of its own with its own limits.

    SRC is a file, a folder, a pattern, or - for names on stdin. Of folders, all documents are
    taken that can be read. What cannot be converted is told by its reason in the manifest:
    damaged, encrypted, no_text, misnamed, too_large, memory_limit. It is a batch in all
    else: see outlast batch run --help
    """
    if given["routes"]:
        return _tell_routes(caller)
    from . import go

    asked, warnings = _asked(caller, given)
    for warning in warnings:
        caller.say(warning)
    return go.plan(caller, asked) if given["dry_run"] else go.go(caller, asked)


def _asked(caller: Caller, given: dict[str, Any]) -> tuple[Asked, list[str]]:
    """Return what is asked for, and what to say to it. Raises InvalidRequest, with every fault."""
    from ....batch.inputs import Inputs
    from ....batch.plan import Order, collisions, parse_max_errors
    from ....batch.run import Manner
    from .go import Asked

    faults = Faults()
    to = given["to"]
    if to is None:
        faults.found.append(f"say what they are to become: --to {'|'.join(TARGETS)}")
    if given["output_dir"] is None:
        faults.found.append("say where outputs go: -o DIR")
    output_root = whole(given["output_dir"]) if given["output_dir"] else None
    manifest = faults(lambda: manifest_path(given["manifest"], output_root), "")
    check_places(faults, manifest, output_root)
    inputs: Inputs = faults(
        lambda: inputs_of(
            given["inputs"],
            null=given["null"],
            recursive=given["recursive"],
            include=given["include"],
            but=[path for path in (manifest, output_root) if path],
        ),
        Inputs(root="/", paths=()),
    )
    paths, warnings = _readable(inputs.paths, given["inputs"], faults)
    faults.found += _missing(paths, to) if to else []
    if faults.found and any("outlast[convert]" in fault for fault in faults.found):
        faults.suggestion = INSTALL
    order = Order(
        source_root=inputs.root,
        output_root=output_root,
        **faults(lambda: _command(to, given["timeout"] or TIMEOUT, given["memory"] or MEMORY), {}),
        ext=TARGETS.get(to),
        keep_name=given["keep_name"],
        **faults(lambda: room(given["max_parallel"], given["queue"]), {}),
    )
    faults.found += collisions(order, paths)
    max_errors = given["max_errors"]
    manner = Manner(
        wait=faults(lambda: stay(given["wait"])),
        retry_failed=given["retry_failed"],
        max_errors=None
        if max_errors is None
        else faults(lambda: parse_max_errors(max_errors, len(paths))),
        window=2 * (order.max_parallel or caller.settings.max_running),
    )
    faults.tell()
    return Asked(order=order, paths=paths, manifest=manifest, manner=manner), warnings


def _readable(
    paths: Sequence[str], given: Sequence[str], faults: Faults
) -> tuple[tuple[str, ...], list[str]]:
    """Return those of *paths* that can be read; the others are left out, and told."""
    readable = tuple(path for path in paths if kind_of(path) is not None)
    others = [path for path in paths if kind_of(path) is None]
    if paths and not readable:
        faults.found.append(f"none of them is a document that can be read: {', '.join(KINDS)}")
    named = [each for each in given if os.path.isfile(each) and kind_of(each) is None]
    faults.found += [f"{each}: nothing here reads such a file; see --routes" for each in named]
    if not others:
        return readable, []
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return readable, [f"left out, since nothing here reads it: {others[0]}{more}"]


def _missing(paths: Sequence[str], to: str) -> list[str]:
    kinds = {kind_of(path) or "" for path in paths}
    parts = {part for kind in kinds for part in parts_for(kind, to)}
    return [
        f"{part} is not installed: it comes with outlast[convert]"
        for part in missing_parts(sorted(parts))
    ]


def _command(to: str | None, timeout: str, memory: str) -> dict[str, Any]:
    """Return what each document's job is: its command, its limits, what its exit codes mean."""
    from ....batch.plan import canonical
    from ....convert.verdict import CODES
    from ....core.limits import parse_size
    from ....errors import InvalidRequest
    from ....shim import cgroup

    try:
        memory_bytes = parse_size(memory)
    except ValueError as error:
        raise InvalidRequest(f"--memory: {error}") from None
    command = [sys.executable, "-P", "-m", "outlast.convert", "--to", to or ""]
    spec: dict[str, Any] = {"timeout": timeout}
    if cgroup.CONTROLLERS["memory_bytes"] in cgroup.available_controllers():
        spec["limits"] = {"memory_bytes": memory_bytes}
    else:  # Next best: each process of it limits itself.
        command += ["--memory", str(memory_bytes)]
    options, wrong = canonical(spec)
    if wrong:
        raise InvalidRequest(*wrong)
    # `--`: a name may begin with a dash; absolute ones do not, yet who reads this should not care.
    command += ["--", "{input}", "{output}"]
    return {"command": tuple(command), "options": options, "codes": CODES}


def _tell_routes(caller: Caller) -> int:
    routes = []
    for kind in KINDS:
        for to in TARGETS:
            parts = parts_for(kind, to)
            missing = missing_parts(parts)
            routes.append({"from": kind, "to": to, "by": list(parts), "missing": missing})

    def line(kind: str) -> str:
        here = [route for route in routes if route["from"] == kind]
        ready = " ".join(str(route["to"]) for route in here if not route["missing"])
        lacking = sorted({str(part) for route in here for part in route["missing"]})
        return f"{kind:<6} -> {ready}" + (f"   (missing: {', '.join(lacking)})" if lacking else "")

    is_whole = not any(route["missing"] for route in routes)
    text = "\n".join(map(line, KINDS)) + ("" if is_whole else f"\nfor the rest: {INSTALL}")
    caller.answer(
        lambda: {"routes": routes, "install_command": None if is_whole else INSTALL}, lambda: text
    )
    return 0

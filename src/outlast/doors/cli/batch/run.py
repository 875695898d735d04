"""`outlast batch`: a command for each of many files."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ....framework.completion import offer_files
from ....framework.lazy import Verb
from ..rows import FILES, ON_HOSTS, SECTIONS, by_option
from ..spec import job_options, read
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
    from ....framework.caller import Caller
    from .go import Asked

F = TypeVar("F", bound=Callable[..., Any])

NOT_HERE: Final = (
    *("key", "script", "runtime", "queue", "queue_width"),
    *(row.key for row in (*SECTIONS[ON_HOSTS], *SECTIONS[FILES])),
)
"""Keys of a job's spec that a batch sets itself, or that have no sense for many."""

OUTPUTS: Final = "output"
"""The folder beside the manifest that outputs go to, where none is named."""


class Run(Verb):
    """A command with another command behind `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments apart, up to `--`."""
        mark = args.index("--") if "--" in args else len(args)
        rest = super().parse_args(ctx, args[:mark])
        ctx.params["command"] = tuple(args[mark + 1 :])
        return rest


def _common_options(function: F) -> F:
    return job_options(function, but=NOT_HERE)


@click.command(
    "run",
    cls=Run,
    options_metavar="[OPTIONS]",
    epilog="""
    outlast batch --manifest M.json logs/*.log -- gzip -k {input}
    outlast batch --wait 120s -o text --ext .txt -r docs -- pdftotext {input} {output}
    find . -name '*.wav' -print0 | outlast batch -0 - -o mp3 --ext .mp3 -- lame {input} {output}
    outlast batch -o sums --ext .sum photos --shell 'sha256sum {input} > {output}'
    """,
)
@click.argument("inputs", nargs=-1, metavar="INPUT... -- COMMAND...", shell_complete=offer_files)
@click.option("-o", "--output-dir", metavar="DIR", help="Where outputs go, in folders as inputs.")
@click.option("--ext", metavar="EXT", help="The extension of outputs.  [default: the input's]")
@click.option(
    "--exit-code",
    "codes",
    multiple=True,
    metavar="N=WORD",
    help="What an exit code means, as the manifest's error code; may be repeated.",
)
@batch_options
@_common_options
@click.pass_obj
def run(caller: Caller, /, **given: Any) -> int:
    """
    Run COMMAND once for each input file, each as a job, and write a manifest of them.

    In COMMAND, {input}, {output}, {stem}, {name}, {ext}, {dir}, {path} and {output_dir} stand for
    the file's own, and {} {.} {/} {//} {/.} for what GNU parallel has them mean; {{input}} is
    {input} itself. INPUT is a file, a folder, a pattern, or - for names on stdin.

    When you leave, all goes on. The same call again attaches to it, and submits only what is new
    or changed. Exit codes: 0 if nothing has failed (what still runs has not), 1 if something
    has, 2 for wrong usage.
    """
    from . import go

    asked = _asked(caller, given)
    return go.plan(caller, asked) if given["dry_run"] else go.go(caller, asked)


def _asked(caller: Caller, given: dict[str, Any]) -> Asked:
    """Return what is asked for. Raises InvalidRequest, with every fault."""
    from ....batch.inputs import Inputs
    from ....batch.plan import Order, collisions, order_faults, parse_max_errors
    from ....batch.run import Manner
    from ....batch.template import OUTPUT_PLACES, places_in
    from .go import Asked

    faults = Faults()
    command, shell = given["command"], given["shell"]
    options = _options(given, faults)
    if not command and not shell:
        faults.found.append("there is no command: give it behind --")
    if command and shell:
        faults.found.append("command and shell exclude each other: give one")

    output_root = whole(given["output_dir"]) if given["output_dir"] else None
    manifest = faults(lambda: manifest_path(given["manifest"], output_root), "")
    words = [*command, shell or "", str(options.get("stdin", ""))]
    if output_root is None and manifest and places_in(words) & OUTPUT_PLACES:
        output_root = os.path.join(os.path.dirname(manifest), OUTPUTS)
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
    order = Order(
        source_root=inputs.root,
        output_root=output_root,
        command=command,
        shell=shell,
        options=options,
        ext=dotted(given["ext"]),
        keep_name=given["keep_name"],
        codes=faults(lambda: _codes(given["codes"]), {}),
        **faults(lambda: room(given["max_parallel"], given["queue"]), {}),
    )
    faults.found += [*order_faults(order), *collisions(order, inputs.paths)]
    max_errors = given["max_errors"]
    total = len(inputs.paths)
    manner = Manner(
        wait=faults(lambda: stay(given["wait"])),
        retry_failed=given["retry_failed"],
        max_errors=None
        if max_errors is None
        else faults(lambda: parse_max_errors(max_errors, total)),
        window=2 * (order.max_parallel or caller.settings.max_running),
    )
    faults.tell()
    return Asked(order=order, paths=inputs.paths, manifest=manifest, manner=manner)


def _options(given: dict[str, Any], faults: Faults) -> dict[str, Any]:
    """Return what the jobs have in common, in the one way of writing it."""
    from ....batch.plan import canonical

    stdin = given["stdin"]
    if stdin == "-":
        faults.found.append("--stdin - is one stdin for many: name a file, such as {input}")
        stdin = None
    ours = dict.fromkeys(key.replace(".", "_") for key in (*NOT_HERE, "shell"))
    spec, _, _, found = read({**given, **ours, "command": (), "stdin": stdin})
    options, wrong = canonical(spec)
    faults.found += [*found, *map(by_option, wrong)]
    return options


def dotted(ext: str | None) -> str | None:
    """Return an extension with its dot."""
    return ext if not ext or ext.startswith(".") else f".{ext}"


def _codes(given: tuple[str, ...]) -> dict[int, str]:
    from ....errors import InvalidRequest

    codes: dict[int, str] = {}
    for each in given:
        number, _, word = each.partition("=")
        if not number.isdecimal() or not 1 <= int(number) <= 255 or not word.isidentifier():
            raise InvalidRequest(f"--exit-code is N=WORD, such as 65=broken, not {each!r:.80}")
        codes[int(number)] = word
    return codes

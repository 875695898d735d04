"""A batch from the command line: planned or run, shown while it runs, and told in the end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ....batch.manifest import Entry, Manifest
from ....batch.progress import counts
from ....core.job import DEFAULT_QUEUE
from ....framework.plain import plain

if TYPE_CHECKING:
    from types import FrameType

    from ....batch.plan import Order
    from ....batch.run import Manner
    from ....client import Client
    from ....framework.caller import Caller

SHOWN: Final = 10
"""So many failures are named one by one; the manifest has all of them."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """All that a command line says about a batch, checked."""

    order: Order
    paths: tuple[str, ...]
    manifest: str
    """The absolute path of the manifest's file."""

    manner: Manner


def go(caller: Caller, asked: Asked) -> int:
    """Run the batch, and return the exit code: 1 if an input has failed, else 0."""
    import gc

    from ....batch.disk import load_manifest
    from ....batch.keep import Keeper
    from ....batch.run import Run
    from ....clock import SystemClock
    from .clients import client_of
    from .show import shown

    gc.enable()  # off for short commands; this one may be long
    order = asked.order
    manifest = Manifest(source_root=order.source_root, output_root=order.output_root, entries=())
    if os.path.exists(asked.manifest):
        old = load_manifest(asked.manifest)
        if (old.source_root, old.output_root) == (order.source_root, order.output_root):
            manifest = old
    os.makedirs(os.path.dirname(asked.manifest), exist_ok=True)
    clock = SystemClock()
    with client_of(caller) as client, shown(caller, clock) as tell:
        keeper = Keeper(asked.manifest, manifest, asked.paths, clock=clock, tell=tell)
        run = Run(client, order, asked.paths, keeper, asked.manner, clock=clock, say=caller.say)
        is_broken_off = False
        try:
            with terminated_as_interrupted():
                run.go()
        except KeyboardInterrupt:
            is_broken_off = True
        finally:
            manifest = keeper.save()
        if (told := _stranger(client, order.queue)) is not None:
            caller.say(told)
    if is_broken_off:
        caller.say("you have left; what was submitted goes on. The same call again picks it up")
    elif run.is_stopped:
        caller.say(f"stopped submitting: {asked.manner.max_errors} have failed")
    return tell_manifest(
        caller,
        asked.manifest,
        manifest,
        {"submitted": run.submitted, "attached": run.attached},
    )


def _stranger(client: Client, queue: str | None) -> str | None:
    """Return what is to be told of the queue of a batch, where nobody has created that one."""
    from ....core.queue import stranger

    if queue is None or queue == DEFAULT_QUEUE or queue in (created := client.queues.created()):
        return None
    from_there = f"outlast job list --queue {queue} --status queued --limit 100000 --output id"
    return stranger(queue, created, lambda to: f"{from_there} | outlast job move --queue {to} -")


def plan(caller: Caller, asked: Asked) -> int:
    """Tell what the batch would do, and do none of it."""
    from ....batch.keep import Keeper
    from ....batch.plan import Attach
    from ....batch.run import Run
    from ....clock import SystemClock
    from .clients import client_of

    order, clock = asked.order, SystemClock()
    empty = Manifest(source_root=order.source_root, output_root=order.output_root, entries=())
    items: list[dict[str, Any]] = []
    with client_of(caller) as client:
        keeper = Keeper(asked.manifest, empty, asked.paths, clock=clock)
        run = Run(client, order, asked.paths, keeper, asked.manner, clock=clock, say=caller.say)
        for planned in run.plan():
            for item, what in planned:
                attach = what.seen.job_id if isinstance(what, Attach) else None
                items.append(
                    {
                        "source_file_path": item.path,
                        "output_path": item.output,
                        "job_id": attach,
                        "submit": None if isinstance(what, Attach) else what.why,
                    }
                )
    caller.answer(
        lambda: {"source_root": order.source_root, "output_root": order.output_root, "plan": items},
        lambda: "\n".join(map(_plan_line, items)),
    )
    return 0


def _plan_line(item: dict[str, Any]) -> str:
    does = f"attach {item['job_id']}" if item["job_id"] else f"submit ({item['submit']})"
    goes = f"  -> {item['output_path']}" if item["output_path"] else ""
    return plain(f"{item['source_file_path']}{goes}: {does}")


def tell_manifest(
    caller: Caller, path: str, manifest: Manifest, more: dict[str, Any] | None = None
) -> int:
    """Print how a batch stands, and return the exit code: 1 if an input has failed, else 0."""
    told = counts(manifest.entries)
    failures = [entry for entry in manifest.entries if entry.is_failure]
    unfinished = told["running"] + told["queued"]
    collect = [*caller.tool.argv, "batch", "collect", path] if unfinished else None
    data = {
        "manifest": path,
        "terminal": not unfinished,
        **told,
        **(more or {}),
        "failures": [vars(entry) for entry in failures[:SHOWN]],
        "collect_argv": collect,
    }
    caller.answer(lambda: data, lambda: "\n".join(_lines(path, told, failures, collect)))
    return 1 if failures else 0


def _lines(
    path: str, told: dict[str, int], failures: list[Entry], collect: list[str] | None
) -> Iterator[str]:
    import shlex

    kinds = ", ".join(
        f"{told[kind]} {kind}" for kind in ("complete", "running", "queued", "failed") if told[kind]
    )
    yield f"{told['total']} input{'s' * (told['total'] != 1)}: {kinds or 'nothing to do'}"
    for entry in failures[:SHOWN]:
        yield plain(
            f"  {entry.error_code:<18} {entry.source_file_path}  {entry.job_id or ''}"
        ).rstrip()
    if len(failures) > SHOWN:
        yield f"  and {len(failures) - SHOWN} more"
    yield plain(f"manifest: {path}")
    if collect:
        yield plain(f"what still runs is no failure; pick it up: {shlex.join(collect)}")


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Have SIGTERM and SIGHUP do what Ctrl-C does: the manifest is written before we leave."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = (signal.SIGTERM, signal.SIGHUP)
    before = {name: signal.signal(name, leave) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)

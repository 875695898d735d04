"""What is to be done about each input: its job's spec, its key, and whether there is one already."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.job import Job
from ..core.parse import read_spec
from ..core.spec import spec_to_json
from ..errors import InvalidRequest
from .manifest import (
    CODES_VARIABLE,
    INPUT_VARIABLE,
    OUTPUT_VARIABLE,
    STILL_RUNNING,
    Seen,
    seen_of,
    write_codes,
)
from .template import OUTPUT_PLACES, fill, fill_line, places_in, values_for, with_input

BATCH_LABEL: Final = "outlast.batch"
"""Which jobs belong together: those that write below one output root."""

KEY_LABEL: Final = "outlast.key"
"""What makes a job the same work as another one."""

NOT_EXECUTION: Final = frozenset(
    {
        *("name", "labels", "queue_timeout_ms", "retention_ms"),
        *("priority", "delay_ms", "start_at", "hold", "after"),
    }
)
"""Keys of a spec that change nothing about what is run: how it is called and kept, and when it begins."""

MAX_NAME_BYTES: Final = 255
DIGEST_LENGTH: Final = 32
"""Hexadecimal digits: 128 bits."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """A batch as it was asked for."""

    source_root: str
    output_root: str | None = None
    """Where outputs go; None: the command leaves none that we look for."""

    command: tuple[str, ...] = ()
    shell: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """Every other key of a job's spec, as `canonical` returns them: the same for each input."""

    ext: str | None = None
    """The extension of outputs, with its dot; None: that of the input."""

    keep_name: bool = False
    """Whether an output keeps the input's extension before its own."""

    codes: Mapping[int, str] = field(default_factory=dict)
    """What exit codes of the command mean, as error codes of the manifest."""

    max_parallel: int | None = None
    queue: str | None = None
    """Where its jobs wait, with others that do; None: by themselves. Not with *max_parallel*."""

    @property
    def words(self) -> tuple[str, ...]:
        """The template: the command, or the line for the shell, with an input in it somewhere."""
        words = self.command if self.shell is None else (self.shell,)
        return words if places_in([self.stdin]) else with_input(words)

    @property
    def stdin(self) -> str:
        """What the commands read, with places as in the command."""
        return self.options.get("stdin") or ""

    @property
    def batch(self) -> str:
        """The digest of the place that this batch works on."""
        return batch_of(self.source_root, self.output_root)


def batch_of(source_root: str, output_root: str | None) -> str:
    """Return the digest of the place that a batch works on: where it writes, else what it reads."""
    return _digest([output_root] if output_root else [None, source_root])


def canonical(options: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """
    Return the keys of a spec in the one way of writing them, and what is wrong with them.

    `1h` and `60m` are the same limit, and no reason to do the work again.
    """
    spec, faults = read_spec({**options, "shell": ":"})
    return {key: value for key, value in spec_to_json(spec).items() if key != "shell"}, faults


def order_faults(order: Order) -> list[str]:
    """Return what is wrong with an order, whatever its inputs are."""
    faults = []
    words = order.words
    if order.output_root is None and places_in([*words, order.stdin]) & OUTPUT_PLACES:
        faults.append("{output} needs a folder for outputs: --output-dir DIR")
    if order.output_root is None and (order.ext or order.keep_name):
        faults.append("an extension is for outputs: say where they go with --output-dir DIR")
    if order.ext is not None and ("/" in order.ext or "\0" in order.ext):
        faults.append(f"--ext {order.ext!r:.80} is no extension")
    return faults


def output_of(order: Order, path: str) -> str | None:
    """Return where the output of the input *path* goes, relative to the output root."""
    if order.output_root is None:
        return None
    if order.ext is None:
        return path
    kept = path if order.keep_name else os.path.splitext(path)[0]
    return kept + order.ext


def collisions(order: Order, paths: Iterable[str]) -> list[str]:
    """Return what is wrong with the outputs of *paths* together: one written twice, or an input."""
    if order.output_root is None:
        return []
    faults = []
    by_output: dict[str, str] = {}
    inputs = {os.path.join(order.source_root, path): path for path in paths}
    for path in inputs.values():
        output = output_of(order, path) or ""
        if (other := by_output.setdefault(output, path)) != path:
            faults.append(
                f"{other} and {path} would both be written to {output}: --keep-name keeps them apart"
            )
        whole = os.path.join(order.output_root, output)
        if whole in inputs:
            faults.append(f"the output of {path} would be written over the input {inputs[whole]}")
    return faults


@dataclass(frozen=True, kw_only=True)
class Item:
    """One input, and all that is known about it before its job."""

    path: str
    """Relative to the source root."""

    key: str
    output: str | None
    """Relative to the output root."""


def item_of(order: Order, path: str, content: str) -> Item:
    """Return the input *path*, whose content has the digest *content*."""
    output = output_of(order, path)
    execution = {name: value for name, value in order.options.items() if name not in NOT_EXECUTION}
    identity = [
        path,
        content,
        [*order.words, order.shell is not None],
        # Where nothing is written that we know of, the work is done on the input itself.
        [order.output_root, output] if output else [None, order.source_root],
        execution,
    ]
    return Item(path=path, key=_digest(identity), output=output)


def spec_of(order: Order, item: Item) -> dict[str, Any]:
    """Return the spec of the job that does *item*."""
    output = None
    if order.output_root is not None and item.output is not None:
        output = os.path.join(order.output_root, item.output)
    values = values_for(item.path, order.source_root, output)
    options = dict(order.options)
    env = dict(options.get("env") or {})
    env[INPUT_VARIABLE] = values["input"]
    if output is not None:
        env[OUTPUT_VARIABLE] = output
    if order.codes:
        env[CODES_VARIABLE] = write_codes(order.codes)
    labels = {**(options.get("labels") or {}), BATCH_LABEL: order.batch, KEY_LABEL: item.key}
    spec: dict[str, Any] = {
        "name": _name(item.path),
        **options,
        "env": env,
        "labels": labels,
    }
    if order.queue is not None:
        spec["queue"] = order.queue
    elif order.max_parallel is not None:
        spec |= {"queue": f"batch-{order.batch}", "queue_width": order.max_parallel}
    if order.stdin:
        (spec["stdin"],) = fill([order.stdin], values)
    if order.shell is None:
        spec["command"] = fill(order.words, values)
    else:
        spec["shell"] = fill_line(" ".join(order.words), values)
    return spec


class Known:
    """The jobs of a batch that there are, newest first, as `take` was given them."""

    def __init__(self) -> None:
        self._by_key: dict[str, list[Seen]] = {}
        self._newest: dict[str, str] = {}
        self._unfinished: dict[str, list[tuple[str, str]]] = {}

    def take(self, jobs: Iterable[Job]) -> None:
        """Take in jobs that are older than all before."""
        for job in jobs:
            key = job.spec.labels.get(KEY_LABEL, "")
            self._by_key.setdefault(key, []).append(seen_of(job))
            output = job.spec.env.get(OUTPUT_VARIABLE)
            if output is not None:
                self._newest.setdefault(output, key)
                if not job.is_terminal:
                    self._unfinished.setdefault(output, []).append((key, job.id))

    def latest(self, key: str) -> Seen | None:
        """Return the newest job of *key*."""
        found = self._by_key.get(key)
        return found[0] if found else None

    def count(self, key: str) -> int:
        """Return how many jobs of *key* there are."""
        return len(self._by_key.get(key, ()))

    def is_overwritten(self, key: str, output: str) -> bool:
        """Whether what stands at *output* is, or will be, other work than that of *key*."""
        return self._newest.get(output, key) != key

    def rivals(self, key: str, output: str) -> tuple[str, ...]:
        """Return the jobs that still write to *output*, and are other work than *key*."""
        return tuple(id_ for other, id_ in self._unfinished.get(output, ()) if other != key)


@dataclass(frozen=True, kw_only=True)
class Attach:
    """There is a job that does this already, or has done it."""

    seen: Seen


@dataclass(frozen=True, kw_only=True)
class Submit:
    """A new job is needed: the *number*th for this work."""

    number: int
    why: str
    replaces: tuple[str, ...] = ()
    """Jobs that would write to the same output: they are ended first."""

    failed: Seen | None = None
    """The job that did not do it. Where no new one is submitted after all, it is what there is."""


def idempotency_key(item: Item, number: int) -> str:
    """Return what makes two callers who both think that a job is needed submit one."""
    return f"batch:{item.key}:{number}"


def decide(
    item: Item, known: Known, *, output: str | None, is_there: bool, retry_failed: bool
) -> Attach | Submit:
    """
    Return what is to be done about *item*.

    *output* is its output's whole path; *is_there* says whether something stands there.
    """
    latest = known.latest(item.key)
    number = known.count(item.key) + 1
    replaces = () if output is None else known.rivals(item.key, output)
    if latest is None:
        return Submit(number=number, why="new", replaces=replaces)
    if output is not None and known.is_overwritten(item.key, output):
        return Submit(number=number, why="overwritten", replaces=replaces)
    if latest.code is None and output is not None and not is_there:
        return Submit(number=number, why="output missing")
    if latest.code not in (None, STILL_RUNNING) and retry_failed:
        return Submit(number=number, why="failed", failed=latest)
    return Attach(seen=latest)


def parse_max_errors(text: str, total: int) -> int:
    """
    Return after how many failures of *total* to stop: `5`, or `10%`.

    Raises:
        InvalidRequest: It is neither.
    """
    number, percent = text.removesuffix("%"), text.endswith("%")
    if not number.isdecimal() or int(number) < 1 or (percent and int(number) > 100):
        raise InvalidRequest(f"--max-errors is a number from 1 on, or 1% to 100%, not {text!r:.80}")
    return max(1, total * int(number) // 100) if percent else int(number)


def _name(path: str) -> str | None:
    """Return *path* as a name for people: printable, and no longer than a name may be."""
    shown = "".join(c if c.isprintable() else "?" for c in path)
    return shown.encode()[-MAX_NAME_BYTES:].decode("utf-8", "ignore")


def _digest(value: Any) -> str:
    """Return the digest of JSON *value*, durations and sizes among it as they were written."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]

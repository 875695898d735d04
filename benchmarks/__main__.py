"""
`python -m benchmarks [NAME...]`: measure, print tables, draw a picture.

Figures are kept from run to run (`results/figures.json` once they were written into the
documentation, else in the work folder), so that one can be taken again alone. Exits 0 when
everything could be measured, 1 when something could not: a target that is missed is a finding,
not a fault.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from . import (
    batch,
    cancel,
    containers,
    deadlines,
    http,
    idle,
    latency,
    machine,
    mcp,
    ours,
    plot,
    queues,
    report,
    scale,
    ssh,
    startup,
    throughput,
)
from .figure import Figure, from_json, to_json
from .harness import Plan
from .peers import Peer, all_peers, install_missing
from .ssh_peers import fleets

MEASURES: Mapping[str, Callable[[Plan], Figure]] = {
    module.NAME: module.measure
    for module in (
        startup,
        latency,
        throughput,
        batch,
        queues,
        cancel,
        deadlines,
        idle,
        scale,
        ssh,
        containers,
        http,
        mcp,
    )
}
HERE = Path(__file__).resolve().parent
WORK = HERE / "work"
KEPT = HERE / "results" / "figures.json"


def main() -> int:
    """Do what the command line says, and return the exit code."""
    asked = _arguments()
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH"):
        os.environ.pop(name, None)
    peers = _peers()
    install_missing(peers)
    for peer in peers:
        if reason := peer.missing():
            _warn(f"{peer.name} is left out: {reason}")

    absent = ours.missing()
    if absent and not asked.peers_only:
        _warn(f"OUTLAST ITSELF IS NOT MEASURED: {absent}")
    plan = Plan(
        work=_work_folder(asked.work),
        rounds=asked.rounds,
        quick=asked.quick,
        ours=not absent and not asked.peers_only,
    )
    described = machine.describe(plan.work)
    try:
        figures, failed = _measure(plan, asked.names or list(MEASURES))
    finally:
        if not asked.keep:
            shutil.rmtree(plan.work, ignore_errors=True)

    print(report.as_text(figures))
    _keep(figures, described, asked.markdown)
    return 1 if failed or (absent and not asked.peers_only) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--rounds", type=int, help="turns of each contender (default: enough)")
    parser.add_argument("--quick", action="store_true", help="few and small: does it all work?")
    parser.add_argument("--peers-only", action="store_true", help="do not measure ourselves")
    parser.add_argument("--markdown", type=Path, help="write the tables into this page")
    parser.add_argument("--work", type=Path, default=WORK, help="on the disk to measure")
    parser.add_argument("--keep", action="store_true", help="leave the homes in the work folder")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - set(MEASURES)):
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    if asked.rounds is not None and asked.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return asked


def _peers() -> list[Peer]:
    return [*all_peers(), *fleets()]


def _work_folder(within: Path) -> Path:
    folder = within.resolve() / f"run-{os.getpid()}"
    folder.mkdir(parents=True)
    return folder


def _measure(plan: Plan, names: list[str]) -> tuple[dict[str, Figure], list[str]]:
    """Return what could be measured, and the names of what could not."""
    figures, failed = {}, []
    for name in names:
        _warn(f"measuring {name} ...")
        try:
            figure = MEASURES[name](plan)
        except Exception:  # noqa: BLE001 - one that fails must not lose the others; it is told
            traceback.print_exc()
            failed.append(name)
            continue
        taken = {"on": datetime.now(UTC).strftime("%Y-%m-%d")}
        if plan.ours:
            taken["of outlast"] = ours.version()
        if plan.quick:
            taken["as"] = "a quick look, not to be believed"
        figures[name] = replace(figure, taken=taken)
    if failed:
        _warn(f"FAILED: {', '.join(failed)}")
    return figures, failed


def _keep(figures: Mapping[str, Figure], described: Mapping[str, str], page: Path | None) -> None:
    """Write the figures down: into *page*, its picture and `KEPT`, or else beside the work."""
    if page is None:
        WORK.mkdir(exist_ok=True)
        picture, kept = WORK / "figures.png", WORK / "figures.json"
    else:
        picture, kept = page.parent / "img" / "performance.png", KEPT
        before = json.loads(kept.read_text())["figures"] if kept.exists() else {}
        old = {name: from_json(before[name]) for name in before}
        merged = {**old, **figures}
        figures = {name: merged[name] for name in MEASURES if name in merged}
    kept.parent.mkdir(exist_ok=True)
    versions = {peer.name: peer.version() for peer in _peers() if not peer.missing()}
    data = {
        "machine": described,
        "peers": versions,
        "figures": {name: to_json(figure) for name, figure in figures.items()},
    }
    kept.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    drawn = plot.draw(figures, picture)
    if page is not None:
        named = {f"peer: {name}": version for name, version in versions.items()}
        image = "img/performance.png" if drawn else None
        text = report.as_markdown(figures, {**described, **named}, image)
        report.write_between_markers(page, text)
    for path in (kept, picture):
        _warn(f"written: {os.path.relpath(path)}")


def _warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""Holding what is here of a container's output against its log, once it has ended."""

from __future__ import annotations

from contextlib import closing

from .container import Container
from .engine import EngineError, Stream
from .muxed import Muxed
from .sleep import Backoff, Sleeper, mono_ms

PATIENCE_MS = 10_000
"""How long an engine is tried that goes away meanwhile, and may be silent."""


def recheck(container: Container, muxed: Muxed, sleeper: Sleeper) -> None:
    """
    Have *muxed* write what the whole log says, and not only what was told as it grew.

    Both engines may leave the last of it out then, and Podman lines before, too: where its log says
    something else than the files, that is what they get. Docker's does not know all line ends.
    """
    patience, backoff = mono_ms() + PATIENCE_MS, Backoff()
    while mono_ms() < patience:
        try:
            log = container.log(follow=False)
        except OSError:
            sleeper.sleep(backoff.next_ms())
            continue
        with closing(log):
            muxed.begin_anew(cuts=container.engine.is_podman)
            try:
                if _took_all(log, muxed, sleeper):
                    return
                patience = mono_ms() + PATIENCE_MS  # of a full disk: it is waited for
            except EngineError:
                return  # it is gone: what is here is all that there ever is
            except OSError:
                pass
        sleeper.sleep(backoff.next_ms())


def _took_all(log: Stream, muxed: Muxed, sleeper: Sleeper) -> bool:
    """Whether there was room for all of it. Raises OSError where the engine goes away."""
    while not log.is_over:
        sleeper.sleep(mono_ms() + PATIENCE_MS, log)
        data = log.read()
        try:
            muxed.take(data)
        except OSError:
            return False
    return True

"""Holding what is here of a container's output against its log, once it has ended."""

from __future__ import annotations

from .container import Container
from .engine import EngineError
from .muxed import Muxed
from .sleep import Backoff, Sleeper, mono_ms

PATIENCE_MS = 10_000
"""How long an engine is tried that goes away meanwhile, and may be silent."""


def recheck(container: Container, muxed: Muxed, sleeper: Sleeper) -> None:
    """
    Have *muxed* write what the whole log says, from where its files say something else.

    Podman, which is asked to tell a log as it grows, leaves lines out now and then.
    """
    deadline, backoff = mono_ms() + PATIENCE_MS, Backoff()
    while mono_ms() < deadline:
        try:
            log = container.log(follow=False)
            muxed.begin_anew(cuts=True)
            try:
                while not log.is_over:
                    sleeper.sleep(mono_ms() + PATIENCE_MS, log)
                    muxed.take(log.read())
            finally:
                log.close()
        except EngineError:
            return  # it is gone: what is here is all that there ever is
        except OSError:
            sleeper.sleep(backoff.next_ms())
        else:
            return

"""Signals as a shim has them: they wake its poll, and end nothing."""

from __future__ import annotations

import os
import signal

CAUGHT = (
    *(signal.SIGCHLD, signal.SIGUSR1, signal.SIGIO),
    *(signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT),
    *(signal.SIGPIPE, signal.SIGXFSZ),
)


def deafen() -> int:
    """
    Have signals wake a poll instead of doing anything, and return the descriptor they wake.

    The shim outlives whoever asks it to leave: only SIGKILL ends it before its command. All are
    caught and none is ignored, those included that Python ignores by itself: what is ignored
    is inherited by the command, what is caught goes back to its default (execve(2)).
    """
    wakes = listen()
    for signum in signal.valid_signals():
        if signum in CAUGHT:
            signal.signal(signum, _do_nothing)
        elif signal.getsignal(signum) is signal.SIG_IGN:
            signal.signal(signum, signal.SIG_DFL)  # ignored by whoever started our supervisor
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return wakes


def listen() -> int:
    """Have the signals that are caught wake a new descriptor, and return it."""
    wakes, wakeup = os.pipe()
    os.set_blocking(wakes, False)
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    return wakes


def _do_nothing(_signum: int, _frame: object) -> None:
    """Python writes the signal's number to the wake-up descriptor before it calls this."""

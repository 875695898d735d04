"""A session as people read it, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ....core.session import Session
    from ....framework.caller import Caller


def line_of(session: Session) -> str:
    """Return how a session stands."""
    told = [f"{session.name} on {session.host}: {session.state}"]
    if session.running:
        told.append(f"{session.running} runs")
    if session.queued:
        told.append(f"{len(session.queued)} wait")
    if session.last_job and session.last_job != session.running:
        told.append(f"the last is {session.last_job}")
    if session.must_connect:
        told.append("it must be connected again: its password is gone")
    return ", ".join(told)


def show_session(caller: Caller, session: Session) -> None:
    """Answer with one session."""
    from ....engine.sessions import public_session

    caller.answer(lambda: public_session(session), lambda: line_of(session))

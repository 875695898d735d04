"""
For your tests of what you build on Outlast: a clock that you drive, an executor whose commands
take no time, a look for what a test left behind, and the contracts that every adapter of a port
keeps, as tests to inherit. Needs pytest only where those are run.
"""

from ..executors.fake import FakeExecutor, FakeHost, Life
from .clock import FakeClock
from .completions import CompletionsContract
from .deliveries import DeliveriesContract
from .executor import ExecutorContract
from .leaks import LeakFound, no_leaks
from .queues import QueuesContract
from .schedules import SchedulesContract
from .sessions import SessionsContract
from .store import StoreContract
from .tokens import TokensContract

__all__ = [
    "CompletionsContract",
    "DeliveriesContract",
    "ExecutorContract",
    "FakeClock",
    "FakeExecutor",
    "FakeHost",
    "LeakFound",
    "Life",
    "QueuesContract",
    "SchedulesContract",
    "SessionsContract",
    "StoreContract",
    "TokensContract",
    "no_leaks",
]

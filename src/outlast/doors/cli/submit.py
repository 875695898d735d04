"""`outlast submit`: start it, and return at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...framework.lazy import verb
from .spec import SETTINGS, spec_options
from .spec import submit as submit_job
from .strangers import of_queue

if TYPE_CHECKING:
    from ...framework.caller import Caller


@verb(
    "submit",
    asynchronous=True,
    context_settings=SETTINGS,
    epilog="""
    outlast submit -- ./migrate.sh --all
    outlast submit --name nightly --timeout 2h --label team=db -- make report
    outlast submit --shell 'cd src && make | tee build.log'
    id=$(outlast submit --text -- sleep 60)
    """,
)
@spec_options
def submit(caller: Caller, **given: Any) -> int:
    """
    Start a command and return at once with its id.

    The job is on disk when this returns, and goes on whatever happens to this command or its
    terminal. Durations (D) are 90, 90s, 5m or 2h; sizes are bytes, or 512k, 2g.
    """
    job = submit_job(caller, given)
    if not caller.is_json:
        public = caller.service.public(job, with_result=False)
        caller.say(f"{job.id} is {job.status}; ask for it: {public['status_command']}")
    warnings = of_queue(caller, job)
    caller.answer(lambda: caller.service.public(job), lambda: job.id, warnings=warnings)
    return 0

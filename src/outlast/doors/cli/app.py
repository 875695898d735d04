"""The tree of commands."""

from __future__ import annotations

from typing import Final

import click

from ...framework.lazy import Lazy
from ...version import __version__

HERE: Final = "outlast.doors.cli"

SUPERVISOR_TABLE: Final = {
    "status": (f"{HERE}.supervisor.status:status", "Tell whether one runs, and what it does."),
    "stop": (f"{HERE}.supervisor.stop:stop", "Ask it to leave. No job is touched."),
    "install": (f"{HERE}.supervisor.install:install", "Write a systemd user unit for it."),
    "run": (f"{HERE}.supervisor.run:run", "Be the supervisor, in the foreground."),
}

CONTAINERS_TABLE: Final = {
    "prune": (f"{HERE}.containers.prune:prune", "Remove those that nobody will come for."),
}

HOSTS_TABLE: Final = {
    "list": (f"{HERE}.hosts.list:list_", "List the hosts of the inventory."),
    "check": (f"{HERE}.hosts.check:check", "Connect to hosts, and say what would fail there."),
    "trust": (f"{HERE}.hosts.trust:trust", "Show a host's key, and know it from now on."),
    "clean": (f"{HERE}.hosts.clean:clean", "Remove what lies on hosts and nobody needs."),
}

TOKEN_TABLE: Final = {
    "create": (f"{HERE}.token.create:create", "Make one, and print it this once."),
    "list": (f"{HERE}.token.list:list_tokens", "Tell which there are."),
    "revoke": (f"{HERE}.token.revoke:revoke", "Have one let nobody in any more."),
}

WEBHOOK_TABLE: Final = {
    "list": (f"{HERE}.webhook.list:list_deliveries", "Tell what was sent, and what came of it."),
    "retry": (f"{HERE}.webhook.retry:retry", "Try again what is not delivered."),
}

SCHEDULE_TABLE: Final = {
    "add": (f"{HERE}.schedule.add:add", "Have a command run again and again."),
    "list": (f"{HERE}.schedule.list:list_schedules", "Tell which there are, and what was missed."),
    "show": (f"{HERE}.schedule.show:show", "Tell how one stands, and its next five times."),
    "pause": (f"{HERE}.schedule.pause:pause", "Have none of its times count."),
    "resume": (f"{HERE}.schedule.resume:resume", "Have its times count again."),
    "remove": (f"{HERE}.schedule.remove:remove", "Forget it. No job is touched."),
    "run": (f"{HERE}.schedule.run:run", "Submit a job of it now, once."),
}

QUEUE_TABLE: Final = {
    "create": (f"{HERE}.queue.create:create", "Make one, with a width of its own."),
    "set": (f"{HERE}.queue.set:set_queue", "Change how wide it is."),
    "list": (f"{HERE}.queue.list:list_queues", "Tell what runs in each, and what waits."),
    "pause": (f"{HERE}.queue.pause:pause", "Have nothing more of it begin."),
    "resume": (f"{HERE}.queue.resume:resume", "Have it begin and take jobs again."),
    "drain": (f"{HERE}.queue.drain:drain", "Have it take no more jobs."),
    "delete": (f"{HERE}.queue.delete:delete", "Forget one that is empty."),
}

TABLE: Final = {
    "run": (f"{HERE}.run:run", "Run a command, show its output, stay for a while."),
    "submit": (f"{HERE}.submit:submit", "Start a command and return at once with its id."),
    "job": ("outlast.framework.job:job", "Ask about jobs, read them, end them."),
    "batch": (f"{HERE}.batch:batch", "Run a command for each of many files; keep a manifest."),
    "convert": (f"{HERE}.batch.convert:convert", "Convert documents, each in a job of its own."),
    "containers": (f"{HERE}.app:containers", "What jobs have left in this machine's engine."),
    "hosts": (f"{HERE}.app:hosts", "The machines that jobs run on over SSH."),
    "schedule": (f"{HERE}.app:schedule", "Run a command again and again."),
    "session": (f"{HERE}.app:session", "Commands one after another on one host."),
    "queue": (f"{HERE}.app:queue", "How many jobs run at once, of which kind."),
    "serve": ("outlast.doors.http.command:serve", "Serve the jobs over HTTP."),
    "mcp": ("outlast.doors.mcp.command:mcp", "Serve the jobs to agents, over MCP."),
    "token": (f"{HERE}.app:token", "Who is let into a server, and what they may do."),
    "webhook": (f"{HERE}.app:webhook", "Who was told of the ends of jobs."),
    "supervisor": (f"{HERE}.app:supervisor", "The process that carries the jobs."),
    "framework": (f"{HERE}.app:framework", "For whoever writes tools with job commands."),
    "doctor": (f"{HERE}.doctor:doctor", "Check this machine and say what would help."),
    "manifest": (f"{HERE}.manifest:manifest", "Describe every command, option and answer as JSON."),
}

SHORT_HELP: Final = """\
Outlast runs work that takes longer than you want to wait, and never loses it.

  outlast run -- make -j8              run it here; leave with Ctrl-C, it goes on
  outlast submit -- ./migrate.sh       start it and return at once with its id
  outlast job status ID                how it stands: the exit code says it too
  outlast job logs --follow ID         what it prints, from the first byte
  outlast job list                     what there is
  outlast batch docs -- ./do {input}   one job for each file, and a manifest of them

All commands: outlast --help"""


@click.group(
    "outlast",
    cls=Lazy,
    table=TABLE,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""
    outlast run --wait 30s --timeout 1h -- make -C firmware all
    outlast submit --name nightly --label team=db -- ./migrate.sh --all
    outlast job wait --timeout 90s ID
    """,
)
@click.version_option(__version__, "-V", "--version", message="outlast %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """
    Run work that takes longer than you want to wait, and never lose it.

    A job goes on whatever happens to this command, its terminal or its machine's supervisor;
    its id finds it again. Exit codes of run, job status, job wait and job result: 0 complete,
    3 still running, 4 failed, 5 not found or expired, 6 partly complete, 7 timed out,
    8 cancelled; 2 is wrong usage, 1 our own fault.
    """
    if context.invoked_subcommand is None:
        click.echo(SHORT_HELP)


@click.group(
    "framework",
    cls=Lazy,
    table={
        "check": (f"{HERE}.framework.check:check", "Score a tool's asynchronous command, 0 to 3."),
    },
    epilog="""
    outlast framework check shipit deploy staging
    """,
)
def framework() -> None:
    """For whoever writes command-line tools whose commands outlast their callers."""


@click.group(
    "hosts",
    cls=Lazy,
    table=HOSTS_TABLE,
    epilog="""
    outlast hosts list
    outlast hosts check web
    outlast hosts trust web1
    outlast hosts clean
    """,
)
def hosts() -> None:
    """The machines that jobs run on over SSH."""


@click.group(
    "containers",
    cls=Lazy,
    table=CONTAINERS_TABLE,
    epilog="""
    outlast containers prune
    """,
)
def containers() -> None:
    """What jobs have left in this machine's engine."""


@click.group(
    "session",
    cls=Lazy,
    table={
        "open": (f"{HERE}.session.open:open_session", "Have a name stand for a host."),
        "list": (f"{HERE}.session.list:list_sessions", "Tell which there are."),
        "show": (f"{HERE}.session.show:show", "Tell how one stands."),
        "close": (f"{HERE}.session.close:close", "End one, and remove what its host keeps of it."),
    },
    epilog="""
    outlast session open web --on web1
    outlast run --session web -- cd /srv/app
    outlast run --session web --shell 'pwd; export STAGE=test'
    outlast session close web
    """,
)
def session() -> None:
    """
    Commands one after another on one host, each where the last one left off.

    Working directory and exported variables are carried from one to the next, and kept on the
    host alone. One command runs at a time; the others wait in their order.
    """


@click.group(
    "schedule",
    cls=Lazy,
    table=SCHEDULE_TABLE,
    epilog="""
    outlast schedule add report --cron '0 8 * * mon-fri' -- ./report.sh
    outlast schedule list
    outlast schedule pause report
    """,
)
def schedule() -> None:
    """
    Commands that run again and again, each time as a job of its own.

    The supervisor submits them, and stays as long as one is due at some time.
    """


@click.group(
    "queue",
    cls=Lazy,
    table=QUEUE_TABLE,
    epilog="""
    outlast queue create disk --width 1
    outlast submit --queue disk -- ./index.sh
    outlast queue list
    outlast queue pause disk
    """,
)
def queue() -> None:
    """
    How many jobs run at once, of which kind; and whether any do.

    `default` is the queue of the jobs that name none.
    """


@click.group(
    "token",
    cls=Lazy,
    table=TOKEN_TABLE,
    epilog="""
    outlast token create ci --policy ci --expires 30d
    outlast token list
    outlast token revoke ci
    """,
)
def token() -> None:
    """Who is let into a server of this home, and what they may do."""


@click.group(
    "webhook",
    cls=Lazy,
    table=WEBHOOK_TABLE,
    epilog="""
    outlast webhook list ID
    outlast webhook retry ID
    """,
)
def webhook() -> None:
    """Who was told over HTTP that a job has ended, and who could not be reached."""


@click.group(
    "supervisor",
    cls=Lazy,
    table=SUPERVISOR_TABLE,
    epilog="""
    outlast supervisor status
    outlast supervisor install --print
    """,
)
def supervisor() -> None:
    """
    The process that carries the jobs of a home.

    It starts by itself when there is work and leaves when there is none for a while. Whatever
    happens to it, jobs go on, and the next one takes over.
    """

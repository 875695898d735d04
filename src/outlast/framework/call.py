"""One call of a command of ours, from its arguments to its exit code, whatever comes in between."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from ..errors import ClientError
from .caller import Caller
from .tool import OUTLAST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .tool import Tool

INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""

OURS_BESIDE_THE_COMMANDS = 125
"""What `--exit-status` gives for anything that is not the command's own verdict."""


def run(cli: click.Command, arguments: Sequence[str], tool: Tool | None = None) -> int:
    """
    Do what *arguments* say to *cli*, answer on stdout and stderr, and return the exit code.

    *cli* is all of `outlast`, or a command below *tool*.
    """
    caller = Caller(tool)
    caller.glance(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # names need not be UTF-8
    try:
        code = _run(cli, caller, list(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        _die_of_a_broken_pipe()
    except OSError as error:  # a full disk, say
        sys.stderr.write(f"{caller.tool.name}: stdout cannot be written: {error.strerror}\n")
        return OURS_BESIDE_THE_COMMANDS if caller.exit_status else 1
    finally:
        if caller.tool.name != OUTLAST:  # which ends at once
            caller.close()
    return code


def _run(cli: click.Command, caller: Caller, arguments: list[str]) -> int:
    above = None
    if caller.tool.name != OUTLAST:
        above = click.Context(click.Group(), info_name=caller.tool.name)
    elif os.environ.get("_OUTLAST_COMPLETE"):
        from . import completion

        return completion.answer(cli, caller)  # a shell asks what could come next
    try:
        # Not `cli.main`: it would make its own of an interrupt and of a broken pipe.
        with cli.make_context(cli.name, arguments, parent=above, obj=caller) as context:
            answer = cli.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        _refuse_a_group_alone(caller, error)
        return 2
    except click.UsageError as error:
        caller.output = caller.output or caller.guess
        caller.refuse(_as_told(error))
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        if error.filename is None:
            raise  # of stdout, which `run` tells
        return _refuse(caller, _unusable(error))
    except ClientError as error:
        return _refuse(caller, error)
    except Exception as error:  # noqa: BLE001 - the last line of defence: told, never a bare trace
        return _refuse(caller, _our_fault(error))
    return answer if isinstance(answer, int) else 0


def _refuse(caller: Caller, error: ClientError) -> int:
    caller.refuse(error)
    return OURS_BESIDE_THE_COMMANDS if caller.exit_status else error.exit_code


def _unusable(error: OSError) -> ClientError:
    from ..errors import Unavailable

    return Unavailable(f"{os.fsdecode(error.filename)} cannot be used: {error.strerror}")


def _refuse_a_group_alone(caller: Caller, error: click.exceptions.NoArgsIsHelpError) -> None:
    """`outlast job`, and nothing behind it: people get the help, programs the choice."""
    from ..errors import InvalidRequest

    context = error.ctx
    if not caller.is_json:
        sys.stderr.write(f"{error.format_message()}\n")
        return
    group = context.command
    names = group.list_commands(context) if isinstance(group, click.Group) else []
    caller.refuse(
        InvalidRequest(
            f"{context.command_path} wants a command: {', '.join(names)}",
            suggestion=f"See: {context.command_path} --help",
        )
    )


def _as_told(error: click.UsageError) -> ClientError:
    """Return a fault of the command line as one of ours, with what would be right."""
    from ..errors import InvalidRequest

    faults = getattr(error, "faults", None) or [error.format_message()]
    suggestion = getattr(error, "suggestion", None)
    if suggestion is None and error.ctx is not None:
        suggestion = f"See: {error.ctx.command_path} --help"
    return InvalidRequest(*faults, suggestion=suggestion)


def _our_fault(error: Exception) -> ClientError:
    from ..errors import Internal

    if os.environ.get("OUTLAST_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
    return Internal(
        f"This is a fault of Outlast's own: {type(error).__name__}: {error}",
        suggestion="Please report it; OUTLAST_TRACEBACK=1 shows where it happened",
    )


def _die_of_a_broken_pipe() -> NoReturn:
    """Whoever read our output has seen enough: end as any program does that is told so."""
    import signal

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
    os._exit(128 + signal.SIGPIPE)

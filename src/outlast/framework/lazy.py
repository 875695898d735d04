"""Commands of which only the one that is called gets imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from .caller import Caller

F = TypeVar("F", bound=Callable[..., Any])


def _remember(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value:
            caller: Caller = context.obj
            if name in ("home", "server"):
                setattr(caller, name, value)
            else:
                caller.output = name

    return callback


def _shared_options() -> list[click.Parameter]:
    """What every command takes, before the verb and after it."""
    return [
        click.Option(
            ["--home"],
            metavar="PATH",
            expose_value=False,
            is_eager=True,
            callback=_remember("home"),
            help="The folder that holds the jobs.  [default: $OUTLAST_HOME]",
        ),
        click.Option(
            ["--server"],
            metavar="URL",
            expose_value=False,
            is_eager=True,
            callback=_remember("server"),
            help="The server that holds the jobs instead.  [default: $OUTLAST_SERVER]",
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_remember("json"),
            help="Answer with one line of JSON; the default when stdout is no terminal.",
        ),
        click.Option(
            ["--text"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_remember("text"),
            help="Answer with text for people.",
        ),
    ]


class Option(click.Option):
    """An option that stands in a *section* of its own of its command's help."""

    def __init__(self, *args: Any, section: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.section = section


class Examples(click.Command):
    """
    A command whose help has its options in sections and ends with examples, printed as they
    stand; its guesses are near ones.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments apart."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from .near import nearest

            options = [option for param in self.get_params(ctx) for option in param.opts]
            near = nearest(error.option_name, options)
            # In our words: Click leaves out of its own what is spelled otherwise altogether.
            message = f"No such option {error.option_name!r}."
            message += f" Did you mean {near!r}?" if near else ""
            raise click.NoSuchOption(error.option_name, message, ctx=ctx) from None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options: first those of no section."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(param, "section", "Options"), []).append(record)
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, unwrapped, with the name of the program that is asked."""
        if self.epilog:
            examples = self.epilog.replace("outlast job", f"{ctx.find_root().info_name} job")
            with formatter.section("Examples"):
                for line in examples.strip().splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line.strip()}\n")


class Verb(Examples):
    """
    One command. *raw*: its stdout is a job's own output. *asynchronous*: it starts a job. *here*: it
    is about this machine, whatever server the jobs are on.
    """

    def __init__(
        self,
        *args: Any,
        raw: bool = False,
        asynchronous: bool = False,
        here: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self.raw = raw
        self.here = here
        self.asynchronous = asynchronous
        self.params += _shared_options()

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Begin a call of this command."""
        parent: click.Context | None = extra.get("parent")
        if parent is not None and self.raw:
            parent.obj.is_raw = True
        return super().make_context(*args, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments apart. Every value that is wrong is told, not the first alone."""
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption as error:
            error.suggestion = None if "--" in args else self._hint(error)  # type: ignore[attr-defined]  # read by `call`
            raise
        except click.BadParameter as first:
            first.faults = self._all_faults(ctx, list(args), first)  # type: ignore[attr-defined]  # read by `call`
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Do it, unless it is about this machine and a server is named."""
        caller: Caller = ctx.obj
        if self.here:
            if caller.server is not None:
                from ..errors import InvalidRequest

                raise InvalidRequest(
                    f"{ctx.command_path} is about this machine: leave --server out",
                    suggestion="Call it on the server's own machine",
                )
            caller.stays_here = True
        return super().invoke(ctx)

    def _hint(self, error: click.NoSuchOption) -> str | None:
        if not any(param.name == "command" for param in self.params):
            return None
        return (
            f"Is {error.option_name} an option of your command? Put -- before the command:"
            f" {error.ctx.command_path if error.ctx else 'outlast'} [OPTIONS] -- COMMAND..."
        )

    def _all_faults(
        self, ctx: click.Context, args: list[str], first: click.BadParameter
    ) -> list[str]:
        """Process each parameter by itself, and gather what is wrong with it."""
        faults: list[str] = []
        values, rest, order = self.make_parser(ctx).parse_args(args=args)
        for param in click.core.iter_params_for_processing(order, self.get_params(ctx)):
            try:
                param.handle_parse_result(ctx, values, rest)
            except click.BadParameter as error:
                faults.append(error.format_message())
        return faults or [first.format_message()]


class Lazy(Examples, click.Group):
    """
    A group that knows its commands by name, by where they are, and by one sentence.

    *table*: name to (`module:attribute`, the sentence that the group's help has for it).
    """

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.table = table
        self.params += _shared_options()

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(self.table)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, imported now."""
        if cmd_name not in self.table:
            return None
        module, _colon, attribute = self.table[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that *args* begin with."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            error.suggestion = self._meant(ctx, args[0])  # type: ignore[attr-defined]  # read by `call`
            raise

    def _meant(self, ctx: click.Context, word: str) -> str | None:
        """Return what to say to somebody whose *word* is no command here."""
        import shutil

        from .near import called

        program = f"To run a program: outlast run -- {word} ..." if shutil.which(word) else None
        if any(f"--{word}" in param.opts for param in self.get_params(ctx)):
            return f"Did you mean: {ctx.command_path} --{word}?"
        meant = self._near(ctx, word)
        if ctx.parent is not None:
            program, above = None, ctx.parent.command
            there = called(word, above.table) if isinstance(above, Lazy) else None
            meant = meant or ([f"{ctx.parent.command_path} {there}"] if there else [])
        if not meant:
            return program
        return " ".join(filter(None, (f"Did you mean: {' or '.join(meant)}?", program)))

    def _near(self, ctx: click.Context, word: str) -> list[str]:
        """Return what *word* is or may be here and in the groups of this one; what is sure is first."""
        from .near import called, nearest

        groups = {name: self.get_command(ctx, name) for name in self.table}
        for find in (called, nearest):
            if here := find(word, self.table):
                return [f"{ctx.command_path} {here}"]
            found = {
                name: f"{ctx.command_path} {name} {there}"
                for name, group in groups.items()
                if isinstance(group, Lazy) and (there := find(word, group.table))
            }
            if found:
                first = [found["job"]] if "job" in found else list(found.values())
                return first if find is called else first[:1]
        return []

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, and then the commands, as a group of Click's does."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, without importing what it lists."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in self.table.items()])


def verb(name: str, **settings: Any) -> Callable[[F], Verb]:
    """Make a command of a function that is given the `Caller` and returns an exit code."""

    def decorate(function: F) -> Verb:
        command = click.command(name, cls=Verb, **settings)
        return command(click.pass_obj(function))

    return decorate

"""The command line parses, calls and prints: a file a command, imported when it is called."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from probekit.catalog.registry import registry
from probekit.cli.messages import hush, say, tell
from probekit.errors import ProbekitError, UsageError, did_you_mean, reason
from probekit.stop import behind, stop

COMMANDS: dict[str, tuple[str, str]] = {
    "run": (".run:run", "Put a probe to a structure: train, score, store."),
    "card": (".card:card", "Show which structure has which property, and how surely."),
    "compare": (".compare:compare", "Show where two structures differ: seeds, items, cases."),
    "reproduce": (".reproduce:reproduce", "Run a paper's tables; set its numbers beside ours."),
    "certify": (".certify:certify", "Check that a probe is unambiguous, well-posed and focused."),
    "data": (".data:data", "Draw some of a probe's inputs and targets."),
    "list": (".list:list_components", "List what is installed: probes, layers and so on."),
    "show": (".show:show", "Show one component: its parameters, scales, metrics."),
    "runs": (".runs:runs", "List what is stored, or remove some of it."),
    "status": (".status:status", "Show how far runs are, whoever carries them out."),
    "store": (".store:store", "Verify or replay what is stored, merge another store, tidy up."),
    "why": ("..replay:why", "Say why a stored run is or is not reused."),
    "again": (".again:again", "Run a stored specification again."),
    "new": (".new:new", "Write a package with a layer, a probe, ... of your own."),
    "check": (".check:check", "Hold a component to what its kind promises."),
    "plugins": (".plugins:plugins", "List the plugins: what opened, from where, how fast."),
}
"""Name: address of the function, whose docstring ends with `Example: ...`, and the line that --help shows."""

# UsageError, from click or, in newer typers, from the copy of it within
MISUSED = cast(type[Exception], typer.BadParameter.__mro__[1])


class Commands(TyperGroup):
    """The commands of the table, each imported only when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command; raises UsageError where there is none of that name."""
        if cmd_name not in COMMANDS:
            asked = f"the command {cmd_name!r}"
            raise UsageError(asked, "there is no such command", did_you_mean(cmd_name, COMMANDS))
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        function = getattr(importlib.import_module(module, "probekit.cli.commands"), attribute)
        about, _, example = (inspect.getdoc(function) or "").partition("Example:")
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(
            cmd_name, context_settings=HELP, help=about, epilog=f"\b\nExample:{example}" if example else None
        )(function if cmd_name == "plugins" else _announced(function))
        return typer.main.get_command(app)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the table into --help, importing no command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Read the words before a command; without any, help is shown."""
        try:
            return super().parse_args(ctx, args)
        except MISUSED as error:
            if not args:
                raise
            raise _corrected(error) from None

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what it raises becomes one paragraph and an exit code."""
        try:
            return super().invoke(ctx)
        except MISUSED as error:
            raise _corrected(error, ctx.invoked_subcommand) from None
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except BaseException as error:  # SystemExit too: no plugin ends a command as if it were done
            if (stopped := behind(error)) is not None:
                say(f"stopped{f' by {stopped}' if str(stopped) else ''}.")
                raise typer.Exit(getattr(stopped, "code", 130)) from None
            if ctx.params.get("debug"):
                traceback.print_exc()
            elif isinstance(error, ProbekitError):
                say(" ".join(str(error).split()))
            else:
                say(f"{reason(error)}. Run again with --debug, as `probekit --debug ...`, for the traceback.")
            raise typer.Exit(error.exit_code if isinstance(error, ProbekitError) else 1) from None


def _corrected(error: Any, *command: str) -> typer.Exit:
    """Say in one paragraph which words cannot be meant, and return the end."""
    said = error.format_message().rstrip(".")
    asked = "".join(f"{name}: " for name in command)
    say(f"{asked}{said[:1].lower()}{said[1:]}. Type {' '.join(['probekit', *command])} -h.")
    return typer.Exit(error.exit_code)


HELP = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(cls=Commands, context_settings=HELP, rich_markup_mode=None, no_args_is_help=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        tell(f"probekit {importlib.metadata.version('probekit-nn')}")
        raise typer.Exit


@app.callback(epilog="Example: probekit list layer")
def options(
    debug: Annotated[bool, typer.Option("--debug", envvar="PROBEKIT_DEBUG", help="Show tracebacks.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say only answers and what went wrong; draw no bars.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Does this network have this property? Synthetic probes, honest scores, report cards."""
    hush(quiet)


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 could not be meant, 130 stopped, by SIGTERM 143."""
    try:
        try:
            with stop.heard():
                typer.main.get_command(app).main(prog_name="probekit")
        finally:
            sys.stdout.flush()
    except SystemExit as end:  # as a signal ends it too, while words are read or help is printed
        if (stopped := stop.raised) is not None and end.code not in (0, None, stopped.code):
            say(f"stopped by {stopped}.")
            sys.exit(stopped.code)
        raise
    except BrokenPipeError:  # the reader left, as in `probekit list | head`; nothing is left to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _announced(function: Callable[..., None]) -> Callable[..., None]:
    """Name the plugins set aside before a command, and the complaints after it."""

    @functools.wraps(function)
    def command(*args: Any, **given: Any) -> None:
        for plugin in registry().set_aside:
            say(f"plugin {plugin.name} is set aside ({plugin.error}). {plugin.fix}")
        try:
            function(*args, **given)
        finally:
            for complaint in registry().complaints:
                say(complaint)

    return command

"""The command line: each command parses its arguments, calls the library and prints."""

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
from probekit.plugin.errors import ProbekitError, UsageError, describe_error, did_you_mean
from probekit.plugin.stop import find_interrupt, stop
from probekit.terminal.messages import print_error, print_output, set_quiet

COMMANDS: dict[str, tuple[str, str]] = {
    "run": (".run:run_probes", "Train structures on probes; store and report their scores."),
    "card": (".card:show_card", "Show which structure has which property."),
    "compare": (".compare:compare_structures", "Compare two structures by seed, test item and case."),
    "reproduce": (".reproduce:reproduce_tables", "Rerun tables of a paper and compare the numbers."),
    "certify": (".certify:show_certificates", "Check that a probe is unambiguous, well-posed and focused."),
    "data": (".data:export_data", "Plot items of a probe, or export a split to files."),
    "list": (".list:list_components", "List installed probes, structures, layers and so on."),
    "show": (".show:show_component", "Show one component: its parameters, scales and metrics."),
    "survey": ("..survey:show_survey", "Show the shipped survey: which layer has which property."),
    "runs": (".runs:list_runs", "List stored runs, or remove some of them."),
    "status": (".status:show_status", "Show the progress of all runs in a store."),
    "store": (".store:maintain_store", "Verify, replay, merge, export or clean up a store."),
    "why": ("..replay:explain_reuse", "Explain whether a stored run would be reused."),
    "again": (".again:run_again", "Run the specification of a stored run again."),
    "new": (".new:create_plugin", "Create a plugin package from a template."),
    "check": (".check:check_component", "Check that a component implements its interface."),
    "plugins": (".plugins:list_plugins", "List plugins: origin, version, import time, errors."),
}
"""By name of the command: the address of its function, and its line in --help.

The docstring of the function is the command's help; it ends with `Example: ...`.
"""

DEFAULT_TRAINER = "supervised"
# click's UsageError; newer typer releases bring their own copy of click
CLICK_USAGE_ERROR = cast(type[Exception], typer.BadParameter.__mro__[1])


class Commands(TyperGroup):
    """The commands of COMMANDS; each is imported when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command.

        Raises:
            UsageError: there is no command of that name.
        """
        if cmd_name not in COMMANDS:
            request = f"the command {cmd_name!r}"
            raise UsageError(request, "there is no such command", did_you_mean(cmd_name, COMMANDS))
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        function = getattr(importlib.import_module(module, "probekit.cli.commands"), attribute)
        about, _, example = (inspect.getdoc(function) or "").partition("Example:")
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(
            cmd_name, context_settings=HELP, help=about, epilog=f"\b\nExample:{example}" if example else None
        )(function if cmd_name == "plugins" else _add_plugin_warnings(function))
        return typer.main.get_command(app)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands into --help without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Parse the arguments before the name of the command; without any argument, print help."""
        try:
            return super().parse_args(ctx, args)
        except CLICK_USAGE_ERROR as error:
            if not args:
                raise
            raise _report_usage_error(error) from None

    def invoke(self, ctx: Any) -> Any:
        """Run a command; turn every exception into one line on stderr and an exit code."""
        try:
            return super().invoke(ctx)
        except CLICK_USAGE_ERROR as error:
            raise _report_usage_error(error, ctx.invoked_subcommand) from None
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except BaseException as error:  # SystemExit too: a plugin must not end a command with success
            if (interrupt := find_interrupt(error)) is not None:
                print_error(f"stopped{f' by {interrupt}' if str(interrupt) else ''}.")
                raise typer.Exit(getattr(interrupt, "code", 130)) from None
            if ctx.params.get("debug"):
                traceback.print_exc()
            elif isinstance(error, ProbekitError):
                print_error(" ".join(str(error).split()))
            else:
                print_error(f"{describe_error(error)}. For the traceback, run `probekit --debug ...`.")
            raise typer.Exit(error.exit_code if isinstance(error, ProbekitError) else 1) from None


def _report_usage_error(error: Any, *command: str) -> typer.Exit:
    """Print a usage error of click as one line, and return the exception that ends the process."""
    message = error.format_message().rstrip(".")
    prefix = "".join(f"{name}: " for name in command)
    help_hint = f"Type {' '.join(['probekit', *command])} -h."
    hint = _suggest_trainer(getattr(error, "option_name", "")) or help_hint
    print_error(f"{prefix}{message[:1].lower()}{message[1:]}. {hint}")
    return typer.Exit(error.exit_code)


def _suggest_trainer(option: str) -> str:
    """Return how to type an option that is a parameter of a trainer; "" if it is none."""
    name, known = option.lstrip("-").replace("-", "_"), registry()
    trainers = known.components("trainer") if name else ()
    for component in sorted(trainers, key=lambda trainer: trainer.name != DEFAULT_TRAINER):
        if name in inspect.signature(known.load_target(component)).parameters:
            return f'{option} belongs to the trainer: --trainer "{component.name}({name}=...)".'
    return ""


HELP = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(cls=Commands, context_settings=HELP, rich_markup_mode=None, no_args_is_help=True)


def _print_version(requested: bool) -> None:
    if requested:
        print_output(f"probekit {importlib.metadata.version('probekit-nn')}")
        raise typer.Exit


@app.callback(epilog="Example: probekit list layer")
def set_options(
    debug: Annotated[
        bool, typer.Option("--debug", envvar="PROBEKIT_DEBUG", help="Show tracebacks of errors.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only results and errors, no progress.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Does this network have this property? Synthetic probes, honest scores, report cards."""
    set_quiet(quiet)


def main() -> None:
    """Run the command line and exit.

    Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted by Ctrl-C, 143 ended by SIGTERM.
    """
    try:
        try:
            with stop.handle_signals():
                typer.main.get_command(app).main(prog_name="probekit")
        finally:
            sys.stdout.flush()
    except SystemExit as exit_error:  # a signal during parsing or --help ends here too
        interrupt = stop.raised
        if interrupt is not None and exit_error.code not in (0, None, interrupt.code):
            print_error(f"stopped by {interrupt}.")
            sys.exit(interrupt.code)
        raise
    except BrokenPipeError:  # the reader closed the pipe, as in `probekit list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes stdout at exit
        sys.exit(1)


def _add_plugin_warnings(function: Callable[..., None]) -> Callable[..., None]:
    """Print plugins that failed to import before a command, and warnings about plugins after it."""

    @functools.wraps(function)
    def command(*args: Any, **kwargs: Any) -> None:
        for plugin in registry().set_aside:
            print_error(f"plugin {plugin.name} failed to load ({plugin.error}). {plugin.fix}")
        try:
            function(*args, **kwargs)
        finally:
            for complaint in registry().complaints:
                print_error(complaint)

    return command

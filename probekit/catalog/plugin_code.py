"""Plugin code runs guarded: its output goes to stderr, and what it raises is told apart from Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def guard_plugin_code() -> Iterator[None]:
    """Run plugin code in the block with its stdout redirected to stderr.

    Raises:
        KeyboardInterrupt: SIGINT arrived in the block.
        RuntimeError: the code raised KeyboardInterrupt itself.
    """
    interrupted = False
    previous = (
        signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread()
        else signal.SIG_IGN
    )

    def note_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        if callable(previous):
            previous(number, frame)

    if callable(previous):
        signal.signal(signal.SIGINT, note_interrupt)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt as error:
        was_replaced = callable(previous) and signal.getsignal(signal.SIGINT) is not note_interrupt
        if interrupted or previous is None or was_replaced:
            raise
        raise RuntimeError("it raised KeyboardInterrupt, and nobody typed Ctrl-C") from error
    finally:
        if callable(previous) and signal.getsignal(signal.SIGINT) is note_interrupt:
            signal.signal(signal.SIGINT, previous)


def put_standard_library_first() -> None:
    """Let imports find Python's own modules before others of the same name, as a `queue.py` on PYTHONPATH."""
    folder = os.path.dirname(os.__file__)
    sys.path.sort(key=lambda path: path not in (folder, os.path.join(folder, "lib-dynload")))


def explain_name_clash(module: str) -> str:
    """Return why a module cannot be imported, if a module of Python's own has its name; else ""."""
    top = module.partition(".")[0]
    if top not in sys.stdlib_module_names:
        return ""
    return f"its module {top} has the name of one of Python's own, which is imported in its place"

"""A guest is another's code at work here: it prints to stderr, and what it raises is told from Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def hosted() -> Iterator[None]:
    """Run another's code: what it prints is no answer, and goes to stderr.

    Raises KeyboardInterrupt where SIGINT was delivered meanwhile, and RuntimeError in place of one that the
    code raised itself.
    """
    struck = False
    before = (
        signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread()
        else signal.SIG_IGN
    )

    def noted(number: int, frame: FrameType | None) -> None:
        nonlocal struck
        struck = True
        if callable(before):
            before(number, frame)

    if callable(before):
        signal.signal(signal.SIGINT, noted)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt as error:
        untold = before is None or (callable(before) and signal.getsignal(signal.SIGINT) is not noted)
        if struck or untold:
            raise
        raise RuntimeError("it raised KeyboardInterrupt, and nobody typed Ctrl-C") from error
    finally:
        if callable(before) and signal.getsignal(signal.SIGINT) is noted:
            signal.signal(signal.SIGINT, before)


def put_standard_library_first() -> None:
    """Let Python's own modules be found before others of their names, as a `queue.py` on PYTHONPATH."""
    own = os.path.dirname(os.__file__)
    sys.path.sort(key=lambda path: path not in (own, os.path.join(own, "lib-dynload")))


def hidden(module: str) -> str:
    """Say that a module cannot be a plugin's, "" where it can: its name is that of one of Python's own."""
    top = module.partition(".")[0]
    if top not in sys.stdlib_module_names:
        return ""
    return f"its module {top} has the name of one of Python's own, which is opened in its place"

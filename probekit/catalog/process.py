"""A process of the tool hashes text as every other does, and ends when its work ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator

HASH_SEED = "PYTHONHASHSEED"
FIXED = "0"
THREADS = 2.0
"""Seconds that threads may go on when the work is done."""
HANDLERS = 10.0
"""Seconds that exit handlers may take from then on."""


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of a process that this one starts.

    Sets of text have one order in all processes that share a hash seed, so that networks built from such a
    set are alike. A seed that the user chose stays.

    Args:
        changes: variables to set besides.
    """
    return {**os.environ, HASH_SEED: os.environ.get(HASH_SEED) or FIXED, **changes}


def restart_with_fixed_hashes() -> None:
    """Run this process's program anew with a fixed hash seed, where nobody chose one."""
    if os.name == "posix" and not os.environ.get(HASH_SEED):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment())


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """End the process with the block's exit code when its main thread ends, whatever threads still run.

    Python itself waits for all threads that are not daemons. Here they have two seconds; then the exit
    handlers run and the output is flushed, which may take ten seconds. A process whose threads have ended
    ends as Python ends it.
    """
    code = 1
    try:
        yield
        code = 0
    except SystemExit as end:
        code = exit_code(end)
        raise
    finally:
        _watch_end(code)


def exit_code(end: SystemExit) -> int:
    """Return the code with which Python ends a process on SystemExit."""
    if end.code is None:
        return 0
    return end.code if isinstance(end.code, int) else 1


def _watch_end(code: int) -> None:
    """Start the two threads that end the process; none can be started once it ends."""
    over, handled = threading.Event(), threading.Event()
    atexit.register(handled.set)  # handlers run last in, first out: it tells that their time has come
    # it runs before Python waits for pools of threads; where there is none, the time begins now
    getattr(threading, "_register_atexit", lambda call: call())(over.set)

    def end_softly() -> None:
        over.wait()
        time.sleep(THREADS)
        if handled.is_set():
            return
        try:
            atexit._run_exitfuncs()
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
        finally:
            os._exit(code)

    def end_hard() -> None:
        over.wait()
        time.sleep(THREADS + HANDLERS)
        os._exit(code)

    for end in (end_softly, end_hard):
        threading.Thread(target=end, name=end.__name__, daemon=True).start()

"""A process of probekit hashes text as all others do, and ends when its work ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator

HASH_SEED = "PYTHONHASHSEED"
FIXED_SEED = "0"
THREAD_SECONDS = 2.0
"""Seconds that threads may run on after the work is done."""
HANDLER_SECONDS = 10.0
"""Seconds that exit handlers may take after that."""


def make_child_environment(**changes: str) -> dict[str, str]:
    """Return the environment variables for a child process, with a fixed hash seed.

    Processes that share a hash seed iterate over sets of text in one order, so networks built from such a set
    are equal. A seed that the user chose stays.

    Args:
        changes: further variables to set.
    """
    return {**os.environ, HASH_SEED: os.environ.get(HASH_SEED) or FIXED_SEED, **changes}


def restart_with_fixed_hashes() -> None:
    """Restart this program with a fixed hash seed, unless the user chose one."""
    if os.name == "posix" and not os.environ.get(HASH_SEED):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], make_child_environment())


@contextlib.contextmanager
def exit_promptly() -> Iterator[None]:
    """End the process with the block's exit code when its main thread ends, even if other threads run.

    Python itself waits for all threads that are not daemons. Here they have two seconds. Then the exit
    handlers run and the output is flushed, which may take ten seconds. If all threads have ended, the process
    ends as usual.
    """
    code = 1
    try:
        yield
        code = 0
    except SystemExit as error:
        code = exit_code(error)
        raise
    finally:
        _watch_end(code)


def exit_code(error: SystemExit) -> int:
    """Return the code with which Python ends a process on SystemExit."""
    if error.code is None:
        return 0
    return error.code if isinstance(error.code, int) else 1


def _watch_end(code: int) -> None:
    """Start the two threads that end the process; Python starts no threads while it ends."""
    work_over, handlers_started = threading.Event(), threading.Event()
    atexit.register(handlers_started.set)  # handlers run last in, first out, so this one runs first
    # it runs before Python waits for pools of threads; where it does not exist, the time starts now
    getattr(threading, "_register_atexit", lambda callback: callback())(work_over.set)

    def end_softly() -> None:
        work_over.wait()
        time.sleep(THREAD_SECONDS)
        if handlers_started.is_set():
            return
        try:
            atexit._run_exitfuncs()
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
        finally:
            os._exit(code)

    def end_hard() -> None:
        work_over.wait()
        time.sleep(THREAD_SECONDS + HANDLER_SECONDS)
        os._exit(code)

    for target in (end_softly, end_hard):
        threading.Thread(target=target, name=target.__name__, daemon=True).start()

"""A rank is one process of a training: it takes its part, trains, and ends with its parent."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection, wait

from probekit.plugin.errors import describe_error
from probekit.plugin.stop import SIGNALS
from probekit.workers import exit_promptly, run_source
from probekit_plugins.trainers.message import (
    FAILED,
    READY,
    Gone,
    pack_value,
    receive_message,
    send_message,
)

POLL_SECONDS = 1.0
"""Seconds between two checks of who the parent is."""
PR_SET_PDEATHSIG = 1


def run_rank(number: int, pipe: Connection, tied: bool) -> None:
    """Run one process of a training, until the parent closes the pipe or is gone.

    A failure is sent through the pipe. The process then stays, so that its end breaks no connection of
    another rank before the parent has received it.

    Args:
        number: of this rank.
        pipe: to the parent, which sends the arguments of `train_rank`.
        tied: whether Linux may end this process with the thread that started it.
    """
    with exit_promptly():
        end_with_parent(tied)
        ignore_signals()
        os.dup2(2, 1)  # what a plugin prints is no output of the command
        with contextlib.suppress(Gone):
            train_and_report(number, pipe)
            while True:
                receive_message(pipe)


def train_and_report(number: int, pipe: Connection) -> None:
    """Train, and send a failure to the parent."""
    send_message(pipe, READY)
    try:
        for path, source in receive_message(pipe)[1]:
            run_source(path, source)
        from probekit_plugins.trainers.rank_training import train_rank

        train_rank(number, pipe, **receive_message(pipe)[1])
    except Gone:
        raise
    except BaseException as error:  # an exit is reported like an error
        traceback.print_exc()
        send_message(pipe, FAILED, pack_value(describe_error(error)))


def end_with_parent(tied: bool) -> None:
    """Make sure that this process is killed when its parent ends, in whatever way."""
    parent = os.getppid()
    if tied and sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=follow_parent, args=(parent,), name="follow_parent", daemon=True).start()


def follow_parent(parent: int) -> None:
    """Kill this process once its parent is gone."""
    started_by = multiprocessing.parent_process()
    sentinels = [] if started_by is None else [started_by.sentinel]
    while os.getppid() == parent and not wait(sentinels, POLL_SECONDS):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


def ignore_signals() -> None:
    """Leave signals to the parent: a terminal, or a queue, sends them to all processes at once."""
    signals = (signal.SIGINT, *SIGNALS)
    for number in signals:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)

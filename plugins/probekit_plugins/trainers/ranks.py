"""Ranks are the processes of one training: their parent starts them, receives from them, and ends them."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, NoReturn

from probekit.plugin.errors import RunError
from probekit.plugin.stop import SIGNALS, describe_signal, stop
from probekit.workers import HANDLER_SECONDS, HASH_SEED, THREAD_SECONDS, list_sources, make_child_environment
from probekit_plugins.trainers.message import (
    FAILED,
    FILES,
    PART,
    READY,
    Gone,
    pack_value,
    receive_message,
    send_message,
)
from probekit_plugins.trainers.rank import run_rank

POLL_SECONDS = 0.2
"""Seconds between two checks whether this process should stop."""
STOP_SECONDS = 20.0
"""Seconds that a stop waits for the next row, after which a checkpoint can be saved."""
BLAME_SECONDS = 1.0
"""Seconds to wait for the death of a rank that made another one fail."""
REQUEST = "training on several devices"


class Ranks:
    """The processes of one training, each with a pipe.

    Whatever ends one of them, `receive_next` raises an error that names it and says how it ended. They ignore
    signals: this process takes them, and ends the ranks. They end when this process ends, in whatever way.

    Args:
        count: how many.
        part: the arguments of `train_rank`, packed.

    Raises:
        RunError: a rank ended before it received its part.
    """

    def __init__(self, count: int, part: bytes) -> None:
        self.processes: list[SpawnProcess] = []
        self.pipes: list[Connection] = []
        self.has_begun = False
        self.stop_time: float | None = None
        sources = pack_value(list_sources())
        atexit.register(self.kill_ranks)  # before multiprocessing waits for them
        try:
            self.start_processes(count)
            for _ in range(count):
                number, kind, _ = self.receive_next()
                assert kind == READY, kind
                self.send_to_rank(number, FILES, sources)
                self.send_to_rank(number, PART, part)
        except BaseException:
            self.kill_ranks()
            raise

    def start_processes(self, count: int) -> None:
        """Start the processes, each with a pipe."""
        context = multiprocessing.get_context("spawn")
        resource_tracker.ensure_running()  # it would unblock the signals
        # Linux ends a process with the thread that started it: a thread may end before this process
        tied = threading.current_thread() is threading.main_thread()
        with fixed_hash_seed(), blocked_signals():
            for number in range(count):
                parent_pipe, rank_pipe = context.Pipe()
                arguments = (number, rank_pipe, tied)
                process = context.Process(target=run_rank, args=arguments, name=f"rank {number}")
                self.processes.append(process)
                self.pipes.append(parent_pipe)
                try:
                    process.start()
                finally:
                    rank_pipe.close()

    def send_to_rank(self, number: int, kind: str, packed: bytes | None = None) -> None:
        """Send a message to a rank; raises RunError where it is gone."""
        try:
            send_message(self.pipes[number], kind, packed)
        except Gone:
            self.blame_rank(number)

    def receive_next(self) -> tuple[int, str, Any]:
        """Return the next message of a rank: the rank's number, the kind, and the value.

        Raises:
            RunError: a rank failed or died.
            Stopped: this process should stop, and no row comes.
        """
        sentinels = [process.sentinel for process in self.processes]
        while not (ready := wait([*self.pipes, *sentinels], POLL_SECONDS)):
            self.heed_stop()
        for number, pipe in enumerate(self.pipes):
            if pipe in ready:
                try:
                    kind, value = receive_message(pipe)
                except Gone:
                    self.blame_rank(number)
                if kind == FAILED:
                    self.blame_rank(number, value)
                self.has_begun |= kind != READY
                return number, kind, value
        self.blame_rank(sentinels.index(next(handle for handle in ready if handle in sentinels)))

    def heed_stop(self) -> None:
        """Raise Stopped where this process should stop and no row comes after which a state can be saved."""
        if stop.pending is None:
            self.stop_time = None
            return
        self.stop_time = self.stop_time or time.monotonic()
        if not self.has_begun or time.monotonic() - self.stop_time > STOP_SECONDS:
            stop.raise_if_stopped()

    def blame_rank(self, number: int, message: str = "") -> NoReturn:
        """Raise an error that names the rank which failed first.

        Args:
            number: the rank whose failure was noticed.
            message: its own, "" where it sent none.
        """
        stop.raise_if_stopped()
        ranks = {process.sentinel: rank for rank, process in enumerate(self.processes)}
        # a rank that dies breaks the connections of others, whose failure may be noticed before
        ended = [ranks[handle] for handle in wait(list(ranks), BLAME_SECONDS) if isinstance(handle, int)]
        if ended:
            number, message = min(ended), "" if number not in ended else message
        if message:
            hint = "The same run with `supervised` may say more."
            raise RunError(REQUEST, f"rank {number}: {message}", hint)
        process = self.processes[number]
        process.join(BLAME_SECONDS)
        code = process.exitcode
        if code is None:
            failure = "closed its pipe but still runs"
        elif code < 0:
            failure = f"was killed by {describe_signal(-code)}"
        else:
            failure = f"ended with exit code {code} before its work was done"
        raise RunError(REQUEST, f"rank {number} {failure}", "The same command goes on from its checkpoint.")

    def finish_ranks(self) -> None:
        """Wait for the ranks to end, as their work is done, and kill those that do not."""
        for pipe in self.pipes:
            pipe.close()
        deadline = time.monotonic() + THREAD_SECONDS + HANDLER_SECONDS + BLAME_SECONDS
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
        self.kill_ranks()

    def kill_ranks(self) -> None:
        """End all ranks at once."""
        atexit.unregister(self.kill_ranks)
        started = [process for process in self.processes if process.pid is not None]
        for process in started:
            process.kill()
        for process in started:
            process.join()
        for pipe in self.pipes:
            pipe.close()


@contextlib.contextmanager
def fixed_hash_seed() -> Iterator[None]:
    """Give processes that start in this block a fixed hash seed, unless the user chose one."""
    previous = os.environ.get(HASH_SEED)
    os.environ[HASH_SEED] = make_child_environment()[HASH_SEED]
    try:
        yield
    finally:
        if previous is None:
            del os.environ[HASH_SEED]
        else:
            os.environ[HASH_SEED] = previous


@contextlib.contextmanager
def blocked_signals() -> Iterator[None]:
    """Block signals for processes that start in this block, until they ignore them."""
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *SIGNALS))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)

"""Ranks are the processes of one training: their parent starts them, hears them, and outlives none."""

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

from probekit.catalog.files import list_sources
from probekit.catalog.process import HANDLERS, HASH_SEED, THREADS, environment
from probekit.errors import RunError
from probekit.stop import SIGNALS, signal_name, stop
from probekit_plugins.trainers.message import FAILED, FILES, PART, READY, Gone, pack, receive, send
from probekit_plugins.trainers.rank import run_rank

LOOK = 0.2
"""Seconds between two looks at whether this process was asked to stop."""
PATIENCE = 20.0
"""Seconds that a stop waits for the next row, with which a checkpoint can be saved."""
BLAME = 1.0
"""Seconds in which a death is found that made another rank fail."""
ASKED = "training on several devices"


class Ranks:
    """The processes of one training, each with a pipe.

    Whatever ends one of them, `hear` raises an error that names it and says how it ended. None of them takes
    signals: this process is told, and ends them. They end when this process ends, in whatever way.

    Args:
        count: how many.
        part: what each is told to do, the arguments of `part.train`, packed.

    Raises:
        RunError: one ended before it was given its part.
    """

    def __init__(self, count: int, part: bytes) -> None:
        self.processes: list[SpawnProcess] = []
        self.pipes: list[Connection] = []
        self.began = False
        self.asked: float | None = None
        sources = pack(list_sources())
        atexit.register(self.kill)  # before multiprocessing waits for them
        try:
            self.start(count)
            for _ in range(count):
                number, kind, _ = self.hear()
                assert kind == READY, kind
                self.tell(number, FILES, sources)
                self.tell(number, PART, part)
        except BaseException:
            self.kill()
            raise

    def start(self, count: int) -> None:
        """Start the processes."""
        context = multiprocessing.get_context("spawn")
        resource_tracker.ensure_running()  # it would unblock the signals
        # Linux ends a process with the thread that started it: a thread may end before this process
        tied = threading.current_thread() is threading.main_thread()
        with hashing_alike(), without_signals():
            for number in range(count):
                here, there = context.Pipe()
                process = context.Process(target=run_rank, args=(number, there, tied), name=f"rank {number}")
                self.processes.append(process)
                self.pipes.append(here)
                try:
                    process.start()
                finally:
                    there.close()

    def tell(self, number: int, kind: str, packed: bytes | None = None) -> None:
        """Tell a rank something; raises RunError where it is gone."""
        try:
            send(self.pipes[number], kind, packed)
        except Gone:
            self.blame(number)

    def hear(self) -> tuple[int, str, Any]:
        """Return the next that a rank says: its number, of what kind it is, and what it says.

        Raises:
            RunError: a rank failed or died.
            Stopped: this process was asked to stop, and no row is to be had.
        """
        sentinels = [process.sentinel for process in self.processes]
        while not (ready := wait([*self.pipes, *sentinels], LOOK)):
            self.heed_stop()
        for number, pipe in enumerate(self.pipes):
            if pipe in ready:
                try:
                    kind, said = receive(pipe)
                except Gone:
                    self.blame(number)
                if kind == FAILED:
                    self.blame(number, said)
                self.began |= kind != READY
                return number, kind, said
        self.blame(sentinels.index(next(one for one in ready if one in sentinels)))

    def heed_stop(self) -> None:
        """Raise Stopped where this process was asked to stop and nothing comes that can be saved."""
        if stop.asked is None:
            self.asked = None
            return
        self.asked = self.asked or time.monotonic()
        if not self.began or time.monotonic() - self.asked > PATIENCE:
            stop.check()

    def blame(self, number: int, said: str = "") -> NoReturn:
        """Raise an error that names the rank which failed first.

        Args:
            number: the rank that was noticed.
            said: what it says of its failure, "" where it said nothing.
        """
        stop.check()
        dead = {process.sentinel: rank for rank, process in enumerate(self.processes)}
        # a rank that dies breaks the connections of others, which may be heard before
        if found := [dead[one] for one in wait(list(dead), BLAME) if isinstance(one, int)]:
            number, said = min(found), "" if number not in found else said
        if said:
            raise RunError(ASKED, f"rank {number}: {said}", "The same run with `supervised` may say more.")
        process = self.processes[number]
        process.join(BLAME)
        code = process.exitcode
        if code is None:
            found_how = "closed its pipe and goes on"
        elif code < 0:
            found_how = f"was killed by {signal_name(-code)}"
        else:
            found_how = f"ended with exit code {code} before its work was done"
        raise RunError(ASKED, f"rank {number} {found_how}", "The same command goes on from its checkpoint.")

    def close(self) -> None:
        """Let the ranks end, whose work is done, and end those that do not."""
        for pipe in self.pipes:
            pipe.close()
        until = time.monotonic() + THREADS + HANDLERS + BLAME
        for process in self.processes:
            process.join(max(0.0, until - time.monotonic()))
        self.kill()

    def kill(self) -> None:
        """End all ranks at once."""
        atexit.unregister(self.kill)
        started = [process for process in self.processes if process.pid is not None]
        for process in started:
            process.kill()
        for process in started:
            process.join()
        for pipe in self.pipes:
            pipe.close()


@contextlib.contextmanager
def hashing_alike() -> Iterator[None]:
    """Give processes that are started meanwhile a fixed hash seed, where nobody chose one."""
    before = os.environ.get(HASH_SEED)
    os.environ[HASH_SEED] = environment()[HASH_SEED]
    try:
        yield
    finally:
        if before is None:
            del os.environ[HASH_SEED]
        else:
            os.environ[HASH_SEED] = before


@contextlib.contextmanager
def without_signals() -> Iterator[None]:
    """Hold back signals from processes that are started meanwhile, until they ignore them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *SIGNALS))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

"""A stop request ends a run soon and saves it: a signal arrived, or the time limit is over."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

from probekit.plugin.errors import RunError

SIGNALS = tuple(
    number
    for name in ("SIGTERM", "SIGHUP", "SIGUSR2", "SIGXCPU")
    if (number := getattr(signal, name, None)) is not None
)
"""Signals of schedulers, closed terminals and CPU time limits; a kill follows some time later."""
REPEATED = "SIGXCPU"
"""The system sends it again every second until it kills; only the first one is a request."""
REQUEUE = 75
"""The exit code that tells a queue to start the same command again: EX_TEMPFAIL."""
GRACE = 5.0
"""Seconds that the current step may take beyond the time limit."""


def describe_signal(number: int) -> str:
    """Return the name of a signal, with its most frequent cause for SIGKILL."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    return f"{name}, perhaps because memory ran out" if name == "SIGKILL" else name


class Stopped(KeyboardInterrupt):
    """A signal stops the process.

    Attributes:
        by: the signal.
        code: the exit code of the process.
    """

    def __init__(self, by: signal.Signals) -> None:
        super().__init__(*[by.name] * (by is not signal.SIGINT))
        self.by = by
        # users configure queues to send SIGUSR2 ahead of the time limit, so that the job is queued again
        self.code = REQUEUE if by.name == "SIGUSR2" else 128 + by


class SignalHandler:
    """The signal handler of this process.

    Within `defer_signals` a first signal waits until the run calls `raise_if_stopped` between two steps.
    A second signal, Ctrl-C and any signal outside of `defer_signals` raise at once.
    """

    def __init__(self) -> None:
        self.pending: signal.Signals | None = None
        self.raised: Stopped | None = None
        self.is_deferring = False
        self.was_repeated = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        received = signal.Signals(number)
        if received.name == REPEATED:
            if self.was_repeated:
                return
            self.was_repeated = True
        is_first, self.pending = self.pending is None, received
        if not (self.is_deferring and is_first) or number == signal.SIGINT:
            self.raise_if_stopped()

    def raise_if_stopped(self) -> None:
        """Raise Stopped if a signal arrived; raise it again if other code caught it."""
        if (pending := self.pending) is not None:
            self.pending, self.raised = None, Stopped(pending)
        if self.raised is not None:
            raise self.raised

    def acknowledge_stop(self) -> None:
        """Do not raise Stopped again: the caller has caught it and ends the process."""
        self.raised = None

    @contextlib.contextmanager
    def defer_signals(self) -> Iterator[None]:
        """Defer signals until `check` in this block."""
        self.is_deferring = True
        try:
            yield
        finally:
            self.is_deferring = False

    @contextlib.contextmanager
    def handle_signals(self) -> Iterator[None]:
        """Install this handler for the block; Python allows it in the main thread only."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self.raised, self.was_repeated = None, False
        default_handlers = (
            signal.SIG_DFL,
            signal.default_int_handler,
        )  # ignored signals (nohup) stay ignored
        signals = [
            number for number in (*SIGNALS, signal.SIGINT) if signal.getsignal(number) in default_handlers
        ]
        previous = {number: signal.signal(number, self) for number in signals}
        try:
            yield
        finally:
            for number, handler in previous.items():
                repeats = self.was_repeated and number.name == REPEATED
                signal.signal(number, signal.SIG_IGN if repeats else handler)


stop = SignalHandler()
"""The handler of this process; signal handlers get no other context."""


def find_interrupt(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the Ctrl-C or the signal that caused an error, if any.

    Code that is being imported may turn it into another error, or catch it and stay half imported.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error or stop.raised


class TimedOut(RunError):
    """A run exceeded its time limit; its checkpoint is saved."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            "running",
            f"it took longer than {seconds:g} s (--timeout)",
            "Repeat the command with a longer --timeout to continue.",
        )


class TimeLimit:
    """The time limit of one session of a run.

    Args:
        seconds: the limit; None for no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds, self.started = seconds, time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return self.seconds is not None and time.monotonic() - self.started > self.seconds

    def remaining_seconds(self, most: float | None = None) -> float | None:
        """Return the remaining seconds, at most `most`; `most` itself if there is no limit."""
        if self.seconds is None:
            return most
        seconds = max(0.0, self.seconds - (time.monotonic() - self.started))
        return seconds if most is None else min(seconds, most)

    def raise_if_over(self) -> None:
        """Raise TimedOut if the time is over."""
        if self.seconds is not None and self.is_over:
            raise TimedOut(self.seconds)

    @contextlib.contextmanager
    def enforce(self) -> Iterator[None]:
        """Raise TimedOut in the block even within a step that does not end, where alarms are available."""
        can_alarm = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
        if self.seconds is None or not can_alarm:
            yield
            return
        seconds = self.seconds

        def raise_timed_out(number: int, frame: FrameType | None) -> None:
            raise TimedOut(seconds)

        previous = signal.signal(signal.SIGALRM, raise_timed_out)
        signal.setitimer(signal.ITIMER_REAL, seconds + GRACE)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)

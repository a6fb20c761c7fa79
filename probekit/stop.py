"""A stop is a wish to end soon: by a signal, or as the time that a run was given is over."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

from probekit.errors import RunError

SIGNALS = tuple(
    found
    for name in ("SIGTERM", "SIGHUP", "SIGUSR2", "SIGXCPU")
    if (found := getattr(signal, name, None)) is not None
)
"""What schedulers, closed terminals and limits of processor time send; some time later they kill."""
REPEATED = "SIGXCPU"
"""What the system sends again each second until it kills: the second asks for nothing more."""
REQUEUE = 75
"""The exit code by which a queue knows that the same command is to be started again: EX_TEMPFAIL."""


def signal_name(number: int) -> str:
    """Return what a signal is called, with what sends it most often."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    return f"{name}, perhaps as memory ran out" if name == "SIGKILL" else name


class Stopped(KeyboardInterrupt):
    """A signal asked for an end; code: what the process then exits with."""

    def __init__(self, by: signal.Signals) -> None:
        super().__init__(*[by.name] * (by is not signal.SIGINT))
        self.by = by
        # SIGUSR2 is what queues are told to send ahead of time, so that a job can be queued anew
        self.code = REQUEUE if by.name == "SIGUSR2" else 128 + by


class Stop:
    """Ends a run between two steps, where `check` raises what came meanwhile; elsewhere it comes at once."""

    def __init__(self) -> None:
        self.asked: signal.Signals | None = None
        self.raised: Stopped | None = None
        self.waits = False
        self.repeats = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a signal; the second is not waited with."""
        one = signal.Signals(number)
        if one.name == REPEATED:
            if self.repeats:
                return
            self.repeats = True
        first, self.asked = self.asked is None, one
        if not (self.waits and first) or number == signal.SIGINT:
            self.check()

    def check(self) -> None:
        """Raise Stopped where a signal came, again where somebody caught what was raised then."""
        if (asked := self.asked) is not None:
            self.asked, self.raised = None, Stopped(asked)
        if self.raised is not None:
            raise self.raised

    def taken(self) -> None:
        """Raise no more what was raised: who caught it ends as was asked."""
        self.raised = None

    @contextlib.contextmanager
    def later(self) -> Iterator[None]:
        """Keep what comes until it is checked for."""
        self.waits = True
        try:
            yield
        finally:
            self.waits = False

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Take the signals, in the main thread, where alone that can be."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self.raised, self.repeats = None, False
        usual = (signal.SIG_DFL, signal.default_int_handler)  # what is ignored, as after nohup, stays so
        heard = [one for one in (*SIGNALS, signal.SIGINT) if signal.getsignal(one) in usual]
        before = {one: signal.signal(one, self) for one in heard}
        try:
            yield
        finally:
            for one, was in before.items():
                signal.signal(one, signal.SIG_IGN if self.repeats and one.name == REPEATED else was)


stop = Stop()
"""That of this process: a signal knows no other."""


def behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the Ctrl-C or the signal that an error rests on: code that is imported may make another error of
    it, or catch it and be left half imported."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error or stop.raised


class TimedOut(RunError):
    """A run took longer than it was given; its checkpoint is kept."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            "running", f"it took longer than {seconds:g} s (--timeout)", "The same command with more goes on."
        )


class Limit:
    """The seconds that one sitting of a run may take, None for as many as it needs."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds, self.begun = seconds, time.monotonic()

    @property
    def over(self) -> bool:
        """Tell whether they have passed."""
        return self.seconds is not None and time.monotonic() - self.begun > self.seconds

    def left(self, most: float | None = None) -> float | None:
        """Return how many are left, `most` where that is less, None where there is no limit."""
        if self.seconds is None:
            return most
        rest = max(0.0, self.seconds - (time.monotonic() - self.begun))
        return rest if most is None else min(rest, most)

    def check(self) -> None:
        """Raise TimedOut where they have passed."""
        if self.seconds is not None and self.over:
            raise TimedOut(self.seconds)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Raise TimedOut, where signals can be taken, even in a step that does not end."""
        alone = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
        if self.seconds is None or not alone:
            yield
            return
        seconds = self.seconds

        def over(number: int, frame: FrameType | None) -> None:
            raise TimedOut(seconds)

        before = signal.signal(signal.SIGALRM, over)
        signal.setitimer(signal.ITIMER_REAL, seconds + GRACE)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


GRACE = 5.0
"""Seconds that the step at hand may take beyond the limit."""

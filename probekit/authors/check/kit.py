"""A check is one small promise put to a component: it holds, it fails with a reason, or it does not apply."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn
from unittest import SkipTest

from probekit.errors import ProbekitError, reason

State = Literal["holds", "fails", "expected", "does not apply"]


class CheckFailed(ProbekitError):
    """A component breaks a promise of its kind; found: how, hint: what to do about it."""


class DoesNotApply(Exception):
    """A check has nothing to look at, and says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: its state and, unless it holds, why; hint: what to do about a failure."""

    check: str
    state: State
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise put to one component; called, it raises where the promise is broken.

    name: words joined by hyphens, as a failure is declared by. about: the promise. expected: why it is known
    to fail, "" where it is not.
    """

    asked: str
    name: str
    about: str
    promise: Callable[[Any], None] = field(repr=False)
    subject: Any = field(repr=False)
    expected: str = ""

    def __str__(self) -> str:
        return self.name

    def __call__(self) -> None:
        """Raise CheckFailed where it fails, SkipTest where it does not apply or is declared to fail."""
        found, error = self._look()
        if found.state == "fails":
            raise CheckFailed(f"{self.asked}, {self.name}", found.reason, found.hint) from error
        if found.state != "holds":
            raise SkipTest(f"{found.state}: {found.reason}")

    def find(self) -> Finding:
        """Return what is found, raising nothing."""
        return self._look()[0]

    def _look(self) -> tuple[Finding, Exception | None]:
        import torch

        try:
            with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(sys.stderr):
                torch.manual_seed(0)
                self.promise(self.subject)
        except DoesNotApply as error:
            return Finding(self.name, "does not apply", str(error)), None
        except Exception as error:
            if self.expected:
                return Finding(self.name, "expected", self.expected), None
            if isinstance(error, CheckFailed):
                return Finding(self.name, "fails", error.found, error.hint), error
            if isinstance(error, ProbekitError):
                return Finding(self.name, "fails", f"{error.asked}: {error.found}", error.hint), error
            raised = f"it raised {reason(error)}{place(error, self.subject)}"
            return Finding(self.name, "fails", raised, f"It must hold: {self.about}"), error
        if self.expected:
            hint = f"Take {self.name!r} out of its expected failures."
            return Finding(
                self.name, "fails", f"declared to fail ({self.expected}), and it holds", hint
            ), None
        return Finding(self.name, "holds"), None


def place(error: Exception, subject: Any) -> str:
    """Say where in the package of what is checked an error arose, "" where it is not found."""
    own = getattr(subject.part.target, "__module__", "").partition(".")[0]
    frames = [
        frame
        for frame in traceback.walk_tb(error.__traceback__)
        if str(frame[0].f_globals.get("__name__", "")).partition(".")[0] == own
    ]
    return f" ({Path(frames[-1][0].f_code.co_filename).name}, line {frames[-1][1]})" if own and frames else ""


def fail(found: str, hint: str) -> NoReturn:
    """Say that the promise is broken, and what to do about it."""
    raise CheckFailed("", found, hint)


def name_of(promise: Callable[[Any], None]) -> str:
    """Return the name under which a promise is checked."""
    return promise.__name__.replace("_", "-")

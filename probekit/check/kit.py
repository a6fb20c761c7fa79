"""A check is one small promise put to a component: it holds, it fails with a reason, or it does not apply."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
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
            hint = f"It must hold: {self.about}"
            return Finding(self.name, "fails", f"it raised {reason(error)}", hint), error
        if self.expected:
            hint = f"Take {self.name!r} out of its expected failures."
            return Finding(
                self.name, "fails", f"declared to fail ({self.expected}), and it holds", hint
            ), None
        return Finding(self.name, "holds"), None


def fail(found: str, hint: str) -> NoReturn:
    """Say that the promise is broken, and what to do about it."""
    raise CheckFailed("", found, hint)


def name_of(promise: Callable[[Any], None]) -> str:
    """Return the name under which a promise is checked."""
    return promise.__name__.replace("_", "-")

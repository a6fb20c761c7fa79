"""A check tests one requirement on a component: it holds, fails with a reason, or does not apply."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn
from unittest import SkipTest

from probekit.plugin.errors import ProbekitError, describe_error

IN_PLACE_ERRORS = ("modified by an inplace operation", "used in an in-place operation")
"""What torch says of an in-place operation that breaks a gradient."""
IN_PLACE = "an in-place operation in forward changes a tensor that the gradient needs"
IN_PLACE_HINT = "Write x = x + y instead of x += y, and relu instead of relu_."
State = Literal["holds", "fails", "expected", "does not apply"]


class CheckFailed(ProbekitError):
    """A component does not meet a requirement of its kind."""


class DoesNotApply(Exception):
    """A check does not apply to a component; the message says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check.

    Attributes:
        check: name of the check.
        state: whether it holds.
        reason: why it does not hold; "" if it does.
        hint: how to fix a failure.
    """

    check: str
    state: State
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one component; call it in a test.

    Attributes:
        component: kind and name of the component.
        name: name of the check, words joined by hyphens.
        about: the requirement, in a sentence.
        requirement: the function that tests it.
        fixture: what the function receives.
        expected: why the check is expected to fail; "" if it is not.
    """

    component: str
    name: str
    about: str
    requirement: Callable[[Any], None] = field(repr=False)
    fixture: Any = field(repr=False)
    expected: str = ""

    def __str__(self) -> str:
        return self.name

    def __call__(self) -> None:
        """Run the check.

        Raises:
            CheckFailed: it fails.
            SkipTest: it does not apply, or is expected to fail.
        """
        finding, error = self._evaluate()
        if finding.state == "fails":
            raise CheckFailed(f"{self.component}, {self.name}", finding.reason, finding.hint) from error
        if finding.state != "holds":
            raise SkipTest(f"{finding.state}: {finding.reason}")

    def evaluate(self) -> Finding:
        """Run the check and return its result; raise nothing."""
        return self._evaluate()[0]

    def _evaluate(self) -> tuple[Finding, Exception | None]:
        import torch

        try:
            with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(sys.stderr):
                torch.manual_seed(0)
                self.requirement(self.fixture)
        except DoesNotApply as error:
            return Finding(self.name, "does not apply", str(error)), None
        except Exception as error:
            if self.expected:
                return Finding(self.name, "expected", self.expected), None
            if isinstance(error, CheckFailed):
                return Finding(self.name, "fails", error.problem, error.hint), error
            if isinstance(error, ProbekitError):
                return Finding(self.name, "fails", f"{error.request}: {error.problem}", error.hint), error
            if changes_in_place(error):
                return Finding(self.name, "fails", IN_PLACE, IN_PLACE_HINT), error
            message = f"it raised {describe_error(error)}{locate_error(error, self.fixture)}"
            return Finding(self.name, "fails", message, f"Required: {self.about}"), error
        if self.expected:
            message = f"it holds, but is declared to fail ({self.expected})"
            return Finding(self.name, "fails", message, f"Remove {self.name!r} from expected_failures."), None
        return Finding(self.name, "holds"), None


def changes_in_place(error: Exception) -> bool:
    """Tell whether torch raised an error because of an in-place operation."""
    return isinstance(error, RuntimeError) and any(text in str(error) for text in IN_PLACE_ERRORS)


def locate_error(error: Exception, fixture: Any) -> str:
    """Return file and line of an error in the component's own package; "" if it arose elsewhere."""
    package = getattr(fixture.part.target, "__module__", "").partition(".")[0]
    frames = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == package
    ]
    if not (package and frames):
        return ""
    frame, line = frames[-1]
    return f" ({Path(frame.f_code.co_filename).name}, line {line})"


def fail(message: str, hint: str) -> NoReturn:
    """Fail the current check.

    Args:
        message: what is wrong.
        hint: how to fix it.
    """
    raise CheckFailed("", message, hint)


def check_name(requirement: Callable[[Any], None]) -> str:
    """Return the name of a check: the name of its function with hyphens."""
    return requirement.__name__.replace("_", "-")

"""Checks of an executor: every run ends once, as its worker ended, and no worker stays when it stops."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from probekit.authors.check.base import CheckFailed, DoesNotApply, fail
from probekit.authors.check.executors.fixture import (
    WORDS,
    Endings,
    ExecutorFixture,
    Trial,
    read_words,
)
from probekit.authors.check.plugin_imports import plugin_imports_no_torch
from probekit.authors.trial import STOPPED
from probekit.plugin.errors import ProbekitError, UsageError
from probekit.plugin.executor import DONE, FAILED
from probekit.plugin.stop import REQUEUE
from probekit.schedule.endings import iterate_endings

WAIT = 6.0
"""Seconds that a worker may take to start or to stop."""
LONG = 15.0
"""Seconds that a worker takes which is to be stopped."""
HINT = "Yield probekit.WorkerExit(folder, code) once per folder, when its worker ends."
TRIALS = (
    Trial("done"),
    Trial("failed", FAILED, message="it failed"),
    Trial("saved", REQUEUE),
    Trial("killed", -9),
    Trial("last"),
)


def carry_out_trials(fixture: ExecutorFixture) -> Endings:
    """Carry out the trials, once; return by name of the folder how each ended, and its words."""
    if not fixture.endings:
        with fixture.prepare_folders(TRIALS) as folders, explain_wrong_yield():
            for ending in list(iterate_endings(fixture.make_executor(), folders, fixture.command)):
                fixture.endings[ending.folder.name] = ending, read_words(ending.folder)
    return fixture.endings


@contextmanager
def explain_wrong_yield() -> Iterator[None]:
    """Turn the error of a wrong executor into a failed check."""
    try:
        yield
    except CheckFailed:
        raise
    except ProbekitError as error:
        fail(error.problem, error.hint if error.exit_code == UsageError.exit_code else HINT)


def every_run_ends_once(fixture: ExecutorFixture) -> None:
    """It yields one WorkerExit per folder, also if a worker fails, and each worker has started."""
    for name, (_, words) in carry_out_trials(fixture).items():
        if words is None:
            fail(f"it yielded the end of {name}, whose worker never started", "Start the command per folder.")


def exit_codes_are_those_of_the_workers(fixture: ExecutorFixture) -> None:
    """It yields the exit code of each worker: 0, 1 or 75."""
    codes = {name: ending.code for name, (ending, _) in carry_out_trials(fixture).items()}
    for trial in TRIALS:
        if trial.code >= 0 and codes[trial.name] != trial.code:
            fail(
                f"a worker exited with {trial.code}, and it yielded {codes[trial.name]}",
                "Yield the exit code of the command: 0 is done, 1 failed, 75 stopped with a checkpoint.",
            )


def a_killed_worker_is_not_done(fixture: ExecutorFixture) -> None:
    """If a worker is killed, as when memory runs out, its code is a negative signal or 75; others go on."""
    endings = carry_out_trials(fixture)
    killed, last = endings["killed"][0].code, endings["last"][0].code
    if killed >= 0 and killed != REQUEUE:
        fail(f"a worker was killed by signal 9, and it yielded {killed}", "Yield -9 or 75 for it.")
    if last != DONE:
        fail(f"a worker was killed, and another one ended with {last}", "Let no worker end with another.")


def the_command_stays_whole(fixture: ExecutorFixture) -> None:
    """It starts the command with all its words and the folder as the last one, also if that has a space."""
    for name, (_, words) in carry_out_trials(fixture).items():
        if words is None or words[: len(WORDS)] != list(WORDS) or Path(words[-1]).name != name:
            fail(
                f"its command for {name} had the words {words}",
                "Append the folder to the command as one word, without a shell.",
            )


def stops_its_workers(fixture: ExecutorFixture) -> None:
    """When the caller closes the iterator, workers that run get SIGTERM and can save, and none starts."""
    if hasattr(fixture.make_executor(), "submit"):
        raise DoesNotApply("its workers outlive the caller: it has a method submit")
    trials = Trial("short"), Trial("long", seconds=LONG)
    with fixture.prepare_folders(trials) as folders, explain_wrong_yield():
        _, long = folders
        start = time.monotonic()
        with closing(iterate_endings(fixture.make_executor(), folders, fixture.command)) as endings:
            if next(endings).folder == long or time.monotonic() - start > LONG:
                raise DoesNotApply("it yields a run only when later ones have ended, too")
            started = wait_until(lambda: read_words(long) is not None)
        stopped = started and wait_until((long / STOPPED).exists)
        if started and not stopped:
            fail(
                "it was closed, and a worker that ran did not get SIGTERM",
                "In a finally block around the yields, terminate the workers and wait for them.",
            )
        if not started and read_words(long) is not None:
            fail("it started a worker after it was closed", "Start nothing after an exception at a yield.")


def submitted_workers_start(fixture: ExecutorFixture) -> None:
    """If it has a method submit, that starts all workers and returns a description of where they run."""
    submit = getattr(fixture.make_executor(), "submit", None)
    if submit is None:
        raise DoesNotApply("it has no method submit")
    with fixture.prepare_folders([Trial("one"), Trial("two")]) as folders:
        description = submit(list(folders), list(fixture.command))
        if not isinstance(description, str) or not description:
            fail(f"submit returned {description!r}", "Return text, such as 'jobs 7 and 8'.")
        if not wait_until(lambda: all(read_words(folder) is not None for folder in folders)):
            raise DoesNotApply(f"its queue did not start the workers within {WAIT:.0f} seconds")


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait up to `WAIT` seconds until a condition holds; return whether it does."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


EXECUTOR_CHECKS = (
    every_run_ends_once,
    exit_codes_are_those_of_the_workers,
    a_killed_worker_is_not_done,
    the_command_stays_whole,
    stops_its_workers,
    submitted_workers_start,
    plugin_imports_no_torch,
)

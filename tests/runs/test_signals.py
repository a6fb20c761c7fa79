"""What is guarded: a signal, whenever it comes, ends by its own code, and nothing that was done is lost."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from begun import begin, unheard, words
from conftest import environment
from small import first, rows

from probekit.plugin.stop import SIGNALS, SignalHandler, Stopped
from probekit.storage.attempt import ATTEMPT
from probekit.storage.folder import CHECKPOINT, LOG


def test_a_signal_waits_for_the_step_to_end_and_a_second_does_not() -> None:
    stop = SignalHandler()
    with pytest.raises(Stopped, match="SIGTERM"):
        stop(signal.SIGTERM, None)
    with pytest.raises(Stopped, match="SIGTERM"):  # as somebody caught it
        stop.raise_if_stopped()
    stop = SignalHandler()
    with stop.defer_signals():
        stop(signal.SIGHUP, None)
        assert stop.pending is signal.SIGHUP
        with pytest.raises(Stopped, match="SIGTERM"):
            stop(signal.SIGTERM, None)
    before = [signal.getsignal(one) for one in SIGNALS]
    with stop.handle_signals():
        # what is ignored, as SIGHUP is after nohup, stays so
        heard = [stop if was is signal.SIG_DFL else was for was in before]
        assert [signal.getsignal(one) for one in SIGNALS] == heard
    assert [signal.getsignal(one) for one in SIGNALS] == before


ENDS = """
import signal, sys
from probekit.cli import Commands, main

def resolve(*args):
    signal.raise_signal(signal.{name})
    return resolved(*args)

resolved, Commands.resolve_command = Commands.resolve_command, resolve
sys.argv = ["probekit", "list"]
main()
"""


@pytest.mark.parametrize(
    ("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGUSR2", 75), ("SIGXCPU", 152)]
)
def test_a_signal_that_comes_while_words_are_read_ends_by_its_own_code(name: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDS.format(name=name)],
        capture_output=True,
        text=True,
        env=environment(None, {}),
        preexec_fn=unheard,
    )
    assert done.returncode == code, done.stderr
    assert f"stopped by {name}." in done.stderr


LONG = words("unet", 30)


@pytest.mark.slow
@pytest.mark.parametrize(
    "codes",
    [
        {signal.SIGHUP: 129, signal.SIGUSR2: 75, signal.SIGTERM: 143},
        {signal.SIGTERM: 143},
        {signal.SIGXCPU: 152},
    ],
    ids=["several", "SIGTERM", "SIGXCPU"],
)
def test_signals_save_between_two_steps_and_the_same_command_ends_as_if_they_had_not_come(
    codes: dict[signal.Signals, int], tmp_path: Path
) -> None:
    whole = put_whole(tmp_path / "whole")
    store, seen = tmp_path / "store", 0
    for one, code in codes.items():
        process = begin(store, LONG)
        while process.poll() is None and rows(store) <= seen + 5:
            time.sleep(0.01)
        process.send_signal(one)
        printed, said = process.communicate(timeout=60)
        assert process.returncode == code, said
        assert f"probekit: {one.name}: stopped; all finished work is kept. Type the same command" in said
        assert json.loads(printed)[0]["status"] == "interrupted"
        (folder,) = store.glob("*-smoke-*")
        assert (folder / CHECKPOINT).exists()
        assert not (folder / ATTEMPT).exists()
        assert rows(store) > seen
        seen = rows(store)
    assert put_whole(store) == whole


def test_the_signal_that_the_system_repeats_asks_once() -> None:
    before = signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    try:
        stop = SignalHandler()
        with stop.handle_signals():
            with stop.defer_signals():
                for _ in range(3):  # it is to save meanwhile
                    signal.raise_signal(signal.SIGXCPU)
                assert stop.pending is signal.SIGXCPU
                with pytest.raises(Stopped, match="SIGXCPU"):
                    stop.raise_if_stopped()
            signal.raise_signal(signal.SIGXCPU)
        signal.raise_signal(signal.SIGXCPU)  # it still ends in its own time
    finally:
        signal.signal(signal.SIGXCPU, before)


@pytest.mark.slow
def test_processor_time_that_runs_out_saves_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """The system sends SIGXCPU each second from a soft limit on; a hard one would kill."""
    asked, seen = words("unet", 100_000), 0

    def limit() -> None:
        unheard()
        resource.setrlimit(resource.RLIMIT_CPU, (20, 90))

    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-m", "probekit", *asked, "--json", "--store", str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(None, {}),
            preexec_fn=limit,
        )
        printed, said = process.communicate(timeout=600)
        assert process.returncode == 128 + signal.SIGXCPU, said
        assert "SIGXCPU: stopped; all finished work is kept" in said
        assert json.loads(printed)[0]["status"] == "interrupted"
        (folder,) = tmp_path.glob("*-smoke-*")
        assert (folder / CHECKPOINT).exists()
        assert not (folder / ATTEMPT).exists()
        assert rows(tmp_path) > seen
        seen = rows(tmp_path)


def put_whole(store: Path) -> tuple[str, bytes]:
    """Run to the end; return the hash of the weights, and the log."""
    process = begin(store, LONG)
    printed, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    folder = Path(json.loads(printed)[0]["folder"])
    weights = json.loads((folder / "result.json").read_text())["weights"]
    return weights, (folder / LOG).read_bytes()


@pytest.mark.parametrize("seconds", first(1, [0.6, 0.25, 1.2, 2.0]))
def test_ctrl_c_before_the_first_step_ends_with_130_and_no_traceback(seconds: float, tmp_path: Path) -> None:
    process = begin(tmp_path, LONG)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    # before our `main` it is Python that ends: silently by the signal, or with a traceback of its own
    silent = process.returncode == -signal.SIGINT and not said
    if seconds > 1 or not (silent or ("Traceback" in said and "__main__.py" not in said)):
        # Python ends by the signal itself while it starts; a shell shows that as 130 too
        assert process.returncode in (130, -signal.SIGINT), said
        assert "Traceback" not in said


SLIPS = """
import builtins, sys

def struck(name, *args):
    if name == "probekit.cli":
        builtins.__import__ = imported
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise RuntimeError("Error calling __set_name__") from error
    return imported(name, *args)

imported = builtins.__import__
from probekit.__main__ import main
builtins.__import__ = struck
main()
"""


def test_ctrl_c_that_an_import_makes_another_error_of_ends_with_130_and_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", SLIPS], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "probekit: stopped.\n")

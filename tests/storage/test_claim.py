"""What is guarded: one process holds a run, over a shared disk too, and a dead holder's run is taken over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from probekit.plugin.errors import StoreError
from probekit.storage import lock
from probekit.storage.folder import Folder
from probekit.storage.lock import LEASE, RunLocked

LIFE = 3.0
pytestmark = pytest.mark.slow
ELSEWHERE = """
import pathlib, socket, sys
socket.gethostname = lambda: "elsewhere"
from probekit.storage import lock
lock.LIFE, lock.BEAT = {life}, {life} / 6
from probekit.storage.folder import Folder
folder = Folder(pathlib.Path({path!r}))
with folder.hold_lock():
    # a disk that is shared may hold no lock of the system's for another machine
    folder.run_lock.system_lock.release()
    print("held", flush=True)
    for line in sys.stdin:
        try:
            folder.append({{"step": 1}})
            print("written", flush=True)
        except Exception as error:
            print(error, flush=True)
"""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LIFE", LIFE)
    monkeypatch.setattr(lock, "BEAT", LIFE / 6)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the folder, and says that its machine is another."""
    program = ELSEWHERE.format(path=str(tmp_path), life=LIFE)
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def after(path: Path, seconds: float) -> float | None:
    """Wait to hold a folder; return how long that took, None where it took longer than this."""
    begun = time.monotonic()

    def waiting() -> None:
        if time.monotonic() - begun > seconds:
            raise RunLocked(path)

    try:
        with Folder(path).hold_lock(waiting):
            return time.monotonic() - begun
    except RunLocked:
        return None


def test_a_holder_on_another_machine_is_named_and_kept_from_nobody_while_it_beats(
    other: subprocess.Popen[str], tmp_path: Path
) -> None:
    with (
        pytest.raises(RunLocked, match=rf"process {other.pid} on elsewhere") as caught,
        Folder(tmp_path).hold_lock(),
    ):
        pass
    assert not caught.value.is_alive
    assert after(tmp_path, 3 * LIFE) is None


def test_a_machine_that_is_gone_is_waited_for_and_then_its_run_is_taken_over(
    other: subprocess.Popen[str], tmp_path: Path
) -> None:
    other.kill()
    other.wait()
    waited = after(tmp_path, 10 * LIFE)
    assert waited is not None
    assert waited > LIFE / 2


@pytest.mark.parametrize("hours", [-48, 48])
def test_a_clock_that_is_set_neither_frees_a_run_nor_keeps_it(
    hours: int, other: subprocess.Popen[str], tmp_path: Path
) -> None:
    set_to = time.time() + 3600 * hours
    os.utime(tmp_path / LEASE, (set_to, set_to))
    assert after(tmp_path, 2 * LIFE) is None
    other.send_signal(signal.SIGSTOP)  # it beats no more
    os.utime(tmp_path / LEASE, (set_to, set_to))
    assert after(tmp_path, 10 * LIFE) is not None
    other.send_signal(signal.SIGCONT)


def test_who_slept_until_its_run_was_taken_over_writes_nothing_more(
    other: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdin.write("\n")
    other.stdin.flush()
    assert other.stdout.readline() == "written\n"
    other.send_signal(signal.SIGSTOP)
    with Folder(tmp_path).hold_lock(lambda: None):
        other.send_signal(signal.SIGCONT)
        time.sleep(LIFE)
        other.stdin.write("\n")
        other.stdin.flush()
        assert "its lock was lost" in other.stdout.readline()
        Folder(tmp_path).append({"step": 2})
    assert Folder(tmp_path).log().count(b"\n") == 2


def test_a_claim_that_is_lost_is_lost_for_every_write(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with folder.hold_lock():
        (tmp_path / LEASE).unlink()
        time.sleep(LIFE)
        for write in (lambda: folder.write("file", b""), lambda: folder.append({"step": 1})):
            with pytest.raises(StoreError, match="its lock was lost"):
                write()
    folder.write("file", b"")

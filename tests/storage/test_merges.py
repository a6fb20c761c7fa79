"""What is guarded: merges at once, of what is in use and from where nothing can be written, cost no run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from faults.merges import faults, held, many, start
from faults.spoil import unfinished
from small import call
from trained import fates, lay, only

from probekit.storage.folder import Folder
from probekit.storage.lock import LEASE, LOCK
from probekit.storage.maintenance import merge
from probekit.storage.maintenance.draft import settle_drafts
from probekit.storage.maintenance.merge import merge_stores
from probekit.storage.store import Store

Capture = pytest.CaptureFixture[str]


def test_two_merges_at_once_bring_each_run_once(tmp_path: Path) -> None:
    other, here = many(tmp_path / "other", 8), tmp_path / "here"
    processes = [start("store", "merge", str(other), "--store", str(here)) for _ in range(3)]
    for process in processes:
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert "not whole" not in said
    assert held(here) == held(other)
    assert [path.name for path in here.iterdir() if path.name.startswith(".")] == []


def test_a_run_that_another_merge_brought_meanwhile_comes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    lay(there, ("unet",))
    shutil.copytree(there, tmp_path / "its copy")
    copied = merge.copy_folder

    def copy_twice(source: Path, target: Path) -> None:
        monkeypatch.setattr(merge, "copy_folder", copied)
        assert fates(here, tmp_path / "its copy") == Counter(copied=1)
        copied(source, target)

    monkeypatch.setattr(merge, "copy_folder", copy_twice)
    assert fates(here, there) == Counter(here=1)
    assert held(here) == held(there)


def test_a_copy_that_changed_while_it_was_made_does_not_come_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    lay(there, ("unet",))
    copied = merge.copy_folder

    def copy_changed(source: Path, target: Path) -> None:
        copied(source, target)
        (target / "weights.safetensors").write_bytes(b"torn")

    monkeypatch.setattr(merge, "copy_folder", copy_changed)
    assert fates(here, there) == Counter(broken=1)
    monkeypatch.setattr(merge, "copy_folder", copied)
    assert fates(here, there) == Counter(copied=1)


@pytest.mark.parametrize("laid", ["a file", "a folder with a lock", "an empty folder"])
def test_a_name_that_is_taken_by_no_run_stops_no_merge(laid: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    lay(there, ("unet",))
    place = here / only(there).path.name
    here.mkdir()
    if laid == "a file":
        place.write_text("mine")
    else:
        place.mkdir()
        if laid == "a folder with a lock":
            (place / LOCK).touch()
    assert fates(here, there) == Counter(copied=1)
    assert fates(here, there) == Counter(here=1)
    assert laid != "a file" or place.read_text() == "mine"


def test_a_busy_run_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    lay(there, ("unet", "unet+average"))
    monkeypatch.setattr(merge, "PATIENCE", 60.0)
    folder, taken, freed = next(Store(there).list_folders()), threading.Event(), threading.Event()

    def hold() -> None:
        with folder.hold_lock():
            taken.set()
            freed.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait(60)
    found = []
    for _, fate, _ in merge_stores(Store(here), Store(there)):  # what is free comes first
        found.append(fate)
        freed.set()
    holder.join()
    assert found == ["copied", "copied"]
    assert held(here) == held(there)


def test_a_run_that_stays_busy_is_named_and_the_merge_exits_with_1(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    lay(there, ("unet", "unet+average"))
    monkeypatch.setattr(merge, "PATIENCE", 0.2)
    folder = next(Store(there).list_folders())
    with folder.hold_lock():
        code, out, err = call(capsys, "store", "merge", str(there), "--store", str(here))
    assert code == 1
    assert "1 copied, 1 busy (not copied)" in " ".join(out.split())
    assert f"{folder.path}: another process is running it" in " ".join(err.split())
    assert call(capsys, "store", "merge", str(there), "--store", str(here))[0] == 0
    assert held(here) == held(there)


MERGES = """
import contextlib, io, os, subprocess, sys
from probekit.cli import main
sys.argv = ["probekit", "store", "merge", {warm!r}, "--store", {warm_into!r}]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main()  # imports all that a merge needs, which another user may not read
{become}
sys.argv = ["probekit", "store", "merge", {there!r}, "--store", {here!r}]
main()
"""
MOUNTED = """
subprocess.run(["mount", "--bind", {there!r}, {there!r}], check=True)
subprocess.run(["mount", "-o", "remount,ro,bind", {there!r}], check=True)
"""
ANOTHER = """
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
"""


def merge_readonly(there: Path, here: Path, way: str) -> subprocess.CompletedProcess[str]:
    """Merge from a store in which nothing can be written, by a read-only mount or as another user."""
    warm = here.parent / "warm"
    if not warm.exists():
        shutil.copytree(there, warm, ignore=shutil.ignore_patterns(".lock", ".lease"))
    command = [sys.executable, "-c"]
    become = ANOTHER
    if way == "mount":
        if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
            pytest.skip("this machine lets nobody mount")
        command, become = ["unshare", "-rm", *command], MOUNTED.format(there=str(there))
    else:
        for path in [there, *there.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
    places = {
        "warm": str(warm),
        "warm_into": str(here.parent / "warm into"),
        "there": str(there),
        "here": str(here),
    }
    program = MERGES.format(become=become, **places)
    return subprocess.run([*command, program], capture_output=True, text=True)


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """A folder that another user can reach."""
    here = Path("/tmp") / f"probekit-{os.getpid()}-{time.monotonic_ns()}"
    here.mkdir()
    here.chmod(0o777)
    return here


@pytest.mark.parametrize("way", ["mount", "user"])
@pytest.mark.parametrize("half", [False, True], ids=["done", "unfinished"])
def test_a_merge_reads_from_a_store_that_cannot_be_written(way: str, half: bool, open_path: Path) -> None:
    here, there = open_path / "here", open_path / "there"
    try:
        if half:
            unfinished(there)
        else:
            lay(there, ("unet",))
        before = {path: path.read_bytes() for path in there.rglob("*") if path.is_file()}
        ended = merge_readonly(there, here, way)
        assert ended.returncode == 0, ended.stderr
        assert "1 copied." in ended.stdout
        assert {path: path.read_bytes() for path in there.rglob("*") if path.is_file()} == before
        assert faults(here) == []
        (copy,) = Store(here).list_folders()
        with copy.hold_lock():  # what came from a read-only store can be gone on with
            copy.append({"step": 1})
    finally:
        shutil.rmtree(open_path)


@pytest.mark.parametrize("way", ["mount", "user"])
def test_a_run_at_work_in_a_store_that_cannot_be_written_is_named(way: str, open_path: Path) -> None:
    here, there = open_path / "here", open_path / "there"
    try:
        lay(there, ("unet",))
        with only(there).hold_lock():
            ended = merge_readonly(there, here, way)
        assert ended.returncode == 1
        assert "another process is running it" in " ".join(ended.stderr.split())
        assert not list(Store(here).list_folders())
        assert not (only(there).path / LEASE).exists()
        again = merge_readonly(there, here, way)
        assert again.returncode == 0, again.stderr
    finally:
        shutil.rmtree(open_path)


@pytest.mark.parametrize("use", ["claim", "verify", "merge"])
def test_a_lease_whose_holder_was_killed_before_it_wrote_it_holds_nothing(use: str, tmp_path: Path) -> None:
    lay(tmp_path / "there", ("unet",))
    run = only(tmp_path / "there")
    (run.path / LEASE).touch()
    if use == "claim":
        with run.hold_lock():
            assert (run.path / LEASE).stat().st_size
    elif use == "verify":
        assert faults(tmp_path / "there") == []
    else:
        assert fates(tmp_path / "here", tmp_path / "there") == Counter(copied=1)
    assert not (run.path / LEASE).exists()


def test_a_draft_that_goes_while_it_is_locked_counts_as_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Store(tmp_path / "here")
    nest = here.root / ".merging" / "0123456789abcdef"
    nest.mkdir(parents=True)
    hold_lock = Folder.hold_lock

    def remove_first(folder: Folder, *given: object) -> object:
        shutil.rmtree(folder.path)
        return hold_lock(folder, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Folder, "hold_lock", remove_first)
    settle_drafts(here)
    assert not nest.exists()

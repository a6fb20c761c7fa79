"""What is guarded: a merge or a removal that is interrupted, doubled or kept waiting costs no run."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stores
from small import call, done, job
from torments.merges import faults, held, many, start
from torments.spoil import unfinished

from probekit.errors import StoreError
from probekit.storage import disk, root
from probekit.storage.care import merge
from probekit.storage.care.draft import abandoned_drafts, drafting, settle_drafts
from probekit.storage.care.leftovers import leftovers, remove
from probekit.storage.care.merge import merged
from probekit.storage.claim import LEASE, LOCK, Claimed
from probekit.storage.folder import LOG, RESULT, SPEC, Folder
from probekit.storage.root import MERGING, TRASH
from probekit.storage.store import Store

Capture = pytest.CaptureFixture[str]


@functools.cache
def trained(structures: tuple[str, ...]) -> Path:
    """Return a store with one run of each structure, trained once for all tests."""
    return stores.real(Path(tempfile.mkdtemp(dir=BASE)), structures).root


def real(store: Path, structures: tuple[str, ...]) -> None:
    """Lay a run of each structure into a store."""
    shutil.copytree(trained(structures), store, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".lock"))


@pytest.fixture(scope="module", autouse=True)
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the folder in which runs are trained once."""
    global BASE
    BASE = tmp_path_factory.mktemp("trained")
    yield
    trained.cache_clear()


BASE = Path()


def fates(into: Path, other: Path) -> Counter[str]:
    return Counter(fate for _, fate, _ in merged(Store(into), Store(other)))


def only(store: Path) -> Folder:
    (folder,) = Store(store).folders()
    return folder


def lay_draft(store: Path, run: Path, shape: str, but: tuple[str, ...] = ()) -> None:
    """Lay the draft of a merge that was killed: as this version keeps it, or as the one before did."""
    place = store / MERGING / "0123" / run.name if shape == "nested" else store / f".merging-{run.name}"
    shutil.copytree(run, place, ignore=shutil.ignore_patterns(*but))


SHAPES = pytest.mark.parametrize("shape", ["nested", "older"])


@SHAPES
@pytest.mark.parametrize("but", [(), (RESULT,), (SPEC,), (LOG, "weights.safetensors")])
def test_no_command_takes_a_draft_for_a_run(
    shape: str, but: tuple[str, ...], tmp_path: Path, capsys: Capture
) -> None:
    here, there = Store(tmp_path / "here"), tmp_path / "there"
    real(there, ("unet",))
    run = only(there)
    lay_draft(here.root, run.path, shape, but)
    assert here.twins(run.read_spec()) == []
    assert here.find(run.read_spec()) is None
    assert list(here.folders()) == list(here.results()) == []
    for words in (("runs",), ("status",), ("store", "verify"), ("runs", "rm", "--yes")):
        code, out, _ = call(capsys, *words, "--store", str(here.root))
        assert code == 0
        assert run.path.name not in out
    trained = done(here.root, structure="unet", trainer="supervised").folder.path
    assert trained == here.root / run.path.name


@SHAPES
@pytest.mark.parametrize("but", [(), ("weights.safetensors",), (SPEC,), (RESULT,), (LOG,)])
@pytest.mark.parametrize("by", ["merge", "gc"])
def test_a_draft_is_completed_where_it_is_whole_and_dropped_else(
    shape: str, but: tuple[str, ...], by: str, tmp_path: Path
) -> None:
    here, there = Store(tmp_path / "here"), tmp_path / "there"
    real(there, ("unet",))
    lay_draft(here.root, only(there).path, shape, but)
    if by == "gc":
        (found,) = leftovers(here)
        assert found.why == "a copy that a merge did not finish"
        remove(here, found)
        assert [folder.path.name for folder in here.folders()] == [only(there).path.name] * (not but)
    else:
        assert fates(here.root, there) == (Counter(copied=1) if but else Counter(here=1))
        assert held(here.root) == held(there)
    assert [path.name for path in here.root.iterdir() if path.name.startswith(".")] == []
    assert faults(here.root) == []


def test_a_draft_of_a_run_that_is_here_is_dropped(tmp_path: Path) -> None:
    here = Store(tmp_path)
    real(tmp_path, ("unet",))
    lay_draft(tmp_path, only(tmp_path).path, "nested")
    lay_draft(tmp_path, only(tmp_path).path, "older")
    settle_drafts(here)
    assert [path.name for path in tmp_path.iterdir()] == [only(tmp_path).path.name]


@pytest.mark.parametrize("left", [MERGING, f"{MERGING}/0123", f"{MERGING}/0123/run", f"{TRASH}0123/run"])
def test_what_a_kill_leaves_between_two_steps_of_a_merge_is_gone_after_the_next(
    left: str, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    real(there, ("unet",))
    real(here, ("unet",))
    (here / left).mkdir(parents=True)
    assert fates(here, there) == Counter(here=1)
    assert [path.name for path in here.iterdir()] == [only(there).path.name]


def test_a_draft_that_a_live_process_fills_is_left_alone(tmp_path: Path) -> None:
    real(tmp_path / "there", ("unet",))
    here, run = Store(tmp_path / "here"), only(tmp_path / "there").path
    with drafting(here, run.name) as draft:
        shutil.copytree(run, draft, dirs_exist_ok=True)
        assert abandoned_drafts(here) == list(leftovers(here)) == []
        assert fates(here.root, tmp_path / "there") == Counter(copied=1)
        assert (draft / RESULT).exists()
    assert [path.name for path in here.root.iterdir()] == [run.name]


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
    real(there, ("unet",))
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
    real(there, ("unet",))
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
    real(there, ("unet",))
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
    real(there, ("unet", "unet+average"))
    monkeypatch.setattr(merge, "PATIENCE", 60.0)
    folder, taken, freed = next(Store(there).folders()), threading.Event(), threading.Event()

    def hold() -> None:
        with folder.claimed():
            taken.set()
            freed.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait(60)
    found = []
    for _, fate, _ in merged(Store(here), Store(there)):  # what is free comes first
        found.append(fate)
        freed.set()
    holder.join()
    assert found == ["copied", "copied"]
    assert held(here) == held(there)


def test_a_run_that_stays_busy_is_named_and_the_merge_exits_with_1(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    real(there, ("unet", "unet+average"))
    monkeypatch.setattr(merge, "PATIENCE", 0.2)
    folder = next(Store(there).folders())
    with folder.claimed():
        code, out, err = call(capsys, "store", "merge", str(there), "--store", str(here))
    assert code == 1
    assert "1 copied, 1 at work" in " ".join(out.split())
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
            real(there, ("unet",))
        before = {path: path.read_bytes() for path in there.rglob("*") if path.is_file()}
        ended = merge_readonly(there, here, way)
        assert ended.returncode == 0, ended.stderr
        assert "1 copied." in ended.stdout
        assert {path: path.read_bytes() for path in there.rglob("*") if path.is_file()} == before
        assert faults(here) == []
        (copy,) = Store(here).folders()
        with copy.claimed():  # what came from a read-only store can be gone on with
            copy.append({"step": 1})
    finally:
        shutil.rmtree(open_path)


@pytest.mark.parametrize("way", ["mount", "user"])
def test_a_run_at_work_in_a_store_that_cannot_be_written_is_named(way: str, open_path: Path) -> None:
    here, there = open_path / "here", open_path / "there"
    try:
        real(there, ("unet",))
        with only(there).claimed():
            ended = merge_readonly(there, here, way)
        assert ended.returncode == 1
        assert "another process is running it" in " ".join(ended.stderr.split())
        assert not list(Store(here).folders())
        assert not (only(there).path / LEASE).exists()
        again = merge_readonly(there, here, way)
        assert again.returncode == 0, again.stderr
    finally:
        shutil.rmtree(open_path)


@pytest.mark.parametrize("remover", ["gc", "rm"])
def test_a_removal_that_ends_half_way_leaves_no_run_and_the_next_gc_ends_it(
    remover: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    real(tmp_path, ("unet",))
    run = only(tmp_path).path
    if remover == "gc":
        shutil.copytree(run, tmp_path / f"{run.name}-2")
    words = ("store", "gc") if remover == "gc" else ("runs", "rm")
    removed = shutil.rmtree

    def remove_half(path: Path) -> None:
        (path / RESULT).unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(root.shutil, "rmtree", remove_half)
    assert call(capsys, *words, "--yes", "--store", str(tmp_path))[0] == 130
    monkeypatch.setattr(root.shutil, "rmtree", removed)
    assert [folder.path.name for folder in Store(tmp_path).folders()] == [f"{run.name}-2"] * (remover == "gc")
    assert faults(tmp_path) == []
    (left,) = leftovers(Store(tmp_path))
    assert left.path.name.startswith(TRASH)
    assert call(capsys, "store", "gc", "--yes", "--store", str(tmp_path))[0] == 0
    assert list(tmp_path.glob(".*")) == []


def test_gc_keeps_a_run_whose_newer_twin_is_gone_or_spoilt_meanwhile(tmp_path: Path) -> None:
    real(tmp_path, ("unet",))
    store, run = Store(tmp_path), only(tmp_path).path
    newer = tmp_path / f"{run.name}-2"
    shutil.copytree(run, newer)
    (found,) = leftovers(store)
    for spoil in spoilers(newer):
        spoil()
        with pytest.raises(StoreError):
            remove(store, found)
        assert (run / RESULT).exists()
    assert not newer.exists()


def spoilers(newer: Path) -> list[Callable[[], object]]:
    """Return ways to take a run away, each worse than the one before."""
    return [
        lambda: (newer / "scores.safetensors").write_bytes(b""),
        lambda: (newer / RESULT).unlink(),
        lambda: shutil.rmtree(newer),
    ]


def test_a_removal_names_what_is_in_use_and_removes_the_rest(tmp_path: Path, capsys: Capture) -> None:
    real(tmp_path, ("unet", "unet+average"))
    first, second = (folder.path for folder in Store(tmp_path).folders())
    with Folder(first).claimed():
        code, _, err = call(capsys, "runs", "rm", "--yes", "--store", str(tmp_path))
    assert code == 1
    assert f"running in {first}" in " ".join(err.split())
    assert "removed 1 runs" in err
    assert first.exists()
    assert not second.exists()


@pytest.mark.parametrize("kept", ["itself", "the newer"])
def test_gc_removes_no_run_while_it_or_its_newer_twin_is_in_use(kept: str, tmp_path: Path) -> None:
    real(tmp_path, ("unet",))
    run = only(tmp_path).path
    shutil.copytree(run, tmp_path / f"{run.name}-2")
    (found,) = leftovers(Store(tmp_path))
    assert found.path == run
    with Folder(run if kept == "itself" else tmp_path / f"{run.name}-2").claimed():
        with pytest.raises(Claimed):
            remove(Store(tmp_path), found)
        assert (run / RESULT).exists()
    remove(Store(tmp_path), found)
    assert not run.exists()


def test_what_was_renamed_is_synced_with_the_folder_it_lies_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss of power cannot be had here; what the system is asked, and in which order, can be seen."""
    real(tmp_path / "there", ("unet",))
    asked: list[str] = []
    fsync, replace, rename = os.fsync, os.replace, Path.rename

    def see_fsync(handle: int) -> None:
        asked.append(f"sync {os.readlink(f'/proc/self/fd/{handle}')}")
        fsync(handle)

    def see_replace(source: Path, target: Path) -> None:
        asked.append(f"replace {target}")
        replace(source, target)

    def see_rename(source: Path, target: Path) -> Path:
        asked.append(f"rename {target}")
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", see_fsync)
    monkeypatch.setattr(os, "replace", see_replace)
    monkeypatch.setattr(Path, "rename", see_rename)
    disk.write(tmp_path / "it", b"content")
    assert asked[1:] == [f"replace {tmp_path / 'it'}", f"sync {tmp_path}"]
    asked.clear()
    here = tmp_path / "here"
    assert fates(here, tmp_path / "there") == Counter(copied=1)
    (run,) = Store(here).folders()
    adopted = asked.index(f"rename {run.path}")
    assert asked[adopted + 1] == f"sync {here}"
    names = {path.name for path in run.path.iterdir()}
    assert {Path(one).name for one in asked[:adopted]} >= {run.path.name, *names}
    asked.clear()
    root.discard(run.path, here)
    assert [one.split()[0] for one in asked[:2]] == ["rename", "sync"]
    assert asked[1] == f"sync {here}"


def test_a_run_trained_where_a_draft_lies_is_the_same_run(tmp_path: Path) -> None:
    whole = done(tmp_path / "there", structure="unet", trainer="supervised")
    lay_draft(tmp_path / "here", whole.folder.path, "older", (RESULT,))
    before = sorted((tmp_path / "here" / f".merging-{whole.folder.path.name}").iterdir())
    again = done(tmp_path / "here", structure="unet", trainer="supervised")
    assert again.result.weights == whole.result.weights
    assert again.result.plan.identity == job(structure="unet", trainer="supervised").plan.identity
    assert sorted((tmp_path / "here" / f".merging-{whole.folder.path.name}").iterdir()) == before


@pytest.mark.parametrize("use", ["claim", "verify", "merge"])
def test_a_lease_whose_holder_was_killed_before_it_wrote_it_holds_nothing(use: str, tmp_path: Path) -> None:
    real(tmp_path / "there", ("unet",))
    run = only(tmp_path / "there")
    (run.path / LEASE).touch()
    if use == "claim":
        with run.claimed():
            assert (run.path / LEASE).stat().st_size
    elif use == "verify":
        assert faults(tmp_path / "there") == []
    else:
        assert fates(tmp_path / "here", tmp_path / "there") == Counter(copied=1)
    assert not (run.path / LEASE).exists()

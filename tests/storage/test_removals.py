"""What is guarded: a removal that is interrupted or kept waiting costs no run, and renames are synced."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.merges import faults
from small import call
from trained import fates, lay, only

from probekit.plugin.errors import StoreError
from probekit.storage import disk, root
from probekit.storage.folder import RESULT, Folder
from probekit.storage.lock import RunLocked
from probekit.storage.maintenance.garbage import find_garbage, remove_garbage
from probekit.storage.root import TRASH
from probekit.storage.store import Store

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("remover", ["gc", "rm"])
def test_a_removal_that_ends_half_way_leaves_no_run_and_the_next_gc_ends_it(
    remover: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path, ("unet",))
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
    assert [folder.path.name for folder in Store(tmp_path).list_folders()] == [f"{run.name}-2"] * (
        remover == "gc"
    )
    assert faults(tmp_path) == []
    (left,) = find_garbage(Store(tmp_path))
    assert left.path.name.startswith(TRASH)
    assert call(capsys, "store", "gc", "--yes", "--store", str(tmp_path))[0] == 0
    assert list(tmp_path.glob(".*")) == []


def test_gc_keeps_a_run_whose_newer_twin_is_gone_or_spoilt_meanwhile(tmp_path: Path) -> None:
    lay(tmp_path, ("unet",))
    store, run = Store(tmp_path), only(tmp_path).path
    newer = tmp_path / f"{run.name}-2"
    shutil.copytree(run, newer)
    (found,) = find_garbage(store)
    for spoil in spoilers(newer):
        spoil()
        with pytest.raises(StoreError):
            remove_garbage(store, found)
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
    lay(tmp_path, ("unet", "unet+average"))
    first, second = (folder.path for folder in Store(tmp_path).list_folders())
    with Folder(first).hold_lock():
        code, _, err = call(capsys, "runs", "rm", "--yes", "--store", str(tmp_path))
    assert code == 1
    assert f"running in {first}" in " ".join(err.split())
    assert "removed 1 runs" in err
    assert first.exists()
    assert not second.exists()


@pytest.mark.parametrize("kept", ["itself", "the newer"])
def test_gc_removes_no_run_while_it_or_its_newer_twin_is_in_use(kept: str, tmp_path: Path) -> None:
    lay(tmp_path, ("unet",))
    run = only(tmp_path).path
    shutil.copytree(run, tmp_path / f"{run.name}-2")
    (found,) = find_garbage(Store(tmp_path))
    assert found.path == run
    with Folder(run if kept == "itself" else tmp_path / f"{run.name}-2").hold_lock():
        with pytest.raises(RunLocked):
            remove_garbage(Store(tmp_path), found)
        assert (run / RESULT).exists()
    remove_garbage(Store(tmp_path), found)
    assert not run.exists()


def test_what_was_renamed_is_synced_with_the_folder_it_lies_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss of power cannot be had here; what the system is asked, and in which order, can be seen."""
    lay(tmp_path / "there", ("unet",))
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
    disk.write_file(tmp_path / "it", b"content")
    assert asked[1:] == [f"replace {tmp_path / 'it'}", f"sync {tmp_path}"]
    asked.clear()
    here = tmp_path / "here"
    assert fates(here, tmp_path / "there") == Counter(copied=1)
    (run,) = Store(here).list_folders()
    adopted = asked.index(f"rename {run.path}")
    assert asked[adopted + 1] == f"sync {here}"
    names = {path.name for path in run.path.iterdir()}
    assert {Path(one).name for one in asked[:adopted]} >= {run.path.name, *names}
    asked.clear()
    root.discard_folder(run.path, here)
    assert [one.split()[0] for one in asked[:2]] == ["rename", "sync"]
    assert asked[1] == f"sync {here}"

"""What is guarded: a flipped bit is named wherever it lies, a merge writes over nothing, and what is removed
is read by nobody."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from faults.spoil import unfinished
from stores import real

from probekit.storage.folder import CHECKPOINT, LOG, RESULT, SPEC, Folder
from probekit.storage.lock import LOCK
from probekit.storage.maintenance import merge
from probekit.storage.maintenance.garbage import find_garbage, remove_garbage
from probekit.storage.maintenance.merge import merge_stores
from probekit.storage.maintenance.verify import verify_folder
from probekit.storage.store import Store


def faults(root: Path) -> list[str]:
    return [str(fault) for folder in Store(root).list_folders() for fault in verify_folder(folder)]


def only(root: Path) -> Folder:
    (folder,) = Store(root).list_folders()
    return folder


@pytest.mark.parametrize("half", [False, True], ids=["done", "unfinished"])
def test_a_flipped_bit_is_named_in_whatever_file(half: bool, tmp_path: Path) -> None:
    if half:
        unfinished(tmp_path)
    else:
        real(tmp_path, ("unet",))
    assert faults(tmp_path) == []
    files = sorted(path for path in only(tmp_path).path.iterdir() if path.name != LOCK)
    assert len(files) > 2
    for path in files:
        whole = path.read_bytes()
        # rows of a log that came after the checkpoint are not gone on from: they are written again
        for place in (0,) if half and path.name == LOG else (0, len(whole) // 2, len(whole) - 2):
            spoilt = bytearray(whole)
            spoilt[place] ^= 4
            path.write_bytes(spoilt)
            assert any(path.name in fault for fault in faults(tmp_path)), (path.name, place)
        path.write_bytes(whole[: len(whole) // 2])
        assert any(path.name in fault for fault in faults(tmp_path)), path.name
        path.write_bytes(whole)
    assert faults(tmp_path) == []


@pytest.mark.parametrize("name", [SPEC, "scores.safetensors"])
def test_a_file_that_is_gone_is_named(name: str, tmp_path: Path) -> None:
    real(tmp_path, ("unet",))
    (only(tmp_path).path / name).unlink()
    assert any(name in fault for fault in faults(tmp_path))


def test_a_folder_that_is_named_as_another_run_is_a_fault(tmp_path: Path) -> None:
    real(tmp_path, ("unet",))
    only(tmp_path).path.rename(tmp_path / "translation-0123456789ab")
    assert any("belongs to another run" in fault for fault in faults(tmp_path))


def fates(into: Path, other: Path) -> Counter[str]:
    return Counter(fate for _, fate, _ in merge_stores(Store(into), Store(other)))


def test_a_merge_copies_what_is_missing_once_and_both_stores_stay_whole(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    real(here, ("unet",))
    unfinished(there)
    real(there, ("unet", "unet+average"))
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    assert fates(here, there) == Counter(copied=2, here=1)
    assert fates(here, there) == Counter(here=3)
    assert {path: path.read_bytes() for path in before} == before
    assert faults(here) == faults(there) == []
    assert list(here.glob(".merging*")) == []


def test_a_run_with_other_weights_comes_beside_and_one_that_is_held_or_broken_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    real(here, ("unet",))
    shutil.copytree(here, there)
    folder = only(there)
    result = folder.read_result()
    folder.write_result(result.model_copy(update={"weights": "f" * 64}))
    monkeypatch.setattr(merge, "PATIENCE", 0.1)
    with folder.hold_lock():
        assert fates(here, there) == Counter(busy=1)
    assert fates(here, there) == Counter(beside=1)
    assert len(list(Store(here).list_folders())) == 2
    newest = Store(here).newest_run(result.plan)
    assert newest is not None
    assert newest.read_result().weights == "f" * 64
    (folder.path / RESULT).write_text("{")
    assert fates(here, there) == Counter(broken=1)


def test_an_unfinished_run_gives_way_to_one_that_is_done(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    real(there, ("unet",))
    shutil.copytree(there, here)
    (only(here).path / RESULT).unlink()
    assert fates(there, here) == Counter(here=1)
    assert fates(here, there) == Counter(beside=1)
    assert fates(here, there) == Counter(here=1)


def test_what_is_left_over_is_drafts_copies_and_runs_that_were_replaced(tmp_path: Path) -> None:
    real(tmp_path, ("unet",))
    assert list(find_garbage(Store(tmp_path))) == []
    first = only(tmp_path)
    (first.path / ".log.jsonl.0123.draft").write_bytes(b"half")
    (first.path / CHECKPOINT).write_bytes(b"old")
    (tmp_path / ".merging-x").mkdir()
    shutil.copytree(first.path, tmp_path / f"{first.path.name}-2")
    found = list(find_garbage(Store(tmp_path)))
    assert len(found) == 6  # of the older twin its draft, its checkpoint, and itself
    for one in reversed(found):
        if one.path.exists():
            remove_garbage(Store(tmp_path), one)
    assert list(find_garbage(Store(tmp_path))) == []
    assert [folder.path.name for folder in Store(tmp_path).list_folders()] == [f"{first.path.name}-2"]
    assert faults(tmp_path) == []

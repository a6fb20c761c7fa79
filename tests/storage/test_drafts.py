"""What is guarded: a copy that a merge did not finish is no run, and the next merge completes or drops it."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from faults.merges import faults, held
from small import call, done, job
from trained import fates, lay, only

from probekit.storage.folder import LOG, RESULT, SPEC
from probekit.storage.maintenance.draft import find_abandoned_drafts, open_draft, settle_drafts
from probekit.storage.maintenance.garbage import find_garbage, remove_garbage
from probekit.storage.root import MERGING, TRASH
from probekit.storage.store import Store

Capture = pytest.CaptureFixture[str]


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
    lay(there, ("unet",))
    run = only(there)
    lay_draft(here.root, run.path, shape, but)
    assert here.reruns(run.read_spec()) == []
    assert here.find(run.read_spec()) is None
    assert list(here.list_folders()) == list(here.read_results()) == []
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
    lay(there, ("unet",))
    lay_draft(here.root, only(there).path, shape, but)
    if by == "gc":
        (found,) = find_garbage(here)
        assert found.why == "an unfinished copy of a merge"
        remove_garbage(here, found)
        assert [folder.path.name for folder in here.list_folders()] == [only(there).path.name] * (not but)
    else:
        assert fates(here.root, there) == (Counter(copied=1) if but else Counter(here=1))
        assert held(here.root) == held(there)
    assert [path.name for path in here.root.iterdir() if path.name.startswith(".")] == []
    assert faults(here.root) == []


def test_a_draft_of_a_run_that_is_here_is_dropped(tmp_path: Path) -> None:
    here = Store(tmp_path)
    lay(tmp_path, ("unet",))
    lay_draft(tmp_path, only(tmp_path).path, "nested")
    lay_draft(tmp_path, only(tmp_path).path, "older")
    settle_drafts(here)
    assert [path.name for path in tmp_path.iterdir()] == [only(tmp_path).path.name]


@pytest.mark.parametrize("left", [MERGING, f"{MERGING}/0123", f"{MERGING}/0123/run", f"{TRASH}0123/run"])
def test_what_a_kill_leaves_between_two_steps_of_a_merge_is_gone_after_the_next(
    left: str, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    lay(there, ("unet",))
    lay(here, ("unet",))
    (here / left).mkdir(parents=True)
    assert fates(here, there) == Counter(here=1)
    assert [path.name for path in here.iterdir()] == [only(there).path.name]


def test_a_draft_that_a_live_process_fills_is_left_alone(tmp_path: Path) -> None:
    lay(tmp_path / "there", ("unet",))
    here, run = Store(tmp_path / "here"), only(tmp_path / "there").path
    with open_draft(here, run.name) as draft:
        shutil.copytree(run, draft, dirs_exist_ok=True)
        assert find_abandoned_drafts(here) == list(find_garbage(here)) == []
        assert fates(here.root, tmp_path / "there") == Counter(copied=1)
        assert (draft / RESULT).exists()
    assert [path.name for path in here.root.iterdir()] == [run.name]


def test_a_run_trained_where_a_draft_lies_is_the_same_run(tmp_path: Path) -> None:
    whole = done(tmp_path / "there", structure="unet", trainer="supervised")
    lay_draft(tmp_path / "here", whole.folder.path, "older", (RESULT,))
    before = sorted((tmp_path / "here" / f".merging-{whole.folder.path.name}").iterdir())
    again = done(tmp_path / "here", structure="unet", trainer="supervised")
    assert again.result.weights == whole.result.weights
    assert again.result.plan.identity == job(structure="unet", trainer="supervised").plan.identity
    assert sorted((tmp_path / "here" / f".merging-{whole.folder.path.name}").iterdir()) == before

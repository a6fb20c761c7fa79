"""What is guarded: a plan that was lost or edited is not gone on with, and nothing beside it written over."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from faults.spoil import WORDS, unfinished
from small import call, done, first, job, planned
from stores import KNOWN, card_of, put

from probekit.catalog.registry import registry
from probekit.plugin.errors import StoreError
from probekit.runs.first_steps import observe_structure
from probekit.runs.machine import read_environment
from probekit.runs.run import run_job
from probekit.storage.checksum import encode_json
from probekit.storage.folder import CHECKPOINT, LOG, RESULT, SPEC, Folder
from probekit.storage.store import Store
from probekit_probes.noise import parse_noise

Capture = pytest.CaptureFixture[str]


def lost(path: Path) -> None:
    path.unlink()


def edited(path: Path) -> None:
    fields = json.loads(path.read_text())
    fields["seed"] = fields["spec"]["seed"] = 7
    path.write_text(json.dumps(fields))


def of_another_seed(path: Path) -> None:
    """Whole, but another run's."""
    path.write_bytes(encode_json(planned(seed=7, **WORDS).model_dump(mode="json")))


def without_digest(path: Path) -> None:
    """As an edit by hand leaves it that takes the digest out, and adds a field."""
    fields = json.loads(path.read_text())
    path.write_text(json.dumps({**{key: fields[key] for key in fields if key != "digest"}, "more": 1}))


SPOILT = [lost, edited, of_another_seed, without_digest]


@pytest.mark.parametrize("spoil", first(2, SPOILT))
def test_an_unfinished_run_is_refused_and_begun_anew_beside_it_when_asked(
    spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = unfinished(tmp_path)
    spoil(folder / SPEC)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert CHECKPOINT in before
    with pytest.raises(StoreError, match=r"spec\.json.*--force"):
        done(tmp_path, **WORDS)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    made = run_job(job(**WORDS), registry(), device="cpu", store=Store(tmp_path), force=True)
    assert made.folder.path == folder.with_name(f"{folder.name}-2")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("spoil", first(2, SPOILT))
def test_a_finished_run_is_served_by_its_result_and_never_run_as_another(
    spoil: Callable[[Path], None], tmp_path: Path, capsys: Capture
) -> None:
    whole = done(tmp_path)
    spoil(whole.folder.path / SPEC)
    again = done(tmp_path)
    assert (again.stored, again.result) == (True, whole.result)
    assert len(list(tmp_path.iterdir())) == 1
    code, _, err = call(capsys, "again", str(whole.folder.path), "--store", str(tmp_path / "other"))
    if spoil is of_another_seed:  # a whole plan is what it says
        assert "seed 7" in err
    else:
        assert code in (1, 2)
        assert SPEC in err
        assert not (tmp_path / "other").exists()


def test_a_folder_that_a_crash_left_empty_is_taken(tmp_path: Path) -> None:
    (tmp_path / planned().folder).mkdir(parents=True)
    assert done(tmp_path).folder.path.name == planned().folder


def of_sources(store: Store, when: Mapping[str, float]) -> dict[str, str]:
    """Store a run a source of its structure, none of which is installed; return the folders by source."""
    folders = {}
    for source, stored in when.items():
        (folder,) = put(store, "unet", {0: ord(source) / 1000})
        result = folder.read_result()
        used = tuple(
            one.model_copy(update={"source": source * 64}) if one.kind == "structure" else one
            for one in result.plan.components
        )
        shutil.rmtree(folder.path)
        plan = result.plan.model_copy(update={"components": used})
        made = store.new_run(plan)
        made.write_result(result.model_copy(update={"plan": plan, "stored": stored}))
        folders[source] = made.path.name
    return folders


def test_newest_is_what_was_stored_last_whatever_the_times_of_files_say(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    folders = of_sources(store, {"a": 100.0, "b": 300.0, "c": 200.0})
    copied = tmp_path / "copied"
    shutil.copytree(store.root, copied)  # and its times, as cp -r gives them:
    os.utime(copied / folders["b"] / RESULT, (1, 1))
    for root in (store.root, copied):
        card = card_of(Store(root))
        assert [cell.headline.mean for cell in card.columns[0].cells] == [ord("b") / 1000]
        assert {line.split(":")[0] for line in card.left_out} == {folders["a"], folders["c"]}


def test_the_installed_code_counts_though_other_was_stored_later(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    of_sources(store, {"a": 100.0, "b": 4e9})
    (folder,) = put(store, "unet", {0: 0.5})
    known = job(KNOWN, probe="noisy", structure="unet", trainer="supervised")
    result, device = folder.read_result(), torch.device("cpu")
    structure = observe_structure(known, device)
    behaviour = result.behaviour.model_copy(update={"structure": structure})
    update = {"behaviour": behaviour, "environment": read_environment(device)}
    folder.write_result(result.model_copy(update=update))
    (cell,) = card_of(store).columns[0].cells
    assert cell.headline.mean == 0.5


def test_a_log_or_a_checkpoint_alone_is_a_run_that_lost_its_plan(tmp_path: Path) -> None:
    for name in (LOG, CHECKPOINT, RESULT):
        store = Store(tmp_path / name)
        folder = store.root / planned().folder
        folder.mkdir(parents=True)
        (folder / name).write_text("{}")
        assert [one.path for one in store.reruns(planned())] == [folder]
        with pytest.raises(StoreError):
            done(store.root)
        assert (folder / name).read_text() == "{}"


@pytest.mark.parametrize("value", ["-0.1", "NaN", "Infinity", '"much"', "null", "1e400"])
def test_noise_is_finite_and_not_negative(value: str) -> None:
    with pytest.raises(ValueError, match="the noise of loss on nonlocality at quick"):
        parse_noise(f'{{"nonlocality": {{"quick": {{"noise": {{"loss": {value}}}}}}}}}')
    none = '{"nonlocality": {"quick": {"noise": {"loss": 0}}}}'
    assert parse_noise(none)["nonlocality"]["quick"]["noise"]["loss"] == 0


def test_the_folder_holds_the_plan_with_a_digest(tmp_path: Path) -> None:
    whole = done(tmp_path)
    assert Folder(whole.folder.path).read_spec() == whole.result.plan
    assert "digest" in json.loads((whole.folder.path / SPEC).read_text())

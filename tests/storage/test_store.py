"""What is guarded: what is stored is whole, unchanged and its own, and a refusing disk breaks nothing."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import environment
from small import planned

from probekit.plugin.errors import StoreError
from probekit.storage.folder import LOG, RESULT, SPEC, Folder
from probekit.storage.result import FORMAT, Environment, Result
from probekit.storage.store import Store, default_root

HERE = Environment(probekit="0", torch="2", python="3", device="cpu", threads=1)


def result(**fields: Any) -> Result:
    return Result(**{"plan": planned(), "status": "done", "environment": HERE, **fields})


def test_the_root_is_what_is_given_else_probekit_home_else_a_folder_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PROBEKIT_HOME", raising=False)
    assert Store().root == default_root().absolute() == Path("probekit-runs").absolute()
    monkeypatch.setenv("PROBEKIT_HOME", str(tmp_path))
    assert Store().root == tmp_path
    assert Store("elsewhere").root == Path("elsewhere").absolute()


def test_a_result_survives_the_disk_with_all_its_fields(tmp_path: Path) -> None:
    stored = result(
        metrics={"loss": 0.1 + 0.2, "none": None},
        train={"loss": 1e-300},
        floors={"loss": 1.0},
        intervals={"loss": (0.1, 0.2)},
        steps=3,
        seconds=0.5,
        flops=7,
        weights="abc",
        files={"a": "b"},
    )
    Folder(tmp_path).write_result(stored)
    assert Folder(tmp_path).read_result() == stored


def test_a_new_folder_holds_the_plan_and_force_makes_one_beside_it(tmp_path: Path) -> None:
    store, plan = Store(tmp_path / "deep" / "root"), planned()
    assert store.newest_run(plan) is None
    first, second = store.new_run(plan), store.new_run(plan)
    assert (first.path.name, second.path.name) == (plan.folder, f"{plan.folder}-2")
    assert type(plan).model_validate_json((second.path / SPEC).read_text()) == plan
    newest = store.newest_run(plan)
    assert newest is not None
    assert newest.path == second.path
    assert first.path.name.startswith("nonlocality-test-16")
    assert first.path.name.endswith(plan.identity[:12])


def test_the_newest_folder_is_the_run(tmp_path: Path) -> None:
    store, plan = Store(tmp_path), planned()
    store.new_run(plan).write_result(result(steps=1))
    found = store.find(plan)
    assert found is not None
    assert found[0].steps == 1
    newer = store.new_run(plan)
    assert store.find(plan) is None  # it is not done: to be gone on with
    newer.write_result(result(status="failed"))
    assert store.find(plan) is None  # nor is a failure a result
    newer.write_result(result(steps=2))
    found = store.find(plan)
    assert found is not None
    assert found[0].steps == 2


def spoilt(path: Path, how: str) -> None:
    """Do to a stored result what should not be done."""
    text = (path / RESULT).read_text()
    fields = json.loads(text)
    if how == "edited":
        fields["metrics"]["loss"] = 0.0
    if how == "newer":
        fields["format"] = FORMAT + 1
    if how == "nameless":
        del fields["digest"]
    if how == "another plan's":
        Folder(path).write_result(result(plan=planned(seed=5)))
        return
    if how in ("weights", "missing weights"):
        weights = path / "weights.safetensors"
        os.truncate(weights, weights.stat().st_size - 1)
        if how == "missing weights":
            weights.unlink()
        return
    new = {"truncated": text[: len(text) // 2], "a list": "[]", "empty": "", "binary": "\0\udcff"}
    new["nested"] = "[" * 200_000 + "]" * 200_000
    new["of long numbers"] = '{"steps": ' + "9" * 5000 + "}"
    (path / RESULT).write_bytes(new.get(how, json.dumps(fields)).encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("edited", "changed after it was stored.*--force"),
        ("newer", f"format {FORMAT + 1}, this one reads {FORMAT}.*Upgrade"),
        ("nameless", "it carries no checksum"),
        ("truncated", "not whole JSON"),
        ("a list", "not a JSON object"),
        ("empty", "not whole JSON"),
        ("binary", "not whole JSON"),
        ("nested", "not whole JSON"),
        ("of long numbers", "not whole JSON"),
        ("another plan's", "another run's result"),
        ("weights", "truncated or was changed"),
        ("missing weights", "No such file"),
    ],
)
def test_what_is_not_as_it_was_stored_is_named_and_left_alone(how: str, said: str, tmp_path: Path) -> None:
    store, plan = Store(tmp_path), planned()
    folder = store.new_run(plan)
    weights = folder.write_tensors("weights.safetensors", {"w": torch.ones(3)})
    folder.write_result(result(metrics={"loss": 1.0}, files={"weights.safetensors": weights}))
    spoilt(folder.path, how)
    before = {path: path.read_bytes() for path in folder.path.iterdir()}
    with pytest.raises(StoreError, match=said):
        store.find(plan)
    assert {path: path.read_bytes() for path in folder.path.iterdir()} == before


def test_truncated_tensors_are_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write_tensors("t.safetensors", {"w": torch.ones(100)})
    whole = (tmp_path / "t.safetensors").read_bytes()
    for size in (0, 4, 20, len(whole) - 1):
        (tmp_path / "t.safetensors").write_bytes(whole[:size])
        with pytest.raises(StoreError, match=r"t\.safetensors: it (is|says|has)"):
            folder.read_tensors("t.safetensors")


def test_the_log_is_cut_to_whole_rows_and_a_log_too_short_is_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for step in range(3):
        folder.append({"step": step, "loss": 0.1})
    with (tmp_path / LOG).open("a") as log:
        log.write('{"step": 3, "lo')  # as a kill leaves it
    with pytest.raises(StoreError, match="fewer than the 4 rows"):
        folder.log(4)
    kept = hashlib.sha256(folder.log(2)).hexdigest()
    with pytest.raises(StoreError, match="one of its first 3 rows was changed"):
        folder.cut_log(3, kept)
    folder.cut_log(2, kept)
    folder.append({"step": 2, "loss": 0.1})
    assert [json.loads(line)["step"] for line in (tmp_path / LOG).read_text().splitlines()] == [0, 1, 2]


@pytest.mark.parametrize("name", ["a file", "below a file", "nowhere writable"])
def test_a_root_that_cannot_be_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    roots = {
        "a file": tmp_path / "file",
        "below a file": tmp_path / "file" / "below",
        "nowhere writable": Path("/proc/nowhere"),
    }
    store = Store(roots[name])
    assert store.find(planned()) is None
    with pytest.raises(StoreError, match=f"storing runs in {roots[name]}.*--store"):
        store.new_run(planned())


def test_one_process_at_a_time_runs_in_a_folder(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from probekit.storage.folder import Folder\n"
        f"with Folder(pathlib.Path({str(tmp_path)!r})).hold_lock():\n"
        "    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(StoreError, match="another process is running it"), Folder(tmp_path).hold_lock():
        pass
    other.kill()  # a lock does not outlive its holder
    other.wait()
    other.stdout.close()
    with Folder(tmp_path).hold_lock():
        pass


FULL = """
import pathlib, resource, torch
from probekit.plugin.errors import StoreError
from probekit.storage.folder import Folder
folder = Folder(pathlib.Path({path!r}))
folder.write("kept", b"old")
folder.append({{"step": 1}})
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for what in (
    lambda: folder.write("kept", b"new" * 1000),
    lambda: folder.write_tensors("tensors", {{"w": torch.ones(1000)}}),
    lambda: [folder.append({{"step": step}}) for step in range(1000)],
):
    try:
        what()
    except StoreError as error:
        print(error)
"""


def test_a_full_disk_is_named_and_leaves_what_was_there(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL.format(path=str(tmp_path))],
        capture_output=True,
        text=True,
        env=environment(None, {}),
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"writing {tmp_path / name}" for name in ("kept", "tensors", LOG)
    ]
    assert all("File too large. Free disk space" in line for line in lines)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", LOG]
    assert (tmp_path / "kept").read_bytes() == b"old"

"""What is guarded: each worker of a machine with GPUs sees one GPU of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from probekit.schedule.worker import OUTPUT
from probekit_plugins.executors.local import Local

SHOW = "import os, time; print(os.environ.get('CUDA_VISIBLE_DEVICES', 'all'), flush=True); time.sleep(0.5)"


@pytest.mark.parametrize(("gpus", "seen"), [(0, ["all"] * 4), (2, ["0", "0", "1", "1"]), (1, ["0"] * 4)])
def test_a_worker_sees_one_gpu(
    gpus: int, seen: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    command = [sys.executable, "-c", SHOW]
    assert {ending.code for ending in Local(jobs=2, gpus=gpus).carry_out(folders, command)} == {0}
    assert sorted((folder / OUTPUT).read_text().strip() for folder in folders) == seen

"""What is guarded: denormal numbers cost nothing in our own processes; those of others stay as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import Run, environment
from small import done, knowing
from torch import nn

from probekit.catalog.denormals import flush_denormals, is_flushing_denormals, keeps_denormals
from probekit.storage.folder import RESULT
from probekit.storage.result import Environment

HERE = {"probekit": "0", "torch": "2", "python": "3", "device": "cpu", "threads": 1}
OURS = """
import json, sys
import torch
import probekit
from probekit.catalog.denormals import keeps_denormals, start_torch_threads

how, store = sys.argv[1:]
seen = []

class Seen(torch.nn.Module):
    def __init__(self, channels, outputs):
        super().__init__()
        self.out = torch.nn.Conv1d(channels, outputs, 1)

    def forward(self, x):
        if not x.is_meta:
            seen.append(keeps_denormals())
        return self.out(x)

if how == "ours":
    start_torch_threads(2)
before = keeps_denormals()
result = probekit.run(
    "grouping(test=4,train=32,validation=4)", lambda shape: Seen(shape.inputs, shape.outputs),
    scale="smoke", trainer="supervised(batch=16,epochs=1)", device="cpu", store=store,
)
least = torch.full((2 * torch.get_num_threads() << 20,), torch.finfo(torch.float32).tiny)
kept = (least / 2).view(torch.int32).ne(0).float().mean().item()
print(json.dumps([before, seen, result.environment.denormals, kept]))
"""


class Sharp(nn.Module):
    """A network that tells whether denormal numbers are zero to it."""

    def __init__(self, inputs: int, outputs: int, seen: list[bool]) -> None:
        super().__init__()
        self.out, self.seen = nn.Conv2d(inputs, outputs, 1), seen

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not x.is_meta:
            self.seen.append((x.new_full((1,), torch.finfo(x.dtype).tiny) / 2).view(torch.int32).item() == 0)
        y: torch.Tensor = self.out(x)
        return y


def test_they_are_zero_while_a_run_trains_and_is_scored_and_afterwards_are_not(tmp_path: Path) -> None:
    if torch.get_num_threads() > 1:
        pytest.skip("this process's threads may be there already")
    seen: list[bool] = []
    known = knowing("sharp", lambda shape: Sharp(shape.inputs, shape.outputs, seen))
    result = done(tmp_path, known, structure="sharp").result
    assert result.environment.denormals == "flushed"
    again = 2 + 1 + 3  # answers as trained and as loaded; a look, and the first steps once more
    assert seen.count(True) == 4 + 3 + again  # steps, and splits
    assert not is_flushing_denormals()
    assert keeps_denormals()


@pytest.mark.parametrize(("how", "said"), [("ours", "flushed"), ("theirs", "kept")])
def test_all_threads_take_them_as_zero_or_none_and_those_of_others_stay_as_they_were(
    how: str, said: str, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", OURS, how, str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment(None, {"OMP_NUM_THREADS": "2"}),
        check=True,
    )
    before, seen, told, kept = json.loads(ended.stdout)
    assert before  # the thread that asks is as it was
    assert told == said
    assert (False in seen) == (said == "flushed")  # False: no thread kept any
    assert kept == (1.0 if how == "theirs" else 0.5)


@pytest.mark.parametrize("executor", [(), ("--executor", "local(jobs=1,threads=2)")], ids=["run", "work"])
def test_our_own_processes_start_their_threads_so(
    executor: tuple[str, ...], probekit: Run, tmp_path: Path
) -> None:
    asked = ("grouping(test=4,train=32,validation=4)", "-s", "average", "--scale", "smoke", *executor)
    ended = probekit("run", *asked, "--device", "cpu", "--store", str(tmp_path), OMP_NUM_THREADS="2")
    assert ended.returncode == 0, ended.stderr
    (stored,) = tmp_path.glob(f"*/{RESULT}")
    here = json.loads(stored.read_text())["environment"]
    assert (here["threads"], here["denormals"]) == (2, "flushed")


def test_what_was_set_before_is_set_again() -> None:
    was = is_flushing_denormals()
    torch.set_flush_denormal(True)
    try:
        with flush_denormals():
            pass
        assert is_flushing_denormals()
    finally:
        torch.set_flush_denormal(was)


def test_a_run_goes_on_only_where_they_are_treated_alike() -> None:
    kept, zero = Environment(**HERE), Environment(**HERE, denormals="flushed")
    assert kept.describe_changes(HERE) == []  # 0.1.0 kept them, and did not say so
    assert zero.describe_changes(HERE) == ["denormals was kept, here flushed"]
    assert kept.describe_changes(zero.model_dump()) == ["denormals was flushed, here kept"]

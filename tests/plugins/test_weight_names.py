"""What is guarded: a run that goes on in another process has the moments of each parameter, by its name."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from begun import unheard
from conftest import environment
from fitting import RECIPE, fit
from small import PROBE, done, knowing, rows
from torch import Tensor, nn

from probekit.plugin.errors import RunError
from probekit.runs.network import hash_weights
from probekit.storage.checkpoint import restore_checkpoint
from probekit.storage.folder import CHECKPOINT
from probekit.storage.state import pack_state, unpack_state
from probekit_plugins.trainers.names import name_weights
from probekit_plugins.trainers.supervised import Supervised

NAMES = tuple("edcab")


class Branches(nn.Module):
    """Its branches are listed in the order that it is given, and summed up in one."""

    def __init__(self, order: Sequence[str], tied: bool = False) -> None:
        super().__init__()
        self.branches = nn.ModuleDict({name: nn.Linear(3, 3) for name in order})
        if tied:
            for name in order:
                self.branches[name].weight = self.branches[order[0]].weight
        self.head = nn.Conv2d(3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        columns = x.movedim(1, -1)
        both = sum(self.branches[name](columns).relu() for name in sorted(self.branches))
        answer: Tensor = self.head(both.movedim(-1, 1))
        return answer


RECIPES: dict[str, dict[str, Any]] = {
    "adamw": {},
    "muon": {"optimiser": "muon"},
    "averaged": {"average": 0.9},
    "clipped": {"clip": 1e-2},
}


def stored(trainer: Supervised) -> Any:
    """Return a trainer's state as a checkpoint gives it back."""
    tensors, rest = pack_state(trainer.state_dict(), "it")
    kept = {name: value.clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    return unpack_state(json.loads(json.dumps(rest)), kept)


@pytest.mark.parametrize("tied", [False, True], ids=["", "tied"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_gone_on_with_in_another_order_it_ends_with_the_same_weights(recipe: str, tied: bool) -> None:
    given = {**RECIPE, **RECIPES[recipe]}
    torch.manual_seed(0)
    whole = Branches(NAMES, tied)
    begun = Branches(NAMES, tied)
    begun.load_state_dict(whole.state_dict())
    log = list(fit(whole, Supervised(**given)))
    trainer, first = Supervised(**given), []
    for row in fit(begun, trainer):
        first.append(row)
        if row["step"] == 5:
            break
    other = Branches(NAMES[::-1], tied)
    other.load_state_dict(begun.state_dict())
    assert list(dict(other.named_parameters())) != list(dict(whole.named_parameters()))
    assert first + list(fit(other, Supervised(**given), stored(trainer))) == log
    assert hash_weights(other.state_dict()) == hash_weights(whole.state_dict())


def state_of(model: nn.Module) -> dict[str, Any]:
    trainer = Supervised(**RECIPE)
    next(fit(model, trainer))
    return trainer.state_dict()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            Branches("abcd"),
            "the state has branches.e.weight, branches.e.bias, which the network lacks",
        ),
        (
            Branches("abcdef"),
            "the network has branches.f.weight, branches.f.bias, which the state lacks",
        ),
        (
            Branches("vwxyz"),
            "the state has branches.e.weight, branches.e.bias, branches.d.weight and 7 more, which",
        ),
        (Branches("abcde", tied=True), "parameters that it tells apart are one in the network"),
    ],
    ids=["fewer", "more", "others", "tied"],
)
def test_a_state_of_other_names_is_refused_in_words(model: nn.Module, said: str) -> None:
    state = state_of(Branches(NAMES))
    with pytest.raises(RunError, match=f"its names do not fit the network: {said}"):
        next(fit(model, Supervised(**RECIPE), state))


def test_a_state_that_numbers_parameters_is_refused_in_words() -> None:
    with pytest.raises(RunError, match="it numbers the parameters, as an older probekit did"):
        name_weights(Branches(NAMES), {"step": 3, "moments": [{"0": {}}]})


def test_weights_of_a_checkpoint_that_do_not_fit_are_refused_and_the_log_stays(tmp_path: Path) -> None:
    from probekit.plugin.errors import StoreError
    from probekit.runs.machine import read_environment as machine
    from probekit.storage import checkpoint
    from probekit.storage.checkpoint import TrainingState

    outcome = done(tmp_path, knowing("branched", lambda shape: Branches(NAMES)), structure="branched")
    folder, here, trainer = outcome.folder, machine(torch.device("cpu")), Supervised(**RECIPE)
    next(fit(Branches(NAMES), trainer))
    log = (folder.path / "log.jsonl").read_bytes()
    checkpoint.save_checkpoint(folder, Branches(NAMES), trainer, TrainingState(1, 1, 0.0), here)
    with pytest.raises(StoreError, match=r"do not fit the network .*branches\.f\.weight"):
        restore_checkpoint(folder, Branches("abcdef"), here)
    assert (folder.path / "log.jsonl").read_bytes() == log


LAYER = """
import torch
from torch import nn

NAMES = {f"branch{number}" for number in range(9)}


class Unordered(nn.Module):
    def __init__(self, channels, size):
        super().__init__()
        torch.manual_seed(3)
        drawn = {name: nn.Conv2d(channels, channels, 1) for name in sorted(NAMES)}
        self.branches = nn.ModuleDict({name: drawn[name] for name in NAMES})

    def forward(self, x):
        return sum(self.branches[name](x).relu() for name in sorted(NAMES))
"""


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["", ",average=0.9"], ids=["adamw", "averaged"])
def test_a_run_that_was_stopped_goes_on_under_another_hash_seed(recipe: str, tmp_path: Path) -> None:
    (tmp_path / "unordered.py").write_text(LAYER)
    trainer = f"supervised(batch=8,epochs=60{recipe})"
    structure = f"unet(downs=1)+{tmp_path}/unordered.py:Unordered"
    words = ("run", PROBE, "-s", structure, "--scale", "smoke", "--trainer", trainer, "--device", "cpu")

    def begin(store: Path, seed: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "probekit", *words, "--json", "--store", str(store)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(None, {"PYTHONHASHSEED": seed}),
            preexec_fn=unheard,
        )

    def end(store: Path, seed: str) -> tuple[str, bytes]:
        out, err = (process := begin(store, seed)).communicate(timeout=600)
        assert process.returncode == 0, err
        folder = Path(json.loads(out)[0]["folder"])
        weights = json.loads((folder / "result.json").read_text())["weights"]
        return weights, (folder / "log.jsonl").read_bytes()

    process = begin(tmp_path / "broken", "1")
    while process.poll() is None and rows(tmp_path / "broken") < 10:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 143, err
    assert list((tmp_path / "broken").glob(f"*/{CHECKPOINT}"))
    assert end(tmp_path / "broken", "2") == end(tmp_path / "whole", "1")

"""What is guarded: a step whose activations no memory holds is refused by name, before the system ends it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small import job
from torch import nn

from probekit.catalog.registry import registry
from probekit.plans import limits
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit.runs import memory, rng
from probekit.runs.network import build_network
from probekit.runs.run import run_job
from probekit.storage.folder import LOG
from probekit.storage.store import Store

CPU = torch.device("cpu")
SHAPE = Shape(2, 1, (8, 8))
ITEM = 4 * 64
"""Bytes of one channel of an item."""


class Tabled(nn.Module):
    """Adds a table of its own, which is kept once and not for each item."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(64, 64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.flatten(2) @ self.table.sigmoid()).view_as(x)[:, :1]


@pytest.mark.parametrize(
    ("model", "once", "each"),
    [
        (nn.Sequential(nn.Conv2d(2, 4, 1), nn.Sigmoid(), nn.Conv2d(4, 1, 1)), 0, (2 + 4) * ITEM),
        (nn.Sequential(nn.Conv2d(2, 4, 1), nn.Identity(), nn.Conv2d(4, 1, 1)), 0, (2 + 4) * ITEM),
        (Tabled(), 4 * 64**2, 2 * ITEM),
    ],
)
def test_what_is_kept_for_the_way_back_is_counted_once_and_weights_are_left_out(
    model: nn.Module, once: int, each: int
) -> None:
    assert [memory.saved_activation_bytes(model, SHAPE, items, 1 << 40) for items in (1, 2, 5)] == [
        once + n * each for n in (1, 2, 5)
    ]


@pytest.mark.parametrize("structure", ["unet+lambda", "plain+transformer", "plain+reformer"])
def test_a_batch_that_does_not_fit_is_refused_and_the_one_that_is_named_fits(
    structure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = job(structure=structure)
    less = job(structure=structure, trainer="supervised(batch=5,epochs=1)")
    model = build_network(asked.expression, asked.probe.shape, asked.plan, CPU).eval()
    with rng.preserve_rng():
        need = [memory.saved_activation_bytes(model, asked.probe.shape, items, 1 << 40) for items in (1, 2)]
    before = rng.get_rng_state()
    monkeypatch.setattr(limits, "available_memory", lambda: need[0] + 15 * (need[1] - need[0]))
    memory.check_training_memory(asked, model, CPU)
    monkeypatch.setattr(limits, "available_memory", lambda: need[0] + 4 * (need[1] - need[0]))
    with pytest.raises(UsageError, match="16 items") as caught:
        memory.check_training_memory(asked, model, CPU)
    assert "--trainer 'supervised(batch=5)'" in str(caught.value)
    assert str(rng.get_rng_state()) == str(before)
    memory.check_training_memory(less, model, CPU)
    monkeypatch.setattr(limits, "available_memory", lambda: need[0] - 1)
    with pytest.raises(UsageError, match=r"Ask for less"):
        memory.check_training_memory(asked, model, CPU)


def test_a_run_without_room_is_failed_before_it_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = job()
    monkeypatch.setattr(limits, "available_memory", lambda: 1)
    outcome = run_job(asked, registry(), device="cpu", store=Store(tmp_path))
    assert outcome.result.status == "failed"
    assert "the activations of a step of 16 items" in outcome.result.error
    assert not (outcome.folder.path / LOG).exists()


def test_counting_ends_where_it_is_too_much() -> None:
    layers = []

    class Layer(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            layers.append(len(layers))
            return x.sigmoid()

    assert (
        memory.saved_activation_bytes(
            nn.Sequential(nn.Conv2d(2, 1, 1), *[Layer() for _ in range(9)]), SHAPE, 1, 4 * ITEM
        )
        == 5 * ITEM
    )
    assert len(layers) == 3


class Remembering(nn.Module):
    """Counts, and keeps what hangs on its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2, 1, 1)
        self.asked, self.mask = 0, torch.ones(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.asked += 1
        self.mask = self.mix.weight.sum()
        return self.mix(x) * self.mask


class Breaking(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise KeyError("no such key")


def test_the_network_itself_is_not_asked_and_one_that_fails_is_let_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, model = job(), Remembering().eval()
    assert memory.saved_activation_bytes(model, SHAPE, 1, 1 << 40) > 0
    assert (model.asked, model.mask.requires_grad, model.training) == (0, False, False)
    monkeypatch.setattr(limits, "available_memory", lambda: 1)
    memory.check_training_memory(asked, Breaking(), CPU)


def test_what_a_trainer_does_without_a_batch_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = job(trainer="none")
    monkeypatch.setattr(limits, "available_memory", lambda: 1)
    memory.check_training_memory(
        asked, build_network(asked.expression, asked.probe.shape, asked.plan, CPU), CPU
    )

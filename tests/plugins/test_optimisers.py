"""What is guarded: which weights an optimiser is given, what it does with gradients, and what it leaves."""

from __future__ import annotations

import math

import pytest
import torch
from fitting import RECIPE, fit
from torch import Tensor, nn

from probekit.plugin.errors import UsageError
from probekit.runs.network import hash_weights
from probekit_plugins.trainers import muon
from probekit_plugins.trainers.optimisers import list_hidden_matrices
from probekit_plugins.trainers.supervised import Supervised


def test_weights_without_a_gradient_do_not_shift_the_moments_of_others() -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.idle, self.used = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.used(x)
            return output

    def made() -> nn.Module:
        torch.manual_seed(0)
        return Idle()

    whole, model, trainer = made(), made(), Supervised(**RECIPE)
    list(fit(whole, Supervised(**RECIPE)))
    next(fit(model, trainer))
    state = trainer.state_dict()
    list(fit(model, Supervised(**RECIPE), state))
    assert hash_weights(model.state_dict()) == hash_weights(whole.state_dict())


def test_the_rate_warms_up_and_falls_to_nothing_along_a_cosine() -> None:
    trainer = Supervised(warmup=0.1)
    rates = [trainer.lr_scale(step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0.5 * (1 + math.cos(math.pi * 89 / 90)))
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_gradients_are_clipped_and_only_matrices_decay() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 1, 1))
    trainer = Supervised(epochs=1, batch=16, clip=1e-3, weight_decay=0.5)
    for _ in fit(model, trainer):
        norm = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()
        assert norm <= 1.001e-3
    assert trainer.optimisers is not None
    ((adamw, _),) = trainer.optimisers.optimisers_and_lrs
    for group in adamw.param_groups:
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] == 0.5}


def test_muon_is_given_the_hidden_matrices_and_adamw_the_rest() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mixing = nn.Conv2d(3, 4, 3, padding=1)
            self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
            self.table, self.linear = nn.Parameter(torch.randn(4, 4)), nn.Linear(4, 4)
            self.head = nn.Conv2d(4, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.depthwise(self.mixing(x)).movedim(1, -1) @ self.table
            y: Tensor = self.head(nn.functional.gelu(self.linear(x)).movedim(-1, 1))
            return y

    torch.manual_seed(0)
    model = Net().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert list_hidden_matrices(model, dict(model.named_parameters())) == ["linear.weight"]
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    rows = fit(model, Supervised(batch=16, optimiser="muon", lr=1e-9, matrix_lr=1e-2, warmup=0.0))
    next(rows)
    for name, weight in model.named_parameters():
        moved = (weight - before[name]).detach()
        if name != "linear.weight":
            assert moved.abs().max() < 1e-6
            continue
        # a step is 0.2 sqrt(the longer side) times the rate long, whatever the gradient; five steps of
        # Newton-Schulz leave singular values of 0.5 to 1.5, but less of directions that hardly have one
        sizes = torch.linalg.svdvals(moved) / (1e-2 * 0.2 * math.sqrt(4))
        assert 0.5 < sizes.max() < 1.6
        assert sizes.norm() > 1.1


def test_matrices_of_one_shape_turned_at_once_take_the_step_that_torch_takes_one_by_one() -> None:
    torch.manual_seed(0)
    shapes = [(5, 3), (3, 5), (5, 3), (4, 4)]
    one, other = ([torch.randn(shape, requires_grad=True) for shape in shapes] for _ in range(2))
    theirs, ours = (muon.build_muon(list(some), lr=0.1, weight_decay=0.5) for some in (one, other))
    for matrix, same in zip(one, other, strict=True):
        same.data.copy_(matrix.data)
    for _ in range(3):
        for matrix, same in zip(one, other, strict=True):
            matrix.grad = torch.randn_like(matrix)
            same.grad = matrix.grad.clone()
        theirs.step()
        muon.take_step(ours)
    for matrix, same in zip(one, other, strict=True):
        torch.testing.assert_close(same, matrix, atol=0.01, rtol=0.0)  # theirs turns in bfloat16
        torch.testing.assert_close(
            ours.state[same]["momentum_buffer"], theirs.state[matrix]["momentum_buffer"]
        )


def test_a_torch_without_muon_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.optim, "Muon")
    Supervised()
    with pytest.raises(UsageError, match=r"has no Muon.*Install torch 2\.9"):
        Supervised(optimiser="muon")


def test_the_weights_that_are_left_are_the_average_of_those_passed() -> None:
    model = nn.Conv2d(3, 1, 1)
    passed: list[Tensor] = []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, x: Tensor) -> Tensor:
            passed.append(model.weight.detach().clone())
            output: Tensor = model(x)
            return output

    list(fit(Watching(), Supervised(epochs=3, batch=16, lr=0.1, average=0.6)))
    average, last = passed[0].clone(), model.weight.detach()
    for step, weight in enumerate(passed[1:], start=1):
        average.lerp_(weight, 1 - min(0.6, step / (step + 9)))
    # the weights after the last step are seen by nobody: what they were follows from the average
    share = 1 - min(0.6, 12 / 21)
    unseen = (last - (1 - share) * average) / share
    assert not torch.allclose(last, unseen, atol=1e-3)
    assert (unseen - passed[-1]).abs().max() < 0.1  # one step of AdamW at a falling rate

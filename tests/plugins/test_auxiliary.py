"""What is guarded: an auxiliary loss counts in the step of its network, and nowhere else."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT
from fitting import CPU, fit, probe_and_data
from ranked import Aside, OwnGradient
from small import done, first
from torch import Tensor, nn

import probekit
from probekit.plugin.errors import RunError
from probekit.plugin.steps import listen_to_steps
from probekit_plugins.trainers.supervised import Supervised

ONE: dict[str, Any] = {"epochs": 1, "batch": 16}


class Handing(nn.Module):
    """Answers, and hands over what it was told to."""

    def __init__(self, handed: Any) -> None:
        super().__init__()
        self.conv, self.handed = nn.Conv2d(3, 1, 1), handed

    def forward(self, x: Tensor) -> Tensor:
        probekit.auxiliary_loss(self.handed)
        answer: Tensor = self.conv(x)
        return answer


def losses(model: nn.Module, trainer: Supervised | None = None) -> list[float]:
    return [row["loss"] for row in fit(model, trainer or Supervised(**ONE))]


def seeded(made: Any, *given: Any) -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = made(*given)
    return model


def test_it_adds_to_the_loss_of_each_step_once() -> None:
    plain = losses(seeded(nn.Conv2d, 3, 1, 1))
    added = losses(seeded(Handing, torch.tensor(2.5)))
    assert added == pytest.approx([loss + 2.5 for loss in plain])


def test_several_layers_add_up() -> None:
    with probekit.collect_auxiliary_losses(nn.Identity()) as auxiliary:
        probekit.auxiliary_loss(torch.tensor(1.0))
        probekit.auxiliary_loss(torch.tensor(2.0))
    assert auxiliary.add_to(torch.tensor(4.0)) == 7


def test_its_weights_are_trained() -> None:
    model = seeded(Aside)
    before = model.aside.detach().clone()
    losses(model)
    assert (model.aside.detach().abs() < before.abs()).all()


def test_the_steps_of_a_network_do_not_feel_another() -> None:
    plain = losses(seeded(nn.Conv2d, 3, 1, 1))
    one, other = seeded(nn.Conv2d, 3, 1, 1), seeded(Handing, torch.tensor(2.5))
    found = []
    for row, _ in zip(fit(one, Supervised(**ONE)), fit(other, Supervised(**ONE)), strict=True):
        other(torch.zeros(1, 3, 4, 4))
        found.append(row["loss"])
    assert found == plain


@pytest.mark.parametrize("how", ["outside", "eval", "no_grad", "within another block"])
def test_what_is_handed_over_elsewhere_is_forgotten(how: str) -> None:
    model, x = Handing(torch.tensor(2.5)), torch.zeros(1, 3, 4, 4)
    if how == "outside":
        model(x)
    with probekit.collect_auxiliary_losses(model.eval() if how == "eval" else model) as auxiliary:
        if how == "eval":
            model(x)
        elif how == "no_grad":
            with torch.no_grad():
                model(x)
        elif how == "within another block":
            with probekit.collect_auxiliary_losses(model) as inner:
                model(x)
            assert len(inner.losses) == 1
    assert auxiliary.losses == []
    loss = torch.tensor(1.0)
    assert auxiliary.add_to(loss) is loss


def test_a_block_that_fails_leaves_nothing() -> None:
    with (
        pytest.raises(ValueError, match="half"),
        probekit.collect_auxiliary_losses(nn.Identity()) as auxiliary,
    ):
        raise ValueError("half way")
    probekit.auxiliary_loss(torch.tensor(1.0))
    assert auxiliary.losses == []


@pytest.mark.parametrize(
    ("handed", "said"),
    [
        (torch.ones(3), r"a tensor of shape \(3,\)"),
        (torch.ones(1), r"a tensor of shape \(1,\)"),
        (torch.tensor(3), "a torch.int64"),
        (torch.tensor(1j), "a torch.complex64"),
        (0.5, "a float"),
        (None, "a NoneType"),
    ],
)
def test_what_is_no_scalar_is_refused_in_training_and_out_of_it(handed: Any, said: str) -> None:
    with pytest.raises(RunError, match=f"auxiliary_loss: it was given {said}. Give it a scalar"):
        losses(Handing(handed))
    with pytest.raises(RunError, match="it was given"):
        Handing(handed).eval()(torch.zeros(1, 3, 4, 4))


@pytest.mark.slow
def test_compiled_it_adds_what_it_adds_otherwise() -> None:
    plain = losses(seeded(Aside))
    assert losses(seeded(Aside), Supervised(**ONE, compile=True)) == pytest.approx(plain, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("made", [Aside, OwnGradient])
def test_fabric_trains_what_supervised_does(made: Any, devices: int) -> None:
    pytest.importorskip("lightning_fabric")
    from probekit_plugins.trainers.fabric import Fabric

    one, other = seeded(made), seeded(made)
    begun = {name: weight.detach().clone() for name, weight in one.named_parameters()}
    expected = losses(one)
    found = losses(other, Fabric(devices=devices, **ONE))
    if made is OwnGradient or devices == 1:  # a square of a batch's mean is another of its halves
        assert found == pytest.approx(expected, rel=1e-4)
    for name, weight in other.named_parameters():
        assert not torch.equal(weight, begun[name]), name


def test_gradients_that_a_layer_adds_in_its_forward_pass_count() -> None:
    seen: list[dict[str, float]] = []
    model = OwnGradient()
    with listen_to_steps(lambda loss, gradients, buffers: seen.append(gradients)):
        losses(model)
    assert [one["own"] for one in seen] == pytest.approx([0.25 * 2**0.5] * 4)
    assert (model.own < 1).all()


def experts() -> Any:
    spec = importlib.util.spec_from_file_location("experts", ROOT / "examples/experts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Experts


class Hosting(nn.Module):
    """A network around experts of which the gate prefers the first."""

    def __init__(self, balance: float) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 1, 3, padding=1)
        self.experts = experts()(8, (16, 16), count=4, balance=balance)
        with torch.no_grad():
            self.experts.gate.bias[0] += 1.0

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.last(self.experts(self.first(x).relu()))
        return answer

    def busiest(self) -> float:
        """Return the share of positions of the busiest expert: 1/4 where all are equally busy."""
        _, data = probe_and_data()
        with torch.no_grad():
            x = self.first(torch.stack([data[index][0] for index in range(16)])).relu()
            chosen = self.experts.gate(x.flatten(2).mT).argmax(-1)
        return float(chosen.flatten().bincount(minlength=4).max() / chosen.numel())


@pytest.mark.parametrize("seed", first(1, [0, 1, 2]))
def test_a_loss_that_balances_experts_balances_them(seed: int) -> None:
    found = {}
    for balance in (0.0, 0.3):
        torch.manual_seed(seed)
        model = Hosting(balance).to(CPU)
        begun = model.busiest()
        losses(model, Supervised(epochs=15, batch=16, lr=2e-2))
        found[balance] = model.busiest()
    assert begun > 0.6
    assert found[0.3] < 0.5 < 0.65 < found[0.0]


@pytest.mark.slow
def test_a_run_of_the_example_is_stored_and_found_again(tmp_path: Path) -> None:
    structure = f"unet(downs=1)+{ROOT}/examples/experts.py:Experts"
    outcome = done(tmp_path, structure=structure)
    assert outcome.result.status == "done", outcome.result.error
    assert done(tmp_path, structure=structure).stored

"""What is guarded: the supervised trainer follows its recipe, learns, and goes on where it stopped."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from asking import Agree
from fitting import CPU, RECIPE, fit, network, probe_and_data
from small import ASKED, job
from torch import Tensor, nn

import probekit
from probekit.catalog.grammar import parse_term
from probekit.catalog.part import resolve_part
from probekit.catalog.registry import registry
from probekit.plugin.errors import RunError, UsageError
from probekit.plugin.interfaces import Probe, Shape
from probekit.plugin.items import move_to_device, read_batch
from probekit.runs.network import hash_weights
from probekit.storage.state import pack_state, unpack_state
from probekit_plugins.trainers.supervised import Supervised, regression_loss

ALL: dict[str, Any] = {**RECIPE, "optimiser": "muon", "average": 0.9, "loss": "huber"}


@pytest.mark.parametrize("cut", [3, 12])
@pytest.mark.parametrize("recipe", [RECIPE, ALL], ids=["adamw", "muon, averaged"])
def test_gone_on_with_rows_and_weights_are_those_of_one_sitting(recipe: dict[str, Any], cut: int) -> None:
    whole, model = network(), network()
    rows = list(fit(whole, Supervised(**recipe)))
    first, trainer = [], Supervised(**recipe)
    for row in fit(model, trainer):
        first.append(row)
        if row["step"] == cut:
            break
    tensors, rest = pack_state({"model": dict(model.state_dict()), "trainer": trainer.state_dict()}, "it")
    stored = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    state = unpack_state(rest, stored)
    torch.rand(3)  # the generator moves on elsewhere
    other = network()
    other.load_state_dict(state["model"])
    assert first + list(fit(other, Supervised(**recipe), state["trainer"])) == rows
    assert hash_weights(other.state_dict()) == hash_weights(whole.state_dict())
    assert len(rows) == 12


def test_the_network_is_given_channels_last_and_each_epoch_every_item_once() -> None:
    seen: list[Tensor] = []

    class Watching(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x)
            return super().forward(x)

    list(fit(Watching(3, 1, 1), Supervised(epochs=2, batch=16)))
    assert all(x.is_contiguous(memory_format=torch.channels_last) for x in seen)
    _, data = probe_and_data()
    every = sorted(data[index][0].flatten().tolist() for index in range(len(data)))
    epochs = [torch.cat(seen[:4]), torch.cat(seen[4:])]
    assert not torch.equal(*epochs)
    for epoch in epochs:
        assert sorted(x.flatten().tolist() for x in epoch) == every


@pytest.mark.parametrize(("optimiser", "lr"), [("adamw", 8e-3), ("muon", 3e-3)])
def test_it_learns(optimiser: Literal["adamw", "muon"], lr: float) -> None:
    rows = list(fit(network(), Supervised(epochs=8, batch=16, lr=lr, optimiser=optimiser)))
    assert sum(row["loss"] for row in rows[-4:]) < 0.5 * sum(row["loss"] for row in rows[:4])


def test_losses_by_name_are_the_errors_they_say() -> None:
    probe, data = probe_and_data()
    output, truth = torch.tensor([[[[0.5, 0.05]]]]), torch.zeros(1, 1, 1, 2)
    assert float(regression_loss("squared", probe, data)(output, truth)) == pytest.approx((0.25 + 0.0025) / 2)
    huber = float(regression_loss("huber", probe, data)(output, truth))
    assert huber == pytest.approx(((0.5 - 0.05) + 0.0025 / 0.2) / 2)


@pytest.mark.parametrize("name", ["grouping", "translation"])
def test_a_probe_that_asks_for_classes_takes_no_error_of_numbers(name: str) -> None:
    probe: Probe = resolve_part("probe", parse_term(name), registry()).make()
    with pytest.raises(UsageError, match="asks for classes"):
        next(Supervised(loss="squared").fit(network(), probe, probe.data("train", 0), seed=0, device=CPU))


def test_logits_that_no_answer_gives_away_take_no_error_of_numbers_either() -> None:
    probe, data = probe_and_data()

    class Logits(Agree):
        def loss(self, output: Tensor, target: Tensor) -> Tensor:
            return nn.functional.cross_entropy(output.flatten(1), target.flatten(1).softmax(1))

    unlike: Any = Logits()
    with pytest.raises(UsageError, match="asks for classes"):
        regression_loss("huber", unlike, data)
    assert regression_loss("squared", probe, data)


def test_bfloat16_trains_float32_weights() -> None:
    model = network()
    rows = list(fit(model, Supervised(epochs=1, batch=16, bf16=True)))
    assert all(math.isfinite(row["loss"]) for row in rows)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    plain = list(fit(network(), Supervised(epochs=1, batch=16)))
    assert rows != plain
    assert rows[0]["loss"] == pytest.approx(plain[0]["loss"], rel=0.05)


def test_a_split_smaller_than_a_batch_is_one_batch_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert [row["steps"] for row in fit(network(), Supervised(epochs=2, batch=500))] == [2, 2]
    assert caplog.messages == ["supervised(batch=500): the training split has 64 items, so a batch has 64"]
    caplog.clear()
    next(fit(network(), Supervised(epochs=2, batch=64)))
    assert caplog.messages == []


class Complex(nn.Module):
    """Multiplies the spectrum of its first convolution's maps by complex weights, as FNO and GFNet do."""

    def __init__(self, shape: Shape, *, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(shape.inputs, width, 1)
        size = (shape.size[0], shape.size[1] // 2 + 1)
        self.filter = nn.Parameter(torch.randn(width, *size, dtype=torch.complex64))
        self.phase = nn.Parameter(torch.randn((), dtype=torch.complex64))
        self.last = nn.Conv2d(width, shape.outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(self.first(x)) * self.filter * self.phase
        y: Tensor = self.last(torch.fft.irfft2(spectrum, s=x.shape[2:]))
        return y


def test_complex_weights_are_trained_clipped_and_stored(tmp_path: Path) -> None:
    result = probekit.run(**{**ASKED, "structure": Complex}, device="cpu", store=tmp_path)
    assert result.status == "done", result.error
    assert result.steps == 4
    model = Complex(Shape(3, 1, (16, 16)), width=4)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    trainer = Supervised(epochs=1, batch=16, clip=1e-3)
    for _ in fit(model, trainer):
        norm = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()
        assert norm <= 1.001e-3
    assert all(not torch.equal(before[name], weight) for name, weight in model.state_dict().items())


def test_complex_weights_gone_on_with_are_those_of_one_sitting() -> None:
    def made() -> nn.Module:
        torch.manual_seed(0)
        return Complex(Shape(3, 1, (16, 16)), width=4)

    whole, model, trainer = made(), made(), Supervised(**RECIPE)
    rows = list(fit(whole, Supervised(**RECIPE)))
    first = [next(fit(model, trainer))]
    tensors, rest = pack_state(trainer.state_dict(), "it")
    stored = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    assert first + list(fit(model, Supervised(**RECIPE), unpack_state(rest, stored))) == rows
    assert hash_weights(model.state_dict()) == hash_weights(whole.state_dict())


@pytest.mark.slow
def test_compiled_training_is_training() -> None:
    rows = list(fit(network(), Supervised(epochs=1, batch=16, compile=True)))
    plain = list(fit(network(), Supervised(epochs=1, batch=16)))
    assert [row["loss"] for row in rows] == pytest.approx([row["loss"] for row in plain], rel=1e-3)


def test_a_network_in_one_dimension_trains_too() -> None:
    class Waves:
        def __len__(self) -> int:
            return 32

        def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
            wave = torch.linspace(0, index, 16)[None]
            return wave, wave.sin()

    probe, _ = probe_and_data()
    torch.manual_seed(0)
    model = nn.Conv1d(1, 1, 3, padding=1)
    data: Any = Waves()
    rows = list(Supervised(epochs=2, batch=8).fit(model, probe, data, seed=0, device=CPU))
    assert len(rows) == 8


def test_a_split_in_the_device_s_memory_gives_the_items_it_gave(tmp_path: Path) -> None:
    probe = job().probe
    data = probe.data("train", 0)
    there = move_to_device(data, CPU)
    assert there is not data
    assert len(there) == len(data)
    for one, other in zip(read_batch(data, [3, 0, 3]), read_batch(there, [3, 0, 3]), strict=True):
        assert torch.equal(one, other)
        assert one.stride() == other.stride()
    with pytest.raises(IndexError):
        read_batch(there, [len(data)])


@pytest.mark.slow
def test_two_processes_train_as_one_does_and_go_on_where_they_stopped() -> None:
    pytest.importorskip("lightning_fabric")
    from probekit_plugins.trainers.fabric import Fabric

    recipe: dict[str, Any] = {**RECIPE, "optimiser": "muon", "average": 0.9}
    whole, shared, halves = network(), network(), network()
    rows = list(fit(whole, Supervised(**recipe)))
    again = list(fit(shared, Fabric(devices=2, **recipe)))
    assert [row["step"] for row in again] == [row["step"] for row in rows]
    for one, other in zip(rows, again, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-3)
    for name, weight in whole.state_dict().items():
        assert torch.allclose(weight, shared.state_dict()[name], atol=2e-3), name
    assert hash_weights(network().state_dict()) != hash_weights(shared.state_dict())
    trainer = Fabric(devices=2, **recipe)
    for row in fit(halves, trainer):
        if row["step"] == 6:
            state = trainer.state_dict()
            break
    rest = list(fit(halves, Fabric(devices=2, **recipe), state))
    assert [row["step"] for row in rest] == list(range(7, 13))
    for name, weight in shared.state_dict().items():
        assert torch.allclose(weight, halves.state_dict()[name], atol=1e-5), name


@pytest.mark.slow
def test_processes_that_fail_and_batches_that_cannot_be_shared_are_said() -> None:
    pytest.importorskip("lightning_fabric")
    from probekit_plugins.trainers.fabric import Fabric

    with pytest.raises(UsageError, match="Type batch=18"):
        next(fit(network(), Fabric(devices=3, batch=16)))
    with pytest.raises(RunError, match=r"training on several devices: .*Error"):
        next(fit(nn.Conv2d(7, 1, 1), Fabric(devices=2, batch=16)))

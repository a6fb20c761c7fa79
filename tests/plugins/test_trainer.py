"""What is guarded: the supervised trainer follows its recipe, learns, and goes on where it stopped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from small import ASKED, job
from torch import Tensor, nn

import probekit
from probekit.catalog.grammar import parse_term
from probekit.catalog.part import part
from probekit.catalog.registry import registry
from probekit.errors import RunError, UsageError
from probekit.interfaces import Dataset, Probe, Row, Shape
from probekit.items import batch, resident
from probekit.runs.network import build, weights_hash
from probekit.storage.state import pack, unpack
from probekit_plugins.trainers import muon
from probekit_plugins.trainers.optimisers import matrices
from probekit_plugins.trainers.supervised import Supervised, regression

CPU = torch.device("cpu")


def probe_and_data() -> tuple[Probe, Dataset]:
    probe = job().probe
    return probe, probe.data("train", 0)


def network() -> nn.Module:
    made = job(structure="unet(downs=1)+lambda")
    return build(made.expression, made.probe.shape, made.plan, CPU)


def fit(model: nn.Module, trainer: Supervised, state: Any = None) -> Iterator[Row]:
    probe, data = probe_and_data()
    return trainer.fit(model, probe, data, seed=0, device=CPU, state=state)


RECIPE: dict[str, Any] = {"epochs": 3, "batch": 16, "lr": 4e-3}


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
    tensors, rest = pack({"model": dict(model.state_dict()), "trainer": trainer.state_dict()}, "it")
    stored = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    state = unpack(rest, stored)
    torch.rand(3)  # the generator moves on elsewhere
    other = network()
    other.load_state_dict(state["model"])
    assert first + list(fit(other, Supervised(**recipe), state["trainer"])) == rows
    assert weights_hash(other.state_dict()) == weights_hash(whole.state_dict())
    assert len(rows) == 12


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
    assert weights_hash(model.state_dict()) == weights_hash(whole.state_dict())


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


def test_the_rate_warms_up_and_falls_to_nothing_along_a_cosine() -> None:
    trainer = Supervised(warmup=0.1)
    rates = [trainer.rate(step, 100) for step in range(100)]
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
    ((adamw, _),) = trainer.optimisers.own
    for group in adamw.param_groups:
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] == 0.5}


@pytest.mark.parametrize(("optimiser", "lr"), [("adamw", 8e-3), ("muon", 3e-3)])
def test_it_learns(optimiser: Literal["adamw", "muon"], lr: float) -> None:
    rows = list(fit(network(), Supervised(epochs=8, batch=16, lr=lr, optimiser=optimiser)))
    assert sum(row["loss"] for row in rows[-4:]) < 0.5 * sum(row["loss"] for row in rows[:4])


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
    assert [id(weight) for weight in matrices(model)] == [id(model.linear.weight)]
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
    theirs, ours = (muon.muon(list(some), lr=0.1, weight_decay=0.5) for some in (one, other))
    for matrix, same in zip(one, other, strict=True):
        same.data.copy_(matrix.data)
    for _ in range(3):
        for matrix, same in zip(one, other, strict=True):
            matrix.grad = torch.randn_like(matrix)
            same.grad = matrix.grad.clone()
        theirs.step()
        muon.step(ours)
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


def test_losses_by_name_are_the_errors_they_say() -> None:
    probe, data = probe_and_data()
    output, truth = torch.tensor([[[[0.5, 0.05]]]]), torch.zeros(1, 1, 1, 2)
    assert float(regression("squared", probe, data)(output, truth)) == pytest.approx((0.25 + 0.0025) / 2)
    huber = float(regression("huber", probe, data)(output, truth))
    assert huber == pytest.approx(((0.5 - 0.05) + 0.0025 / 0.2) / 2)


@pytest.mark.parametrize("name", ["grouping", "translation"])
def test_a_probe_that_asks_for_classes_takes_no_error_of_numbers(name: str) -> None:
    probe: Probe = part("probe", parse_term(name), registry()).make()
    with pytest.raises(UsageError, match="asks for classes"):
        next(Supervised(loss="squared").fit(network(), probe, probe.data("train", 0), seed=0, device=CPU))


def test_logits_that_no_answer_gives_away_take_no_error_of_numbers_either() -> None:
    probe, data = probe_and_data()

    class Logits:
        def loss(self, output: Tensor, target: Tensor) -> Tensor:
            return nn.functional.cross_entropy(output.flatten(1), target.flatten(1).softmax(1))

    unlike: Any = Logits()
    with pytest.raises(UsageError, match="asks for classes"):
        regression("huber", unlike, data)
    assert regression("squared", probe, data)


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
    assert caplog.messages == ["supervised(batch=500): the training split has 64 items, so a batch holds 64"]
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
    tensors, rest = pack(trainer.state_dict(), "it")
    stored = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    assert first + list(fit(model, Supervised(**RECIPE), unpack(rest, stored))) == rows
    assert weights_hash(model.state_dict()) == weights_hash(whole.state_dict())


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
    there = resident(data, CPU)
    assert there is not data
    assert len(there) == len(data)
    for one, other in zip(batch(data, [3, 0, 3]), batch(there, [3, 0, 3]), strict=True):
        assert torch.equal(one, other)
        assert one.stride() == other.stride()
    with pytest.raises(IndexError):
        batch(there, [len(data)])


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
    assert weights_hash(network().state_dict()) != weights_hash(shared.state_dict())
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

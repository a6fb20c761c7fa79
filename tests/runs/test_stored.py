"""What is guarded: what is stored is the network that was scored, or the result says how it is not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from broken_parts.layers import Good
from small import ASKED, done, job, knowing
from torch import Tensor, nn

from probekit.api.load import load
from probekit.api.run import run
from probekit.authors.check import checks
from probekit.catalog.registry import registry
from probekit.plugin.components import Component
from probekit.plugin.errors import StoreError
from probekit.plugin.interfaces import Shape
from probekit.runs.network import hash_weights
from probekit.storage.folder import ANSWERS, LOG
from probekit.storage.store import Store


class Net(nn.Module):
    """A network of one convolution; each of the others keeps something beside its weights."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.mix = nn.Conv2d(shape.inputs, shape.outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(x)


class Temperature(Net):
    """Keeps a number that training changes in a plain attribute."""

    temperature = 1.0

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.temperature *= 1.5
        return self.mix(x) * self.temperature


class RunningMean(Net):
    """Keeps a running mean in a buffer that is not stored."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.register_buffer("mean", torch.zeros(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.mean = 0.5 * self.mean + 0.5 * x.mean().detach()
        return self.mix(x) + self.mean


class History(Net):
    """Keeps what it saw in a list."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.seen: list[float] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen.append(float(x.mean()))
        return self.mix(x) + sum(self.seen)


class LateParameter(Net):
    """Registers a parameter when it first answers."""

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "late"):
            self.late = nn.Parameter(torch.ones(()))
        return self.mix(x) * self.late


class LateBuffer(Net):
    """Registers a buffer when it first answers."""

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "late"):
            self.register_buffer("late", torch.ones(()))
        return self.mix(x) * self.late


class Growing(Net):
    """Keeps a buffer that grows as it trains."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.register_buffer("bank", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.bank = torch.cat([self.bank, x.mean().detach().view(1)])
        return self.mix(x) + self.bank.mean()


class Conjugate(Net):
    """Keeps a buffer as a view that is conjugated when it is read."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.register_buffer("kernel", torch.tensor([1.0 + 2.0j, 0.5 - 1.0j]).conj())
        self.register_buffer("sign", torch.tensor([1.0 + 2.0j]).conj().imag)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(x) * self.kernel.imag.sum() * self.sign


class Sparse(Net):
    """Keeps a sparse buffer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.register_buffer("mask", torch.eye(3).to_sparse())

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(x) * self.mask.to_dense().sum()


LOSING = {Temperature: "temperature", RunningMean: "mean", History: "seen"}
REFUSED = {
    LateParameter: "its first forward registers late",
    LateBuffer: "its first forward registers late",
    Growing: r"a forward in training changes the shape of bank from \(1,\) to \(2,\)",
    Sparse: "mask is sparse_coo, and files hold dense",
}


@pytest.mark.parametrize("net", LOSING, ids=lambda net: net.__name__)
def test_lost_state_is_named_in_the_result(net: type[Net], tmp_path: Path) -> None:
    result = done(tmp_path, knowing("mine", net), structure="mine").result
    assert result.status == "done"
    said = f"the network keeps state that its state_dict does not hold ({LOSING[net]}): loss of 16 test items"
    assert result.restored.startswith(said)


@pytest.mark.parametrize("net", REFUSED, ids=lambda net: net.__name__)
def test_what_cannot_be_stored_is_refused_before_training(net: type[Net], tmp_path: Path) -> None:
    outcome = done(tmp_path, knowing("mine", net), structure="mine")
    assert outcome.result.status == "failed"
    assert re.search(REFUSED[net], outcome.result.error), outcome.result.error
    assert not (outcome.folder.path / LOG).exists()  # before anything was trained


def test_a_conjugated_buffer_is_stored_and_loaded(tmp_path: Path) -> None:
    result = run(**{**ASKED, "structure": Conjugate}, store=tmp_path)
    assert (result.status, result.restored) == ("done", "")
    (folder,) = Store(tmp_path).list_folders()
    model = load(folder.path, structure=Conjugate)
    items = job().probe.data("test", 0)
    inputs = torch.stack([items[index][0] for index in range(16)])
    stored, _ = folder.read_tensors(ANSWERS, result)
    assert torch.allclose(model(inputs), stored["outputs"])


def test_load_names_another_structure_only_where_it_is_another(tmp_path: Path) -> None:
    run(**{**ASKED, "structure": Net}, store=tmp_path)
    (folder,) = Store(tmp_path).list_folders()
    assert load(folder.path, structure=Net)
    other = type("Net", (Growing,), {})
    with pytest.raises(StoreError, match="the installed structure is not the one"):
        load(folder.path, structure=other)


class Hosted(Good):
    """A layer that loses its temperature."""

    temperature = 1.0

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        if self.training:
            self.temperature *= 1.5
        return x + self.temperature * y


class Grown(Good):
    """A layer whose buffer grows."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.register_buffer("bank", torch.zeros(1))

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        if self.training:
            self.bank = torch.cat([self.bank, y.mean().detach().view(1)])
        return x + y + self.bank.mean()


class Late(Good):
    """A layer that registers a buffer when it first answers."""

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        if not hasattr(self, "late"):
            self.register_buffer("late", torch.ones(()))
        return x + y * self.late


class Turned(Good):
    """A layer with a conjugated buffer, which is stored as any other."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.register_buffer("kernel", torch.tensor([1.0 + 2.0j]).conj())

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y * self.kernel.imag


class Thin(Good):
    """A layer with a sparse buffer."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.register_buffer("mask", torch.eye(3).to_sparse())

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y * self.mask.to_dense().sum()


CHECKED: dict[type[Good], str] = {
    Hosted: "its state_dict lacks temperature",
    Grown: "a training step changes the shape of bank",
    Late: "a training step registers late",
    Thin: "mask is sparse_coo",
    Turned: "",
}


@pytest.mark.parametrize("layer", CHECKED, ids=lambda layer: layer.__name__)
def test_check_layer_finds_it_after_training(layer: type[Any]) -> None:
    known = registry().with_components(Component("layer", "mine", layer, ""))
    (check,) = (one for one in checks("layer", "mine", registry=known) if one.name == "survives-safetensors")
    finding = check.evaluate()
    assert finding.state == ("fails" if CHECKED[layer] else "holds"), finding.reason
    assert CHECKED[layer] in finding.reason


def test_load_gives_the_weights_of_the_result_that_is_given(tmp_path: Path) -> None:
    """Two runs of one request lie beside each other where the code was another."""
    asked = {**ASKED, "store": tmp_path}
    plain = run(**{**asked, "structure": Net})
    hot = run(**{**asked, "structure": type("Net", (Temperature,), {"temperature": 0.5})})
    assert plain.plan.identity == hot.plan.identity
    assert plain.weights != hot.weights
    for result, net in ((plain, Net), (hot, type("Net", (Temperature,), {}))):
        state = load(result, store=tmp_path, structure=net).state_dict()
        assert hash_weights(state) == result.weights

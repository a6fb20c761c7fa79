"""What is guarded: each check of the conformance kit fails where its promise is broken, and says why."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from unittest import SkipTest

import pytest
import torch
from conftest import install, plugin_text
from pydantic import Field, PositiveInt
from small import call
from torch import Tensor, nn

from probekit import Constant, Items, Metric, Scale, Shape
from probekit.authors.check import PROMISES, CheckFailed, Finding, checks
from probekit.axis import Axis
from probekit.catalog.registry import Registry, registry
from probekit.components import Component, Kind
from probekit.errors import UsageError


class Good(nn.Module):
    """A layer that keeps every promise."""

    hooks: frozenset[str] = frozenset()

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.mix = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.use(x, self.mix(x.flatten(2).mT).mT.reshape(x.shape))

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y


class Planar(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        _, _, height, width = x.shape
        return y.reshape(*y.shape[:2], height, width)


class Linear(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y if x.ndim == 3 else y[..., :-1]


class Idle(Good):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.idle = nn.Linear(channels, 3)


class Mixed(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y - y.mean(0)


class Seedless(Good):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.bias = nn.Parameter(torch.full((1,), random.random()))

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y + self.bias


class Forgetful(Good):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.noise = torch.randn(channels)

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y + self.noise.view(-1, *[1] * (x.ndim - 2))


class Viewed(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y + x.view(len(x), -1).mean(1).view(-1, *[1] * (x.ndim - 1))


class Placed(Good):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.register_buffer("one", torch.ones((), device="cpu"))


class Exact(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.zeros_like(x).scatter_add(2, torch.zeros_like(x).long(), y)


class Sly(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return 2 * y if torch.compiler.is_compiling() else y


class Boastful(Good):
    hooks = frozenset({"position"})


class Encoding(nn.Module):
    """An encoding that keeps every promise."""

    def __init__(self, channels: int, size: tuple[int, ...], *, keys: int, heads: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(channels, *size))

    def mix(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x + self.table, x + self.table, x + self.table


class Silent(Encoding):
    def mix(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x, x, x


class Hookless(nn.Module):
    def __init__(self, channels: int, size: tuple[int, ...], *, keys: int, heads: int) -> None:
        super().__init__()


class Structure(nn.Module):
    """A structure that keeps every promise."""

    def __init__(self, shape: Shape, *, width: int, layer: Callable[..., nn.Module] | None = None) -> None:
        super().__init__()
        inside = self.inside(width)
        convolution = nn.Conv1d if len(shape.size) == 1 else nn.Conv2d
        self.first = convolution(shape.inputs, inside, 1)
        self.hosted = nn.Identity() if layer is None else self.host(layer(inside, shape.size, {}))
        self.last = convolution(inside, shape.outputs, 1)

    def inside(self, width: int) -> int:
        return width

    def host(self, layer: nn.Module) -> nn.Module:
        return layer

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.hosted(self.first(x)))
        return y


class Lonely(Structure):
    def host(self, layer: nn.Module) -> nn.Module:
        return nn.Identity()


class Rigid(Structure):
    def inside(self, width: int) -> int:
        return 8


class Trainer:
    """A trainer that keeps every promise."""

    def __init__(self, *, steps: int = 6) -> None:
        self.steps, self.step = steps, 0

    def fit(
        self, model: nn.Module, probe: Any, data: Any, *, seed: int, device: Any, state: Any = None
    ) -> Iterator[Mapping[str, float]]:
        inputs, targets = (torch.stack(column) for column in zip(*(data[i] for i in range(16)), strict=True))
        for step in range(self.begun(state) + 1, self.steps + 1):
            loss = probe.loss(model(inputs), targets)
            model.zero_grad()
            loss.backward()
            with torch.no_grad():
                for weight in model.parameters():
                    weight.sub_(self.rate() * weight.grad)
            self.step = step
            yield {"step": step, "steps": self.steps, "loss": loss.item()}

    def begun(self, state: Any) -> int:
        return 0 if state is None else int(state["step"])

    def rate(self) -> float:
        return 0.05

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step}


class Endless(Trainer):
    def fit(self, *args: Any, **given: Any) -> Iterator[Mapping[str, float]]:
        for row in super().fit(*args, **given):
            yield {**row, "steps": 99}


class Lazy(Trainer):
    def rate(self) -> float:
        return 0.0


class Moody(Trainer):
    def rate(self) -> float:
        return 0.05 * random.random()


class Restarting(Trainer):
    def begun(self, state: Any) -> int:
        return 0


def bits(split: str, seed: int, index: int) -> tuple[Tensor, Tensor]:
    draw = random.Random(f"{split} {seed} {index}")
    inputs = torch.tensor([[draw.getrandbits(1) for _ in range(32)] for _ in range(2)]).float()
    return inputs, (inputs[:1] == inputs[1:]).float()


def zeros(shape: Shape, *, width: int) -> nn.Module:
    return nn.Conv1d(shape.inputs, shape.outputs, 1)


def share(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    return ((output > 0.5) == (target > 0.5)).float().mean((1, 2))


class Probe:
    """A probe that keeps every promise: tell where two rows of bits agree."""

    property, version, structure = "agreement", 1, "plain"
    golden: Mapping[int, str] = {1: "6329e4da798b4ac4"}
    scales: Mapping[str, Scale] = {"quick": Scale("seconds", {}, {}, width=4)}
    chance, perfect = 0.5, 1.0

    def __init__(self, *, train: int = 64) -> None:
        self.shape = Shape(2, 1, (32,))
        self.metrics = (
            Metric("share", "higher", self.perfect, share, "agreements told", chance=self.chance),
        )

    def data(self, split: str, seed: int) -> Items:
        return Items(64, partial(bits, split, seed if split == "train" else 0))

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square().mean()

    def oracle(self, inputs: Tensor) -> Tensor:
        return 1 - (inputs[:, :1] - inputs[:, 1:]).abs()

    def controls(self) -> Mapping[str, Any]:
        return {"constant": Constant(), "pointwise": zeros}


class Twofold(Probe):
    scales: Mapping[str, Scale] = {"quick": Scale("seconds", {}, {}, width=4, budget=100)}


class Captured(Probe):
    def data(self, split: str, seed: int) -> Items:
        draw = random.Random(f"{split} {seed if split == 'train' else 0}")
        return Items(64, lambda index: bits(split, 0, draw.getrandbits(20)))


class Still(Probe):
    def data(self, split: str, seed: int) -> Items:
        return super().data(split, 0)


class Leaking(Probe):
    def data(self, split: str, seed: int) -> Items:
        return super().data("train" if split == "train" else "test", seed)


class Wrong(Probe):
    def oracle(self, inputs: Tensor) -> Tensor:
        return super().oracle(inputs).round().flip(2)


class Unreached(Probe):
    perfect = 2.0


class Sure(Probe):
    chance = 0.9


class Torn(Probe):
    def data(self, split: str, seed: int) -> Items:
        return Items(64, lambda index: (torch.zeros(2, 32), bits(split, seed, index)[1]))


class Beyond(Probe):
    def __init__(self) -> None:
        super().__init__()
        self.metrics = (Metric("share", "higher", 1.0, share, "agreements told", bounds=(0.0, 0.9)),)


class Undrawn(Probe):
    """Its inputs are said to be what matplotlib cannot draw."""

    def data(self, split: Any, seed: int) -> Any:
        return Items(8, lambda index: (torch.zeros(2, 0), torch.zeros(1, 0)))


class Unreachable(Probe):
    axis = Axis(
        "length",
        "positions",
        "",
        lambda inputs, targets: torch.zeros(len(inputs)),
        lambda output, target, inputs: torch.zeros(len(inputs)),
        "higher",
        (1.0, 2.0),
    )


class Bare(Probe):
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square()


class Hostile(nn.Module):
    """Keeps its shape alone, and not in the network of a probe: it caches what cannot carry gradients."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.map = nn.Linear(channels, channels)
        self.kept: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] < 16:
            raise ValueError("so few channels as a small scale has")
        y: Tensor = self.map(x.flatten(2).mT).mT.reshape_as(x)
        return y


class Telling(Probe):
    def controls(self) -> Mapping[str, Any]:
        class Oracle(Constant):
            def __call__(self, inputs: Tensor) -> Tensor:
                return (inputs[:, :1] == inputs[:, 1:]).float()

        return {"constant": Constant(), "a shortcut": Oracle()}


class Changed(Probe):
    def data(self, split: str, seed: int) -> Items:
        return Items(64, partial(bits, f"{split} anew", seed if split == "train" else 0))


class Ranked(Good):
    """A layer whose rank may be 1 to 9, and is in fact checked otherwise."""

    def __init__(
        self, channels: int, size: tuple[int, ...], *, rank: Annotated[int, Field(ge=1, le=9)] = 4
    ) -> None:
        super().__init__(channels, size)
        self.check(rank)

    def check(self, rank: int) -> None:
        if rank > 8:
            raise ValueError("rank must be at most 8")


class Related(Ranked):
    def check(self, rank: int) -> None:
        if rank > 8:
            raise UsageError(f"related(rank={rank})", "these channels are too few", "Type rank=8.")


class Dividing(Ranked):
    """Built at each end, it fails when it answers."""

    def check(self, rank: int) -> None:
        self.rank = rank

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y.unflatten(1, (self.rank, -1)).flatten(1, 2)


class Unranked(Good):
    def __init__(self, channels: int, size: tuple[int, ...], *, rank: PositiveInt = 0) -> None:
        super().__init__(channels, size)


class Timid(Trainer):
    def __init__(self, *, momentum: Annotated[float, Field(ge=0, le=1)] = 0.9) -> None:
        super().__init__()
        self.span = 1 / (1 - momentum)


class Halved(Probe):
    def __init__(self, *, size: Annotated[int, Field(ge=0)] = 4) -> None:
        super().__init__()
        self.share = 1 / size


SINNERS: dict[tuple[Kind, str], Any] = {
    ("layer", "keeps-shape-and-dtype-in-1d"): Planar,
    ("layer", "keeps-shape-and-dtype-in-2d"): Linear,
    ("layer", "gradient-reaches-every-parameter"): Idle,
    ("layer", "batch-items-are-independent"): Mixed,
    ("layer", "same-seed-gives-same-weights"): Seedless,
    ("layer", "survives-safetensors"): Forgetful,
    ("layer", "takes-channels-last"): Viewed,
    ("layer", "builds-on-the-meta-device"): Placed,
    ("layer", "runs-under-autocast"): Exact,
    ("layer", "compiles"): Sly,
    ("layer", "serves-the-encodings-it-says"): Boastful,
    ("encoding", "hooks-are-methods-of-its-class"): Hookless,
    ("encoding", "changes-the-answer"): Silent,
    ("structure", "hosts-a-layer"): Lonely,
    ("structure", "wider-means-more-parameters"): Rigid,
    ("layer", "ranges-hold"): Ranked,
    ("trainer", "it-ends"): Endless,
    ("trainer", "weights-change-and-the-loss-falls"): Lazy,
    ("trainer", "same-seed-gives-same-rows"): Moody,
    ("trainer", "resume-equals-no-interruption"): Restarting,
    ("probe", "says-what-cards-need"): Twofold,
    ("probe", "same-seed-gives-same-data-whatever-the-workers"): Captured,
    ("probe", "seed-moves-training-alone"): Still,
    ("probe", "splits-never-meet"): Leaking,
    ("probe", "oracle-is-exact"): Wrong,
    ("probe", "truth-scores-perfect"): Unreached,
    ("probe", "scores-stay-within-bounds"): Beyond,
    ("probe", "a-constant-stays-near-chance"): Sure,
    ("probe", "inputs-alone-decide-labels"): Torn,
    ("probe", "controls-fail"): Telling,
    ("probe", "an-item-can-be-drawn"): Undrawn,
    ("probe", "answers-of-a-network-are-scored"): Bare,
    ("probe", "scores-go-along-its-axis"): Unreachable,
    ("layer", "learns-in-the-network-of-a-probe"): Hostile,
    ("probe", "data-are-those-of-this-version"): Changed,
}
SAINTS: dict[Kind, Any] = {
    "layer": Good,
    "encoding": Encoding,
    "structure": Structure,
    "trainer": Trainer,
    "probe": Probe,
}
ELSEWHERE = {"plugin-imports-no-torch"}


def looked_at(kind: Kind, target: Any, check: str | None = None, **given: Any) -> dict[str, Finding]:
    """Return what the checks, or one of them, find of a component given from Python."""
    known = registry().with_components(Component(kind, "mine", target, ""))
    return {
        one.name: one.find()
        for one in checks(kind, "mine", known=known, **given)
        if check in (None, one.name) and (check or one.name != "compiles")
    }


@pytest.mark.parametrize("kind", SAINTS)
def test_a_component_that_keeps_its_promises_passes(kind: Kind) -> None:
    found = looked_at(kind, SAINTS[kind])
    assert {one.check: one.reason for one in found.values() if one.state == "fails"} == {}
    assert "holds" in {one.state for one in found.values()}


@pytest.mark.parametrize(("kind", "check"), SINNERS, ids="-".join)
def test_each_check_fails_where_its_promise_is_broken(kind: Kind, check: str) -> None:
    found = looked_at(kind, SINNERS[kind, check], check)[check]
    assert found.state == "fails"
    assert found.reason
    assert found.hint


def test_every_check_is_shown_to_fail() -> None:
    shown = {check for _, check in SINNERS} | ELSEWHERE
    listed = {promise.__name__.replace("_", "-") for _, promises in PROMISES.values() for promise in promises}
    assert listed == shown


@pytest.mark.parametrize(
    ("kind", "target", "said"),
    [
        ("layer", Ranked, "rank may be 1 to 9, and with rank=9 it could not be built (ValueError"),
        ("layer", Dividing, "rank may be 1 to 9, and with rank=9 it raised"),
        ("layer", Unranked, "rank=0 is its default and not 1 or more"),
        ("trainer", Timid, "momentum may be 0 to 1, and with momentum=1.0 it could not be built"),
        ("probe", Halved, "size may be 0 or more, and with size=0 it could not be built"),
    ],
)
def test_a_range_that_does_not_hold_is_told_with_the_number(kind: Kind, target: Any, said: str) -> None:
    found = looked_at(kind, target, "ranges-hold")["ranges-hold"]
    assert (found.state, found.reason[: len(said)]) == ("fails", said)


def test_an_end_that_another_parameter_forbids_may_be_refused_in_a_sentence() -> None:
    assert looked_at("layer", Related, "ranges-hold")["ranges-hold"].state == "holds"
    found = looked_at("layer", Good, "ranges-hold")["ranges-hold"]
    assert (found.state, "no number states its range" in found.reason) == ("does not apply", True)


def test_a_plugin_that_imports_torch_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import torch\n" + plugin_text("'layer', 'heavy', 'heavy_target:Heavy', ''")
    files = {"heavy_plugin.py": text, "heavy_target.py": "from torch.nn import Identity as Heavy"}
    install(tmp_path, "heavy", {"heavy": "heavy_plugin"}, files)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = {one.name: one.find() for one in checks("layer", "heavy", known=Registry.load())}
    told = found["plugin-imports-no-torch"]
    assert (told.state, told.reason) == (
        "fails",
        "import heavy_plugin loads torch numpy".replace(" n", ", n"),
    )


def test_a_failure_that_is_declared_is_skipped_with_its_reason_and_an_idle_declaration_fails() -> None:
    check = "gradient-reaches-every-parameter"
    found = looked_at("layer", Idle, check, expected={check: "it is kept for later"})[check]
    assert (found.state, found.reason) == ("expected", "it is kept for later")
    found = looked_at("layer", Good, check, expected={check: "it is kept for later"})[check]
    assert (found.state, "and it holds" in found.reason) == ("fails", True)
    with pytest.raises(UsageError, match=r"there is no such check\. Did you mean gradient"):
        looked_at("layer", Good, expected={"gradient-reaches-all-parameters": ""})


def test_called_a_check_raises_as_pytest_wants() -> None:
    known = registry().with_components(Component("layer", "mine", Idle, ""))
    found = {str(one): one for one in checks("layer", "mine", known=known)}
    assert found["keeps-shape-and-dtype-in-2d"]() is None
    with pytest.raises(
        CheckFailed, match="layer mine, gradient-reaches-every-parameter: no gradient reaches"
    ):
        found["gradient-reaches-every-parameter"]()
    with pytest.raises(SkipTest, match="does not apply: it takes no encoding"):
        found["serves-the-encodings-it-says"]()


def test_checks_leave_torchs_generator_as_it_was() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    looked_at("layer", Good)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_command_says_each_check_and_ends_with_1_where_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    trainer = "class Lazy(trainer.Trainer):\n    def rate(self):\n        return 0.0\n"
    (tmp_path / "lazy.py").write_text(f"import test_check as trainer\n{trainer}")
    code, out, _ = call(capsys, "check", "trainer", "./lazy.py:Lazy")
    assert code == 1
    (line,) = [line for line in out.splitlines() if "FAILS" in line]
    assert line.startswith("weights-change-and-the-loss-falls")
    assert line.endswith("Step an optimiser over model.parameters().")
    code, out, _ = call(capsys, "check", "encoding", "pe", "--json")
    assert code == 0
    code, _, err = call(capsys, "check", "planet", "mars")
    assert (code, "there is nothing to check" in err) == (2, True)

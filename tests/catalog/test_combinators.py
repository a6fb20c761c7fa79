"""What is guarded: a combinator builds the layers that its text names, where it says, and nothing else."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from small import call, job
from torch import Tensor, nn

from probekit.catalog.expression import Expression, resolve_expression
from probekit.catalog.registry import registry
from probekit.plans.degenerate import describe_degenerate_layers
from probekit.plugin.components import Component
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit.scores.look_ahead import find_look_ahead
from probekit_plugins.layers.gru import GRU
from probekit_plugins.layers.lambda_ import Lambda
from probekit_plugins.layers.transformer import Transformer
from probekit_plugins.structures.blocks import Nonlocal, Pointwise
from probekit_plugins.structures.unet import UNet

LINE, MAP = Shape(3, 2, (12,)), Shape(3, 1, (16, 16))
GATED = """
import torch
from torch import nn


class Gated(nn.Module):
    def __init__(self, channels, size, layers):
        super().__init__()
        self.layers = nn.ModuleList(layer(channels, size) for layer in layers)
        self.gate = nn.Linear(channels, len(layers))

    def forward(self, x):
        weights = self.gate(x.movedim(1, -1)).softmax(-1).movedim(-1, 1)
        return sum(weights[:, [i]] * layer(x) for i, layer in enumerate(self.layers))
"""


def resolved(text: str, host: str = "plain") -> Expression:
    return resolve_expression(text, host, registry())


def built(text: str, shape: Shape = LINE, width: int = 8) -> nn.Module:
    torch.manual_seed(0)
    return resolved(text).build(shape, width).eval()


def build_wide(expression: Expression, shape: Shape) -> nn.Module:
    return expression.build(shape, 8 * expression.width_step)


def layer_names(text: str, shape: Shape = LINE) -> str:
    """Return the classes of the layers in the order of the host's places."""
    return " ".join(type(m.layer).__name__ for m in built(text, shape).modules() if isinstance(m, Nonlocal))


def block(layer: Callable[..., nn.Module], shape: Shape, width: int = 8) -> nn.Module:
    return Nonlocal(width, shape.size, lambda channels, size, shared: layer(channels, size), {})


def assert_equal(model: nn.Module, by_hand: nn.Module, shape: Shape) -> None:
    weights, expected = model.state_dict(), by_hand.state_dict()
    assert [name.removeprefix("network.") for name in weights] == list(expected)
    pairs = zip(weights.values(), expected.values(), strict=True)
    assert all(torch.equal(first, second) for first, second in pairs)
    inputs = torch.randn(2, shape.inputs, *shape.size)
    assert torch.equal(model(inputs), by_hand.eval()(inputs))


@pytest.mark.parametrize("text", ["plain(depth=4)+stripe(gru,transformer)", "plain(depth=4)+gru,transformer"])
def test_a_stripe_is_the_network_by_hand(text: str) -> None:
    model = built(text)
    torch.manual_seed(0)
    makers: list[Any] = [GRU, Transformer] * 2
    by_hand = nn.Sequential(Pointwise(3, 8), *(block(make, LINE) for make in makers), Pointwise(8, 2))
    assert_equal(model, by_hand, LINE)


class ByHand(nn.Module):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList([GRU(12, size), Transformer(4, size, heads=2)])

    def forward(self, x: Tensor) -> Tensor:
        gru, transformer = self.layers
        return torch.cat([gru(x[:, :12]), transformer(x[:, 12:])], 1)


def test_parallel_is_the_network_by_hand() -> None:
    model = built("plain+parallel(gru,transformer(heads=2),shares=3-1)", width=16)
    torch.manual_seed(0)
    by_hand = nn.Sequential(Pointwise(3, 16), block(ByHand, LINE, 16), Pointwise(16, 2))
    assert_equal(model, by_hand, LINE)


def test_a_unet_gets_a_stripe_by_level() -> None:
    model = built("unet(downs=2)+lambda(keys=4),gru,transformer", MAP)
    makers: dict[int, Any] = {16: partial(Lambda, keys=4), 8: GRU, 4: Transformer}
    torch.manual_seed(0)
    by_hand = UNet(
        MAP, width=8, downs=2, layer=lambda channels, size, shared: makers[size[0]](channels, size)
    )
    assert_equal(model, by_hand, MAP)


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("plain+gru,s4d", "GRU S4D"),
        ("plain(depth=5)+gru,s4d", "GRU S4D GRU S4D GRU"),
        ("plain+gru,stripe(mamba,s4d)", "GRU Mamba GRU S4D"),
        ("plain+stripe(parallel(gru,s4d),mamba)", "Parallel Mamba"),
        ("plain(depth=3)+stripe(gru,gru,s4d)", "GRU GRU S4D"),
    ],
)
def test_places_get_layers_in_turn(text: str, layers: str) -> None:
    assert layer_names(text) == layers


@pytest.mark.parametrize(
    ("text", "hosted"),
    [
        ("plain + gru , transformer", "stripe(gru(scan=both),transformer(heads=8))"),
        ("gru,transformer", "stripe(gru(scan=both),transformer(heads=8))"),
        ("transformer,gru", "stripe(transformer(heads=8),gru(scan=both))"),
        (
            "plain+transformer+rotary,gru",
            "stripe(transformer(heads=8)+rotary(base=10000.0),gru(scan=both))",
        ),
        ("parallel(shares=1-2, gru, s4d)", "parallel(gru(scan=both),s4d(scan=both,state=64),shares=1-2)"),
        ("combinators/stripe(layers/gru)", "stripe(gru(scan=both))"),
    ],
)
def test_the_canonical_text_resolves_to_itself(text: str, hosted: str) -> None:
    expression = resolved(text)
    assert expression.text.partition("+")[2] == hosted
    assert resolved(expression.text) == expression


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("plain+transformer+gru", r"gru is a layer, and \+ joins.*type plain\+transformer,gru\."),
        ("plain+gru+mamba+s4d", r"type plain\+gru,mamba,s4d\."),
        ("plain+stripe(gru+mamba,s4d)", r"mamba is a layer.*type gru,mamba\."),
        ("plain+gru+parallel(mamba,s4d)", r"parallel is a combinator.*type plain\+gru,parallel\(mamba,s4d\)"),
        ("lambda+pe,gru", r"Type unet\+lambda\+pe,gru\."),
        ("plain+stripe", r"it has no layers. Put layers in its brackets: stripe\("),
        ("plain+gru(mamba)", "no such combinator, but that is the name of a layer"),
        ("unet(depth)", "which only a combinator takes. Write parameters as in lambda"),
        ("plain+gru,mamba(state=2,s4d)", "no such combinator"),
        ("plain+stripe(gru,lambda)+pe", r"pe stands after a combinator.*stripe\(lambda\+pe,gru\)"),
        ("plain+gru+pe,mamba", "gru takes no encoding, and pe offers position. Type gru"),
        ("plain+stripe(unet,gru)", "no such layer, but that is the name of a structure"),
        ("plain+stripe(lambda+pe+pe,gru)", "lambda.pe.pe has 3 terms"),
        ("plain+parallel(gru,mamba,shares=3-0)", "not 2 positive numbers.*Type shares=2-1"),
        ("plain+parallel(gru,mamba,share=3-1)", "no such parameter.*shares"),
        ("plain+parallel(gru,mamba,place=1)", "Its host passes place"),
        ("plain(depth=1)+gru,mamba", r"places for a layer are 1, and mamba is at none.*plain\(depth=2\)"),
        ("recurrent+gru,mamba", "places for a layer are 1, and mamba is at none"),
        ("plain(causal=true)+gru,fnet", "a causal .*fnet lets positions see later ones"),
    ],
)
def test_what_cannot_be_combined_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        build_wide(resolved(text, "unet"), MAP if "recurrent" in text else LINE)


@pytest.mark.parametrize("text", ["gru,transformer", "parallel(gru,stripe(mamba,s4d))"])
def test_causal_layers_stay_causal(text: str) -> None:
    inputs = torch.randn(2, 3, 12)
    causal = built(f"plain(causal=true)+{text}", width=16)
    assert find_look_ahead(causal, inputs, [5], lambda model, x: model(x)) is None
    assert (
        find_look_ahead(built(f"plain+{text}", width=16), inputs, [5], lambda model, x: model(x)) is not None
    )


def test_a_budget_counts_all_layers() -> None:
    planned = job(probe="recall", structure="gru,transformer", trainer="supervised", budget=20_000).plan
    assert planned.width is not None
    assert planned.width % 8 == 0
    built_network = resolved(planned.structure).build(
        Shape(planned.inputs, planned.outputs, planned.size), planned.width
    )
    assert planned.parameters == sum(weight.numel() for weight in built_network.parameters())
    assert [used.name for used in planned.components[1:-1]] == ["plain", "stripe", "gru", "transformer"]
    assert abs(planned.parameters / 20_000 - 1) < 0.25
    other = job(probe="recall", structure="transformer,gru", trainer="supervised").plan
    assert other.identity != planned.identity


def test_an_approximation_in_a_stripe_says_where_it_is_exact() -> None:
    expression = resolved("plain+gru,linformer(rank=64)")
    (sentence,) = describe_degenerate_layers(expression, LINE, 8)
    assert sentence.startswith("linformer on 12 positions")


def test_dimensions_are_those_of_all_layers() -> None:
    def planar(channels: int, size: tuple[int, ...]) -> nn.Module:
        return nn.Conv2d(channels, channels, 1)

    planar.dims = (2,)  # type: ignore[attr-defined]
    known = registry().with_components(Component("layer", "planar", planar, ""))
    with pytest.raises(UsageError, match="planar takes 2-D inputs, and those of this probe are 1-D"):
        job(known, probe="recall", structure="gru,planar", trainer="supervised")


@pytest.mark.slow
def test_the_short_form_is_one_structure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, study = str(tmp_path / "s"), tmp_path / "study.toml"
    study.write_text(
        'probes = ["recall(train=32,validation=8,test=8)"]\nstructures = ["gru,s4d", "s4d,gru"]\n'
        'scales = ["smoke"]\nseeds = 1\n'
    )
    assert call(capsys, "run", "--study", str(study), "--store", store)[0] == 0
    code, out, _ = call(capsys, "runs", "--csv", "--store", store)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert sorted(row["structure"] for row in rows) == ["stripe(gru,s4d)", "stripe(s4d,gru)"]
    words = ("--probe", "recall(train=32,validation=8,test=8)", "--scale", "smoke", "--store", store)
    code, out, _ = call(capsys, "card", "gru,s4d", *words)
    assert code == 0
    assert "stripe(gru,s4d)" in out
    assert "stripe(s4d,gru)" not in out


@pytest.mark.slow
def test_a_stranger_s_combinator_runs_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gated.py").write_text(GATED)
    monkeypatch.chdir(tmp_path)
    text, store = "plain(depth=2)+./gated.py:Gated(gru,transformer)", str(tmp_path / "s")
    words = ("recall(train=32,validation=8,test=8)", "-s", text, "--scale", "smoke", "--width", "8")
    code, out, err = call(capsys, "run", *words, "--store", store)
    assert code == 0, err
    assert "./gated.py:Gated(gru,transformer)" in out
    code, out, _ = call(capsys, "run", *words, "--store", store)
    assert "stored earlier" in out
    (folder,) = (path for path in Path(store).iterdir() if path.is_dir() and "Gated" in path.name)
    code, _, err = call(capsys, "again", str(folder), "--store", store)
    assert code == 2
    assert "--allow-code" in err
    assert call(capsys, "again", str(folder), "--store", store, "--allow-code")[0] == 0
    assert call(capsys, "store", "replay", "--store", store, "--allow-code")[0] == 0
    with pytest.raises(UsageError, match="Gated is a combinator, because of its parameters"):
        resolved("plain+./gated.py:Gated")

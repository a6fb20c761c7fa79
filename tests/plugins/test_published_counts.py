"""Every row of Tables 2 and 3 has the paper's parameter count, and every layer runs wherever it is put."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from probekit.catalog.expression import resolve_expression
from probekit.catalog.registry import registry
from probekit.plans import budget
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape

SQUARE, CODE, DEPTH = Shape(1, 2, (64, 64)), Shape(6, 3, (128,)), Shape(3, 1, (128, 128))
ONE = "plain(norm=false)+lambda(heads=8, keys=16)"
THREE = "plain(depth=3)"
PUBLISHED = [
    ("Sum-QKV", f"{ONE}+cosine(mix=sum-qkv)", SQUARE, 128, 182_018),
    ("Sum-QV", f"{ONE}+cosine(mix=sum-qv)", SQUARE, 128, 182_018),
    ("Cosine + Decor.", f"{ONE}+cosine(mix=decor)", SQUARE, 128, 182_018),
    ("Fourier + Decor.", f"{ONE}+pe", SQUARE, 128, 182_018),
    ("CoordConv", f"{ONE}+coordconv", SQUARE, 128, 184_066),
    ("Local 7", f"{ONE}+local(window=7)", SQUARE, 128, 182_818),
    ("Local 19", f"{ONE}+local(window=19)", SQUARE, 128, 187_810),
    ("Transformer", f"{THREE}+transformer(heads=8)", CODE, 256, 2_373_379),
    ("MLP-Mixer", f"{THREE}+mixer", CODE, 256, 1_979_011),
    ("Nystromformer-32", f"{THREE}+nystrom(landmarks=32)", CODE, 256, 2_176_003),
    ("Linformer-32", f"{THREE}+linformer(rank=32)", CODE, 256, 2_208_771),
    ("Reformer-32", f"{THREE}+reformer(bucket=32)", CODE, 256, 2_176_003),
    ("Lambda", f"{THREE}+lambda(heads=8, keys=32)", CODE, 256, 2_175_235),
    ("Lambda + TT", f"{THREE}+lambda-tt(bias=true, heads=8, keys=32)", CODE, 256, 2_569_987),
]
SMALL = {
    "unet, 1-D": ("unet", Shape(2, 3, (16,))),
    "unet, 2-D": ("unet", Shape(2, 3, (8, 16))),
    "plain, 1-D": ("plain(depth=2)", Shape(2, 3, (9,))),
    "plain, 2-D": ("plain(depth=2)", Shape(2, 3, (4, 6))),
}
PARAMETERS = {
    "long-short": "(heads=2)",
    "lambda": "(heads=2, keys=3)",
    "lambda-tt": "(heads=2, keys=3)",
    "reformer": "(bucket=4)",
    **dict.fromkeys(("transformer", "linear-attention", "retention"), "(heads=2)"),
}
ENCODINGS = [
    "pe",
    "cosine(mix=sum-qkv)",
    "cosine(mix=sum-qv)",
    "cosine(mix=decor)",
    "coordconv",
    "local(window=3)",
    "alibi",
    "conditional",
    "fourier",
    "relative",
    "rotary",
]


def ours(kind: Any) -> list[str]:
    return [c.name for c in registry().components(kind) if c.plugin in ("layers", "encodings")]


def expressions() -> list[str]:
    """Every layer, and with every encoding it takes."""
    layers = [name + PARAMETERS.get(name, "") for name in ours("layer")]
    found = list(layers)
    for layer, encoding in itertools.product(layers, ENCODINGS):
        try:
            resolve_expression(f"unet+{layer}+{encoding}", "unet", registry())
        except UsageError:
            continue
        found.append(f"{layer}+{encoding}")
    return found


@pytest.mark.parametrize(
    ("text", "shape", "width", "published"), [row[1:] for row in PUBLISHED], ids=[row[0] for row in PUBLISHED]
)
def test_rows_of_tables_2_and_3_have_the_papers_parameters(
    text: str, shape: Shape, width: int, published: int
) -> None:
    assert budget.count_parameters(resolve_expression(text, "unet", registry()), shape, width) == published


def test_every_encoding_is_tried() -> None:
    assert {name.partition("(")[0] for name in ENCODINGS} == set(ours("encoding"))
    pairs = [text.split("+") for text in expressions() if "+" in text]
    assert {encoding for _, encoding in pairs} == set(ENCODINGS)
    hosts = {layer.partition("(")[0] for layer, _ in pairs}
    assert hosts == {"lambda", "lambda-tt", "transformer", "linear-attention", "retention"}


@pytest.mark.parametrize("text", expressions())
@pytest.mark.parametrize(("structure", "shape"), SMALL.values(), ids=SMALL)
def test_every_layer_trains_in_every_structure_with_every_encoding_it_takes(
    text: str, structure: str, shape: Shape
) -> None:
    torch.manual_seed(0)
    model = resolve_expression(f"{structure}+{text}", "unet", registry()).build(shape, 8)
    x = torch.randn(2, shape.inputs, *shape.size)
    y = model(x)
    assert y.shape == (2, shape.outputs, *shape.size)
    (y * torch.randn_like(y)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0 or name.endswith("attention.bias"), name
    model.eval()
    with torch.no_grad():
        assert torch.equal(model(x), model(x))
        torch.testing.assert_close(model(x[1:]), model(x)[1:], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("layer", "says"),
    [("mixer", "2,147,483,648 parameters"), ("transformer", "2,147,483,648 comparisons")],
)
@pytest.mark.parametrize("structure", ["unet", "plain"])
def test_what_is_quadratic_is_refused_at_16384_positions_with_its_count(
    structure: str, layer: str, says: str
) -> None:
    with pytest.raises(UsageError, match="linear in positions") as caught:
        budget.count_parameters(resolve_expression(f"{structure}+{layer}", "unet", registry()), DEPTH, 40)
    assert says in caught.value.problem
    assert layer in caught.value.request
    assert budget.count_parameters(
        resolve_expression(f"{structure}+{layer}", "unet", registry()), Shape(3, 1, (16, 16)), 40
    )


@pytest.mark.parametrize("layer", ["nystrom", "linformer", "reformer", "lambda", "global-context", "average"])
def test_what_is_linear_is_not_refused_at_16384_positions(layer: str) -> None:
    assert budget.count_parameters(resolve_expression(f"unet+{layer}", "unet", registry()), DEPTH, 40) > 0

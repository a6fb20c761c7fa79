"""Each layer keeps its paper's formula, in 1-D and 2-D, and the promises every layer makes."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from functools import partial

import direct
import pytest
import torch
from layer_cases import FORMULAS, SCANS
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.encodings.coordconv import CoordConv
from probekit_plugins.encodings.cosine import Cosine
from probekit_plugins.encodings.local import Local
from probekit_plugins.encodings.pe import PE
from probekit_plugins.layers.average import Average
from probekit_plugins.layers.axial import Axial
from probekit_plugins.layers.deformable import Deformable, DeformableDepthwise
from probekit_plugins.layers.deltanet import DeltaNet
from probekit_plugins.layers.gla import GatedLinearAttention
from probekit_plugins.layers.global_context import GlobalContext
from probekit_plugins.layers.lambda_ import Lambda
from probekit_plugins.layers.lambda_tt import LambdaTT
from probekit_plugins.layers.linformer import Linformer
from probekit_plugins.layers.mixer import Mixer
from probekit_plugins.layers.multi_head import MultiHead
from probekit_plugins.layers.nystrom import Nystrom
from probekit_plugins.layers.perceiver import Perceiver
from probekit_plugins.layers.reformer import Reformer
from probekit_plugins.layers.ssd import SSD
from probekit_plugins.layers.transformer import Transformer
from probekit_plugins.layers.xca import XCA

pytestmark = pytest.mark.usefixtures("double")
LAYERS = {
    "average": Average,
    "deformable": Deformable,
    "global-context": GlobalContext,
    "lambda": partial(Lambda, keys=5),
    "lambda-heads": partial(Lambda, keys=3, heads=2),
    "lambda-tt": partial(LambdaTT, keys=3, heads=2),
    "lambda-pe": partial(Lambda, keys=5, encoding=PE),
    "lambda-heads-pe": partial(Lambda, keys=2, heads=2, encoding=partial(PE, bands=4)),
    "lambda-tt-pe": partial(LambdaTT, keys=5, encoding=partial(PE, bands=2)),
    "lambda-tt-bias": partial(LambdaTT, keys=3, heads=2, bias=True),
    "lambda-sum-qkv": partial(Lambda, keys=5, encoding=partial(Cosine, mix="sum-qkv")),
    "lambda-tt-sum-qv": partial(LambdaTT, keys=5, encoding=partial(Cosine, mix="sum-qv")),
    "lambda-cosine-decor": partial(Lambda, keys=5, encoding=partial(Cosine, mix="decor")),
    "lambda-coordconv": partial(Lambda, keys=5, encoding=CoordConv),
    "lambda-tt-coordconv": partial(LambdaTT, keys=5, encoding=CoordConv),
    "lambda-local": partial(Lambda, keys=5, heads=2, encoding=partial(Local, window=3)),
    "transformer": partial(Transformer, heads=2),
    "mixer": Mixer,
    "nystrom": partial(Nystrom, landmarks=5, heads=2),
    "linformer": partial(Linformer, rank=5, heads=2),
    "reformer": partial(Reformer, bucket=3, heads=2, rounds=2),
    **{name: build for name, (build, _) in FORMULAS.items()},
}
FORMULAS = {
    "average": direct.average,
    "global-context": direct.global_context,
    "lambda": direct.lambda_,
    "lambda-heads": partial(direct.lambda_, heads=2),
    "lambda-tt": partial(direct.lambda_, heads=2),
    "lambda-pe": partial(direct.lambda_, bands=8),
    "lambda-heads-pe": partial(direct.lambda_, heads=2, bands=4),
    "lambda-tt-pe": partial(direct.lambda_, bands=2),
    "lambda-tt-bias": partial(direct.lambda_, heads=2),
    "transformer": partial(direct.transformer, heads=2),
    "mixer": direct.mixer,
    "nystrom": partial(direct.nystrom, heads=2, landmarks=5),
    "linformer": partial(direct.linformer, heads=2),
    "reformer": partial(direct.reformer, heads=2, bucket=3),
    **{name: formula for name, (_, formula) in FORMULAS.items()},
}
CANCELS = {"attention.bias", "compare.bias", "b_proj.bias"}
"""Biases under a softmax that change nothing, though the paper counts them."""
QUADRATIC = {"forgetting-attention", "mixer", "gmlp", "criss-cross"}
"""Those that keep something of each pair of positions, or of each pair in a row."""
SIZES = [(7,), (3, 4)]
layers = pytest.mark.parametrize("build", LAYERS.values(), ids=LAYERS)
sizes = pytest.mark.parametrize("size", SIZES, ids=["1-D", "2-D"])


def randomise(layer: nn.Module) -> nn.Module:
    """Leave no parameter at zero or one, where a mistake could hide."""
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    return layer


def assert_equal_with_gradients(layer: nn.Module, formula: Callable[[Tensor], Tensor], x: Tensor) -> None:
    x.requires_grad_()
    leaves = [x, *layer.parameters()]
    found, expected = layer(x), formula(x)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad((found * weights).sum(), leaves),
        torch.autograd.grad((expected * weights).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", FORMULAS)
@sizes
def test_values_and_gradients_are_those_of_the_papers_formula(name: str, size: tuple[int, ...]) -> None:
    layer = randomise(LAYERS[name](4, size))
    weights = {**dict(layer.named_buffers()), **dict(layer.named_parameters())}

    def formula(x: Tensor) -> Tensor:
        return torch.stack([FORMULAS[name](item.flatten(1), weights, size).view_as(item) for item in x])

    assert_equal_with_gradients(layer, formula, torch.randn(2, 4, *size))


@pytest.mark.parametrize("scan", ["raster", "cross"])
@pytest.mark.parametrize("name", SCANS)
def test_a_map_is_read_in_the_order_that_is_asked_for(name: str, scan: str) -> None:
    build, formula = SCANS[name]
    heads = {"heads": 4} if "heads" in inspect.signature(build).parameters else {}
    layer = randomise(build(8, (3, 4), scan=scan, **heads))
    weights = {**dict(layer.named_buffers()), **dict(layer.named_parameters())}
    x = torch.randn(2, 8, 3, 4)
    found = [formula(item.flatten(1), weights, (3, 4), scan=scan, **heads).view_as(item) for item in x]
    torch.testing.assert_close(layer(x), torch.stack(found))


@sizes
def test_deformable_values_and_gradients_are_those_of_the_bilinear_formula(size: tuple[int, ...]) -> None:
    layer = randomise(DeformableDepthwise(2, size))

    def formula(x: Tensor) -> Tensor:
        plans = layer.conv_offset(x).flatten(2)
        items = [
            direct.deformable(item.flatten(1), plan, layer.weight.flatten(1), layer.bias, size)
            for item, plan in zip(x, plans, strict=True)
        ]
        return torch.stack(items).view_as(x)

    assert_equal_with_gradients(layer, formula, torch.randn(2, 2, *size))


@sizes
def test_deformable_without_offsets_is_a_depthwise_convolution(size: tuple[int, ...]) -> None:
    """At zero the masks are one half; at a logit of 40 they are one."""
    layer, x = DeformableDepthwise(3, size), torch.randn(2, 3, *size)
    weight = layer.weight.view(3, 1, *(7,) * len(size))
    depthwise = partial(functional.conv1d if len(size) == 1 else functional.conv2d, padding=3, groups=3)
    torch.testing.assert_close(layer(x), depthwise(x, weight / 2, layer.bias))
    with torch.no_grad():
        layer.conv_offset.bias[-(7 ** len(size)) :] = 40
    torch.testing.assert_close(layer(x), depthwise(x, weight, layer.bias))


def test_deformable_with_whole_offsets_reads_shifted_maps() -> None:
    """dx = 2 and dy = -1 everywhere: the map moved two to the left and one down, zero where it ran out."""
    layer, x = DeformableDepthwise(3, (9, 8)), torch.randn(2, 3, 9, 8)
    with torch.no_grad():
        layer.conv_offset.bias.zero_()
        layer.conv_offset.bias[:98] = torch.tensor([2.0] * 7 + [-1.0] * 7).repeat(7)
        layer.conv_offset.bias[98:] = 40
    moved = functional.pad(x, (3 - 2, 3 + 2, 3 + 1, 3 - 1))
    expected = functional.conv2d(moved, layer.weight[:, None], layer.bias, groups=3)
    torch.testing.assert_close(layer(x), expected)


def test_deformable_applies_two_convolutions() -> None:
    layer, x = randomise(Deformable(2, (5,))), torch.randn(2, 2, 5)
    torch.testing.assert_close(layer(x), layer.second(layer.first(x)))
    assert not torch.equal(layer.first.weight, layer.second.weight)


@layers
@sizes
def test_shape_is_kept(build: Callable[..., nn.Module], size: tuple[int, ...]) -> None:
    assert build(4, size)(torch.randn(2, 4, *size)).shape == (2, 4, *size)


@pytest.mark.parametrize("name", LAYERS)
def test_sizes_that_divide_nothing_and_constant_or_huge_maps_give_finite_answers(name: str) -> None:
    for size in ((1,), (7,), (31,), (127,), (1, 1), (1, 6), (13, 17)):
        layer, x = LAYERS[name](4, size).float(), torch.randn(1, 4, *size).float()
        for given in (x, torch.ones_like(x), torch.zeros_like(x), 1e4 * x):
            y = layer(given)
            assert y.shape == x.shape
            assert y.isfinite().all(), f"{size}, inputs of {float(given.abs().max()):g}"


@layers
def test_batch_items_do_not_see_each_other(build: Callable[..., nn.Module]) -> None:
    layer, x = randomise(build(4, (4, 4))), torch.randn(3, 4, 4, 4)
    together = layer(x)
    torch.testing.assert_close(together, torch.cat([layer(item[None]) for item in x]))


@layers
def test_same_seed_gives_the_same_weights(build: Callable[..., nn.Module]) -> None:
    states = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        states.append(build(4, (4, 4)).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not states[0] or any(not torch.equal(states[0][name], states[2][name]) for name in states[0])


@layers
@sizes
def test_gradient_reaches_every_parameter(build: Callable[..., nn.Module], size: tuple[int, ...]) -> None:
    layer, x = build(4, size), torch.randn(2, 4, *size, requires_grad=True)
    (layer(x) * torch.randn(2, 4, *size)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 1e-12 or name in CANCELS, name


@layers
@sizes
def test_layer_is_counted_on_the_meta_device(build: Callable[..., nn.Module], size: tuple[int, ...]) -> None:
    with torch.device("meta"):
        layer = build(4, size)
    assert all(each.is_meta for each in itertools.chain(layer.parameters(), layer.buffers()))
    assert [p.shape for p in layer.parameters()] == [p.shape for p in build(4, size).parameters()]


@layers
def test_channels_last_input_gives_the_same_output(build: Callable[..., nn.Module]) -> None:
    layer, x = randomise(build(4, (6, 5))), torch.randn(2, 4, 6, 5)
    torch.testing.assert_close(layer(x.contiguous(memory_format=torch.channels_last)), layer(x))


@pytest.mark.parametrize("name", LAYERS)
def test_bfloat16_autocast_stays_near_float32(name: str) -> None:
    channels = (
        8 if name in ("deltanet-gated", "mlstm", "slstm", "ttt") else 4
    )  # of two channels a head's norm leaves little but signs
    layer, x = LAYERS[name](channels, (6, 5)).float(), torch.randn(2, channels, 6, 5).float()
    with torch.autocast("cpu", torch.bfloat16):
        rough = layer(x)
    torch.testing.assert_close(rough.float(), layer(x), atol=0.05, rtol=0.05)


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in QUADRATIC])
def test_memory_for_the_backward_pass_is_linear_in_positions(name: str) -> None:
    def kept(side: int) -> int:
        storages: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        layer, x = LAYERS[name](4, (side, side)), torch.randn(1, 4, side, side, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            y = layer(x)
        assert y.grad_fn is not None
        return sum(storages.values())

    assert kept(32) <= 4.5 * max(kept(16), 4096)


@pytest.mark.parametrize(
    "layer", [Axial, DeltaNet, GatedLinearAttention, Lambda, LambdaTT, Perceiver, SSD, Transformer, XCA]
)
def test_a_width_moves_in_steps_of_the_heads_a_layer_has_by_default_or_is_given(
    layer: type[MultiHead],
) -> None:
    heads = inspect.signature(layer).parameters["heads"].default
    assert layer.width_step() == heads
    assert layer.width_step(heads=heads + 1) == heads + 1
    built: Callable[..., nn.Module] = layer
    assert built(4 * heads, (8,))(torch.randn(1, 4 * heads, 8)).shape == (1, 4 * heads, 8)

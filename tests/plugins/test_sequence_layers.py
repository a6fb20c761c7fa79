"""What is guarded: sequence layers keep their formula, and causal ones see nothing that comes after."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from probekit.catalog.registry import registry
from probekit.plans.job import make_job
from probekit.plans.spec import make_spec
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit_plugins.layers.average import Average
from probekit_plugins.layers.deltanet import DeltaNet
from probekit_plugins.layers.deltaproduct import DeltaProduct
from probekit_plugins.layers.forgetting_attention import ForgettingAttention
from probekit_plugins.layers.gla import GatedLinearAttention
from probekit_plugins.layers.gru import GRU
from probekit_plugins.layers.hgrn2 import HGRN2
from probekit_plugins.layers.hyena import Hyena
from probekit_plugins.layers.kda import KimiDeltaAttention
from probekit_plugins.layers.linear_attention import LinearAttention
from probekit_plugins.layers.mamba import Mamba
from probekit_plugins.layers.mamba3 import Mamba3
from probekit_plugins.layers.mlstm import MLSTM
from probekit_plugins.layers.retention import Retention
from probekit_plugins.layers.rwkv7 import RWKV7
from probekit_plugins.layers.s4d import S4D
from probekit_plugins.layers.slstm import SLSTM
from probekit_plugins.layers.ssd import SSD
from probekit_plugins.layers.transformer import Transformer
from probekit_plugins.layers.ttt import TTTLinear
from probekit_plugins.structures.plain import Plain

pytestmark = pytest.mark.usefixtures("double")
LAYERS: dict[str, Callable[..., nn.Module]] = {
    "average": Average,
    "transformer": partial(Transformer, heads=2),
    "gru": GRU,
    "deltanet": partial(DeltaNet, heads=2),
    "deltanet, negative": partial(DeltaNet, heads=2, negative=True),
    "deltanet, gated": partial(DeltaNet, heads=2, gated=True),
    "deltaproduct": partial(DeltaProduct, heads=2, negative=True, gated=True),
    "forgetting-attention": partial(ForgettingAttention, heads=2),
    "gla": partial(GatedLinearAttention, heads=2),
    "hgrn2": partial(HGRN2, heads=2),
    "hyena": Hyena,
    "kda": partial(KimiDeltaAttention, heads=2),
    "linear-attention": partial(LinearAttention, heads=2),
    "favor": partial(LinearAttention, heads=2, features="favor"),
    "mamba": Mamba,
    "mamba3": partial(Mamba3, heads=2),
    "mlstm": partial(MLSTM, heads=2),
    "retention": partial(Retention, heads=2),
    "rwkv7": partial(RWKV7, heads=2),
    "s4d": S4D,
    "slstm": partial(SLSTM, heads=2),
    "ssd": partial(SSD, heads=2),
    "ttt": partial(TTTLinear, heads=2),
}
layers = pytest.mark.parametrize("build", LAYERS.values(), ids=LAYERS)


@layers
@pytest.mark.parametrize("size", [(1,), (7,), (131,), (3, 5)])
def test_a_causal_layer_sees_the_positions_up_to_each_and_all_of_them(
    build: Callable[..., nn.Module], size: tuple[int, ...]
) -> None:
    layer = build(8, size, causal=True)
    x = torch.randn(2, 8, *size, requires_grad=True)
    y = layer(x)
    assert y.shape == x.shape
    place = x[0, 0].numel() // 2
    y.flatten(2)[0, :, place].sum().backward()
    assert x.grad is not None
    moved = x.grad[0].flatten(1).abs().sum(0)
    assert (moved[: place + 1] > 0).all()
    assert (moved[place + 1 :] < 1e-12 * moved.max()).all()  # a Fourier transform rounds


@layers
def test_one_that_is_not_causal_sees_both_ways(build: Callable[..., nn.Module]) -> None:
    layer, x = build(8, (9,)), torch.randn(1, 8, 9, requires_grad=True)
    layer(x)[0, :, 4].sum().backward()
    assert x.grad is not None
    assert (x.grad[0].abs().sum(0) > 0).all()


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("length", [1, 31, 64, 65, 200])
def test_deltanet_in_chunks_is_the_delta_rule_position_by_position(negative: bool, length: int) -> None:
    layer = DeltaNet(8, (length,), heads=2, negative=negative, causal=True)
    x = torch.randn(2, 8, length)
    rows = x.mT
    q, k, v = nn.functional.silu(layer.in_proj(rows)).unflatten(2, (3, 2, 4)).permute(2, 0, 3, 1, 4)
    q, k = (part / part.norm(dim=-1, keepdim=True) for part in (q, k))
    beta = layer.beta_proj(rows).mT.sigmoid() * (2 if negative else 1)
    state, found = torch.zeros(2, 2, 4, 4), []
    for place in range(length):
        key, value = k[:, :, place, :, None], v[:, :, place, None, :]
        state = state + beta[:, :, place, None, None] * key @ (value - key.mT @ state)
        found.append((q[:, :, place, None] @ state).squeeze(2))
    read = torch.stack(found, 2)
    read = read / (read.square().mean(-1, keepdim=True) + torch.finfo(read.dtype).eps).sqrt()
    y = layer.out_proj(read.transpose(1, 2).flatten(2)).mT
    torch.testing.assert_close(layer(x), y)


@pytest.mark.parametrize("channels", [1, 7, 8])
def test_a_gru_that_is_not_causal_is_one_of_torch_each_way(channels: int) -> None:
    layer, x = GRU(channels, (70,)).double(), torch.randn(2, channels, 70).double().requires_grad_()
    *back, ahead = layer.units
    assert [unit.hidden_size for unit in back] == [channels // 2] * (channels > 1)
    behind = [unit(x.mT.flip(1))[0].flip(1) for unit in back]
    expected = torch.cat([*behind, ahead(x.mT)[0]], 2).mT
    found, weights = layer(x), [x, *layer.parameters()]
    torch.testing.assert_close(found, expected)
    asked = torch.randn_like(found)
    torch.testing.assert_close(
        torch.autograd.grad(found, weights, asked), torch.autograd.grad(expected, weights, asked)
    )


def test_a_causal_average_is_the_mean_so_far() -> None:
    x = torch.randn(2, 3, 5)
    torch.testing.assert_close(Average(3, (5,), causal=True)(x)[..., 3], x[..., :4].mean(2))


@pytest.mark.parametrize("conv", [1, 4])
@pytest.mark.parametrize("size", [(12,), (5, 6)])
def test_a_short_convolution_reaches_so_many_positions_back(conv: int, size: tuple[int, ...]) -> None:
    model = Plain(Shape(2, 3, size), width=8, conv=conv, causal=True)
    x = torch.randn(1, 2, *size, requires_grad=True)
    model(x)[(0, slice(None), *(side - 2 for side in size))].sum().backward()
    assert x.grad is not None
    moved = x.grad[0].abs().sum(0) > 0
    expected = torch.zeros_like(moved)
    expected[tuple(slice(max(0, side - 1 - conv), side - 1) for side in size)] = True
    assert torch.equal(moved, expected)


def test_a_layer_that_cannot_be_causal_is_refused_by_a_host_that_is() -> None:
    asked = make_spec(probe="parity", structure="mixer", scale="smoke")
    with pytest.raises(UsageError, match="mixer lets positions see later ones"):
        make_job(asked, registry())
    free = make_spec(probe="parity", structure="plain(depth=1)+mixer", scale="smoke")
    assert make_job(free, registry()).plan.parameters > 0


@pytest.mark.parametrize("name", ["deltanet, gated", "deltaproduct"])
def test_a_gated_layer_trains_compiled(name: str) -> None:
    gradients = []
    for compiled in (False, True):
        torch.manual_seed(0)
        layer, x = LAYERS[name](8, (12,)), torch.randn(2, 8, 12)
        model = torch.compile(layer, backend="aot_eager") if compiled else layer
        model(x).square().mean().backward()
        gradients.append([parameter.grad for parameter in layer.parameters()])
    torch.compiler.reset()
    torch.testing.assert_close(*gradients)

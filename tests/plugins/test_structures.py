"""What is guarded: networks beyond the paper's keep what their papers are about, in 1-D and 2-D."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit_plugins.layers.average import Average
from probekit_plugins.structures.hrnet import Fusion, HRNet
from probekit_plugins.structures.lambda_unet import LambdaUNet, LayerPair
from probekit_plugins.structures.nonlocal_unet import Aggregation, NonLocalUNet
from probekit_plugins.structures.recurrent import Recurrent
from probekit_plugins.structures.restormer import GatedFeedForward, Restormer
from probekit_plugins.structures.u2net import ResidualUBlock, U2Net
from probekit_plugins.structures.vit import ViT

SIZES = pytest.mark.parametrize("size", [(16,), (8, 16)], ids=["1-D", "2-D"])
NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "hrnet": HRNet, "lambda-unet": LambdaUNet, "nonlocal-unet": NonLocalUNet, "recurrent": Recurrent,
    "restormer": Restormer, "u2net": U2Net, "vit": ViT,
}  # fmt: skip


def reach(model: nn.Module, size: tuple[int, ...]) -> Tensor:
    """Return which positions the middle one hangs on."""
    x = torch.randn(1, 2, *size, requires_grad=True)
    model(x)[(0, slice(None), *(side // 2 for side in size))].sum().backward()
    assert x.grad is not None
    return x.grad[0].abs().sum(0) > 0


@SIZES
@pytest.mark.parametrize("name", NETWORKS)
def test_a_hosted_layer_is_built_and_reaches_the_answer(name: str, size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    built: list[int] = []

    def layer(channels: int, size: tuple[int, ...], shared: dict[str, list[int]]) -> nn.Module:
        built.append(torch.Size(size).numel())
        return Average(channels, size)

    bare, hosting = (NETWORKS[name](Shape(2, 3, size), width=8, layer=one) for one in (None, layer))
    places = torch.Size(size).numel()
    expected = {"recurrent": [places], "vit": [places // 2 ** len(size)] * 4}
    assert built == expected.get(name, built)
    assert len(built) >= 1
    x = torch.randn(2, 2, *size)
    assert bare(x).shape == hosting(x).shape == (2, 3, *size)


@SIZES
def test_every_iteration_of_the_recurrent_network_reaches_five_positions_further(
    size: tuple[int, ...],
) -> None:
    torch.manual_seed(0)
    wide = (64,) * len(size)
    spans = []
    for iterations in (1, 2, 3):
        seen = reach(Recurrent(Shape(2, 1, wide), width=6, iterations=iterations), wide)
        spans.append(int(seen.nonzero()[:, -1].max() - seen.nonzero()[:, -1].min() + 1))
    assert [b - a for a, b in pairwise(spans)] == [10, 10]


def test_the_recurrent_network_goes_on_with_the_same_weights_where_it_is_not_trained() -> None:
    torch.manual_seed(0)
    model = Recurrent(Shape(1, 1, (32,)), width=4, iterations=2, more=3)
    longer = Recurrent(Shape(1, 1, (32,)), width=4, iterations=5)
    longer.load_state_dict(model.state_dict())
    x = torch.randn(1, 1, 32)
    trained = model(x)
    assert torch.equal(model.eval()(x), longer(x))
    assert not torch.allclose(trained, longer(x))


@SIZES
def test_patches_of_the_vision_transformer_come_back_where_they_were(size: tuple[int, ...]) -> None:
    model = ViT(Shape(1, 1, size), width=2 ** len(size), depth=1, layer=lambda *_: nn.Identity())
    patch = torch.eye(2 ** len(size))
    with torch.no_grad():
        model.pos_embed.zero_()
        model.patch_embed.weight.copy_(patch.view_as(model.patch_embed.weight))
        model.patch_embed.bias.zero_()  # type: ignore[union-attr]
        model.head.weight.copy_(patch)
        model.head.bias.zero_()
    model.blocks = nn.Sequential()
    x = torch.randn(2, 1, *size)
    torch.testing.assert_close(model(x), x)


def test_patches_that_do_not_fill_the_map_are_refused() -> None:
    with pytest.raises(UsageError, match="each side of the map must be a multiple"):
        ViT(Shape(1, 1, (9, 8)), width=8)
    assert ViT(Shape(1, 1, (9, 6)), width=8, patch=3)(torch.randn(1, 1, 9, 6)).shape == (1, 1, 9, 6)


def test_scales_of_hrnet_are_fused_each_with_all_others() -> None:
    torch.manual_seed(0)
    sizes: list[tuple[int, ...]] = [(8,), (4,), (2,)]
    arrival = Fusion(3, 1, sizes)
    several = [torch.randn(1, 3, *size) for size in sizes]
    first, third = arrival.convolutions
    down = torch.nn.functional.interpolate(first(several[0]), 4, mode="linear")
    up = torch.nn.functional.interpolate(third(several[2]), 4, mode="linear")
    torch.testing.assert_close(arrival(several), several[1] + down + up)
    assert len(HRNet(Shape(1, 1, (32, 32)), width=4).stages) == 4
    assert len(HRNet(Shape(1, 1, (32, 32)), width=4, scales=2).stages) == 2


def test_a_gate_of_restormer_is_the_product_of_two_maps() -> None:
    torch.manual_seed(0)
    gated, x = GatedFeedForward(4, (5, 6)), torch.randn(2, 4, 5, 6)
    wide = torch.einsum("oc,bchw->bohw", gated.project_in.weight, x) + gated.project_in.bias.view(-1, 1, 1)
    maps = gated.dwconv(wide)
    a, b = maps[:, :11], maps[:, 11:]
    product = a * (1 + torch.erf(a / 2**0.5)) / 2 * b
    expected = torch.einsum("oc,bchw->bohw", gated.project_out.weight, product)
    expected = expected + gated.project_out.bias.view(-1, 1, 1)
    torch.testing.assert_close(gated(x), expected)


@SIZES
def test_a_nested_block_sees_its_whole_map_and_adds_to_it(size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    sizes = [size, tuple(side // 2 for side in size), tuple(side // 4 for side in size)]
    block, x = ResidualUBlock(4, sizes, None, {}), torch.randn(1, 4, *size)
    with torch.no_grad():
        for parameter in block.ups[-1].parameters():
            parameter.zero_()
    torch.testing.assert_close(block(x), x)
    assert reach(U2Net(Shape(2, 1, size), width=8), size).all()
    levels = U2Net(Shape(2, 1, size), width=8).descent
    assert [len(stage.downs) for stage in levels] == list(range(len(levels) - 1, -1, -1))


def test_a_step_up_of_the_nonlocal_unet_reads_all_of_a_smaller_map_at_each_position_of_a_larger() -> None:
    torch.manual_seed(0)
    block, x = Aggregation(3, (4, 6)).double(), torch.randn(2, 3, 2, 3, dtype=torch.float64)
    asked = block.query(torch.nn.functional.interpolate(x, (4, 6), mode="bilinear"))
    keys, values = block.kv_proj(x).chunk(2, 1)
    expected = torch.zeros(2, 3, 4, 6, dtype=torch.float64)
    for item in range(2):
        for row in range(4):
            for column in range(6):
                products = torch.einsum("c,chw->hw", asked[item, :, row, column], keys[item]) / 3**0.5
                weights = products.exp() / products.exp().sum()
                expected[item, :, row, column] = (weights * values[item]).sum((1, 2))
    torch.testing.assert_close(block(x), block.out_proj(expected))


@SIZES
def test_every_step_up_of_the_nonlocal_unet_sees_all_of_what_it_enlarges(size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    wide = tuple(4 * side for side in size)
    model = NonLocalUNet(Shape(2, 1, wide), width=6, downs=2)
    assert len(model.ups) == 2
    for up in model.ups:
        assert reach(
            nn.Sequential(nn.Conv1d(2, 6, 1) if len(size) == 1 else nn.Conv2d(2, 6, 1), up), size
        ).all()


@SIZES
def test_the_lambda_unet_has_lambda_layers_and_no_convolution(size: tuple[int, ...]) -> None:
    model = LambdaUNet(Shape(2, 1, size), width=8, downs=2)
    kinds = [type(part).__name__ for part in model.modules()]
    assert kinds.count("Lambda") == kinds.count("Local") == 2 * 5
    assert not any(isinstance(part, nn.Conv1d | nn.Conv2d) for part in model.modules())


def test_a_stage_of_the_lambda_unet_is_a_layer_and_a_norm_twice() -> None:
    torch.manual_seed(0)
    stage = LayerPair(3, 4, (5,), lambda channels, size, _: nn.Conv1d(channels, channels, 3, padding=1), {})
    x = torch.randn(2, 3, 5)
    expected = torch.einsum("oc,bcn->bon", stage.reduce.weight, x) + stage.reduce.bias[:, None]
    for layer in stage.layers:
        y = layer(expected)
        y = (y - y.mean(1, keepdim=True)) / (y.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
        expected = y * (1 + torch.erf(y / 2**0.5)) / 2
    torch.testing.assert_close(stage(x), expected)


@pytest.mark.parametrize(("build", "step"), [(ViT, 8), (Restormer, 4), (LambdaUNet, 4)])
def test_a_width_that_heads_do_not_divide_is_not_chosen(
    build: type[ViT] | type[Restormer] | type[LambdaUNet], step: int
) -> None:
    assert build.width_step() == step
    assert build(Shape(1, 1, (16, 16)), width=step)(torch.randn(1, 1, 16, 16)).shape == (1, 1, 16, 16)

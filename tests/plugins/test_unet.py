"""The U-Net has the skeleton its parameter counts were recovered from, in 1-D and 2-D."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit_plugins.encodings.pe import PE
from probekit_plugins.layers.average import Average
from probekit_plugins.layers.deformable import Deformable
from probekit_plugins.layers.global_context import GlobalContext
from probekit_plugins.layers.lambda_ import Lambda
from probekit_plugins.layers.lambda_tt import LambdaTT
from probekit_plugins.structures.blocks import Bottleneck, ConvNeXt
from probekit_plugins.structures.unet import UNet

Builder = Callable[..., nn.Module]


def hosted(layer: Builder, **parameters: Any) -> Builder:
    """Return the builder a structure is handed."""
    return lambda channels, size, shared: layer(channels, size, **parameters)


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("layer", "width", "ours"),
    [
        pytest.param(hosted(Average), 43, 883_049, id="average: the paper's"),
        pytest.param(hosted(GlobalContext), 42, 864_477, id="global-context: the paper's"),
        pytest.param(hosted(Lambda, encoding=PE), 40, 870_185, id="lambda+pe: paper 871,945, 0.2 % more"),
        pytest.param(hosted(Lambda), 40, 842_025, id="lambda: paper 871,945, 3.4 % more"),
        pytest.param(
            hosted(LambdaTT, encoding=PE), 40, 927_209, id="lambda-tt+pe: paper 928,969, 0.2 % more"
        ),
        pytest.param(hosted(Deformable), 21, 859_069, id="deformable: paper 864,844, 0.7 % more"),
        pytest.param(None, 48, 886_129, id="baseline: paper 871,729, 1.7 % fewer"),
    ],
)
def test_parameters_are_counted_as_in_table_1(layer: Builder | None, width: int, ours: int) -> None:
    """Exact for two rows; the other differences are stated, and no term is invented to close them."""
    with torch.device("meta"):
        assert count(UNet(Shape(3, 1, (128, 128)), width=width, layer=layer)) == ours


SMALL = {
    "1-D": Shape(2, 3, (32,)),
    "2-D": Shape(2, 3, (16, 32)),
}
HOSTED = {
    "none": None,
    "average": hosted(Average),
    "deformable": hosted(Deformable),
    "global-context": hosted(GlobalContext),
    "lambda": hosted(Lambda, keys=4),
    "lambda-tt+pe": hosted(LambdaTT, keys=4, encoding=PE),
}
shapes = pytest.mark.parametrize("shape", SMALL.values(), ids=SMALL)
layers = pytest.mark.parametrize("layer", HOSTED.values(), ids=HOSTED)


@shapes
@layers
def test_every_layer_trains_in_one_and_two_dimensions(shape: Shape, layer: Builder | None) -> None:
    torch.manual_seed(0)
    model = UNet(shape, width=6, layer=layer)
    x = torch.randn(3, shape.inputs, *shape.size)
    y = model(x)
    assert y.shape == (3, shape.outputs, *shape.size)
    assert y.dtype == torch.float32
    (y * torch.randn_like(y)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0 or name.endswith("attention.bias"), name
    model.eval()
    with torch.no_grad():
        torch.testing.assert_close(model(x[1:2]), model(x)[1:2], atol=1e-5, rtol=1e-4)


def test_every_stage_hosts_a_layer_of_its_size_and_all_share_one_dict() -> None:
    calls: list[tuple[int, tuple[int, ...], int]] = []

    def layer(channels: int, size: tuple[int, ...], shared: dict[str, Any]) -> nn.Module:
        calls.append((channels, size, id(shared)))
        return nn.Identity()

    UNet(Shape(3, 1, (32, 64)), width=5, layer=layer)
    sizes = [(32, 64), (16, 32), (8, 16), (4, 8), (4, 4)]
    assert sorted(size for _, size, _ in calls) == sorted([*sizes, *sizes[:4]])
    assert {channels for channels, _, _ in calls} == {5}
    assert len({shared for *_, shared in calls}) == 1


def test_without_a_layer_the_stages_input_stands_beside_its_local_output() -> None:
    stage = UNet(Shape(3, 1, (8, 8)), width=5).middle
    x = torch.randn(2, 5, 4, 4)
    joined, local = stage(x)
    assert torch.equal(joined, torch.cat([local, x], 1))


def test_nonlocal_module_scales_its_layer_by_a_tenth_and_skips_it() -> None:
    """The layer sees the normalised map; with the bottleneck silenced the module is x + 0.1 * LN x."""
    stage = UNet(Shape(3, 1, (8, 8)), width=5, layer=lambda *_: nn.Identity()).middle
    nn.init.zeros_(stage.nonlocal_branch.bottleneck.mlp[-1].gamma)
    x = torch.randn(2, 5, 4, 4)
    normal = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(stage.nonlocal_branch(x), x + 0.1 * normal)


def test_skip_connections_carry_the_local_outputs_to_the_stage_of_their_size() -> None:
    model, locals_, skips = UNet(SMALL["2-D"], width=5, layer=HOSTED["average"]), [], []
    for stage in model.descent:
        stage.register_forward_hook(lambda module, inputs, outputs: locals_.append(outputs[1]))
    for up in model.ups:
        up.register_forward_pre_hook(lambda module, inputs: skips.append(inputs[1]))
    model(torch.randn(1, 2, 16, 32))
    assert len(skips) == 3
    for local, skip in zip(locals_, reversed(skips), strict=True):
        assert torch.equal(local, skip)


@shapes
def test_blocks_are_norm_widen_gelu_narrow_scale_and_skip(shape: Shape) -> None:
    torch.manual_seed(0)
    convolve = functional.conv1d if len(shape.size) == 1 else functional.conv2d
    one = (1,) * len(shape.size)
    x = torch.randn(2, 6, *shape.size)
    bottleneck, block = Bottleneck(6), ConvNeXt(6, shape.size)

    def widened(h: Tensor, parameters: list[nn.Parameter]) -> Tensor:
        gain, shift, widen, widen_bias, narrow, narrow_bias, scale = parameters
        h = (h - h.mean(1, keepdim=True)) / (h.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
        h = h * gain.view(-1, *one) + shift.view(-1, *one)
        h = convolve(h, widen.view(24, 6, *one), widen_bias)
        h = h * (1 + torch.erf(h / 2**0.5)) / 2
        return convolve(h, narrow.view(6, 24, *one), narrow_bias) * scale.view(-1, *one)

    for parameter in [*bottleneck.parameters(), *block.parameters()]:
        nn.init.normal_(parameter, std=0.5)
    torch.testing.assert_close(bottleneck(x), x + widened(x, list(bottleneck.parameters())))
    kernel, bias, *rest = block.parameters()
    assert kernel.shape == (6, 1, *(7,) * len(shape.size))
    torch.testing.assert_close(block(x), x + widened(convolve(x, kernel, bias, padding=3, groups=6), rest))


@pytest.mark.parametrize(
    ("size", "downs"),
    [((128, 128), 5), ((64, 64), 4), ((32, 32), 3), ((16,), 2), ((128,), 5), ((4, 4), 0), ((48, 96), 4)],
)
def test_map_is_halved_down_to_a_side_of_four(size: tuple[int, ...], downs: int) -> None:
    with torch.device("meta"):
        assert len(UNet(Shape(3, 1, size), width=4).downs) == downs
        assert len(UNet(Shape(3, 1, size), width=4, downs=0).downs) == 0


@pytest.mark.parametrize(
    ("size", "downs", "sizes"),
    [
        ((16, 128), None, [(16, 128), (8, 64), (4, 32), (4, 16), (4, 8), (4, 4)]),
        ((64, 8), None, [(64, 8), (32, 4), (16, 4), (8, 4), (4, 4)]),
        ((48, 96), None, [(48, 96), (24, 48), (12, 24), (6, 12), (6, 6)]),
        ((16, 128), 1, [(16, 128), (8, 64)]),
        ((4, 8), 2, [(4, 8), (4, 4), (2, 2)]),
        ((16, 16), 4, [(16, 16), (8, 8), (4, 4), (2, 2), (1, 1)]),
    ],
)
def test_a_side_of_four_waits_while_the_longer_one_is_halved(
    size: tuple[int, int], downs: int | None, sizes: list[tuple[int, int]]
) -> None:
    maps: list[tuple[int, ...]] = []

    def layer(channels: int, size: tuple[int, ...], shared: dict[str, Any]) -> nn.Module:
        maps.append(size)
        return nn.Identity()

    model = UNet(Shape(3, 1, size), width=2, layer=layer, downs=downs)
    assert maps == [*sizes[:-1], sizes[-1], *sizes[-2::-1]]
    seen: list[tuple[int, ...]] = []
    for stage in [*model.descent, model.middle, *model.ascent]:
        stage.register_forward_pre_hook(lambda module, inputs: seen.append(tuple(inputs[0].shape[2:])))
    assert model(torch.randn(1, 3, *size)).shape == (1, 1, *size)
    assert seen == maps


@pytest.mark.parametrize(
    ("size", "downs", "typed"), [((50, 50), None, 1), ((64, 60), None, 2), ((16,), 5, 4)]
)
def test_size_that_cannot_be_halved_is_refused_with_what_to_type(
    size: tuple[int, ...], downs: int | None, typed: int
) -> None:
    with pytest.raises(UsageError) as caught:
        UNet(Shape(3, 1, size), width=4, downs=downs)
    assert f"unet(downs={typed})" in caught.value.hint
    assert " x ".join(map(str, size)) in caught.value.request
    UNet(Shape(3, 1, size), width=4, downs=typed)


def test_memory_format_of_the_input_does_not_matter() -> None:
    model, x = UNet(SMALL["2-D"], width=6, layer=HOSTED["lambda"]), torch.randn(2, 2, 16, 32)
    torch.testing.assert_close(model(x.contiguous(memory_format=torch.channels_last)), model(x))


@layers
def test_bfloat16_autocast_stays_near_float32(layer: Builder | None) -> None:
    torch.manual_seed(0)
    model, x = UNet(SMALL["2-D"], width=6, layer=layer), torch.randn(2, 2, 16, 32)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(x)
    torch.testing.assert_close(rough.float(), model(x), atol=0.1, rtol=0.1)


def test_same_seed_gives_the_same_network() -> None:
    outputs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(UNet(SMALL["1-D"], width=4, layer=HOSTED["lambda"])(torch.ones(1, 2, 32)))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


def test_bottleneck_copies_no_map_whose_channels_lie_last() -> None:
    """Neither in the forward nor in the backward pass: copies cost more than the convolutions."""

    class Copies(TorchDispatchMode):
        maps = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func.overloadpacket in (torch.ops.aten.clone, torch.ops.aten.copy_, torch.ops.aten._to_copy):
                self.maps += args[0].numel() >= 2 * 6 * 8 * 8
            return func(*args, **(kwargs or {}))

    block = Bottleneck(6)

    def copies(x: Tensor) -> int:
        with Copies() as seen:
            y = block(x.requires_grad_())
            torch.autograd.grad(y, [x, *block.parameters()], torch.ones_like(y))
        return seen.maps

    x = torch.randn(2, 6, 8, 8)
    assert copies(x.contiguous(memory_format=torch.channels_last)) == 0
    assert copies(x.contiguous()) > 0

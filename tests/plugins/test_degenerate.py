"""What is guarded: layers say at which sizes they approximate nothing, and what they say is true."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from probekit.catalog.expression import resolve_expression
from probekit.catalog.registry import registry
from probekit.plans.degenerate import describe_degenerate_layers
from probekit.plugin.components import Component
from probekit.plugin.errors import ProbekitError
from probekit.plugin.interfaces import Shape
from probekit.scores.flops import count_forward_flops
from probekit_plugins.layers import LAYERS
from probekit_plugins.layers.attention import Attention
from probekit_plugins.layers.axial import Axial
from probekit_plugins.layers.gather_excite import GatherExcite
from probekit_plugins.layers.large_kernel import LargeKernel
from probekit_plugins.layers.linear_attention import LinearAttention
from probekit_plugins.layers.linformer import Linformer
from probekit_plugins.layers.nystrom import Nystrom, pseudo_inverse
from probekit_plugins.layers.reformer import SELF_SCORE, Reformer
from probekit_plugins.layers.transformer import Transformer
from probekit_plugins.layers.window import Window

CHANNELS, HEADS = 16, 4


def sentences(structure: str, size: tuple[int, ...], width: int = CHANNELS) -> tuple[str, ...]:
    expression = resolve_expression(structure, "plain", registry())
    return describe_degenerate_layers(expression, Shape(2, 2, size), width)


def split_heads(layer: Attention, x: Tensor) -> list[Tensor]:
    rows = layer.project_inputs(x)
    parts = rows.view(*rows.shape[:2], -1, HEADS, CHANNELS // HEADS).permute(2, 0, 3, 1, 4)
    return list(parts)


def inputs(size: tuple[int, ...]) -> Tensor:
    return torch.randn(2, CHANNELS, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def distance(output: Tensor, expected: Tensor) -> float:
    return float(((output - expected).norm() / expected.norm()).detach())


def reformer_distance(positions: int, bucket: int) -> float:
    """Return how far Reformer is from dense attention with shared queries and keys."""
    torch.manual_seed(0)
    layer = Reformer(CHANNELS, (positions,), bucket=bucket, heads=HEADS).double()
    q, v = split_heads(layer, inputs((positions,)))
    scores = q @ functional.normalize(q, dim=-1).mT / (CHANNELS // HEADS) ** 0.5
    scores = scores + SELF_SCORE * torch.eye(positions, dtype=scores.dtype)
    return distance(layer.attend_heads(q, v), scores.softmax(-1) @ v)


@pytest.mark.parametrize(
    ("positions", "bucket", "exact"),
    [(64, 32, True), (50, 32, True), (40, 64, True), (64, 31, False), (65, 32, False), (128, 32, False)],
)
def test_reformer_of_two_chunks_is_dense_attention(positions: int, bucket: int, exact: bool) -> None:
    assert (reformer_distance(positions, bucket) < 1e-12) is exact
    assert bool(sentences(f"reformer(bucket={bucket},heads=4)", (positions,))) is exact


def core_operations(layer: nn.Module, size: tuple[int, ...], maps: int) -> int:
    """Return the operations of a layer without those of its linear maps of positions."""
    return count_forward_flops(layer, Shape(CHANNELS, CHANNELS, size)) - 2 * maps * prod(size) * CHANNELS**2


@pytest.mark.parametrize("count", [31, 32, 40, 64])
def test_half_as_many_as_positions_save_nothing(count: int) -> None:
    size = (64,)
    dense = core_operations(Transformer(CHANNELS, size, heads=HEADS), size, 4)
    options: dict[str, Any] = {"heads": HEADS}
    linformer = core_operations(Linformer(CHANNELS, size, rank=count, **options), size, 3)
    nystrom = core_operations(Nystrom(CHANNELS, size, landmarks=count, **options), size, 3)
    favor = LinearAttention(CHANNELS, size, features="favor", random=count, **options)
    saves = count < 32
    assert (linformer < dense) is saves
    assert nystrom >= dense
    assert core_operations(favor, size, 4) >= dense or saves
    for text in (
        f"linformer(rank={count},heads=4)",
        f"nystrom(landmarks={count},heads=4)",
        f"linear-attention(features='favor',random={count},heads=4)",
    ):
        assert bool(sentences(text, size)) is not saves, text


def test_linformer_of_full_rank_can_be_dense_attention_and_is_not_at_first() -> None:
    torch.manual_seed(0)
    layer = Linformer(CHANNELS, (24,), rank=24, heads=HEADS).double()
    q, k, v = split_heads(layer, inputs((24,)))
    dense = functional.scaled_dot_product_attention(q, k, v)
    assert distance(layer.attend_heads(q, k, v), dense) > 0.5
    with torch.no_grad():
        layer.projection.copy_(torch.eye(24).expand(HEADS, -1, -1))
    assert distance(layer.attend_heads(q, k, v), dense) < 1e-12
    assert "loses nothing" in sentences("linformer(rank=24,heads=4)", (24,))[0]


def test_nystrom_of_all_landmarks_is_dense_attention_up_to_its_iteration() -> None:
    torch.manual_seed(0)
    errors = []
    for landmarks, iterations in ((24, 40), (24, 6), (8, 6)):
        layer = Nystrom(CHANNELS, (24,), landmarks=landmarks, heads=HEADS, iterations=iterations).double()
        q, k, v = (3 * part for part in split_heads(layer, inputs((24,))))
        dense = functional.scaled_dot_product_attention(q, k, v)
        errors.append(distance(layer.attend_heads(q, k, v), dense))
    assert errors[0] < 1e-9 < 1e-3 < errors[1] < 0.1 < errors[2]
    assert "every position is a landmark" in sentences("nystrom(landmarks=24,heads=4)", (24,))[0]


@pytest.mark.parametrize("landmarks", [8, 16, 32, 64])
def test_six_iterations_are_far_from_the_pseudo_inverse(landmarks: int) -> None:
    """The docstring of Nystrom says so."""
    scores = torch.randn(8, landmarks, landmarks, dtype=torch.float64, generator=torch.manual_seed(0))
    matrix = scores.softmax(-1)
    exact = torch.linalg.pinv(matrix)
    assert 0.9 < distance(pseudo_inverse(matrix, 6), exact) < 1.01
    assert distance(pseudo_inverse(matrix, 60), exact) < 1e-3


@pytest.mark.parametrize(
    ("window", "shifted", "size", "exact"),
    [
        (8, False, (8,), True), (8, False, (9,), False), (8, False, (8, 5), True), (8, False, (5, 9), False),
        (8, True, (8,), False), (8, True, (4,), True), (7, True, (4,), False), (7, True, (3,), True),
    ],
)  # fmt: skip
def test_a_window_as_large_as_the_map_is_dense_attention(
    window: int, shifted: bool, size: tuple[int, ...], exact: bool
) -> None:
    torch.manual_seed(0)
    layer = Window(CHANNELS, size, window=window, shifted=shifted, heads=HEADS).double()
    dense = Transformer(CHANNELS, size, heads=HEADS).double()
    dense.load_state_dict(layer.state_dict())
    x = inputs(size)
    assert (distance(layer(x), dense(x)) < 1e-12) is exact
    text = f"window(window={window},shifted={str(shifted).lower()},heads=4)"
    assert bool(sentences(text, size)) is exact


def test_a_map_of_one_axis_is_read_whole() -> None:
    torch.manual_seed(0)
    layer = Axial(CHANNELS, (12,), heads=HEADS).double()
    dense = Transformer(CHANNELS, (12,), heads=HEADS).double()
    dense.load_state_dict(layer.axes[0].state_dict())
    assert distance(layer(inputs((12,))), dense(inputs((12,)))) < 1e-12
    for name in ("axial(heads=4)", "criss-cross"):
        assert sentences(name, (12,))
        assert not sentences(name, (12, 12))


def test_a_kernel_and_a_block_as_large_as_the_map() -> None:
    layer = LargeKernel(1, (6,), kernel=11)
    with torch.no_grad():
        layer.depthwise.weight.fill_(1.0)
    one = torch.eye(6)[:, None]
    assert bool((layer(one) != layer(torch.zeros_like(one))).all())  # every position reaches all others
    assert sentences("large-kernel(kernel=11)", (6,))
    assert not sentences("large-kernel(kernel=9)", (6,))
    x = inputs((6, 4))
    assert torch.equal(GatherExcite(CHANNELS, (6, 4), extent=6)(x), GatherExcite(CHANNELS, (6, 4))(x))
    assert sentences("gather-excite(extent=6)", (6, 4))
    assert not sentences("gather-excite(extent=5)", (6, 4))
    assert not sentences("gather-excite", (6, 4))
    assert "summaries" in sentences("long-short(window=8)", (8,))[0]
    assert not sentences("long-short(window=7)", (8,))


def test_only_layers_that_approximate_say_so_on_a_large_map() -> None:
    for name in LAYERS:
        assert not sentences(name, (32, 32), 32), name


def test_each_size_of_a_host_is_asked_once() -> None:
    (sentence,) = sentences("unet+window(window=8)", (32, 32))
    dense = "one window of side 8 holds all positions. This is dense attention."
    assert sentence == f"window on 8 x 8 and 4 x 4 positions: {dense}"
    assert sentences("plain(depth=3)+window(window=8)", (8, 8)) == (f"window on 8 x 8 positions: {dense}",)
    assert not sentences("unet", (32, 32))


class Loud(nn.Module):
    """A layer whose `degenerate_at` is set by each test."""

    degenerate_at: Any = None

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.map = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return x


def fail(size: tuple[int, ...]) -> str:
    raise ValueError("no idea")


@pytest.mark.parametrize(
    ("method", "problem"),
    [(fail, "no idea"), (lambda size: 3, "returned a int"), (lambda: "", "positional argument")],
)
def test_a_wrong_method_of_a_plugin_is_an_error_that_names_it(
    method: Any, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Loud, "degenerate_at", staticmethod(method))
    known = registry().with_components(Component("layer", "loud", Loud, "a layer"))
    expression = resolve_expression("plain+loud", "plain", known)
    with pytest.raises(ProbekitError, match="degenerate_at of layer loud") as raised:
        describe_degenerate_layers(expression, Shape(1, 1, (4,)), 4)
    assert problem in str(raised.value)


def test_a_layer_without_the_method_has_nothing_to_say() -> None:
    known = registry().with_components(Component("layer", "loud", Loud, "a layer"))
    expression = resolve_expression("plain+loud", "plain", known)
    assert describe_degenerate_layers(expression, Shape(1, 1, (4,)), 4) == ()

"""The attentions called linear are exact where they should be, and agree with the public packages."""

from __future__ import annotations

import math
from typing import Any

import direct
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.encodings.local import Local
from probekit_plugins.layers.attention import Attention
from probekit_plugins.layers.lambda_ import Lambda
from probekit_plugins.layers.linformer import Linformer
from probekit_plugins.layers.nystrom import Nystrom, pseudo_inverse
from probekit_plugins.layers.reformer import Reformer
from probekit_plugins.layers.transformer import Transformer

CHANNELS, HEADS = 16, 4
sizes = pytest.mark.parametrize("size", [(24,), (4, 6)], ids=["1-D", "2-D"])


pytestmark = pytest.mark.usefixtures("double")


def parts(layer: Attention, x: Tensor) -> list[Tensor]:
    """Return a layer's queries, keys and values, (batch, heads, positions, channels of a head)."""
    rows = layer.in_proj(x.flatten(2).transpose(1, 2))
    cut = rows.view(*rows.shape[:2], -1, HEADS, CHANNELS // HEADS)
    return [cut[:, :, one].transpose(1, 2) for one in range(cut.shape[2])]


def exact(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | float = 0.0) -> Tensor:
    """Return dense attention as (batch, channels, positions)."""
    y = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1]) + mask).softmax(-1) @ v
    return y.transpose(2, 3).flatten(1, 2)


@sizes
def test_transformer_is_dense_attention_and_torchs_own(size: tuple[int, ...]) -> None:
    layer, x = Transformer(CHANNELS, size, heads=HEADS), torch.randn(2, CHANNELS, *size)
    rows = exact(*parts(layer, x)).transpose(1, 2)
    expected = layer.out_proj(rows).transpose(1, 2).view_as(x)
    torch.testing.assert_close(layer(x), expected)
    public = nn.MultiheadAttention(CHANNELS, HEADS, batch_first=True)
    with torch.no_grad():
        public.in_proj_weight.copy_(layer.in_proj.weight)
        public.in_proj_bias.copy_(layer.in_proj.bias)
        public.out_proj.weight.copy_(layer.out_proj.weight)
        public.out_proj.bias.copy_(layer.out_proj.bias)
    rows = x.flatten(2).transpose(1, 2)
    torch.testing.assert_close(layer(x), public(rows, rows, rows)[0].transpose(1, 2).view_as(x))


@sizes
def test_nystrom_with_all_positions_as_landmarks_is_exact_once_its_inverse_converges(
    size: tuple[int, ...],
) -> None:
    layer = Nystrom(CHANNELS, size, landmarks=24, heads=HEADS, iterations=40)
    nn.init.normal_(layer.in_proj.weight)
    x = torch.randn(2, CHANNELS, *size)
    expected = exact(*parts(layer, x)).view_as(x)
    torch.testing.assert_close(layer(x), expected, atol=1e-6, rtol=1e-6)
    few = Nystrom(CHANNELS, size, landmarks=8, heads=HEADS, iterations=40)
    few.load_state_dict(layer.state_dict())
    assert (few(x) - expected).abs().max() > 1e-2


def test_pseudo_inverse_is_that_of_the_singular_values() -> None:
    matrix = torch.randn(3, 2, 8, 8).softmax(-1)
    torch.testing.assert_close(pseudo_inverse(matrix, 40), torch.linalg.pinv(matrix), atol=1e-6, rtol=1e-6)


@sizes
def test_linformer_with_identity_projections_of_full_rank_is_exact(size: tuple[int, ...]) -> None:
    layer, x = Linformer(CHANNELS, size, rank=24, heads=HEADS), torch.randn(2, CHANNELS, *size)
    nn.init.normal_(layer.in_proj.weight)
    assert layer.projection.shape == (HEADS, 24, 24)
    with torch.no_grad():
        layer.projection.copy_(torch.eye(24))
    torch.testing.assert_close(layer(x), exact(*parts(layer, x)).view_as(x))


@sizes
@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("bucket", [24, 12])
def test_reformer_is_exact_where_each_position_sees_all(
    size: tuple[int, ...], bucket: int, rounds: int
) -> None:
    """One bucket, or two that look back at each other: shared query and normalised key, but not itself."""
    layer = Reformer(CHANNELS, size, bucket=bucket, heads=HEADS, rounds=rounds)
    nn.init.normal_(layer.in_proj.weight)
    x = torch.randn(2, CHANNELS, *size)
    q, v = parts(layer, x)
    itself = torch.zeros(24, 24).fill_diagonal_(-math.inf)
    expected = layer.out_proj(exact(q, q / q.norm(dim=-1, keepdim=True), v, itself).transpose(1, 2))
    torch.testing.assert_close(layer(x), expected.transpose(1, 2).view_as(x))


def test_reformer_puts_near_vectors_in_the_same_chunk() -> None:
    """Two opposite clusters, strewn over 64 positions: in chunks of 8 most see their own cluster alone."""
    layer = Reformer(8, (64,), bucket=8, heads=1, rounds=4)
    cluster = torch.arange(64) * 7 % 2
    q = torch.where(cluster == 1, 1.0, -1.0)[:, None] * torch.randn(8) + 0.01 * torch.randn(64, 8)
    v = nn.functional.one_hot(cluster, 8).double()
    y = layer.attend_heads(q[None, None], v[None, None])[0, 0]
    dense = exact(q[None, None], functional.normalize(q, dim=-1)[None, None], v[None, None])[0].T
    own, blurred = (each.gather(1, cluster[:, None]) for each in (y, dense))
    assert own.median() > 0.999
    assert blurred.max() < 0.95


def test_many_hashes_are_pairs_of_few() -> None:
    layer, x = Reformer(4, (134,), bucket=2, heads=2, rounds=1), torch.randn(1, 4, 134)
    assert layer.rotations.shape == (2, 1, 2, 2, 5)
    weights = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
    torch.testing.assert_close(layer(x)[0], direct.reformer(x[0], weights, (134,), heads=2, bucket=2))


def test_a_position_that_sees_nothing_else_attends_to_itself() -> None:
    layer, x = Reformer(4, (1,), heads=2), torch.randn(2, 4, 1)
    v = layer.in_proj(x[..., 0])[:, 4:]
    torch.testing.assert_close(layer(x)[..., 0], layer.out_proj(v))


@pytest.mark.parametrize("size", [(7,), (3, 5)], ids=["1-D", "2-D"])
def test_positions_that_fill_no_whole_chunk_see_no_padding(size: tuple[int, ...]) -> None:
    layer = Reformer(4, size, bucket=4, heads=2, rounds=2)
    q, v = torch.randn(2, 2, 2, math.prod(size), 2)
    torch.testing.assert_close(layer.attend_heads(q, torch.ones_like(v)), torch.ones_like(v))


def test_reformers_rotations_are_stored_with_its_weights() -> None:
    """So a network read back from a file hashes, and answers, as it did."""
    one, other = (Reformer(8, (32,), bucket=4, heads=2) for _ in range(2))
    x = torch.randn(2, 8, 32)
    assert not torch.allclose(one(x), other(x))
    other.load_state_dict(load(save(one.state_dict())))
    assert torch.equal(one(x), other(x))
    assert torch.equal(one(x), one(x))


def test_linformers_projections_are_shared_among_layers_of_like_size() -> None:
    shared: dict[str, Any] = {}
    one, two = (Linformer(CHANNELS, (12,), shared=shared, rank=3, heads=HEADS) for _ in range(2))
    coarse = Linformer(CHANNELS, (6,), shared=shared, rank=3, heads=HEADS)
    alone = Linformer(CHANNELS, (12,), rank=3, heads=HEADS)
    assert one.projection is two.projection
    assert coarse.projection.shape == (HEADS, 3, 6)
    assert alone.projection is not one.projection
    assert not torch.equal(alone.projection, one.projection)


def test_nystrom_agrees_with_nystrom_attention() -> None:
    """Of one item and one head, as the package scales the inverse by the largest sum of all of them."""
    package = pytest.importorskip("nystrom_attention")
    public = package.NystromAttention(8, dim_head=8, heads=1, num_landmarks=6, residual=False)
    layer = Nystrom(8, (24,), landmarks=6, heads=1)
    with torch.no_grad():
        layer.in_proj.weight.copy_(public.to_qkv.weight)
        layer.in_proj.bias.zero_()
    x = torch.randn(1, 8, 24)
    rows = functional.linear(layer(x).transpose(1, 2), public.to_out[0].weight, public.to_out[0].bias)
    torch.testing.assert_close(rows, public(x.transpose(1, 2)))


def test_linformer_agrees_with_linformer() -> None:
    """With one projection for keys, values and all heads, as the package has it."""
    package = pytest.importorskip("linformer")
    public = package.LinformerSelfAttention(CHANNELS, 24, k=5, heads=HEADS)
    layer = Linformer(CHANNELS, (24,), rank=5, heads=HEADS)
    with torch.no_grad():
        public.proj_v.copy_(public.proj_k)
        layer.projection.copy_(public.proj_k.T)
        layer.in_proj.weight.copy_(
            torch.cat([each.weight for each in (public.to_q, public.to_k, public.to_v)])
        )
        layer.in_proj.bias.zero_()
    x = torch.randn(2, CHANNELS, 24)
    torch.testing.assert_close(public.to_out(layer(x).transpose(1, 2)), public(x.transpose(1, 2)))


def test_reformer_agrees_with_reformer_pytorch() -> None:
    """With its rotations, in one round: in more it looks back from each round's first chunk to the last's."""
    package = pytest.importorskip("reformer_pytorch")
    public = package.LSHSelfAttention(CHANNELS, heads=HEADS, bucket_size=6, n_hashes=1)
    layer = Reformer(CHANNELS, (48,), bucket=6, heads=HEADS, rounds=1)
    with torch.no_grad():
        layer.in_proj.weight.copy_(torch.cat([public.toqk.weight, public.tov.weight]))
        layer.in_proj.bias.zero_()
        layer.out_proj.load_state_dict(public.to_out.state_dict())
    x = torch.randn(2, CHANNELS, 48)
    torch.manual_seed(5)
    expected = public(x.transpose(1, 2)).transpose(1, 2)
    torch.manual_seed(5)
    drawn = torch.randn(1, CHANNELS // HEADS, 1, 4).transpose(1, 2).unsqueeze(2)
    layer.rotations.copy_(drawn.expand_as(layer.rotations))
    torch.testing.assert_close(layer(x), expected)


def test_lambda_agrees_with_lambda_networks() -> None:
    """Of one head, as there all heads share a key and a value, and with its batch norms at rest."""
    package = pytest.importorskip("lambda_networks")
    public = package.LambdaLayer(CHANNELS, dim_k=5, r=3, heads=1).eval()
    layer = Lambda(CHANNELS, (6, 7), keys=5, heads=1, encoding=lambda *a, **b: Local(*a, **b, window=3))
    with torch.no_grad():
        for linear, convolution, norm in (
            (layer.query, public.to_q, public.norm_q),
            (layer.key, public.to_k, None),
            (layer.value, public.to_v, public.norm_v),
        ):
            linear.weight.copy_(convolution.weight.flatten(1))
            if norm is not None:
                nn.init.normal_(norm.bias)
                linear.weight.div_(math.sqrt(1 + norm.eps))
                linear.bias.copy_(norm.bias)
        layer.encoding.embedding.copy_(public.pos_conv.weight[:, 0, 0])
        layer.encoding.bias.copy_(public.pos_conv.bias)
    x = torch.randn(2, CHANNELS, 6, 7)
    torch.testing.assert_close(layer(x), public(x))

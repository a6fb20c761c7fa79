"""Chunked layers and their references equal an independent loop over positions."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from types import ModuleType

import direct
import pytest
import torch
from formulas import rules, scans
from torch import Tensor, nn

from probekit_plugins.encodings import local
from probekit_plugins.layers import (
    deltanet,
    deltaproduct,
    forgetting_attention,
    gla,
    hgrn2,
    kda,
    mamba,
    mamba3,
    mlstm,
    reformer,
    retention,
    rwkv7,
    slstm,
    ssd,
    ttt,
)

pytestmark = pytest.mark.usefixtures("double")
LENGTHS = pytest.mark.parametrize("length", [1, 20, 70])


def retain(q: Tensor, k: Tensor, v: Tensor, g: Tensor) -> Tensor:
    return retention.reference(q, k, v, g[0, :, 0].exp())


def scan_state(c: Tensor, b: Tensor, inputs: Tensor, g: Tensor) -> Tensor:
    """Call the reference of SSD, which takes dt and A, with A = -1: then dt = -g."""
    return ssd.reference(inputs / -g[..., None], -g, -torch.ones(g.shape[1]), b[:, 0], c[:, 0])


Case = tuple[ModuleType, str, Callable[..., Tensor], Callable[..., nn.Module], Callable[..., Tensor]]
CASES: dict[str, Case] = {
    "gla": (gla, "chunked_gla", gla.reference, partial(gla.GatedLinearAttention, heads=2), scans.gla),
    "deltanet": (
        deltanet,
        "chunked_delta_rule",
        deltanet.reference,
        partial(deltanet.DeltaNet, heads=2),
        scans.deltanet,
    ),
    "deltanet-gated": (
        deltanet,
        "chunked_delta_rule",
        deltanet.reference,
        partial(deltanet.DeltaNet, heads=2, gated=True),
        partial(scans.deltanet, gated=True),
    ),
    "deltaproduct": (
        deltaproduct,
        "chunked_delta_product",
        deltaproduct.reference,
        partial(deltaproduct.DeltaProduct, heads=2, steps=3, gated=True),
        partial(rules.deltaproduct, steps=3, gated=True),
    ),
    "forgetting-attention": (
        forgetting_attention,
        "attend_forgetting",
        forgetting_attention.reference,
        partial(forgetting_attention.ForgettingAttention, heads=2),
        rules.forgetting_attention,
    ),
    "hgrn2": (hgrn2, "chunked_gla", hgrn2.reference, partial(hgrn2.HGRN2, heads=2), rules.hgrn2),
    "kda": (
        kda,
        "chunked_channel_delta_rule",
        kda.reference,
        partial(kda.KimiDeltaAttention, heads=2),
        rules.kda,
    ),
    "mamba": (mamba, "selective_scan", mamba.reference, partial(mamba.Mamba, state=3), scans.mamba),
    "mamba3": (
        mamba3,
        "chunked_rotating_sum",
        mamba3.reference,
        partial(mamba3.Mamba3, heads=2, state=4),
        rules.mamba3,
    ),
    "mlstm": (mlstm, "chunked_mlstm", mlstm.reference, partial(mlstm.MLSTM, heads=2), rules.mlstm),
    "retention": (
        retention,
        "chunked_gated_sum",
        retain,
        partial(retention.Retention, heads=2),
        scans.retention,
    ),
    "rwkv7": (
        rwkv7,
        "chunked_corrected_sum",
        rwkv7.reference,
        partial(rwkv7.RWKV7, heads=2),
        rules.rwkv7,
    ),
    "slstm": (slstm, "recurrent_slstm", slstm.reference, partial(slstm.SLSTM, heads=2), rules.slstm),
    "ssd": (ssd, "chunked_gated_sum", scan_state, partial(ssd.SSD, heads=2, state=3), scans.ssd),
    "ttt": (
        ttt,
        "learn_in_batches",
        ttt.reference,
        partial(ttt.TTTLinear, heads=1, mini_batch=8),
        partial(rules.ttt, heads=1, batch=8),
    ),
}
"""By name: module, its fast function, the reference in its place, layer, independent loop."""


@LENGTHS
@pytest.mark.parametrize("name", CASES)
def test_scan_layer_and_reference_equal_loop(name: str, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    module, function, reference, build, loop = CASES[name]
    layer, x = build(4, (length,), causal=True), torch.randn(2, 4, length)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    weights = {**dict(layer.named_buffers()), **dict(layer.named_parameters())}
    expected = torch.stack([loop(item, weights, (length,), scan="raster") for item in x])
    torch.testing.assert_close(layer(x), expected)
    monkeypatch.setattr(module, function, reference)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize(("length", "bucket"), [(1, 4), (4, 4), (7, 3), (20, 5), (134, 2)])
def test_reformer_and_reference_equal_loop(length: int, bucket: int, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = reformer.Reformer(4, (length,), heads=2, bucket=bucket, rounds=3), torch.randn(2, 4, length)
    weights = {**dict(layer.named_buffers()), **dict(layer.named_parameters())}
    loop = partial(direct.reformer, heads=2, bucket=bucket)
    expected = torch.stack([loop(item, weights, (length,)) for item in x])
    torch.testing.assert_close(layer(x), expected)

    def attend_heads(q: Tensor, v: Tensor) -> Tensor:
        items = [
            [
                reformer.reference(*parts, rotations, bucket)
                for *parts, rotations in zip(q_item, v_item, layer.rotations, strict=True)
            ]
            for q_item, v_item in zip(q, v, strict=True)
        ]
        return torch.stack([torch.stack(heads) for heads in items])

    monkeypatch.setattr(layer, "attend_heads", attend_heads)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 4), (9, 10)])
@pytest.mark.parametrize("window", [1, 3, 5])
def test_local_and_reference_equal_loop(size: tuple[int, int], window: int) -> None:
    encoding = local.Local(8, size, keys=3, heads=2, window=window)
    q, v = torch.randn(2, 2, 3, *size), torch.randn(2, 2, 4, *size)
    e, half = encoding.embedding, window // 2
    expected = torch.zeros_like(v)
    for y, x in itertools.product(range(size[0]), range(size[1])):
        for head in range(2):
            total = (q[:, head, :, y, x] @ encoding.bias)[:, None]
            for i, j in itertools.product(range(window), range(window)):
                row, column = y + i - half, x + j - half
                if 0 <= row < size[0] and 0 <= column < size[1]:
                    total = total + (q[:, head, :, y, x] @ e[:, i, j])[:, None] * v[:, head, :, row, column]
            expected[:, head, :, y, x] = total.detach()
    answer = encoding.position(lambda: q, q, lambda: v)
    torch.testing.assert_close(answer, expected.flatten(1, 2))
    torch.testing.assert_close(local.reference(q, v, e, encoding.bias), expected)

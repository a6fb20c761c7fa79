"""What is guarded: layers with a state give what transformers gives with the same weights, gradients too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.kda import KimiDeltaAttention, chunked_channel_delta_rule
from probekit_plugins.layers.mlstm import chunked_mlstm

pytestmark = [pytest.mark.usefixtures("double"), pytest.mark.slow]  # its imports take seconds
LENGTHS = pytest.mark.parametrize("length", [1, 31, 127])


def assert_same(ours: Callable[..., Tensor], package: Callable[..., Tensor], *parts: Tensor) -> None:
    """Compare two functions of the same tensors, one of them in float32, and the gradients of each tensor."""
    first, second = ([part.clone().requires_grad_() for part in parts] for _ in range(2))
    found, expected = ours(*first), package(*second)
    within = {"atol": 1e-4, "rtol": 1e-4}
    torch.testing.assert_close(found, expected, **within, check_dtype=False)
    weights = torch.randn_like(found)
    gradients = (torch.autograd.grad((y * weights).sum(), x) for y, x in ((found, first), (expected, second)))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, **within)


@LENGTHS
def test_kimi_delta_attention_is_that_of_transformers(length: int) -> None:
    from transformers.models.kimi_linear import modeling_kimi_linear as kimi

    def package(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, g: Tensor) -> Tensor:
        turned = (part.transpose(1, 2) for part in (q, k, v, g, beta))
        y, _ = kimi.recurrent_kimi_delta_attention(*turned, None, False, use_qk_l2norm_in_kernel=True)
        return y.transpose(1, 2) * 8**0.5  # it divides by the root of a head's channels

    q, k, v, logits = torch.randn(4, 2, 3, length, 8)
    assert_same(
        chunked_channel_delta_rule, package, q, k, v, torch.rand(2, 3, length), functional.logsigmoid(logits)
    )


def test_the_decay_of_kimi_delta_attention_is_that_of_transformers() -> None:
    from transformers import KimiLinearConfig
    from transformers.models.kimi_linear.modeling_kimi_linear import KimiLinearForgetGate

    config = KimiLinearConfig(hidden_size=12, linear_head_dim=4, linear_num_heads=3)
    package, layer = KimiLinearForgetGate(config), KimiDeltaAttention(12, (5,), heads=3)
    with torch.no_grad():
        package.f_a_proj.weight.copy_(layer.f_proj[0].weight)
        package.f_b_proj.weight.copy_(layer.f_proj[1].weight)
        package.dt_bias.copy_(layer.dt_bias)
        package.A_log.copy_(layer.A_log.view_as(package.A_log))
    rows = torch.randn(2, 5, 12)
    d = layer.f_proj(rows).view(2, 5, 3, 4) + layer.dt_bias.view(3, 4)
    g = -layer.A_log.exp()[:, None] * functional.softplus(d)
    torch.testing.assert_close(g, package(rows), atol=1e-5, rtol=1e-5, check_dtype=False)


@LENGTHS
def test_mlstm_is_that_of_transformers(length: int) -> None:
    from transformers.models.xlstm import modeling_xlstm as xlstm

    def package(q: Tensor, k: Tensor, v: Tensor, i: Tensor, f: Tensor) -> Tensor:
        y: Tensor = xlstm.mlstm_recurrent_sequence_native(q, k, v, i, f, eps=0.0, dtype_state=torch.float64)
        return y

    def ours(q: Tensor, k: Tensor, v: Tensor, i: Tensor, f: Tensor) -> Tensor:
        return chunked_mlstm(q, k * 8**-0.5, v, i, functional.logsigmoid(f))

    parts, gates = torch.randn(3, 2, 3, length, 8), 3 * torch.randn(2, 2, 3, length)
    assert_same(ours, package, *parts, *gates)

"""What is guarded: layers give what a public package gives with the same weights, gradients too."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.attention import Attention
from probekit_plugins.layers.axial import Axial
from probekit_plugins.layers.deltanet import chunked_delta_rule
from probekit_plugins.layers.efficient_attention import EfficientAttention
from probekit_plugins.layers.fnet import FNet
from probekit_plugins.layers.gmlp import GMLP
from probekit_plugins.layers.linear_attention import LinearAttention
from probekit_plugins.layers.mamba import Mamba
from probekit_plugins.layers.perceiver import CrossAttention
from probekit_plugins.layers.ssd import SSD

pytestmark = pytest.mark.usefixtures("double")
LENGTHS = [1, 7, 31, 127]


def assert_alike(layer: Any, other: Any, x: Tensor, **within: float) -> None:
    """Compare answers to maps (batch, channels, length), and gradients that reach them."""
    one, two = x.clone().requires_grad_(), x.clone().requires_grad_()
    assert_same(layer(one), other(two.mT).mT, one, two, **within)


def assert_attending(layer: Attention, other: Callable[..., Tensor], parts: Tensor) -> None:
    """Compare what a layer's heads read of three parts (batch, heads, positions, channels), and gradients."""
    one, two = parts.clone().requires_grad_(), parts.clone().requires_grad_()
    assert_same(layer.attend_heads(*one), other(*two), one, two)


def assert_same(y: Tensor, z: Tensor, one: Tensor, two: Tensor, **within: Any) -> None:
    """Compare two answers, and the gradients that come from them to what each was made of."""
    torch.testing.assert_close(y, z, **within)
    weights = torch.randn_like(y)
    (y * weights).sum().backward()
    (z * weights).sum().backward()
    torch.testing.assert_close(one.grad, two.grad, **within)


def copied(into: Any, **values: Tensor | None) -> None:
    """Copy weights by name; None is zero."""
    with torch.no_grad():
        for name, value in values.items():
            parameter = into.get_parameter(name.replace("__", "."))
            parameter.copy_(torch.zeros_like(parameter) if value is None else value)


@pytest.mark.parametrize("length", LENGTHS)
def test_mamba_is_that_of_transformers_but_for_its_short_convolution(length: int) -> None:
    from transformers import MambaConfig
    from transformers.models.mamba.modeling_mamba import MambaMixer

    sizes = {"hidden_size": 32, "state_size": 5, "expand": 1, "conv_kernel": 1, "time_step_rank": 2}
    mixer = MambaMixer(MambaConfig(**sizes, use_conv_bias=False, num_hidden_layers=1), 0).double()
    layer = Mamba(32, (length,), state=5, causal=True)
    copied(mixer, conv1d__weight=torch.ones(32, 1, 1))
    copied(
        layer,
        in_proj__weight=mixer.in_proj.weight, in_proj__bias=None, x_proj__weight=mixer.x_proj.weight,
        dt_proj__weight=mixer.dt_proj.weight, dt_bias=mixer.dt_proj.bias, A_log=mixer.A_log, D=mixer.D,
        out_proj__weight=mixer.out_proj.weight, out_proj__bias=None,
    )  # fmt: skip
    assert_alike(layer, mixer, torch.randn(2, 32, length))


@pytest.mark.parametrize("length", LENGTHS)
def test_ssd_is_mamba_2_of_transformers_but_for_its_short_convolution(length: int) -> None:
    from transformers import Mamba2Config
    from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer

    sizes = {"hidden_size": 32, "state_size": 6, "expand": 1, "conv_kernel": 1, "num_heads": 4, "head_dim": 8}
    config = Mamba2Config(
        **sizes, n_groups=1, use_conv_bias=False, num_hidden_layers=1, chunk_size=16, layer_norm_epsilon=1e-12
    )
    mixer = Mamba2Mixer(config, 0).double()
    layer = SSD(32, (length,), heads=4, state=6, causal=True)
    copied(mixer, conv1d__weight=torch.ones(44, 1, 1), dt_bias=torch.randn(4))
    copied(
        layer,
        in_proj__weight=mixer.in_proj.weight, in_proj__bias=None, dt_bias=mixer.dt_bias, A_log=mixer.A_log,
        D=mixer.D, norm_weight=mixer.norm.weight, out_proj__weight=mixer.out_proj.weight, out_proj__bias=None,
    )  # fmt: skip
    # the package sums in float32
    assert_alike(layer, mixer, torch.randn(2, 32, length), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("length", LENGTHS)
def test_the_delta_rule_is_that_of_transformers(length: int, gated: bool) -> None:
    from transformers.models.qwen3_next.modeling_qwen3_next import torch_recurrent_gated_delta_rule

    parts = torch.randn(3, 2, 4, length, 8)
    beta = torch.rand(2, 4, length)
    decay = functional.logsigmoid(torch.randn(2, 4, length)) if gated else torch.zeros(2, 4, length)
    one, two = (parts.clone().requires_grad_() for _ in range(2))
    found = chunked_delta_rule(*one, beta, decay if gated else None)
    turned = (part.transpose(1, 2) for part in (*two, decay, beta))
    expected, _ = torch_recurrent_gated_delta_rule(
        *turned, initial_state=None, output_final_state=False, use_qk_l2norm_in_kernel=True
    )
    # the package computes in float32 and divides by the root of a head's channels
    within = {"atol": 1e-5, "rtol": 1e-4}
    torch.testing.assert_close(found, expected.transpose(1, 2) * 8**0.5, **within, check_dtype=False)
    weights = torch.randn_like(found)
    (found * weights).sum().backward()
    (expected.transpose(1, 2) * 8**0.5 * weights).sum().backward()
    torch.testing.assert_close(one.grad, two.grad, **within)


@pytest.mark.parametrize("length", LENGTHS)
def test_fnet_is_that_of_transformers_but_for_a_factor(length: int) -> None:
    from transformers import FNetConfig
    from transformers.models.fnet.modeling_fnet import FNetBasicFourierTransform

    transform = FNetBasicFourierTransform(FNetConfig(use_tpu_fourier_optimizations=False))
    factor = (6 * length) ** 0.5
    assert_alike(FNet(6, (length,)), lambda rows: transform(rows)[0] / factor, torch.randn(2, 6, length))


def test_axial_attention_is_that_of_its_package() -> None:
    from axial_attention import AxialAttention

    package = AxialAttention(16, num_dimensions=2, heads=4, dim_index=1, sum_axial_out=False)
    layer = Axial(16, (5, 7), heads=4)
    for along, part in zip(layer.axes, package.axial_attentions, strict=True):
        copied(
            along,
            in_proj__weight=torch.cat([part.fn.to_q.weight, part.fn.to_kv.weight]), in_proj__bias=None,
            out_proj__weight=part.fn.to_out.weight, out_proj__bias=part.fn.to_out.bias,
        )  # fmt: skip
    # the package begins with the first axis, and is given maps with their sides exchanged
    assert_alike(layer, package, torch.randn(2, 16, 5, 7))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("features", ["elu", "favor"])
def test_linear_attention_is_that_of_performer_pytorch(
    length: int, features: Literal["elu", "favor"]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the package's own
        from performer_pytorch.performer_pytorch import linear_attention, softmax_kernel
    layer = LinearAttention(32, (length,), heads=4, features=features, random=24)

    def phi(x: Tensor, is_query: bool) -> Tensor:
        if features == "elu":
            return functional.elu(x) + 1
        return softmax_kernel(x, projection_matrix=layer.projection_matrix, is_query=is_query, eps=0)

    def package(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return linear_attention(phi(q, True), phi(k, False), v)

    assert_attending(layer, package, torch.randn(3, 2, 4, length, 8))


@pytest.mark.parametrize("length", LENGTHS)
def test_efficient_attention_is_that_of_linear_attention_transformer_but_for_a_factor(length: int) -> None:
    from linear_attention_transformer.linear_attention_transformer import linear_attn

    layer = EfficientAttention(32, (length,), heads=4)
    parts = torch.randn(3, 2, 4, length, 8)
    assert_attending(layer, lambda q, k, v: linear_attn(q, k, v) * 8**0.5, parts)


@pytest.mark.parametrize("length", LENGTHS)
def test_spatial_gating_is_that_of_g_mlp_pytorch(length: int) -> None:
    from g_mlp_pytorch.g_mlp_pytorch import gMLPBlock

    package, layer = gMLPBlock(dim=12, dim_ff=24, seq_len=length), GMLP(12, (length,))
    unit = package.sgu
    copied(unit, weight=torch.randn(1, length, length), bias=torch.randn(1, length))
    copied(
        layer,
        in_proj__weight=package.proj_in[0].weight, in_proj__bias=package.proj_in[0].bias,
        spatial_proj__weight=unit.weight[0], spatial_proj__bias=unit.bias[0],
        out_proj__weight=package.proj_out.weight, out_proj__bias=package.proj_out.bias,
    )  # fmt: skip
    assert_alike(layer, package, torch.randn(2, 12, length))


@pytest.mark.parametrize("length", LENGTHS)
def test_a_latent_of_perceiver_reads_as_that_of_perceiver_pytorch(length: int) -> None:
    from perceiver_pytorch import perceiver_io

    package, layer = perceiver_io.Attention(12, 12, heads=3, dim_head=4), CrossAttention(12, 3)
    copied(
        layer,
        q_proj__weight=package.to_q.weight, q_proj__bias=None,
        kv_proj__weight=package.to_kv.weight, kv_proj__bias=None,
        out_proj__weight=package.to_out.weight, out_proj__bias=package.to_out.bias,
    )  # fmt: skip
    latents = torch.randn(2, 5, 12)
    assert_alike(
        lambda x: layer(latents, x.mT).mT,
        lambda rows: package(latents, context=rows),
        torch.randn(2, 12, length),
    )

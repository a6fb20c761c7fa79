"""What is guarded: sequence layers give what a public package gives with the same weights, gradients too."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.deltanet import corrected
from probekit_plugins.layers.fnet import FNet
from probekit_plugins.layers.mamba import Mamba
from probekit_plugins.layers.ssd import SSD

pytestmark = pytest.mark.usefixtures("double")
LENGTHS = [1, 7, 31, 127]


def assert_alike(layer: Any, other: Any, x: Tensor, **within: float) -> None:
    """Compare answers to maps (batch, channels, length), and gradients that reach them."""
    one, two = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, z = layer(one), other(two.mT).mT
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
        maps__weight=mixer.in_proj.weight, maps__bias=None, reads__weight=mixer.x_proj.weight,
        widen__weight=mixer.dt_proj.weight, steps=mixer.dt_proj.bias, rates=mixer.A_log, skip=mixer.D,
        out__weight=mixer.out_proj.weight, out__bias=None,
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
        maps__weight=mixer.in_proj.weight, maps__bias=None, steps=mixer.dt_bias, rates=mixer.A_log,
        skip=mixer.D, scale=mixer.norm.weight, out__weight=mixer.out_proj.weight, out__bias=None,
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
    found = corrected(*one, beta, decay if gated else None)
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

"""The layers beyond the paper's own, a line each: how it is made, and its formula."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from direct import Size, Weights
from formulas.attentions import axial, criss_cross, linear_attention, long_short, non_local, window
from formulas.filters import fnet, global_filter, gmlp, large_kernel
from formulas.pools import (
    double_attention,
    efficient_attention,
    fastformer,
    gather_excite,
    glore,
    perceiver,
    squeeze_excite,
    xca,
)
from formulas.rules import deltaproduct, forgetting_attention, hgrn2, kda, mamba3, mlstm, rwkv7, slstm, ttt
from formulas.scans import deltanet, gla, gru, hyena, mamba, retention, s4d, ssd
from torch import Tensor, nn

from probekit_plugins.layers.axial import Axial
from probekit_plugins.layers.criss_cross import CrissCross
from probekit_plugins.layers.deltanet import DeltaNet
from probekit_plugins.layers.deltaproduct import DeltaProduct
from probekit_plugins.layers.double_attention import DoubleAttention
from probekit_plugins.layers.efficient_attention import EfficientAttention
from probekit_plugins.layers.fastformer import Fastformer
from probekit_plugins.layers.fnet import FNet
from probekit_plugins.layers.forgetting_attention import ForgettingAttention
from probekit_plugins.layers.gather_excite import GatherExcite
from probekit_plugins.layers.gla import GatedLinearAttention
from probekit_plugins.layers.global_filter import GlobalFilter
from probekit_plugins.layers.glore import GloRe
from probekit_plugins.layers.gmlp import GMLP
from probekit_plugins.layers.gru import GRU
from probekit_plugins.layers.hgrn2 import HGRN2
from probekit_plugins.layers.hyena import Hyena
from probekit_plugins.layers.kda import KimiDeltaAttention
from probekit_plugins.layers.large_kernel import LargeKernel
from probekit_plugins.layers.linear_attention import LinearAttention
from probekit_plugins.layers.long_short import LongShort
from probekit_plugins.layers.mamba import Mamba
from probekit_plugins.layers.mamba3 import Mamba3
from probekit_plugins.layers.mlstm import MLSTM
from probekit_plugins.layers.non_local import NonLocal
from probekit_plugins.layers.perceiver import Perceiver
from probekit_plugins.layers.retention import Retention
from probekit_plugins.layers.rwkv7 import RWKV7
from probekit_plugins.layers.s4d import S4D
from probekit_plugins.layers.slstm import SLSTM
from probekit_plugins.layers.squeeze_excite import SqueezeExcite
from probekit_plugins.layers.ssd import SSD
from probekit_plugins.layers.ttt import TTTLinear
from probekit_plugins.layers.window import Window
from probekit_plugins.layers.xca import XCA

Formula = Callable[[Tensor, Weights, Size], Tensor]

SCANS: dict[str, tuple[Callable[..., nn.Module], Formula]] = {
    "deltanet": (partial(DeltaNet, heads=2), deltanet),
    "deltanet-gated": (partial(DeltaNet, heads=2, gated=True), partial(deltanet, gated=True)),
    "deltaproduct": (
        partial(DeltaProduct, heads=2, steps=3, negative=True),
        partial(deltaproduct, steps=3, negative=True),
    ),
    "deltaproduct-gated": (partial(DeltaProduct, heads=2, gated=True), partial(deltaproduct, gated=True)),
    "forgetting-attention": (partial(ForgettingAttention, heads=2), forgetting_attention),
    "gla": (partial(GatedLinearAttention, heads=2), gla),
    "gru": (GRU, gru),
    "hgrn2": (partial(HGRN2, heads=2), hgrn2),
    "hyena": (Hyena, hyena),
    "kda": (partial(KimiDeltaAttention, heads=2, negative=True), partial(kda, negative=True)),
    "mamba": (partial(Mamba, state=3), mamba),
    "mamba3": (partial(Mamba3, heads=2, state=4), mamba3),
    "mlstm": (partial(MLSTM, heads=2), mlstm),
    "retention": (partial(Retention, heads=2), retention),
    "rwkv7": (partial(RWKV7, heads=2), rwkv7),
    "s4d": (partial(S4D, state=6), s4d),
    "slstm": (partial(SLSTM, heads=2), slstm),
    "ssd": (partial(SSD, heads=2, state=3), ssd),
    "ttt": (partial(TTTLinear, heads=2, mini_batch=3), ttt),
}
"""Layers that read a map in some order, each with its formula."""

FORMULAS: dict[str, tuple[Callable[..., nn.Module], Formula]] = {
    "axial": (partial(Axial, heads=2), axial),
    "criss-cross": (CrissCross, criss_cross),
    "double-attention": (DoubleAttention, double_attention),
    "efficient-attention": (partial(EfficientAttention, heads=2), efficient_attention),
    "fastformer": (partial(Fastformer, heads=2), fastformer),
    "fnet": (FNet, fnet),
    "gather-excite": (GatherExcite, gather_excite),
    "gather-excite-blocks": (partial(GatherExcite, extent=2), partial(gather_excite, extent=2)),
    "global-filter": (GlobalFilter, global_filter),
    "glore": (GloRe, glore),
    "gmlp": (GMLP, gmlp),
    "large-kernel": (partial(LargeKernel, kernel=5), large_kernel),
    "linear-attention": (partial(LinearAttention, heads=2), linear_attention),
    "linear-attention-favor": (
        partial(LinearAttention, heads=2, features="favor", random=5),
        linear_attention,
    ),
    "linear-attention-causal": (
        partial(LinearAttention, heads=2, causal=True),
        partial(linear_attention, causal=True),
    ),
    "long-short": (partial(LongShort, heads=1, window=3, rank=2), partial(long_short, heads=1)),
    "non-local": (NonLocal, non_local),
    "perceiver": (partial(Perceiver, heads=2, latents=3), perceiver),
    "squeeze-excite": (SqueezeExcite, squeeze_excite),
    "window": (partial(Window, heads=2, window=3), window),
    "window-shifted": (partial(Window, heads=2, window=3, shifted=True), partial(window, before=2)),
    "xca": (partial(XCA, heads=2), xca),
    **SCANS,
}
"""Layers beyond the paper's, each with its formula."""

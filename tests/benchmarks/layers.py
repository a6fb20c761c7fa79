"""Run by hand: the layers against public packages at the paper's shapes, and how they grow with positions.

Forward and backward in interleaved pairs, so that a busy machine slows both alike; `own` time is what this
process computed. A package's layer has the same heads, channels, landmarks, rank, bucket and rounds as ours.
The second table fits time and bytes kept for the backward pass to a power of the number of positions.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from axial_attention import AxialAttention
from g_mlp_pytorch.g_mlp_pytorch import gMLPBlock
from lambda_networks import LambdaLayer
from linear_attention_transformer.linear_attention_transformer import SelfAttention as LinearSelfAttention
from linformer import LinformerSelfAttention
from nystrom_attention import NystromAttention
from performer_pytorch.performer_pytorch import SelfAttention as PerformerAttention
from reformer_pytorch import LSHSelfAttention
from torch import Tensor, nn
from transformers import Mamba2Config, MambaConfig
from transformers.models.mamba.modeling_mamba import MambaMixer
from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer
from transformers.models.qwen3_next.modeling_qwen3_next import torch_chunk_gated_delta_rule

from probekit.catalog.registry import registry
from probekit.plugin.errors import UsageError
from probekit_plugins.encodings.local import Local
from probekit_plugins.encodings.pe import PE
from probekit_plugins.layers.axial import Axial
from probekit_plugins.layers.deltanet import chunked_delta_rule
from probekit_plugins.layers.efficient_attention import EfficientAttention
from probekit_plugins.layers.gmlp import GMLP
from probekit_plugins.layers.lambda_ import Lambda
from probekit_plugins.layers.linear_attention import LinearAttention
from probekit_plugins.layers.linformer import Linformer
from probekit_plugins.layers.mamba import Mamba
from probekit_plugins.layers.nystrom import Nystrom
from probekit_plugins.layers.reformer import Reformer
from probekit_plugins.layers.ssd import SSD
from probekit_plugins.layers.transformer import Transformer

Size = tuple[int, ...]
CODE: Size = (128,)
SQUARE: Size = (64, 64)


class Rows(nn.Module):
    """Hands a package's layer (batch, positions, channels)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x.flatten(2).mT)
        return y.mT.reshape_as(x)


class TorchAttention(nn.MultiheadAttention):
    """PyTorch's own attention of a map to itself."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x, x, x, need_weights=False)[0]


def mamba(channels: int) -> nn.Module:
    """Return the package's Mamba, no wider inside, with a convolution of one position."""
    sizes = {"hidden_size": channels, "state_size": 16, "expand": 1, "conv_kernel": 1}
    return MambaMixer(MambaConfig(**sizes, num_hidden_layers=1), 0)


def mamba_2(channels: int) -> nn.Module:
    """Return the package's Mamba-2, as wide, with as many heads and states as ours."""
    sizes = {"hidden_size": channels, "state_size": 16, "expand": 1, "conv_kernel": 1, "num_heads": 8}
    config = Mamba2Config(**sizes, head_dim=channels // 8, n_groups=1, chunk_size=64, num_hidden_layers=1)
    return Mamba2Mixer(config, 0)


def theirs(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, decay: Tensor) -> Tensor:
    """Run the package's gated delta rule, in chunks."""
    parts = (part.transpose(1, 2) for part in (q, k, v, decay, beta))
    y: Tensor = torch_chunk_gated_delta_rule(*parts, use_qk_l2norm_in_kernel=True)[0]
    return y.transpose(1, 2)


class Delta(nn.Module):
    """Cuts a map into q, k and v of four heads, and asks a delta rule; rates and gates are constant."""

    def __init__(self, rule: Callable[..., Tensor]) -> None:
        super().__init__()
        self.rule = rule
        self.maps = nn.Linear(256, 768)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.maps(x.flatten(2).mT).unflatten(2, (3, 4, 64)).permute(2, 0, 3, 1, 4)
        rates = torch.full(q.shape[:3], 0.5)
        return self.rule(q, k, v, rates, -0.1 * rates).transpose(1, 2).flatten(2).mT.reshape_as(x)


def against(batch: int) -> dict[str, tuple[Size, int, int, nn.Module, nn.Module]]:
    """Return by name: size, channels, batch, our layer and the package's, at the shapes of Tables 2 and 3."""
    # one head, as lambda-networks gives all heads the same values: then both compute the same function
    local = partial(Lambda, 128, SQUARE, keys=16, heads=1)
    return {
        "transformer / torch": (
            CODE,
            256,
            batch,
            Transformer(256, CODE, heads=8),
            Rows(TorchAttention(256, 8, batch_first=True)),
        ),
        "nystrom / nystrom-attention": (
            CODE,
            256,
            batch,
            Nystrom(256, CODE, landmarks=32, heads=8),
            Rows(NystromAttention(256, dim_head=32, heads=8, num_landmarks=32, residual=False)),
        ),
        "linformer / linformer": (
            CODE,
            256,
            batch,
            Linformer(256, CODE, rank=32, heads=8),
            Rows(LinformerSelfAttention(256, 128, k=32, heads=8)),
        ),
        "reformer / reformer-pytorch": (
            CODE,
            256,
            batch,
            Reformer(256, CODE, bucket=32, heads=8, rounds=4),
            Rows(LSHSelfAttention(256, heads=8, bucket_size=32, n_hashes=4)),
        ),
        "mamba / transformers": (CODE, 256, batch, Mamba(256, CODE, causal=True), Rows(mamba(256))),
        "axial / axial-attention": (
            SQUARE,
            128,
            max(1, batch // 16),
            Axial(128, SQUARE, heads=8),
            AxialAttention(128, 2, heads=8, dim_index=1, sum_axial_out=False),
        ),
        "efficient / linear-attention-transformer": (
            CODE,
            256,
            batch,
            EfficientAttention(256, CODE, heads=8),
            Rows(LinearSelfAttention(256, heads=8)),
        ),
        "gmlp / g-mlp-pytorch": (
            CODE,
            256,
            batch,
            GMLP(256, CODE),
            Rows(gMLPBlock(dim=256, dim_ff=512, seq_len=128)),
        ),
        "linear(favor) / performer-pytorch": (
            CODE,
            256,
            batch,
            LinearAttention(256, CODE, heads=8, features="favor", random=64),
            Rows(PerformerAttention(256, heads=8, dim_head=32, nb_features=64)),
        ),
        "ssd / transformers": (CODE, 256, batch, SSD(256, CODE, causal=True), Rows(mamba_2(256))),
        "gated delta rule / transformers": (CODE, 256, batch, Delta(chunked_delta_rule), Delta(theirs)),
        **{
            f"lambda+local({window}) / lambda-networks": (
                SQUARE,
                128,
                max(1, batch // 16),
                local(encoding=partial(Local, window=window)),
                LambdaLayer(128, dim_k=16, r=window, heads=1),
            )
            for window in (7, 19)
        },
    }


def growing() -> dict[str, Callable[..., nn.Module]]:
    """Return every registered layer as it is by default, and Lambda with two encodings."""
    known = registry()
    found = {component.name: known.load_target(component) for component in known.components("layer")}
    return {
        **found,
        "lambda+pe": partial(Lambda, heads=8, keys=8, encoding=PE),
        "lambda+local(7)": partial(Lambda, heads=8, keys=8, encoding=Local),
    }


SIDES = (16, 32, 64, 128)


def step(layer: nn.Module, x: Tensor) -> float:
    """Go forward and backward once; return the time this process took."""
    started = time.process_time()
    y = layer(x)
    y.backward(torch.ones_like(y))
    return time.process_time() - started


def kept(layer: nn.Module, x: Tensor) -> int:
    """Return the bytes kept for the backward pass besides the weights and the input."""
    known = {t.untyped_storage().data_ptr() for t in (x, *layer.parameters(), *layer.buffers())}
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = layer(x)
    assert y.grad_fn is not None  # the graph must live while storages are told apart by their address
    return sum(storages.values())


def slope(sizes: list[int], values: list[float]) -> float:
    """Return the exponent of the power law that fits best."""
    logs = [math.log(max(value, 1e-9)) for value in values]
    return statistics.linear_regression([math.log(size) for size in sizes], logs).slope


def compare(pairs: int, batch: int) -> None:
    print("layer / package                        shape               ours ms  theirs ms  ratio  (quartiles)")
    torch.manual_seed(0)
    for name, (size, channels, items, ours, theirs) in against(batch).items():
        x = torch.randn(items, channels, *size).requires_grad_()
        step(ours, x), step(theirs, x)
        taken: list[tuple[float, float]] = []
        for number in range(pairs):
            if number % 2:
                other = step(theirs, x)
                taken.append((step(ours, x), other))
            else:
                taken.append((step(ours, x), step(theirs, x)))
        low, middle, high = statistics.quantiles([a / b for a, b in taken], n=4, method="inclusive")
        mine, other = (1e3 * statistics.median(each) for each in zip(*taken, strict=True))
        shape = " x ".join(map(str, (items, channels, *size)))
        row = f"{name:37}  {shape:18}  {mine:7.1f}  {other:9.1f}  {middle:5.2f}  ({low:.2f} to {high:.2f})"
        print(row, flush=True)


def grow(repeats: int) -> None:
    positions = [side * side for side in SIDES]
    print("\nlayer               " + "".join(f"  N = {count:<6}" for count in positions) + "  exponent")
    for name, build in sorted(growing().items()):
        times, sizes = [], []
        for side in SIDES:
            torch.manual_seed(0)
            try:
                layer = build(64, (side, side))
            except UsageError:  # more than can be afforded
                break
            x = torch.randn(1, 64, side, side).requires_grad_()
            step(layer, x)
            times.append(min(step(layer, x) for _ in range(repeats)))
            sizes.append(float(kept(layer, x)))
        done = positions[: len(times)]
        milliseconds = "".join(f"  {1e3 * value:7.1f} ms" for value in times)
        print(f"{name:20}{milliseconds:48}  {slope(done, times):8.2f}")
        kilobytes = "".join(f"  {value / 1024:7.0f} kB" for value in sizes)
        print(f"{'':20}{kilobytes:48}  {slope(done, sizes):8.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=32, help="items of Table 3; Table 2 has a sixteenth")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    compare(options.pairs, options.batch)
    grow(options.repeats)


if __name__ == "__main__":
    main()

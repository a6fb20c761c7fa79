"""Run by hand: a step of the non-local block, denormal numbers kept and flushed, as its softmax sharpens.

The two in turn in one process; inputs of a larger scale make a sharper softmax.
"""

from __future__ import annotations

import statistics
import time

import torch

from probekit_plugins.layers.non_local import NonLocal

ROUNDS = 3


def step(layer: NonLocal, x: torch.Tensor, flush: bool) -> float:
    """Return the seconds of a forward and a backward pass."""
    torch.set_flush_denormal(flush)
    begun = time.perf_counter()
    layer(x).square().mean().backward()
    return time.perf_counter() - begun


def main() -> None:
    """Print a row for each scale."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layer = NonLocal(64, (64, 64))
    print("scale of inputs  kept      flushed   kept / flushed")
    for scale in (1, 2, 3, 5, 10):
        x = torch.randn(8, 64, 64, 64) * scale
        step(layer, x, flush=True)
        pairs = [(step(layer, x, flush=False), step(layer, x, flush=True)) for _ in range(ROUNDS)]
        kept, flushed = (statistics.median(one) for one in zip(*pairs, strict=True))
        print(f"{scale:15}  {kept:6.2f} s  {flushed:6.2f} s  {kept / flushed:6.2f}")


if __name__ == "__main__":
    main()

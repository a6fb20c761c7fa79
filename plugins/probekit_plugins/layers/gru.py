"""The gated recurrent unit (Cho et al., "Learning Phrase Representations using RNN", EMNLP 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from probekit_plugins.layers.scan import Scan, shares, ways


class GRU(nn.Module):
    """A state moved by each position in turn: (batch, channels, *size) to the same shape.

    Linear in positions, one after the other. scan: see `scan.ways`; each way has a unit of its own, which
    reads all channels and makes its share of them. causal: in reading order alone.
    """

    def __init__(
        self, channels: int, size: tuple[int, ...], *, scan: Scan = "both", causal: bool = False
    ) -> None:
        super().__init__()
        several = ways(scan, size, causal)
        made = [(way, share) for way, share in zip(several, shares(channels, several), strict=True) if share]
        self.ways = [way for way, _ in made]
        self.units = nn.ModuleList(nn.GRU(channels, share, batch_first=True) for _, share in made)

    def forward(self, x: Tensor) -> Tensor:
        rows, size = x.flatten(2), x.shape[2:]
        read = [way.read(rows, size).mT for way in self.ways]
        # torch's own kernel is for CUDA; on the CPU it takes three times as many operations for two ways
        alike = len({unit.hidden_size for unit in self.units}) == 1
        if x.device.type == "cpu" and alike:
            found = together(list(self.units), read)
        else:
            found = [unit(some)[0] for unit, some in zip(self.units, read, strict=True)]
        back = (way.restore(some.mT, size) for way, some in zip(self.ways, found, strict=True))
        return torch.cat(list(back), 1).reshape_as(x)


@torch.compiler.disable  # type: ignore[untyped-decorator]
def together(units: Sequence[Any], rows: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return what each torch.nn.GRU, all of one size, makes of its rows: (batch, positions, state) each."""
    with torch.autocast(rows[0].device.type, enabled=False):
        exact = units[0].weight_ih_l0.dtype
        into = [
            functional.linear(some.to(exact), unit.weight_ih_l0, unit.bias_ih_l0).transpose(0, 1)
            for unit, some in zip(units, rows, strict=True)
        ]
        weights = torch.stack([unit.weight_hh_l0 for unit in units])
        bias = torch.stack([unit.bias_hh_l0 for unit in units])[:, None]
        h: Tensor = Gated.apply(torch.stack(into, 1), weights, bias)  # type: ignore[no-untyped-call]
    return h.permute(1, 2, 0, 3).to(rows[0].dtype).unbind()


class Gated(torch.autograd.Function):
    """h <- n + z (h - n), r and z sigmoids and n a tangent of what comes in and what the state gives.

    into (positions, units, batch, 3 * state): what comes in, for r, z and n; weight (units, 3 * state, state)
    and bias (units, 1, 3 * state): what the state gives, for n times r. Returns all h (positions, units,
    batch, state).
    """

    @staticmethod
    def forward(ctx: Any, into: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        state = weight.shape[2]
        given, gates, new, h = (into.new_empty(*into.shape[:3], n * state) for n in (3, 2, 1, 1))
        last = into.new_zeros((*into.shape[1:3], state))
        for rz_in, n_in, all_given, rz_given, n_given, rz, r, z, n, now in zip(
            into[..., : 2 * state], into[..., 2 * state :],
            given, given[..., : 2 * state], given[..., 2 * state :],
            gates, gates[..., :state], gates[..., state:], new, h, strict=True,
        ):  # fmt: skip
            torch.baddbmm(bias, last, weight.mT, out=all_given)
            torch.add(rz_in, rz_given, out=rz).sigmoid_()
            torch.addcmul(n_in, r, n_given, out=n).tanh_()
            last = torch.lerp(n, last, z, out=now)
        ctx.save_for_backward(weight, given, gates, new, h)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weight, given, gates, new, h = ctx.saved_tensors
        state = weight.shape[2]
        (r, z), before = gates.split(state, 3), torch.cat([torch.zeros_like(h[:1]), h[:-1]])
        # all gradients of a position are those of its state, times these
        inner = (1 - z) * (1 - new * new)
        by = torch.stack(
            [inner * given[..., 2 * state :] * r * (1 - r), (before - new) * z * (1 - z), inner * r], 3
        )
        states, parts = torch.empty_like(h), torch.empty_like(by)
        carried = torch.zeros_like(h[0])
        for now, wide, from_after, times, part, flat, kept in reversed(
            list(zip(states, states[..., None, :], gradient, by, parts, parts.flatten(3), z, strict=True))
        ):
            torch.add(from_after, carried, out=now)
            torch.mul(wide, times, out=part)
            carried = torch.baddbmm(now * kept, flat, weight)
        flat = parts.flatten(3)
        into = torch.cat([flat[..., : 2 * state], states * inner], 3)
        rows, states = (some.transpose(0, 1).flatten(1, 2) for some in (flat, before))
        return into, rows.mT @ states, rows.sum(1, keepdim=True)

"""The gated recurrent unit (Cho et al., "Learning Phrase Representations using RNN", EMNLP 2014,
arXiv:1406.1078)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from probekit_plugins.layers.scan import Scan, scan_directions, split_evenly


class GRU(nn.Module):
    """A gated state h, updated by one position after the other; linear in positions.

        r_t = sigmoid(W_r x_t + U_r h_(t-1)), z_t = sigmoid(W_z x_t + U_z h_(t-1))
        n_t = tanh(W_n x_t + r_t * U_n h_(t-1)), h_t = (1 - z_t) * n_t + z_t * h_(t-1)

    h is the output. All maps have a bias. The reset gate r acts after U_n, as in torch, not before it.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        scan: the order of reading (see `scan_directions`); each direction has a unit of its own, which reads
            all channels and computes its share of them.
        causal: read in reading order only.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(
        self, channels: int, size: tuple[int, ...], *, scan: Scan = "both", causal: bool = False
    ) -> None:
        super().__init__()
        directions = scan_directions(scan, size, causal)
        widths = split_evenly(channels, directions)
        used = [(direction, width) for direction, width in zip(directions, widths, strict=True) if width]
        self.directions = [direction for direction, _ in used]
        self.units = nn.ModuleList(nn.GRU(channels, width, batch_first=True) for _, width in used)

    def forward(self, x: Tensor) -> Tensor:
        rows, size = x.flatten(2), x.shape[2:]
        inputs = [direction.reorder(rows, size).mT for direction in self.directions]
        # torch's own kernel is for CUDA; on the CPU it takes three times as many operations for two units
        same_width = len({unit.hidden_size for unit in self.units}) == 1
        if x.device.type == "cpu" and same_width:
            outputs = run_units(list(self.units), inputs)
        else:
            outputs = [unit(unit_input)[0] for unit, unit_input in zip(self.units, inputs, strict=True)]
        restored = (
            direction.restore_order(output.mT, size)
            for direction, output in zip(self.directions, outputs, strict=True)
        )
        return torch.cat(list(restored), 1).reshape_as(x)


def run_units(units: Sequence[Any], rows: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return each torch.nn.GRU's states, (batch, positions, state) each; all units have one size."""
    with torch.autocast(rows[0].device.type, enabled=False):
        dtype = units[0].weight_ih_l0.dtype
        inputs = [
            functional.linear(unit_rows.to(dtype), unit.weight_ih_l0, unit.bias_ih_l0).transpose(0, 1)
            for unit, unit_rows in zip(units, rows, strict=True)
        ]
        weights = torch.stack([unit.weight_hh_l0 for unit in units])
        bias = torch.stack([unit.bias_hh_l0 for unit in units])[:, None]
        h: Tensor = GatedRecurrence.apply(torch.stack(inputs, 1), weights, bias)  # type: ignore[no-untyped-call]
    return h.permute(1, 2, 0, 3).to(rows[0].dtype).unbind()


# torch.compile must not trace it; the decorator torch.compiler.disable takes two seconds to import
run_units._torchdynamo_disable = True  # type: ignore[attr-defined]


class GatedRecurrence(torch.autograd.Function):
    """h <- n + z (h - n), where z, and r in n, are sigmoids of an input and a state, and n is a tanh.

    Args:
        inputs: the input's terms of r, z and n, (positions, units, batch, 3 * state).
        weight: maps a state to its terms, that of n times r, (units, 3 * state, state).
        bias: of the same map, (units, 1, 3 * state).

    Returns:
        All h, (positions, units, batch, state).
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        state = weight.shape[2]
        hidden, gates, new, h = (inputs.new_empty(*inputs.shape[:3], n * state) for n in (3, 2, 1, 1))
        h_last = inputs.new_zeros((*inputs.shape[1:3], state))
        for rz_input, n_input, all_hidden, rz_hidden, n_hidden, rz, r, z, n, h_now in zip(
            inputs[..., : 2 * state], inputs[..., 2 * state :],
            hidden, hidden[..., : 2 * state], hidden[..., 2 * state :],
            gates, gates[..., :state], gates[..., state:], new, h, strict=True,
        ):  # fmt: skip
            torch.baddbmm(bias, h_last, weight.mT, out=all_hidden)
            torch.add(rz_input, rz_hidden, out=rz).sigmoid_()
            torch.addcmul(n_input, r, n_hidden, out=n).tanh_()
            h_last = torch.lerp(n, h_last, z, out=h_now)
        ctx.save_for_backward(weight, hidden, gates, new, h)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weight, hidden, gates, new, h = ctx.saved_tensors
        state = weight.shape[2]
        (r, z), h_before = gates.split(state, 3), torch.cat([torch.zeros_like(h[:1]), h[:-1]])
        # all gradients of a position are those of its state, times these
        n_factor = (1 - z) * (1 - new * new)
        factors = torch.stack(
            [n_factor * hidden[..., 2 * state :] * r * (1 - r), (h_before - new) * z * (1 - z), n_factor * r],
            3,
        )
        grad_h, grad_gates = torch.empty_like(h), torch.empty_like(factors)
        carried = torch.zeros_like(h[0])
        parts = (grad_h, grad_h[..., None, :], gradient, factors, grad_gates, grad_gates.flatten(3), z)
        for grad_now, grad_wide, grad_output, factor, grad_gate, grad_flat, z_now in reversed(
            list(zip(*parts, strict=True))
        ):
            torch.add(grad_output, carried, out=grad_now)
            torch.mul(grad_wide, factor, out=grad_gate)
            carried = torch.baddbmm(grad_now * z_now, grad_flat, weight)
        grad_flat = grad_gates.flatten(3)
        grad_inputs = torch.cat([grad_flat[..., : 2 * state], grad_h * n_factor], 3)
        rows, states = (part.transpose(0, 1).flatten(1, 2) for part in (grad_flat, h_before))
        return grad_inputs, rows.mT @ states, rows.sum(1, keepdim=True)

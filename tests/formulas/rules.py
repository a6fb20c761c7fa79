"""Formulas, as slow loops, of the layers with a state that rules of the last years update."""

from __future__ import annotations

import math

import torch
from direct import Size, Weights
from torch import Tensor

from formulas.parts import in_heads, linear, normed, sigmoid, silu
from formulas.scans import faded, in_order, orders


def centred(column: Tensor, scale: Tensor, eps: float = 1e-5) -> Tensor:
    """Subtract the mean and divide by the standard deviation."""
    column = column - column.mean()
    return column / torch.sqrt((column**2).mean() + eps) * scale


def deltaproduct(
    x: Tensor,
    weights: Weights,
    size: Size,
    heads: int = 2,
    steps: int = 2,
    scan: str = "both",
    gated: bool = False,
    negative: bool = False,
) -> Tensor:
    """Several steps of the delta rule at each position."""
    channels, found = len(x), []
    maps = silu(linear("in_proj", x, weights)).split(channels)
    rates = sigmoid(linear("beta_proj", x, weights)) * (2 if negative else 1)
    for head, order in enumerate(orders(heads, size, scan)):
        q, *kv = (part.chunk(heads)[head] for part in maps)
        left = faded(x, weights, "decay_gate", head) if gated else torch.ones(x.shape[1])
        state, columns = torch.zeros(len(q), len(q), dtype=x.dtype), {}
        for n in order:
            state = left[n] * state
            for step in range(steps):
                key, value = kv[step][:, n], kv[steps + step][:, n]
                key = key / key.norm()
                state = state + rates[step * heads + head, n] * key[:, None] * (value - key @ state)
            columns[n] = normed(q[:, n] @ state / q[:, n].norm(), weights["norm_weight"])
        found.append(in_order(columns))
    return linear("out_proj", torch.cat(found), weights)


def rwkv7(x: Tensor, weights: Weights, size: Size, heads: int = 2, scan: str = "both") -> Tensor:
    """The state as the paper writes it, (values, keys)."""
    r, k, v = linear("in_proj", x, weights).chunk(3)
    rates = sigmoid(linear("a_lora.1", linear("a_lora.0", x, weights), weights))
    hidden = torch.tanh(linear("w_lora.0", x, weights))
    left = torch.exp(-math.exp(-0.5) * sigmoid(linear("w_lora.2", hidden, weights)))
    removed = k * weights["k_k"][:, None]
    k = k * (1 + (rates - 1) * weights["k_a"][:, None])
    parts = [part.chunk(heads) for part in (r, k, v, rates, left, removed)]
    rho, scales, shifts = (weights[name].chunk(heads) for name in ("r_k", "norm_weight", "norm_bias"))
    found = []
    for head, order in enumerate(orders(heads, size, scan)):
        r_head, k_head, v_head, rate, decay, kappa = (part[head] for part in parts)
        state, columns = torch.zeros(len(v_head), len(k_head), dtype=x.dtype), {}
        for n in order:
            unit = kappa[:, n] / kappa[:, n].norm()
            transition = torch.diag(decay[:, n]) - torch.outer(unit, rate[:, n] * unit)
            state = state @ transition + torch.outer(v_head[:, n], k_head[:, n])
            y = state @ r_head[:, n]
            bonus = sum(r_head[:, n] * rho[head] * k_head[:, n]) * v_head[:, n]
            columns[n] = centred(y, scales[head], 64e-5) + shifts[head] + bonus
        found.append(in_order(columns))
    return linear("out_proj", torch.cat(found), weights)


def kda(
    x: Tensor, weights: Weights, size: Size, heads: int = 2, scan: str = "both", negative: bool = False
) -> Tensor:
    """The delta rule whose state decays channel by channel, as a product of matrices."""
    found = []
    maps = silu(linear("in_proj", x, weights)).chunk(3)
    rates = sigmoid(linear("beta_proj", x, weights)) * (2 if negative else 1)
    steps = linear("f_proj.1", linear("f_proj.0", x, weights), weights) + weights["dt_bias"][:, None]
    for head, order in enumerate(orders(heads, size, scan)):
        q, k, v = (part.chunk(heads)[head] for part in maps)
        step = torch.log(1 + torch.exp(steps.chunk(heads)[head]))
        left = torch.exp(-torch.exp(weights["A_log"][head]) * step)
        state, columns = torch.zeros(len(k), len(v), dtype=x.dtype), {}
        for n in order:
            key, rate = k[:, n] / k[:, n].norm(), rates[head, n]
            transition = (torch.eye(len(k)) - rate * torch.outer(key, key)) @ torch.diag(left[:, n])
            state = transition @ state + rate * torch.outer(key, v[:, n])
            columns[n] = normed(q[:, n] @ state / q[:, n].norm(), weights["norm_weight"])
        found.append(in_order(columns))
    return linear("out_proj", torch.cat(found), weights)


def mlstm(x: Tensor, weights: Weights, size: Size, heads: int = 2, scan: str = "both") -> Tensor:
    """The matrix memory without its stabiliser, (values, keys) as in the paper."""
    found = []
    parts = zip(*in_heads(linear("in_proj", x, weights), 3, heads), strict=True)
    inputs, forgets = torch.exp(linear("igate", x, weights)), sigmoid(linear("fgate", x, weights))
    for head, (order, (q, k, v)) in enumerate(zip(orders(heads, size, scan), parts, strict=True)):
        memory, normalizer = torch.zeros(len(v), len(k), dtype=x.dtype), torch.zeros(len(k), dtype=x.dtype)
        columns = {}
        for n in order:
            key = k[:, n] / math.sqrt(len(k))
            memory = forgets[head, n] * memory + inputs[head, n] * torch.outer(v[:, n], key)
            normalizer = forgets[head, n] * normalizer + inputs[head, n] * key
            h = memory @ q[:, n] / torch.clamp(abs(normalizer @ q[:, n]), min=1)
            columns[n] = centred(h, weights["norm_weight"])
        found.append(in_order(columns))
    return linear("out_proj", torch.cat(found) * sigmoid(linear("ogate", x, weights)), weights)


def slstm(x: Tensor, weights: Weights, size: Size, heads: int = 2, scan: str = "both") -> Tensor:
    """The scalar memory without its stabiliser."""
    found = []
    maps = in_heads(linear("in_proj", x, weights), 4, heads)
    for head, order in enumerate(orders(heads, size, scan)):
        terms = [part[head] for part in maps]
        mixing = weights["recurrent_weight"][head].chunk(4, 1)
        h = c = normalizer = torch.zeros(len(terms[0]), dtype=x.dtype)
        columns = {}
        for n in order:
            z, i, f, o = (term[:, n] + h @ mix for term, mix in zip(terms, mixing, strict=True))
            c = sigmoid(f) * c + torch.exp(i) * torch.tanh(z)
            normalizer = sigmoid(f) * normalizer + torch.exp(i)
            h = sigmoid(o) * c / normalizer
            columns[n] = centred(h, weights["norm_weight"])
        found.append(in_order(columns))
    return linear("out_proj", torch.cat(found), weights)


def ttt(
    x: Tensor, weights: Weights, size: Size, heads: int = 2, batch: int = 3, scan: str = "both"
) -> Tensor:
    """Gradient descent, with gradients that torch computes from the loss."""
    found = []
    parts = zip(*in_heads(linear("in_proj", x, weights), 3, heads), strict=True)
    rates = sigmoid(linear("lr_proj", x, weights)) / (len(x) / heads)
    for head, (order, (q, k, v)) in enumerate(zip(orders(heads, size, scan), parts, strict=True)):
        scale, shift = (weights[name][head, 0] for name in ("ttt_norm_weight", "ttt_norm_bias"))
        w, b, columns = weights["W1"][head].T, weights["b1"][head, 0], {}

        def model(
            column: Tensor, w: Tensor, b: Tensor, scale: Tensor = scale, shift: Tensor = shift
        ) -> Tensor:
            return column + centred(w @ column + b, scale, 1e-6) + shift

        for step, n in enumerate(order):
            if step % batch == 0:
                start = (w.requires_grad_(), b.requires_grad_())
            loss = ((model(k[:, n], *start) - v[:, n]) ** 2).sum() / 2
            w_gradient, b_gradient = torch.autograd.grad(loss, start, create_graph=True)
            w, b = w - rates[head, n] * w_gradient, b - rates[head, n] * b_gradient
            columns[n] = centred(model(q[:, n], w, b), weights["norm_weight"])
        found.append(in_order(columns))
    return linear("out_proj", torch.cat(found), weights)


def mamba3(
    x: Tensor, weights: Weights, size: Size, heads: int = 2, state: int = 4, scan: str = "both"
) -> Tensor:
    """The trapezoidal rule with a complex number for each pair of the state."""
    channels, found, half = len(x), [], state // 2
    maps = linear("in_proj", x, weights).split([channels, channels, state, state, heads, heads, heads, half])
    gate, inner, b, c, steps, poles, shares, theta = maps

    def complex_column(part: Tensor, name: str, head: int, n: int) -> Tensor:
        column = normed(part[:, n], weights[f"{name}_norm"]) + weights[f"{name}_bias"][head, 0]
        return torch.complex(column[:half], column[half:])

    for head, order in enumerate(orders(heads, size, scan)):
        u = inner.chunk(heads)[head]
        h = before = torch.zeros(len(u), half, dtype=torch.complex128)
        columns = {}
        for n in order:
            step = torch.log(1 + torch.exp(steps[head, n] + weights["dt_bias"][head]))
            pole = torch.complex(-torch.log(1 + torch.exp(poles[head, n])).expand(half), theta[:, n])
            share = sigmoid(shares[head, n])
            now = torch.outer(u[:, n] + 0j, complex_column(b, "B", head, n))
            h = torch.exp(step * pole) * (h + (1 - share) * step * before) + share * step * now
            read = complex_column(c, "C", head, n)
            columns[n] = (h @ read.conj()).real + weights["D"][head] * u[:, n]
            before = now
        found.append(in_order(columns))
    return linear("out_proj", torch.cat(found) * silu(gate), weights)


def hgrn2(x: Tensor, weights: Weights, size: Size, heads: int = 2, scan: str = "both") -> Tensor:
    """The gate of each channel, which is also its key."""
    found = []
    parts = zip(*in_heads(linear("in_proj", x, weights), 3, heads), strict=True)
    for head, (order, (read, gate, i)) in enumerate(zip(orders(heads, size, scan), parts, strict=True)):
        gamma = sigmoid(weights["lower_bound"][head, 0])
        state, columns = torch.zeros(len(gate), len(i), dtype=x.dtype), {}
        for n in order:
            f = gamma + (1 - gamma) * sigmoid(gate[:, n])
            state = torch.diag(f) @ state + torch.outer(1 - f, i[:, n])
            columns[n] = normed(silu(read[:, n]) @ state, weights["norm_weight"])
        found.append(in_order(columns))
    return linear("out_proj", torch.cat(found), weights)


def forgetting_attention(
    x: Tensor, weights: Weights, size: Size, heads: int = 2, scan: str = "both"
) -> Tensor:
    """Attention in which each step multiplies the weights of all before it."""
    found = []
    parts = zip(*in_heads(linear("in_proj", x, weights), 3, heads), strict=True)
    forgets = sigmoid(linear("fgate", x, weights))
    for head, (order, (q, k, v)) in enumerate(zip(orders(heads, size, scan), parts, strict=True)):
        columns, factors = {}, torch.zeros(0)
        for step, n in enumerate(order):
            seen, factors = order[: step + 1], torch.cat([factors * forgets[head, n], torch.ones(1)])
            shares = factors * torch.exp(q[:, n] @ k[:, seen] / math.sqrt(len(q)))
            columns[n] = v[:, seen] @ shares / shares.sum()
        found.append(in_order(columns))
    return linear("out_proj", torch.cat(found), weights)

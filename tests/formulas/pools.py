"""Formulas, as slow loops, of the layers that say one thing of the whole map, or few, to every position."""

from __future__ import annotations

import math

import torch
from direct import Size, Weights, attention, sites, softmax
from torch import Tensor

from formulas.parts import dense, in_heads, linear, sigmoid


def squeeze_excite(x: Tensor, weights: Weights, size: Size) -> Tensor:
    mean = x.sum(1) / x.shape[1]
    hidden = torch.relu(weights["gate.0.weight"] @ mean + weights["gate.0.bias"])
    gate = sigmoid(weights["gate.2.weight"] @ hidden + weights["gate.2.bias"])
    return torch.stack([gate * x[:, n] for n in range(x.shape[1])], 1)


def gather_excite(x: Tensor, weights: Weights, size: Size, extent: int = 0) -> Tensor:
    places, columns = sites(size), []
    for n, place in enumerate(places):
        block = [
            m
            for m, other in enumerate(places)
            if not extent or all(a // extent == b // extent for a, b in zip(place, other, strict=True))
        ]
        columns.append(x[:, n] * sigmoid(sum(x[:, m] for m in block) / len(block)))
    return torch.stack(columns, 1)


def double_attention(x: Tensor, weights: Weights, size: Size) -> Tensor:
    features, hands = linear("av_proj", x, weights).chunk(2)
    shares = attention(linear("b_proj", x, weights))
    descriptors = [sum(shares[m, n] * features[:, n] for n in range(x.shape[1])) for m in range(len(shares))]
    columns = []
    for n in range(x.shape[1]):
        given = softmax(list(hands[:, n]))
        columns.append(sum(part * one for part, one in zip(given, descriptors, strict=True)))
    return linear("out_proj", torch.stack(columns, 1), weights)


def glore(x: Tensor, weights: Weights, size: Size) -> Tensor:
    shares, features = linear("b_proj", x, weights), linear("theta", x, weights)
    nodes = [
        sum(shares[m, n] * features[:, n] for n in range(x.shape[1])) / x.shape[1] for m in range(len(shares))
    ]
    mixed = [
        sum(weights["adjacency.weight"][m, other] * nodes[other] for other in range(len(nodes)))
        + weights["adjacency.bias"][m]
        for m in range(len(nodes))
    ]
    reasoned = [
        weights["state_update.weight"] @ (node - more) for node, more in zip(nodes, mixed, strict=True)
    ]
    columns = [sum(shares[m, n] * reasoned[m] for m in range(len(nodes))) for n in range(x.shape[1])]
    return linear("out_proj", torch.stack(columns, 1), weights)


def efficient_attention(x: Tensor, weights: Weights, size: Size, heads: int = 2) -> Tensor:
    found = []
    for q, k, v in zip(*in_heads(linear("in_proj", x, weights), 3, heads), strict=True):
        shares = attention(k)
        columns = []
        for n in range(x.shape[1]):
            asks = softmax(list(q[:, n]))
            columns.append(
                sum(
                    ask * sum(shares[c, m] * v[:, m] for m in range(x.shape[1])) for c, ask in enumerate(asks)
                )
            )
        found.append(torch.stack(columns, 1))
    return linear("out_proj", torch.cat(found), weights)


def xca(x: Tensor, weights: Weights, size: Size, heads: int = 2) -> Tensor:
    found = []
    for head, (q, k, v) in enumerate(zip(*in_heads(linear("in_proj", x, weights), 3, heads), strict=True)):
        rows = []
        for c in range(len(q)):
            scores = [
                weights["temperature"][head, 0, 0] * (q[c] @ k[d]) / (q[c].norm() * k[d].norm())
                for d in range(len(k))
            ]
            rows.append(sum(share * v[d] for d, share in enumerate(softmax(scores))))
        found.append(torch.stack(rows))
    return linear("out_proj", torch.cat(found), weights)


def fastformer(x: Tensor, weights: Weights, size: Size, heads: int = 2) -> Tensor:
    found = []
    for head, (q, k, v) in enumerate(zip(*in_heads(linear("in_proj", x, weights), 3, heads), strict=True)):

        def pooled(rows: list[Tensor], name: str, head: int = head) -> Tensor:
            by = weights[name][head]
            shares = softmax([by @ row / math.sqrt(len(by)) for row in rows])
            return sum((share * row for share, row in zip(shares, rows, strict=True)), torch.zeros(()))

        query = pooled(list(q.T), "w_q")
        key = pooled([query * row for row in k.T], "w_k")
        w, b = weights["transform.weight"], weights["transform.bias"]
        found.append(torch.stack([w @ (key * v[:, n]) + b + q[:, n] for n in range(x.shape[1])], 1))
    return linear("out_proj", torch.cat(found), weights)


def perceiver(x: Tensor, weights: Weights, size: Size, heads: int = 2) -> Tensor:
    def cross(name: str, rows: Tensor, others: Tensor) -> Tensor:
        q = linear(f"{name}.q_proj", rows, weights).chunk(heads)
        k, v = in_heads(linear(f"{name}.kv_proj", others, weights), 2, heads)
        read = torch.cat([dense(*parts) for parts in zip(q, k, v, strict=True)])
        return linear(f"{name}.out_proj", read, weights)

    latents = weights["latents"].T
    latents = latents + cross("encode", latents, x)
    latents = latents + cross("process", latents, latents)
    return cross("decode", x, latents)

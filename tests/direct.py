"""The layers' formulas as their papers write them: slow loops that share no code with the layers.

A map is (channels, positions), its positions in the order of `sites(size)`.
`weights` are a layer's parameters by name.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

Size = tuple[int, ...]
Weights = Mapping[str, Tensor]


def sites(size: Size) -> list[tuple[int, ...]]:
    """Return every position's coordinates."""
    return list(itertools.product(*(range(side) for side in size)))


def softmax(scores: list[Tensor]) -> list[Tensor]:
    exponentials = [torch.exp(score) for score in scores]
    return [each / sum(exponentials) for each in exponentials]


def average(x: Tensor, weights: Weights, size: Size) -> Tensor:
    positions = range(x.shape[1])
    mean = sum(x[:, n] for n in positions) / len(positions)
    return torch.stack([mean for _ in positions], 1)


def global_context(x: Tensor, weights: Weights, size: Size) -> Tensor:
    """Cao et al. 2020: the global context block without its skip."""
    w, positions = weights, range(x.shape[1])
    shares = softmax([w["attention.weight"][0] @ x[:, n] + w["attention.bias"][0] for n in positions])
    context = sum(share * x[:, n] for share, n in zip(shares, positions, strict=True))
    hidden = w["transform.0.weight"] @ context + w["transform.0.bias"]
    centred = hidden - sum(hidden) / len(hidden)
    normed = centred / torch.sqrt(sum(centred**2) / len(hidden) + 1e-5)
    hidden = torch.relu(normed * w["transform.1.weight"] + w["transform.1.bias"])
    y = w["transform.3.weight"] @ hidden + w["transform.3.bias"]
    return torch.stack([y for _ in positions], 1)


def table(size: Size, frequencies: int = 32) -> Tensor:
    """P (channels, positions): cos x, sin x, cos y, sin y of each frequency; x is the last coordinate."""
    per_axis = 2 * frequencies
    columns = []
    for site in sites(size):
        column = []
        for c in range(1, per_axis // 2 + 1):
            for n in reversed(site):
                column += [math.cos(2 * math.pi * c / (2 * per_axis) * n)]
                column += [math.sin(2 * math.pi * c / (2 * per_axis) * n)]
        columns.append(column)
    return torch.tensor(columns, dtype=torch.float64).T


def attention(scores: Tensor) -> Tensor:
    """Softmax over positions of (keys, positions)."""
    return torch.stack([torch.stack(softmax(list(row))) for row in scores])


def per_position(matrix: Tensor, x: Tensor, bias: Tensor | None = None) -> Tensor:
    columns = [matrix @ x[:, n] for n in range(x.shape[1])]
    return torch.stack(columns if bias is None else [column + bias for column in columns], 1)


def lambda_(x: Tensor, weights: Weights, size: Size, heads: int = 1, bands: int = 0) -> Tensor:
    """Courtois et al. 2022, section 5.2; with `summary` among the weights Lambda + TT, with bands Decor."""
    channels, positions = x.shape
    keys, width = len(weights["key.weight"]) // heads, channels // heads
    p = table(size) if bands else None
    rows = []
    for head in range(heads):
        k, v = slice(head * keys, (head + 1) * keys), slice(head * width, (head + 1) * width)
        query = per_position(weights["query.weight"][k], x, weights["query.bias"][k])
        value = per_position(weights["value.weight"][v], x, weights["value.bias"][v])
        kbar = attention(per_position(weights["key.weight"][k], x))
        if "summary.weight" in weights:
            first = per_position(weights["summary.weight"][k], x, weights["summary.bias"][k])
            bias = weights["compare.bias"][k] if "compare.bias" in weights else None
            compared = per_position(weights["compare.weight"][k], x, bias)
            summaries = sum(torch.outer(kbar[:, n], first[:, n]) for n in range(positions))
            kbar = attention(per_position(summaries, compared))
        content = sum(torch.outer(kbar[:, n], value[:, n]) for n in range(positions))
        for o in range(width):
            row = torch.stack([content[:, o] @ query[:, n] for n in range(positions)])
            if p is not None:
                a = (
                    weights["encoding.projection"][head, o]
                    if "encoding.projection" in weights
                    else torch.eye(keys)[o]
                )
                wide = len(p) // bands
                band = (head * width + o) * bands // channels
                for c in range(band * wide, (band + 1) * wide):
                    row = row + sum(a[m] * (kbar[m] @ p[c]) for m in range(keys)) * p[c]
            rows.append(row)
    return torch.stack(rows)


def taps(dims: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Return the index and the displacement (dy, dx) or (dx,) of every tap of a kernel of side 7."""
    return enumerate(itertools.product(range(-3, 4), repeat=dims))


def deformable(x: Tensor, plan: Tensor, weight: Tensor, bias: Tensor, size: Size) -> Tensor:
    """Zhu et al. 2019, equation 1, depthwise, reading x with the bilinear kernel of Dai et al. 2017.

    plan: (numbers, positions), as DeformableDepthwise orders them. weight: (channels, taps).
    """
    dims = len(size)
    grid = torch.tensor(sites(size), dtype=torch.float64)  # (positions, dims)
    columns = []
    for n, site in enumerate(sites(size)):
        y = bias
        for t, displacement in taps(dims):
            row, column = divmod(t, 7)
            dx = plan[row * 7 * dims + column, n]
            offset = [plan[row * 14 + 7 + column, n], dx] if dims == 2 else [dx]
            mask = 1 / (1 + torch.exp(-plan[dims * 7**dims + t, n]))
            kernel = torch.ones(len(grid), dtype=torch.float64)
            for axis in range(dims):
                place = site[axis] + displacement[axis] + offset[axis]
                kernel = kernel * (1 - (grid[:, axis] - place).abs()).clamp(min=0)
            y = y + weight[:, t] * mask * (x @ kernel)
        columns.append(y)
    return torch.stack(columns, 1)


def heads_of(x: Tensor, weights: Weights, heads: int, maps: int) -> list[list[Tensor]]:
    """For each head its maps (positions, channels of the head), as `layers.attention` orders their rows."""
    width = len(x) // heads
    rows = per_position(weights["in_proj.weight"], x, weights["in_proj.bias"]).T
    starts = [[one * len(x) + head * width for one in range(maps)] for head in range(heads)]
    return [[rows[:, start : start + width] for start in each] for each in starts]


def joined(parts: list[Tensor], weights: Weights) -> Tensor:
    y = torch.cat(parts, 1).T
    return (
        per_position(weights["out_proj.weight"], y, weights["out_proj.bias"])
        if "out_proj.weight" in weights
        else y
    )


def weighed(q: Tensor, k: Tensor, v: Tensor, seen: list[list[int]] | None = None) -> Tensor:
    """Attention of each query to the keys it sees, all of them by default."""
    rows = []
    for n, query in enumerate(q):
        among = range(len(k)) if seen is None else seen[n]
        shares = softmax([query @ k[m] / math.sqrt(len(query)) for m in among])
        rows.append(sum(share * v[m] for share, m in zip(shares, among, strict=True)))
    return torch.stack(rows)


def transformer(x: Tensor, weights: Weights, size: Size, heads: int) -> Tensor:
    """Vaswani et al. 2017, section 3.2."""
    return joined([weighed(q, k, v) for q, k, v in heads_of(x, weights, heads, 3)], weights)


def linformer(x: Tensor, weights: Weights, size: Size, heads: int) -> Tensor:
    """Wang et al. 2020, equation 7."""
    few = weights["projection"]
    parts = heads_of(x, weights, heads, 3)
    return joined([weighed(q, e @ k, e @ v) for e, (q, k, v) in zip(few, parts, strict=True)], weights)


def nystrom(x: Tensor, weights: Weights, size: Size, heads: int, landmarks: int) -> Tensor:
    """Xiong et al. 2021, equations 11 to 14."""
    rows = []
    for q, k, v in heads_of(x, weights, heads, 3):
        n, m = len(q), min(landmarks, len(q))
        cuts = [range(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]
        q_few, k_few = (
            torch.stack([sum(each[i] for i in cut) / len(cut) for cut in cuts]) for each in (q, k)
        )
        scale = math.sqrt(q.shape[1])
        a = attention(q_few @ k_few.T / scale)
        z = a.T / (max(sum(row) for row in a) * max(sum(column) for column in a.T))
        one = torch.eye(m)
        for _ in range(6):
            z = z @ (13 * one - a @ z @ (15 * one - a @ z @ (7 * one - a @ z))) / 4
        rows.append(attention(q @ k_few.T / scale) @ z @ attention(q_few @ k.T / scale) @ v)
    return joined(rows, weights)


def reformer(x: Tensor, weights: Weights, size: Size, heads: int, bucket: int) -> Tensor:
    """Kitaev et al. 2020, section 2: the chunks of each round, one at a time."""
    parts = []
    for head, (q, v) in enumerate(heads_of(x, weights, heads, 2)):
        k = torch.stack([row / row.norm() for row in q])
        totals, rows = [], []
        for turn in weights["rotations"][head]:
            sides = [[torch.cat([row @ one, -(row @ one)]).argmax().item() for one in turn] for row in q]
            order = sorted(range(len(q)), key=lambda n: (sides[n], n))
            chunks = [order[i : i + bucket] for i in range(0, len(order), bucket)]
            total, row = [0.0] * len(q), [x[0]] * len(q)
            for i, chunk in enumerate(chunks):
                for n in chunk:
                    around = chunk + (chunks[i - 1] if len(chunks) > 1 else [])
                    seen = [m for m in around if m != n] or [n]
                    scores = [torch.exp(q[n] @ k[m] / math.sqrt(q.shape[1])) for m in seen]
                    total[n] = sum(scores)
                    row[n] = sum(score * v[m] for score, m in zip(scores, seen, strict=True))
            totals.append(total)
            rows.append(row)
        merged = [
            sum(row[n] for row in rows) / sum(total[n] for total in totals) for n in range(len(q))
        ]  # each round's mean weighed by its sum of exponentials
        parts.append(torch.stack(merged))
    return joined(parts, weights)


def mixer(x: Tensor, weights: Weights, size: Size) -> Tensor:
    """Tolstikhin et al. 2021, equation 1, its first line without norm and skip."""
    rows = []
    for row in x:
        hidden = weights["token_mixing.0.weight"] @ row + weights["token_mixing.0.bias"]
        hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
        rows.append(weights["token_mixing.2.weight"] @ hidden + weights["token_mixing.2.bias"])
    return torch.stack(rows)

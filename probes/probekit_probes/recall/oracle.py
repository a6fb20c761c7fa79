"""The oracle finds each key where a value follows it; it knows no generator."""

from __future__ import annotations

import torch
from torch import Tensor

from probekit_probes.words import answers_of, tokens_of


def read(inputs: Tensor, keys: int, values: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return answers (batch, values, length), which positions ask, and how often their key has a value, both
    (batch, length)."""
    tokens = tokens_of(inputs)
    is_key, is_value = (tokens > 0) & (tokens <= keys), tokens > keys
    following = torch.roll(is_value, -1, 1)
    following[:, -1] = False
    paired, asks = is_key & following, is_key & ~following
    same = (tokens[:, :, None] == tokens[:, None, :]) & asks[:, :, None] & paired[:, None, :]
    value = torch.roll(tokens, -1, 1) - keys - 1
    found = (same * value[:, None, :]).amax(2)
    return answers_of(found, asks, values), asks, same.sum(2)

"""Pieces: which rectangles an occluder cuts in two or more."""

from __future__ import annotations

import torch
from torch import Tensor

from probekit_probes.nonlocality.palette import RGB, palette_indices


def is_in_pieces(inputs: Tensor) -> Tensor:
    """Return which colours show more than one 4-connected piece, (batch, 10) bool."""
    cells = drop_repeated_rows(drop_repeated_rows(palette_indices(inputs)).transpose(1, 2))
    masks = torch.stack([cells == colour for colour in range(1, len(RGB))], dim=1)
    flat = masks.flatten(2)
    piece = (
        torch.zeros_like(flat).scatter_(2, flat.int().argmax(2, keepdim=True), True).view_as(masks) & masks
    )
    while True:
        grown = piece.clone()
        grown[..., 1:, :] |= piece[..., :-1, :]
        grown[..., :-1, :] |= piece[..., 1:, :]
        grown[..., 1:] |= piece[..., :-1]
        grown[..., :-1] |= piece[..., 1:]
        grown &= masks
        if torch.equal(grown, piece):
            return (piece != masks).flatten(2).any(2)
        piece = grown


def drop_repeated_rows(cells: Tensor) -> Tensor:
    """Drop each row that repeats the one before, and pad with the last row; this keeps connectedness.

    Shape:
        (batch, rows, columns) -> (batch, at most rows, columns)
    """
    is_new = torch.ones(cells.shape[:2], dtype=torch.bool, device=cells.device)
    is_new[:, 1:] = (cells[:, 1:] != cells[:, :-1]).any(2)
    rank = is_new.int().cumsum(1)
    ranks = torch.arange(1, int(rank.max()) + 1, device=cells.device).expand(len(cells), -1).contiguous()
    row = torch.searchsorted(rank, ranks.int()).clamp(max=cells.shape[1] - 1)
    return cells.gather(1, row[:, :, None].expand(-1, -1, cells.shape[2]))

"""Features describe a scored position by integers: its window, counts over its item, its coordinates."""

from __future__ import annotations

from itertools import product
from math import isqrt
from typing import TYPE_CHECKING

from probekit.battery.form import NotApplicable
from probekit.battery.learners import hash_features
from probekit.battery.view import Rows, View

if TYPE_CHECKING:
    from torch import Tensor

NARROW = 8
"""Greatest height of a narrow map."""
PATCHES = 64
"""How many of the most frequent patches are counted."""
MAX_COUNTS = 512
"""Greatest number of counts that describe an item."""
MAX_WIDTH = 1024
"""Greatest number of values of an item that a forest reads one by one."""

Offsets = list[tuple[int, ...]]


def square_offsets(dims: int, radius: int) -> Offsets:
    """Return the offsets of a window, those near its centre first."""
    offsets = list(product(range(-radius, radius + 1), repeat=dims))
    return sorted(offsets, key=lambda offset: max(map(abs, offset)))


def square_levels(count: int) -> list[int]:
    """Return how many offsets the smaller windows have, largest first, for a window with `count` offsets."""
    side = isqrt(count)
    sides = range(side, 0, -2) if side % 2 and side * side == count else range(count, 0, -2)
    return [width * width if side * side == count and side % 2 else width for width in sides]


def past_offsets(length: int) -> Offsets:
    """Return the offsets of a position and those before it."""
    return [(-step,) for step in range(length)]


def read_window(view: View, rows: Rows, offsets: Offsets) -> Tensor:
    """Return the symbols at offsets from each row, (rows, offsets) int64; one more beyond the border."""
    return read_offsets(view.tokens, rows, offsets, view.form.symbols)


def read_offsets(tokens: Tensor, rows: Rows, offsets: Offsets, border: int) -> Tensor:
    """Return the tokens at offsets from each row, (rows, offsets) int64, `border` outside of the map."""
    import torch
    from torch.nn import functional

    dims = tokens.ndim - 1
    margin = max(abs(step) for offset in offsets for step in offset)
    padded = functional.pad(tokens, (margin,) * (2 * dims), value=border)
    item, *position = rows
    columns = [
        padded[(item, *(axis + margin + step for axis, step in zip(position, offset, strict=True)))]
        for offset in offsets
    ]
    return torch.stack(columns, 1)


def read_column(view: View, rows: Rows) -> Tensor:
    """Return the coordinate along the height and the full-height column of each row, (rows, 1 + height)."""
    import torch

    require_narrow(view)
    item, y, x = rows
    return torch.cat([y[:, None], view.tokens[item, :, x]], 1)


def require_narrow(view: View) -> None:
    """Check that the items are narrow maps.

    Raises:
        NotApplicable: They are not.
    """
    size = view.form.size
    if len(size) != 2 or size[0] > NARROW:
        raise NotApplicable(f"items of size {' x '.join(map(str, size))} are not maps at most {NARROW} high")


def count_tokens(tokens: Tensor, symbols: int) -> Tensor:
    """Count each symbol in each item, (items, symbols) int64."""
    import torch

    flat = tokens.flatten(1)
    item = torch.arange(len(flat))[:, None]
    return torch.bincount((item * symbols + flat).flatten(), minlength=len(flat) * symbols).view(-1, symbols)


def read_counts(view: View, rows: Rows) -> Tensor:
    """Return each row's own symbol and the counts of all symbols in its item."""
    return join(read_window(view, rows, [(0,) * len(view.form.size)]), item_counts(view)[rows[0]])


def item_counts(view: View) -> Tensor:
    """Return the counts of all symbols in each item, (items, symbols)."""
    return count_tokens(view.tokens, view.form.symbols)


def read_line_counts(view: View, rows: Rows) -> Tensor:
    """Return each row's own symbol and height, and the counts of all symbols in each line of its map."""
    size, symbols = view.form.size, view.form.symbols
    if len(size) != 2:
        raise NotApplicable("items are not maps")
    if size[0] * symbols > MAX_COUNTS:
        raise NotApplicable(f"more than {MAX_COUNTS} counts describe the lines of an item")
    counts = count_tokens(view.tokens.flatten(0, 1), symbols).view(len(view), -1)
    own_symbol = read_window(view, rows, [(0, 0)])
    return join(own_symbol, rows[1][:, None], counts[rows[0]])


def read_prefix_counts(view: View, rows: Rows) -> Tensor:
    """Return the counts of all symbols from the start of a sequence to each row, (rows, symbols)."""
    from torch.nn import functional

    require_sequences(view)
    item, position = rows
    counts = functional.one_hot(view.tokens, view.form.symbols).cumsum(1)
    return counts[item, position]


def read_item(view: View, rows: Rows) -> Tensor:
    """Return each row's coordinates and all symbols of its item, or its channels if there are too many."""
    values = view.inputs if view.form.codes is None else view.tokens
    flat = values.flatten(1)
    if flat.shape[1] > MAX_WIDTH:
        raise NotApplicable(f"an item has {flat.shape[1]:,} values, more than {MAX_WIDTH:,}")
    return join(read_coordinates(view, rows), flat[rows[0]])


def require_sequences(view: View) -> None:
    """Check that the items are sequences.

    Raises:
        NotApplicable: They are not.
    """
    if len(view.form.size) != 1:
        raise NotApplicable("items are not sequences")


def read_length(view: View, rows: Rows) -> Tensor:
    """Return each row's coordinates and how many positions of its item are not background."""
    import torch

    counts = item_counts(view)
    background = int(counts.sum(0).argmax())
    occupied = counts.sum(1) - counts[:, background]
    return torch.stack([occupied[rows[0]], *rows[1:]], 1)


def read_coordinates(view: View, rows: Rows) -> Tensor:
    """Return each row's coordinates."""
    import torch

    return torch.stack(rows[1:], 1)


def encode_patches(view: View, offsets: Offsets | None) -> Tensor:
    """Return a number for the patch at each position, (items, *size) int64.

    Args:
        view: The items.
        offsets: The offsets of a patch; None for full-height columns, (items, width).
    """
    import torch

    if offsets is None:
        require_narrow(view)
        return hash_features(view.tokens.mT.flatten(0, 1)).view(len(view), -1)
    everywhere = torch.ones_like(view.tokens, dtype=torch.bool).nonzero(as_tuple=True)
    windows = read_window(view, everywhere, offsets)
    crosses_border = (windows == view.form.symbols).any(1)
    # all patches at the border are alike, because they would tell places apart
    return hash_features(windows).masked_fill(crosses_border, 0).view(view.tokens.shape)


class PatchBag:
    """Describes a row by its own patch and the counts of the most frequent patches in its item.

    Args:
        offsets: The offsets of a patch by number of dimensions; None for full-height columns.
        as_set: Describe an item by one number for the set of its patches, which suits a table.
    """

    def __init__(self, offsets: dict[int, Offsets] | None, as_set: bool = False) -> None:
        self.offsets, self.as_set = offsets, as_set
        self.frequent: Tensor | None = None

    def __call__(self, view: View, rows: Rows) -> Tensor:
        import torch

        dims = len(view.form.size)
        codes = encode_patches(view, self.offsets[dims] if self.offsets else None)
        if self.frequent is None:  # the first call is on training items
            values, counts = torch.unique(codes, return_counts=True)
            self.frequent = values[counts.argsort(descending=True)[:PATCHES]].sort().values
        index = torch.searchsorted(self.frequent, codes).clamp(max=len(self.frequent) - 1)
        index = torch.where(self.frequent[index] == codes, index, len(self.frequent))
        counts = count_tokens(index, len(self.frequent) + 1)
        if self.as_set:
            counts = hash_features((counts > 0).long())[:, None]
        item, *position = rows
        if self.offsets:
            own_patch = index[(item, *position)][:, None]
        else:
            own_patch = torch.stack([index[item, position[1]], position[0]], 1)
        return join(own_patch, counts[item])


def join(*blocks: Tensor) -> Tensor:
    """Return the features of several blocks as one."""
    import torch

    return torch.cat(blocks, 1)

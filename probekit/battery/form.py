"""The form of a probe's items: classes or numbers, the symbols of positions, the answers shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

MAX_SYMBOLS = 256
"""Greatest number of different inputs at one position that are told apart as symbols."""


class NotApplicable(Exception):
    """A solver does not apply to the form of a probe; the message says why."""


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a probe's items, learned from training items.

    Attributes:
        classes: Number of classes; 0 if the targets are numbers.
        outputs: Number of output channels.
        size: Sides of an item.
        codes: Sorted codes of the different inputs at one position; None if there are too many.
        shown_channels: The first and the last (exclusive) of the input channels that show answers, if any.
        centre: The average of numbers that scores best as a constant.
        pooled: Whether an item has one answer, which stands at its first position.
    """

    classes: int
    outputs: int
    size: tuple[int, ...]
    codes: Tensor | None = None
    shown_channels: tuple[int, int] | None = None
    centre: Literal["mean", "median"] = "mean"
    pooled: bool = False

    @property
    def symbols(self) -> int:
        """Number of different inputs at one position, one more for all that training did not show."""
        if self.codes is None:
            raise NotApplicable(f"positions hold more than {MAX_SYMBOLS} different inputs")
        return len(self.codes) + 1


def learn_form(inputs: Tensor, targets: Tensor, pooled: bool = False) -> Form:
    """Learn the form of items from training items; pooled answers are at the first position."""
    import torch

    total = targets.sum(1)
    is_binary = bool(((targets == 0) | (targets == 1)).all())
    is_classes = targets.shape[1] > 1 and is_binary and bool((total <= 1).all()) and bool(total.any())
    codes: Tensor = torch.unique(encode_inputs(inputs))
    return Form(
        targets.shape[1] if is_classes else 0,
        targets.shape[1],
        tuple(inputs.shape[2:]),
        codes if len(codes) <= MAX_SYMBOLS else None,
        find_shown_channels(inputs, targets) if is_classes and not pooled else None,
        pooled=pooled,
    )


def find_shown_channels(inputs: Tensor, targets: Tensor) -> tuple[int, int] | None:
    """Find input channels that show, at some positions, the one-hot answer.

    Where the target has answers everywhere, they must agree with it. Where it has answers at the masked
    positions only, they must be empty there.
    """
    classes = targets.shape[1]
    has_answer = targets.sum(1) > 0
    for start in range(inputs.shape[1] - classes, -1, -1):
        block = inputs[:, start : start + classes]
        total = block.sum(1)
        is_used = block.transpose(0, 1).flatten(1).any(1).all()
        if not bool(((block == 0) | (block == 1)).all() & (total <= 1).all() & is_used):
            continue
        is_shown = total > 0
        both = is_shown & has_answer
        if bool(both.all()):
            continue
        agrees = bool(((block * targets).sum(1) == total)[both].all())
        if agrees and bool((is_shown & ~both).any() | both.any()):
            return start, start + classes
    return None


def encode_inputs(inputs: Tensor) -> Tensor:
    """Return a number that identifies the input at each position, (items, *size) int64."""
    import torch

    weights = torch.rand(inputs.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mixed = torch.tensordot(inputs.double(), weights, dims=([1], [0]))
    codes: Tensor = (mixed * 1e9).round().long()
    return codes

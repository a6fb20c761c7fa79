"""The metric of codes: accuracy on the masked positions (Courtois et al. 2022, section 5.3)."""

from __future__ import annotations

from torch import Tensor

from probekit.plugin.axis import Axis
from probekit.plugin.interfaces import Metric


def find_masked(inputs: Tensor) -> Tensor:
    """Return which positions of inputs (batch, 3 + classes, size) show no code, (batch, size) bool."""
    return (inputs[:, 3:] == 0).all(1)


def masked_accuracy(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return the share of masked positions whose code is correct, (batch,); NaN if an item masks none."""
    mask = find_masked(inputs)
    correct = (output.argmax(1) == target.argmax(1)) & mask
    return correct.sum(1) / mask.sum(1)


def accuracy_everywhere(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return the share of positions whose code is correct, (batch,) float32."""
    return (output.argmax(1) == target.argmax(1)).float().mean(1)


def is_code_correct(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return whether each masked position is correct, (batch, size) float32; NaN where a code is shown."""
    correct = (output.argmax(1) == target.argmax(1)).float()
    return correct.where(find_masked(inputs), float("nan"))


def match_colours(inputs: Tensor) -> Tensor:
    """Return which two positions have the same colour, (batch, size, size) bool."""
    colours = inputs[:, :3].mT.contiguous()
    return (colours[:, :, None] == colours[:, None, :]).all(3)


def count_shown_codes(inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the number of positions that show the code of each position's colour, (batch, size) float32."""
    return (match_colours(inputs) & ~find_masked(inputs)[:, None, :]).sum(2).float()


def count_colours(inputs: Tensor) -> Tensor:
    """Return the number of different colours of each item, (batch,) float32."""
    return (1 / match_colours(inputs).sum(2)).sum(1).round()


COLOURS = Axis(
    "colours",
    "colours",
    "Accuracy on the masked positions, by the number of colours that have to be kept apart",
    lambda inputs, targets: count_colours(inputs),
    masked_accuracy,
    "higher",
    (4, 8, 16, 32, 64, 128),
    (0.0, 1.0),
)
SHOWN = Axis(
    "shown",
    "codes",
    "Accuracy on the masked positions, by the number of positions that show the code of their colour",
    count_shown_codes,
    is_code_correct,
    "higher",
    (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48),
    (0.0, 1.0),
)


def make_accuracy(classes: int, colours: int | None = None, everywhere: bool = False) -> Metric:
    """Return the accuracy metric; chance is 1 / classes.

    Args:
        classes: number of codes.
        colours: if given, only items with so many colours count.
        everywhere: count all positions.
    """
    measure = accuracy_everywhere if everywhere else masked_accuracy

    def score(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
        accuracy = measure(output, target, inputs)
        if colours is None:
            return accuracy
        return accuracy.where(count_colours(inputs) == colours, float("nan"))

    about = f"Accuracy on {'all' if everywhere else 'the masked'} positions" + (
        f" of items with {colours} colours" if colours else ""
    )
    return Metric("accuracy", "higher", 1.0, score, about, chance=1 / classes, gap="gap", bounds=(0.0, 1.0))

"""The grouping probe: do positions of the same colour share information?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Claim, Control, Probe, Published, Scale, Shape, Split, Symmetry
from probekit_probes.grouping import controls
from probekit_probes.grouping.assignments import DISTANCE, LEVELS, Design
from probekit_probes.grouping.dataset import ColourCodes
from probekit_probes.grouping.metrics import COLOURS, SHOWN, make_accuracy
from probekit_probes.grouping.oracle import read_codes
from probekit_probes.grouping.pairs import FEWEST
from probekit_probes.grouping.published import CLAIMS, ROWS
from probekit_probes.grouping.scales import SCALES
from probekit_probes.shipped_certificates import ShippedCertificates

PATIENCE = 4


class Grouping(Probe):
    """Predict the code of every position's colour; half of the positions show it.

    Inputs: float32 (3 + classes, size), RGB in [0, 1] and the code as one-hot channels, all zero where
    masked. Targets: float32 (classes, size), the code of every position as one-hot channels. Outputs: logits
    of the codes. The loss covers all positions, as in the paper; the metric counts only the masked ones.

    Each position's colour, each colour's code and the mask (one position in two) are drawn independently. An
    item is kept if each colour present shows a code and its colours differ pairwise by at least 8 of 256
    levels in some channel, so no item is ambiguous.

    A coarse memory has a part of the property. At scale quick, a decision tree that cuts the colours of an
    item into 16 boxes gets 0.77 of the masked positions right. It is named in `solved_by` and is no floor, so
    a score up to there shows no more than such a memory.

    Source: the Color Code dataset of Courtois et al. 2022, sections 3.3 and 5.3. Learning rate, batch size,
    epochs and the number of classes are ours.

    Args:
        size: number of positions.
        colours: number of colours of an item, drawn from 256^3.
        classes: number of codes.
        paired: draw items of few to many colours: half of them have `colours`, the others half as many and so
            on, at least four. Colours come in pairs that differ by 12 to 24 of 256 levels and have unlike
            codes, and each colour is shown and masked at least once. The accuracy counts only items with
            `colours` colours; the curve shows the others.
        iid_mask: keep every item, as the paper does. A share (1 - 1 / (2 colours))^(size - 1) of the masked
            positions then has a code that the item never shows and that can only be guessed: with 128
            positions, ten colours and three classes the ceiling is 99.90 % of the masked positions.
        easy: show the code at every position, and count all of them. Everything else stays the same, so a
            structure that fails here too does not fail because of grouping.
        train: number of training items.
        validation: number of validation items.
        test: number of test items.

    Raises:
        UsageError: if nearly every item would be rejected, or the parameters contradict each other.
    """

    property = "grouping"
    version = 2
    added_parameters = ("easy",)
    structure = "plain(depth=3)"
    symmetry: Symmetry = "permutation"
    solved_by: Mapping[str, str] = {
        "nearest neighbour in the item": "comparing every two positions by their colour is grouping",
        "codebook of 512 cells": "a memory with 512 cells keeps most of 64 colours apart",
        "tree of 16 leaves in the item": "15 cuts and 16 codes are a memory of 46 numbers, more than half "
        "as many as there are colours",
    }
    golden: Mapping[int, str] = {2: "74a17228f7411edb"}
    certificates: Mapping[str, Mapping[str, Any]] = ShippedCertificates("grouping")
    scales: Mapping[str, Scale] = SCALES
    published: tuple[Published, ...] = ROWS
    claims: tuple[Claim, ...] = CLAIMS

    def __init__(
        self,
        *,
        size: Annotated[int, Field(ge=2)] = 128,
        colours: Annotated[int, Field(ge=2, le=LEVELS)] = 10,
        classes: Annotated[int, Field(ge=2, le=LEVELS)] = 3,
        paired: bool = False,
        iid_mask: bool = False,
        easy: bool = False,
        train: PositiveInt = 20_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 10_000,
    ) -> None:
        if not iid_mask and Design(size, colours, classes, paired=paired).flaws > PATIENCE:
            feasible = [
                n for n in range(2, colours) if Design(size, n, classes, paired=paired).flaws <= PATIENCE
            ]
            raise UsageError(
                f"grouping(size={size}, colours={colours})",
                "nearly every item has a colour that shows no code, or two similar colours",
                f"Type colours={max(feasible, default=2)} or fewer, or a larger size.",
            )
        if paired and (iid_mask or colours % 2 or colours < FEWEST or size < 2 * colours):
            raise UsageError(
                f"grouping(size={size}, colours={colours}, paired=true)",
                "pairs need an even number of colours, four or more, twice as many positions and no iid_mask",
                f"Type paired=false, or colours={max(FEWEST, colours // 2 * 2)} and size={2 * colours}.",
            )
        self.design = Design(size, colours, classes, iid_mask, paired, easy)
        self.axis = None if easy else COLOURS if paired else SHOWN
        self.lengths = {"train": train, "validation": validation, "test": test}
        self.shape = Shape(3 + classes, classes, (size,))
        self.metrics = (make_accuracy(classes, colours if paired else None, easy),)

    def data(self, split: Split, seed: int) -> ColourCodes:
        """Return a split; `seed` changes only the training split, `version` fixes the other two."""
        return ColourCodes(self.design, split, seed if split == "train" else 0, self.lengths[split])

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the cross-entropy, a mean over all positions."""
        return functional.cross_entropy(output, target)

    def answer(self, output: Tensor) -> Tensor:
        """Return the predicted codes, in the form of the target."""
        return functional.one_hot(output.argmax(1), output.shape[1]).mT.float()

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact codes from the input alone, (batch, classes, size); the first class if unknown."""
        return read_codes(inputs).codes

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return the rules that prove an input to have one answer, (batch,) bool each."""
        reading = read_codes(inputs)
        return {
            "each colour shows a code": reading.is_shown.all(1),
            "no colour shows two": reading.is_consistent,
            "colours keep their distance": reading.distance >= DISTANCE,
        }

    def ceiling(self, inputs: Tensor) -> Tensor:
        """Return the expected accuracy of the best solver on each input, (batch,) float32.

        It guesses a masked code that the input never shows. NaN if nothing is masked.
        """
        reading = read_codes(inputs)
        expected = (reading.is_shown + ~reading.is_shown / self.design.classes) * reading.masked
        return expected.sum(1) / reading.masked.sum(1)

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return statistics of the inputs, (batch,) each."""
        reading = read_codes(inputs)
        hidden = (reading.masked & ~reading.is_shown).sum(1)
        return {"masked positions": reading.masked.sum(1), "of them with an unknown code": hidden}

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that keep a summary of the item, or see each position alone."""
        summaries: Mapping[str, Control] = {
            "4 moments": controls.Polynomial(1),
            "10 moments": controls.Polynomial(2),
            "20 moments": controls.Polynomial(3),
            "64 cells": controls.Cells(4),
        }
        return {
            "bag of codes": controls.BagOfCodes(),
            **(summaries if self.design.paired else {}),
            "pointwise": controls.build_pointwise,
        }

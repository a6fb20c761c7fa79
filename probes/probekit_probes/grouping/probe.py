"""The grouping probe: does what is alike share what it knows?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.errors import UsageError
from probekit.interfaces import Claim, Control, Published, Scale, Shape, Split, Symmetry
from probekit_probes.certified import Certified
from probekit_probes.grouping import controls
from probekit_probes.grouping.assignments import DISTANCE, LEVELS, Design
from probekit_probes.grouping.dataset import ColourCodes
from probekit_probes.grouping.metrics import SHOWN, accuracy
from probekit_probes.grouping.oracle import read
from probekit_probes.grouping.published import CLAIMS, ROWS
from probekit_probes.grouping.scales import SCALES

PATIENCE = 4


class Grouping:
    """Tell every position the code of its colour, which half of the positions show.

    Inputs: float32 (3 + classes, size), RGB in [0, 1] and the code as one-hot channels, all zero where
    masked; targets: float32 (classes, size), the code of every position as one-hot channels. Outputs: logits
    of the codes. The loss covers all positions, those whose code is shown too, as the ground truth of the
    paper does; the metric counts the masked ones alone. Each position's colour, each colour's code and what
    is masked (one in two) are drawn independently, then kept if each colour present shows a code and two
    colours differ by 8 of 256 levels in some channel: so no item is ambiguous. Source: the Color Code dataset
    of Courtois et al. 2022, sections 3.3 and 5.3; rate, batch, epochs and the number of classes are ours.

    size: positions. colours: of an item, from 256^3. classes: of codes. iid_mask: keep all that is drawn, as
    the paper does; a share (1 - 1 / (2 colours))^(size - 1) of the masked positions then shows its code
    nowhere and can but be guessed: the ceiling is 99.90 % of the masked positions with 128 positions, ten
    colours and three classes. train, validation, test: items. Raises UsageError where hardly an item would be
    kept.
    """

    property = "grouping"
    version = 1
    structure = "plain(depth=3)"
    symmetry: Symmetry = "permutation"
    axis = SHOWN
    golden: Mapping[int, str] = {1: "90885a4dc6171f93"}
    certificates: Mapping[str, Mapping[str, Any]] = Certified("grouping")
    scales: Mapping[str, Scale] = SCALES
    published: tuple[Published, ...] = ROWS
    claims: tuple[Claim, ...] = CLAIMS

    def __init__(
        self,
        *,
        size: Annotated[int, Field(ge=2)] = 128,
        colours: Annotated[int, Field(ge=2, le=LEVELS)] = 10,
        classes: Annotated[int, Field(ge=2, le=LEVELS)] = 3,
        iid_mask: bool = False,
        train: PositiveInt = 20_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 10_000,
    ) -> None:
        if not iid_mask and Design(size, colours, classes).flaws > PATIENCE:
            fit = [n for n in range(2, colours) if Design(size, n, classes).flaws <= PATIENCE]
            raise UsageError(
                f"grouping(size={size}, colours={colours})",
                "hardly an item would show a code of each of its colours",
                f"Type colours={max(fit, default=2)} or fewer, or a larger size.",
            )
        self.design = Design(size, colours, classes, iid_mask)
        self.lengths = {"train": train, "validation": validation, "test": test}
        self.shape = Shape(3 + classes, classes, (size,))
        self.metrics = (accuracy(classes),)

    def data(self, split: Split, seed: int) -> ColourCodes:
        """Return a split; `seed` moves the training split, `version` alone fixes the other two."""
        return ColourCodes(self.design, split, seed if split == "train" else 0, self.lengths[split])

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the cross-entropy, a mean over all positions."""
        return functional.cross_entropy(output, target)

    def answer(self, output: Tensor) -> Tensor:
        """Return the codes that an output says, in the target's form."""
        return functional.one_hot(output.argmax(1), output.shape[1]).mT.float()

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact codes from the input alone, (batch, classes, size); the first where untold."""
        return read(inputs).codes

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return which inputs have one answer, as they prove themselves, (batch,) bool for each rule."""
        found = read(inputs)
        return {
            "each colour shows a code": found.told.all(1),
            "no colour shows two": found.agreed,
            "colours keep their distance": found.distance >= DISTANCE,
        }

    def ceiling(self, inputs: Tensor) -> Tensor:
        """Return the accuracy that the best of solvers expects of each input, (batch,) float32.

        It guesses a masked code that the input shows nowhere. NaN where nothing is masked.
        """
        found = read(inputs)
        best = (found.told + ~found.told / self.design.classes) * found.masked
        return best.sum(1) / found.masked.sum(1)

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return what inputs contain, (batch,) numbers each."""
        found = read(inputs)
        untold = (found.masked & ~found.told).sum(1)
        return {"masked positions": found.masked.sum(1), "of them untold": untold}

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property; the first, the only one in closed form, is the floor."""
        return {"bag of codes": controls.BagOfCodes(), "pointwise": controls.pointwise}

"""The base class of probes: what each must have, and the defaults of what it may have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from probekit.plugin.axis import Axis
from probekit.plugin.controls import Control
from probekit.plugin.declarations import Claim, Metric, Published, Scale, Shape, StandardSplit, Symmetry
from probekit.plugin.items import Dataset

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class Probe(ABC):
    """A synthetic dataset with metrics, made to test one property of a network.

    Inherit from it, and register the class; its keyword parameters have defaults. `property`, `scales` and
    `structure` are read without an instance. Raise `version` when the data or the metrics change: cards never
    mix versions.

    Attributes:
        property: the property in a few words.
        structure: the structure that hosts a layer for which the user names none.
        shape: the shape of inputs and outputs.
        metrics: the metrics; the first one is the headline metric.
        version: the version of data and metrics.
        scales: sizes of the probe by name.
        added_parameters: parameters that came after results were stored. The text of a plan names one only if
            it differs from its default, so that older results stay comparable.
        added_controls: closed-form controls that came after results were stored. Only `probekit certify` fits
            them, and cards take their scores from the certificate, so that older results stay comparable.
        axis: if set, scores are stored and drawn along it.
        certificates: what `probekit certify` found, as JSON by scale.
        claims: what `probekit reproduce` checks.
        equivalent_parameters: {"size": ("height", "width")} if one parameter means the same as others: typed,
            it replaces what the scale sets in the other form, and they replace it.
        finite: a line that says by which rule a finite set of items is shared out to the splits, if it is:
            every item then belongs to one split, whatever the seed, which only orders the training items.
        focus: the metric by which controls are judged; "" for the headline metric.
        measurement_decides: whether a small measured equivariance error decides where a structure did not
            fit: it has the symmetry, and knows no place.
        networks_only: why a row of a layer says nothing of the layer on this probe; "" if it does.
        golden: the hash of the data by version; `probekit check` prints it.
        harder: a line that says how the items of the extrapolation split go beyond training. If set, `data`
            also gets this split, of the same shape, under the name "harder"; its score is reported after the
            test.
        published: rows of published tables, for `probekit reproduce`.
        related_measurement: a measurement of the same property: "equivariance_error" or "receptive_radius".
        solved_by: solvers of `probekit certify` that have the property, each with the reason, as
            {"set of columns": "it links distant columns"}; "window *" fits several. They are shown, and do
            not count for the floor.
        symmetry: "shift" or "permutation" of positions, or "turn" for rotations and reflections. The true
            target moves with the input; probekit measures how far a network departs from that.
        thresholds: the normalised headline scores from which a structure has the property and has it partly.

    A probe whose outputs differ from its targets, as logits do, has one more method, `answer(output)`: it
    returns the answer in the form of targets. A probe that regresses has none; trainers can tell by that.
    """

    property: str
    structure: str
    shape: Shape
    metrics: tuple[Metric, ...]
    version: int = 1
    scales: Mapping[str, Scale] = {}
    added_parameters: tuple[str, ...] = ()
    added_controls: tuple[str, ...] = ()
    axis: Axis | None = None
    certificates: Mapping[str, Mapping[str, Any]] = {}
    claims: tuple[Claim, ...] = ()
    equivalent_parameters: Mapping[str, tuple[str, ...]] = {}
    finite: str = ""
    focus: str = ""
    golden: Mapping[int, str] = {}
    harder: str = ""
    measurement_decides: bool = False
    networks_only: str = ""
    published: tuple[Published, ...] = ()
    related_measurement: str = ""
    solved_by: Mapping[str, str] = {}
    symmetry: Symmetry | None = None
    thresholds: tuple[float, float] = (0.9, 0.25)

    @abstractmethod
    def data(self, split: StandardSplit, seed: int, /) -> Dataset:
        """Return a split. `seed` changes the training split; `version` alone fixes the others."""

    @abstractmethod
    def loss(self, output: Tensor, target: Tensor, /) -> Tensor:
        """Return the training loss of a batch, a scalar."""

    @abstractmethod
    def oracle(self, inputs: Tensor, /) -> Tensor:
        """Return the exact targets from the inputs alone; it shares no code with the generator.

        Write `oracle = None` if no oracle is known: the probe can be run, but not certified.
        """

    @abstractmethod
    def controls(self) -> Mapping[str, Control | Callable[..., Module]]:
        """Return controls by name.

        Each is a closed-form `Control` or a function (shape, *, width) -> Module that builds a network.
        """

    def drawn(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        """Return what cards draw in place of the outputs."""
        return self.answer(outputs) if hasattr(self, "answer") else outputs

    def certified(self, inputs: Tensor, /) -> Mapping[str, Tensor]:
        """Return the rules that prove a unique label, {rule: (batch,) bool}."""
        return {}

    def contents(self, inputs: Tensor, targets: Tensor, /) -> Mapping[str, Tensor]:
        """Return statistics of the items for `probekit certify`, {name: (batch,)}."""
        return {}

    def scored(self, inputs: Tensor, targets: Tensor, /) -> Tensor | None:
        """Return the positions that the headline metric counts, (batch, *size) bool; None for all."""
        return None

    def ceiling(self, inputs: Tensor, /) -> Tensor | None:
        """Return the best possible score of each item, (batch,), if a part must be guessed; else None."""
        return None

"""The interfaces: what a probe, a structure, a layer, an encoding and a trainer promise each other.

A plugin may rely on what is here, on the names that `import probekit` offers, on probekit.hookspecs and
probekit.check. These change only with the second number of probekit's version: what goes is told in
CHANGELOG.md and warns (DeprecationWarning) for one such version before. A plugin whose module says
`requires_probekit = "0.2"` is set aside, with a hint, by an older one.

The type of a number may state its range, as pydantic's `PositiveInt` or `Annotated[float, Field(ge=0, le=1)]`
do. A component of any kind may have an attribute `expected_failures`, reasons by the name of a check of
`probekit check` that it is known not to pass.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from probekit.encodings import Encoding as Encoding

if TYPE_CHECKING:
    from torch import Tensor, device
    from torch.nn import Module

Value = str | int | float | bool | None
Known = Literal["train", "validation", "test"]
Split = Literal[Known, "harder"]
Symmetry = Literal["shift", "permutation", "turn"]
Row = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """What goes into a network and what comes out.

    inputs, outputs: channels. size: (length,) in 1-D, (height, width) in 2-D.
    A network maps float32 (batch, inputs, *size) to (batch, outputs, *size).
    """

    inputs: int
    outputs: int
    size: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One number an item, and what it means.

    score(output, target, inputs) -> (batch,) float tensor; NaN where the metric does not apply to an item,
    never infinite: such a metric has no mean, and the result says so. perfect: the score of the truth, put in
    place of the output as it is. chance: the score of knowing nothing, where it is known in closed form.
    bounds: the least and the greatest score there can be, None where there is none; intervals stay within.
    gap: where set, the name under which `test mean - train mean` of this metric is reported.
    """

    name: str
    better: Literal["higher", "lower"]
    perfect: float
    score: Callable[[Tensor, Tensor, Tensor], Tensor]
    about: str
    chance: float | None = None
    gap: str = ""
    bounds: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Scale:
    """A size at which a probe is put: parameters of the probe, recipe of the trainer, width or budget.

    recipe: keyword parameters of the trainer. Exactly one of width and budget (in parameters) is set. noise:
    the measured standard deviation between seeds by metric; noise_question: the numbers of the probe that it
    was measured on, empty for any. decides: whether its scores can decide anything; those of a scale for
    tests cannot. seconds: about how long a run takes on two cores, None where nobody measured it.
    """

    about: str
    parameters: Mapping[str, Value]
    recipe: Mapping[str, Value]
    width: int | None = None
    budget: int | None = None
    noise: Mapping[str, float] = field(default_factory=dict)
    noise_question: dict[str, float | str] = field(default_factory=dict)
    decides: bool = True
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """A row of a published table: what was put to the probe, and what it scored.

    table: "table1". name: the row's, as printed. structure: an expression; instead: another one by name of
    scale, where the published one does not fit. probe: parameters of the probe besides the scale's. scores:
    by metric, in the metric's own unit; "train/NAME" for a score on the training set. width, parameters: as
    published; width None where the structure's expression leaves none open.
    """

    table: str
    name: str
    structure: str
    parameters: int
    scores: Mapping[str, float]
    width: int | None = None
    probe: Mapping[str, Value] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """A conclusion drawn from a published table, as a number that is positive where it holds.

    margin(rows) -> float: rows are the scores of one seed by row name, as in Published.scores; KeyError
    where one it needs was not run. table: whose rows it reads.
    """

    table: str
    text: str
    margin: Callable[[Mapping[str, Mapping[str, float]]], float]


class Dataset(Protocol):
    """Items (input, target) by index; the same whatever the order, the batch or the number of workers.

    `probekit.Items` makes one of a function of the index. It may have `__getitems__(indices)`, a list of
    items in one vectorised call, equal to item by item; `batch(indices) -> (inputs, targets)`, in one piece
    and in the memory layout it likes, which is then used instead; `materialise()`, which draws the split
    and yields how many are there; and `on(device)`, which returns such a split with what it is made of in the
    device's memory, so that batches are made there.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Tensor, Tensor]: ...


class Control(Protocol):
    """A solver that lacks the property: a line on a card, never a row."""

    def fit(self, dataset: Dataset, /) -> None:
        """Learn what it answers with from the training split, in closed form."""
        ...

    def __call__(self, inputs: Tensor, /) -> Tensor:
        """Return its answers to inputs (batch, channels, *size), in the form of outputs or of targets."""
        ...


class Probe(Protocol):
    """A question put to a network: a synthetic dataset, metrics and the property they test.

    A probe is registered as a class whose keyword parameters have defaults; the class attributes `property`,
    `version`, `scales` and `structure` can be read without making an instance.
    Raise `version` when the data or the metrics change: cards never mix versions.

    A probe may also have, as class attributes: `thresholds`, the places of the headline metric from which a
    structure has the property, and partly (by default 0.9 and 0.25); `speaks`, the measured number that
    speaks of the same property, "equivariance_error" or "receptive_radius"; `certificates`, by scale what
    `probekit certify` found there, as JSON; `symmetry`, "shift" or "permutation" of positions, or "turn" for
    turns and mirrors, under which the truth moves with the input: a network's departure from it is then
    measured; `golden`, the hash of its data by version, which `probekit check` gives; `focus`, the metric
    that controls are judged by, if not the headline; `published`, a tuple of Published, and `claims`, a tuple
    of Claim, for `probekit reproduce`; `axis`, an Axis, along which scores are stored and drawn; `harder`, a
    line that says how the items of a split of that name, of the same shape, go beyond training: a second
    number beside the test's. And as methods: `answer(output)`, in the target's form where outputs are not,
    as logits; `drawn(outputs, targets)`, what cards draw instead; for `probekit certify` `certified(inputs)`,
    the rules that prove an input to have one label, {rule: (batch,) bool}; `contents(inputs, targets)`, what
    there is in it, {what: (batch,)}; `ceiling(inputs)`, (batch,), where something must be guessed.
    """

    @builtins.property
    def version(self) -> int: ...
    @builtins.property
    def scales(self) -> Mapping[str, Scale]: ...
    @builtins.property
    def structure(self) -> str: ...
    @builtins.property
    def shape(self) -> Shape: ...
    @builtins.property
    def metrics(self) -> tuple[Metric, ...]: ...
    @builtins.property
    def property(self) -> str: ...

    def data(self, split: Known, seed: int, /) -> Dataset:
        """Return a split, of a probe that has `harder` also that of this name; `seed` moves the training
        split, the others are fixed by version."""
        ...

    def loss(self, output: Tensor, target: Tensor, /) -> Tensor: ...

    def oracle(self, inputs: Tensor, /) -> Tensor:
        """Return the exact targets from the inputs alone, sharing no code with the generator."""
        ...

    def controls(self) -> Mapping[str, Control | Callable[..., Module]]:
        """Return closed-form controls (they have `fit`) and network builders (shape, *, width) -> Module."""
        ...


class Structure(Protocol):
    """Builds a whole network: (shape, *, width, layer=None, **params) -> Module.

    layer: None or a builder (channels, size, shared) -> Module, called for each place that hosts a layer.
    A structure that needs the width in steps has a function attribute `width_step(**params) -> int`; one that
    takes 1-D or 2-D maps alone says `dims = (1,)` or `dims = (2,)`, one whose sides must be multiples of a
    number and at least another `sizes = (multiple, least)`.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Module: ...


class Layer(Protocol):
    """Builds a shape-keeping module: (channels, size, *, encoding=None, shared=None, **params) -> Module.

    causal: taken, False by default, by one in which each position can see those up to it alone.
    encoding: a builder (channels, size, keys=, heads=) -> Encoding, where keys and heads are the layer's own;
    handed over where one was asked for. shared: one dict a network, for tied weights. A layer that needs
    neither leaves them out.
    The class attribute `hooks` names the encoding hooks it serves; absent means none. A layer that needs the
    width in steps has a function attribute `width_step(**params) -> int`; one that takes 1-D or 2-D maps
    alone says `dims = (1,)` or `dims = (2,)`; `sizes = (multiple, least)` as for a structure. One whose
    encoding offers `extra` has a method `extra() -> Tensor | None`, by which the structure appends it in its
    bottleneck.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Module: ...


class Trainer(Protocol):
    """Changes weights alone; its recipe is its constructor's parameters. Its code has a `version`, an int."""

    def fit(
        self,
        model: Module,
        probe: Probe,
        data: Dataset,
        *,
        seed: int,
        device: device,
        state: Mapping[str, Any] | None = None,
    ) -> Iterator[Row]:
        """Train, yielding a row now and then: floats by name, with `step` and `steps` among them.

        `data` is the probe's training split; `probekit.items.batch` takes batches out of it. `state` is what
        state_dict() gave when an earlier fit stopped between two rows.
        """
        ...

    def state_dict(self) -> Mapping[str, Any]:
        """Return tensors and JSON values, valid between two rows: generators, moments by weights' names."""
        ...

"""The interfaces of probes, datasets, controls, structures, layers and trainers.

A plugin can rely on this module, on the names in `import probekit`, on probekit.plugin.hookspecs and on
probekit.check. They change only with the second number of the version: CHANGELOG.md announces each removal,
and a DeprecationWarning precedes it by one such version. If the module of a plugin says
`requires_probekit = "0.2"`, an older probekit does not load it and tells the user why.

The type of a number can state its range: `PositiveInt` of pydantic, or `Annotated[float, Field(ge=0, le=1)]`.
A component of any kind can have an attribute `expected_failures`: names of checks of `probekit check` that
it is known to fail, each with the reason.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from probekit.plugin.declarations import Claim as Claim
from probekit.plugin.declarations import Metric as Metric
from probekit.plugin.declarations import Published as Published
from probekit.plugin.declarations import Scale as Scale
from probekit.plugin.declarations import Shape as Shape
from probekit.plugin.declarations import Value as Value
from probekit.plugin.encodings import Encoding as Encoding

if TYPE_CHECKING:
    from torch import Tensor, device
    from torch.nn import Module

StandardSplit = Literal["train", "validation", "test"]
Split = Literal[StandardSplit, "harder"]
Symmetry = Literal["shift", "permutation", "turn"]
Row = Mapping[str, float]


class Dataset(Protocol):
    """Items (input, target) by index.

    An item must not depend on the order of access, the batch or the number of workers. `probekit.Items` makes
    a dataset of a function of the index. A dataset can have these methods, too:

    - `__getitems__(indices)`: several items in one vectorised call, equal to single items.
    - `batch(indices) -> (inputs, targets)`: a batch in any memory layout; probekit prefers it to items.
    - `materialise()`: draw the split, and yield the number of items drawn so far.
    - `on(device)`: return the split with its data in the device's memory, so that batches are built there.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Tensor, Tensor]: ...


class Control(Protocol):
    """A closed-form solver that lacks the property; its score is a baseline of the probe."""

    def fit(self, dataset: Dataset, /) -> None:
        """Fit the control to the training split, in closed form."""
        ...

    def __call__(self, inputs: Tensor, /) -> Tensor:
        """Answer the inputs in the form of outputs or of targets.

        Shape:
            - inputs: (batch, channels, *size)
        """
        ...


class Probe(Protocol):
    """A synthetic dataset with metrics, made to test one property of a network.

    Register a class whose keyword parameters have defaults. Its class attributes `property`, `version`,
    `scales` and `structure` are read without an instance. Raise `version` when the data or the metrics
    change: cards never mix versions. The first metric is the headline metric.

    Optional class attributes:
        axis: an `Axis`; scores are stored and drawn along it.
        certificates: what `probekit certify` found, as JSON by scale.
        claims: a tuple of `Claim`, for `probekit reproduce`.
        focus: the metric by which controls are judged, if it is not the headline metric.
        golden: the hash of the data by version; `probekit check` prints it.
        harder: a line that says how the items of the extrapolation split go beyond training. `data` then also
            gets this split, of the same shape, under the name "harder"; its score is reported after the test.
        published: a tuple of `Published`, for `probekit reproduce`.
        related_measurement: a measurement of the same property: "equivariance_error" or "receptive_radius".
        solved_by: solvers of `probekit certify` that have the property, each with the reason, as
            {"set of columns": "it links distant columns"}; "window *" fits several. They are shown, and do
            not count for the floor.
        symmetry: "shift" or "permutation" of positions, or "turn" for rotations and reflections. The true
            target moves with the input; probekit measures how far a network departs from that.
        thresholds: the normalised headline scores from which a structure has the property and has it partly
            (by default 0.9 and 0.25).

    Optional methods:
        answer(output): the answer in the form of targets, if outputs differ from it, as logits do.
        ceiling(inputs): the best possible score of each item, (batch,), if a part must be guessed.
        certified(inputs): the rules that prove a unique label, {rule: (batch,) bool}.
        contents(inputs, targets): statistics of the items for `probekit certify`, {name: (batch,)}.
        scored(inputs, targets): the positions that the headline metric counts, (batch, *size) bool.
        drawn(outputs, targets): what cards draw in place of the outputs.
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

    def data(self, split: StandardSplit, seed: int, /) -> Dataset:
        """Return a split. `seed` changes the training split; `version` alone fixes the others."""
        ...

    def loss(self, output: Tensor, target: Tensor, /) -> Tensor:
        """Return the training loss of a batch, a scalar."""
        ...

    def oracle(self, inputs: Tensor, /) -> Tensor:
        """Return the exact targets from the inputs alone; it shares no code with the generator."""
        ...

    def controls(self) -> Mapping[str, Control | Callable[..., Module]]:
        """Return controls by name.

        Each is a closed-form `Control` or a function (shape, *, width) -> Module that builds a network.
        """
        ...


class Structure(Protocol):
    """Builds a whole network: (shape, *, width, layer=None, **params) -> Module.

    Args:
        shape: the `Shape` of the probe.
        width: the number of channels.
        layer: None, or a builder (channels, size, shared) -> Module. Call it once for each place in the
            network that hosts a layer.

    Optional attributes of the class or function:
        dims: (1,) or (2,) if it works in 1-D or in 2-D only.
        sizes: (multiple, minimum) if each side must be a multiple of a number and have a minimum.
        width_step: a static method `width_step(**params) -> int` if the width must be a multiple of a number;
            for a function, a function as its attribute.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Module: ...


class Layer(Protocol):
    """Builds a module whose output has the shape of its input.

    It is called as (channels, size, *, encoding=None, shared=None, **params) -> Module.

    Args:
        channels, size: the shape of its input, without the batch.
        encoding: None, or a builder (channels, size, keys=, heads=) -> Encoding, if the user asks for one.
            The layer passes its own keys and heads. Omit it if the layer takes no encoding.
        shared: a dict for the whole network, for tied weights. Omit it if the layer ties none.
        causal: False by default; if True, each position sees only itself and the positions before it. Omit it
            if the layer cannot be causal.

    Optional attributes of the class:
        hooks: the names of the encoding hooks that the layer calls; none by default. With `extra`, the layer
            also needs a method `extra() -> Tensor | None`, whose channels the structure appends in its
            bottleneck.
        dims, sizes, width_step: as for `Structure`.

    Shape:
        - Input and output of the module: (batch, channels, *size)
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Module: ...


class Trainer(Protocol):
    """Changes the weights of a network and nothing else.

    The parameters of the constructor are the recipe. The attribute `version`, an int, is that of its code.
    """

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
        """Train, and yield a row of the log from time to time.

        Args:
            model: the network, already on `device`.
            probe: the probe; its `loss` is the training loss.
            data: the training split of the probe. Read batches with `probekit.plugin.items.read_batch`.
            seed: the seed of the run.
            device: the device to train on.
            state: the `state_dict()` of an earlier fit that stopped between two rows, to continue it.

        Yields:
            Floats by name, always with `step` and `steps`.
        """
        ...

    def state_dict(self) -> Mapping[str, Any]:
        """Return the state between two rows: tensors and JSON values, optimiser state by weight name."""
        ...

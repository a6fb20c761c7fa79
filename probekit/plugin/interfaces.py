"""The interfaces of probes, datasets, controls, structures, layers, combinators, trainers, optimisers,
and of what extends a probe.

A plugin can rely on this module, on the names in `import probekit`, on probekit.plugin.hookspecs and on
probekit.check. They change only with the second number of the version: CHANGELOG.md announces each removal,
and a DeprecationWarning precedes it by one such version. If the module of a plugin says
`requires_probekit = "0.2"`, an older probekit does not load it and tells the user why.

The type of a number can state its range: `PositiveInt` of pydantic, or `Annotated[float, Field(ge=0, le=1)]`.
A component of any kind can have an attribute `expected_failures`: names of checks of `probekit check` that
it is known to fail, each with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from probekit.plugin.controls import Control as Control
from probekit.plugin.declarations import Claim as Claim
from probekit.plugin.declarations import Metric as Metric
from probekit.plugin.declarations import Published as Published
from probekit.plugin.declarations import Scale as Scale
from probekit.plugin.declarations import SeedSpread as SeedSpread
from probekit.plugin.declarations import Shape as Shape
from probekit.plugin.declarations import Split as Split
from probekit.plugin.declarations import StandardSplit as StandardSplit
from probekit.plugin.declarations import Symmetry as Symmetry
from probekit.plugin.declarations import Value as Value
from probekit.plugin.encodings import Encoding as Encoding
from probekit.plugin.items import Dataset as Dataset
from probekit.plugin.probe import Probe as Probe

if TYPE_CHECKING:
    from torch import device
    from torch.nn import Module
    from torch.optim import Optimizer

Row = Mapping[str, float]


class Structure(Protocol):
    """Builds a whole network: (shape, *, width, layer=None, **params) -> Module.

    Args:
        shape: the `Shape` of the probe.
        width: the number of channels.
        layer: None, or a builder (channels, size, shared) -> Module. Call it once for each place in the
            network that hosts a layer, in the order of the places: a stripe of layers follows it.

    Optional attributes of the class or function:
        dims: (1,) or (2,) if it works in 1-D or in 2-D only.
        sizes: (multiple, minimum) if each side must be a multiple of a number and have a minimum.
        width_step: a static method `width_step(**params) -> int` if the width must be a multiple of a number;
            for a function, a function as its attribute.
        widths: the widths that it can have, such as (8, 16, 32, 64), if only some work.
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
        degenerate_at: a static method `degenerate_at(size, **params) -> str` if the layer approximates: a
            sentence for sizes at which the approximation is exact or saves nothing, else "". Runs and cards
            show it.

    Shape:
        - Input and output of the module: (batch, channels, *size)
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Module: ...


class Combinator(Protocol):
    """Builds a module from layers, for a place of a host; its output has the shape of its input.

    It is called as (channels, size, layers, **params) -> Module. A function may return one of the layers.

    Args:
        channels, size: the shape of its input, without the batch.
        layers: a builder (channels, size) -> Module of each layer, in the order of the text. It passes on
            all that the host passes to a layer.
        place: the number of the place in the network, from 0. Omit it if all places are alike. To give a
            layer another number, call its builder with `place=`.
        shared, causal: as for `Layer`. Omit `causal` if it moves nothing between positions.

    Optional attributes of the class or function:
        dims, sizes: as for `Structure`; the layers have theirs.
        width_step: a static method `width_step(steps, **params) -> int`; `steps` are those of the layers.
            Without it, the width is a common multiple of them.
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


class Optimiser(Protocol):
    """Builds an optimiser of torch: (params, *, lr, weight_decay, **params) -> Optimizer.

    The trainer `optimised` hosts it. What changes with the steps is in its `state`, which checkpoints store.

    Args:
        params: groups of weights, each with `params` and its `weight_decay`.
        lr: the highest learning rate; the trainer sets `lr` of each group before each step.
        weight_decay: of groups that state none.

    Optional attributes of the optimiser that it builds:
        keeps_lr: True if the learning rate stays at its highest after the warm-up.
        finish: a method that sets the final weights after the last step. A second call changes nothing.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Optimizer: ...


class MetricBuilder(Protocol):
    """Makes a metric for a probe of another package: (probe, **params) -> Metric.

    Its component names the probe: `Component("metric", ..., probe="recall")`.

    Args:
        probe: the probe at the scale of the run. The metric has another name than those of the probe.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Metric: ...


class ScaleBuilder(Protocol):
    """Makes a scale for a probe of another package: () -> Scale.

    Its component names the probe: `Component("scale", ..., probe="recall")`. The component's name is that of
    the scale; the probe has none of this name.
    """

    def __call__(self) -> Scale: ...


class ControlBuilder(Protocol):
    """Makes a control for a probe of another package: (probe, **params) -> Control or builder of a network.

    Its component names the probe: `Component("control", ..., probe="recall")`. A builder of a network is
    called as (shape, *, width) -> Module.

    Args:
        probe: the probe at the scale of the certificate. A control draws none of its items; `fit` receives
            the training split.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Control | Callable[..., Module]: ...

"""Fixtures prepare a layer, an encoding or a structure for checks: they build it and draw its inputs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from probekit.authors.check.base import DoesNotApply
from probekit.authors.check.fixture import Fixture
from probekit.catalog.expression import Expression
from probekit.catalog.grammar import Term
from probekit.catalog.hosting import (
    ENCODING_HOOKS,
    LayerBuilder,
    count_places,
    get_dimensions,
    get_side_limits,
)
from probekit.catalog.part import Hosted, resolve_part
from probekit.catalog.plugins import DISTRIBUTION
from probekit.catalog.registry import Registry
from probekit.plans.budget import find_least_width
from probekit.plugin.components import Component, Kind
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from probekit.catalog.part import Part

LAYER_SIZES: Mapping[int, tuple[int, ...]] = {1: (64,), 2: (8, 8)}
STRUCTURE_SIZES: Mapping[int, tuple[int, ...]] = {1: (64,), 2: (32, 32)}
INPUTS, OUTPUTS, MIN_CHANNELS = 3, 2, 16


@dataclass(frozen=True, slots=True)
class ModuleFixture(Fixture):
    """A component whose instances are modules."""

    @property
    def sizes(self) -> Mapping[int, tuple[int, ...]]:
        """A size for each supported number of dimensions, with sides that the component supports."""
        multiple, least = get_side_limits(self.part.target)
        return {
            count: tuple(multiple * -(-max(side, least) // multiple) for side in size)
            for count, size in self.preferred_sizes.items()
            if count in get_dimensions(self.part.target)
        }

    @property
    def preferred_sizes(self) -> Mapping[int, tuple[int, ...]]:
        """A size for each number of dimensions."""
        return LAYER_SIZES

    @property
    def size(self) -> tuple[int, ...]:
        """The size that most checks use: 2-D if the component supports it."""
        return self.sizes[max(self.sizes)]

    @property
    def channels(self) -> int:
        """A number of channels that the component supports."""
        return find_least_width(Expression(self.part), MIN_CHANNELS)

    def build(self, size: tuple[int, ...], seed: int = 0) -> Module:
        """Build the module for inputs of this size, with a seed for its initial weights."""
        import torch

        torch.manual_seed(seed)
        return self.build_module(size)

    @abstractmethod
    def build_module(self, size: tuple[int, ...]) -> Module:
        """Build the module for inputs of this size."""

    def exercise(self) -> None:
        """Build the module and call it once."""
        self.build(self.size).eval()(self.draw_inputs(self.size))

    def own_parameters(self, module: Module) -> Mapping[str, Tensor]:
        """Return the parameters that belong to the component, by name."""
        return dict(module.named_parameters())

    def draw_inputs(self, size: tuple[int, ...], batch: int = 3) -> Tensor:
        """Draw random inputs of shape (batch, channels, *size)."""
        import torch

        return torch.randn(batch, self.channels, *size)

    def output_shape(self, size: tuple[int, ...], batch: int) -> tuple[int, ...]:
        """Return the required shape of the output."""
        return (batch, self.channels, *size)


@dataclass(frozen=True, slots=True)
class LayerFixture(ModuleFixture):
    """A layer without an encoding.

    Attributes:
        causal: whether it is built as a causal host builds it.
    """

    causal: bool = False

    @property
    def can_be_causal(self) -> bool:
        """Whether a causal host can build it."""
        return self.part.accepts("causal")

    def build_module(self, size: tuple[int, ...]) -> Module:
        """Build the layer."""
        expression = Expression(self.part, layer=self.part)
        return expression.build_layer(self.channels, size, {}, causal=self.causal)

    def build_causal(self, size: tuple[int, ...]) -> Module:
        """Build the layer as a causal host builds it."""
        return replace(self, causal=True).build_module(size)


class CombinatorFixture(LayerFixture):
    """A combinator of layers: in sequence, what it builds at as many places as show all of them."""

    @property
    def can_be_causal(self) -> bool:
        """Whether a causal host can build it: whether all its layers can be causal."""
        hosted = Hosted(self.part).walk()
        return all(inner.layer.layers or inner.layer.accepts("causal") for inner in hosted)

    def build_module(self, size: tuple[int, ...]) -> Module:
        """Build it at all places."""
        from torch import nn

        builder, shared = self.make_builder(), dict[str, Any]()
        places = range(count_places(builder.hosted))
        return nn.Sequential(*(builder(self.channels, size, shared, causal=self.causal) for _ in places))

    def make_builder(self) -> LayerBuilder:
        """Return a builder of its layers for one network."""
        return Expression(self.part, layer=self.part).make_builder()


class EncodingFixture(ModuleFixture):
    """An encoding, in the first built-in layer that supports it, or in one of its own plugin."""

    @property
    def host_layers(self) -> Iterator[Part]:
        """The layers that support it, built in or of its own plugin."""
        offers = {hook for hook in ENCODING_HOOKS if hasattr(self.part.target, hook)}
        for component in list_companions("layer", self.part, self.registry):
            if offers and offers <= set(getattr(self.registry.load_target(component), "hooks", ())):
                yield resolve_part("layer", Term(component.long_name), self.registry)

    @property
    def host_layer(self) -> Part:
        """The first of these layers.

        Raises:
            UsageError: there is none.
        """
        if (first := next(self.host_layers, None)) is not None:
            return first
        offers = [hook for hook in ENCODING_HOOKS if hasattr(self.part.target, hook)]
        raise UsageError(
            f"encoding {self.part.name}",
            f"no built-in layer, nor one of its plugin, has its hooks ({', '.join(offers) or 'it has none'})",
            f"Define at least one of the methods {', '.join(ENCODING_HOOKS)}.",
        )

    @property
    def channels(self) -> int:
        """A number of channels that the layer and the encoding support."""
        return find_least_width(Expression(self.part, self.host_layer, self.part), MIN_CHANNELS)

    def build_module(self, size: tuple[int, ...]) -> Module:
        """Build the layer with the encoding."""
        return Expression(self.part, self.host_layer, self.part).build_layer(self.channels, size, {})

    def own_parameters(self, module: Module) -> Mapping[str, Tensor]:
        """Return the parameters that the layer does not have without the encoding."""
        layer = Expression(self.part, self.host_layer).build_layer(self.channels, self.size, {})
        layer_names = dict(layer.named_parameters()).keys()
        return {name: weight for name, weight in module.named_parameters() if name not in layer_names}


class StructureFixture(ModuleFixture):
    """A structure without a layer."""

    @property
    def preferred_sizes(self) -> Mapping[int, tuple[int, ...]]:
        """Larger sizes than a layer's, because structures downsample."""
        return STRUCTURE_SIZES

    def shape(self, size: tuple[int, ...]) -> Shape:
        """Return the shape for which the structure is built."""
        return Shape(INPUTS, OUTPUTS, size)

    def build_module(self, size: tuple[int, ...]) -> Module:
        """Build the structure."""
        expression = Expression(self.part)
        return expression.build(self.shape(size), self.channels if expression.has_width else None)

    def draw_inputs(self, size: tuple[int, ...], batch: int = 3) -> Tensor:
        """Draw random inputs of shape (batch, INPUTS, *size)."""
        import torch

        return torch.randn(batch, INPUTS, *size)

    def output_shape(self, size: tuple[int, ...], batch: int) -> tuple[int, ...]:
        """Return (batch, OUTPUTS, *size)."""
        return (batch, OUTPUTS, *size)


def list_companions(kind: Kind, part: Part, registry: Registry) -> list[Component]:
    """Return the components of a kind that are built in or of a part's own plugin.

    What else is installed has no part in a check, so that it gives the same answer everywhere.
    """
    plugin = part.component.plugin
    return [
        component
        for component in registry.components(kind)
        if component.plugin == plugin
        or ((record := registry.find_plugin(component)) is not None and record.distribution == DISTRIBUTION)
    ]


def require_size(fixture: ModuleFixture, count: int) -> tuple[int, ...]:
    """Return the size in `count` dimensions; raise DoesNotApply if the component does not support them."""
    if count not in fixture.sizes:
        raise DoesNotApply(f"it declares dims = {tuple(get_dimensions(fixture.part.target))}")
    return fixture.sizes[count]


def copy_state(module: Module) -> dict[str, Any]:
    """Return contiguous copies of a module's state, as they are stored."""
    import torch

    return {
        name: value.detach().clone(memory_format=torch.contiguous_format)
        for name, value in module.state_dict().items()
    }

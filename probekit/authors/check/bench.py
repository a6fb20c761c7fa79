"""A bench puts a layer, an encoding or a structure where it can be looked at: built, with maps to read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probekit.authors.check.kit import DoesNotApply
from probekit.catalog.expression import HOOKS, Expression, dimensions, sides
from probekit.catalog.grammar import Term
from probekit.catalog.part import part
from probekit.catalog.registry import Registry
from probekit.errors import UsageError
from probekit.interfaces import Shape

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from probekit.catalog.part import Part

SIZES: Mapping[int, tuple[int, ...]] = {1: (64,), 2: (8, 8)}
LARGER: Mapping[int, tuple[int, ...]] = {1: (64,), 2: (32, 32)}
INPUTS, OUTPUTS, LEAST = 3, 2, 16


@dataclass(frozen=True, slots=True)
class Bench(ABC):
    """A part on the bench, and how it was asked for."""

    part: Part
    registry: Registry
    asked: str

    @property
    def sizes(self) -> Mapping[int, tuple[int, ...]]:
        """Return a size for each number of dimensions it takes, of sides that it takes."""
        multiple, least = sides(self.part.target)
        return {
            count: tuple(multiple * -(-max(side, least) // multiple) for side in size)
            for count, size in self.all_sizes.items()
            if count in dimensions(self.part.target)
        }

    @property
    def all_sizes(self) -> Mapping[int, tuple[int, ...]]:
        """Return a size for each number of dimensions there is."""
        return SIZES

    @property
    def size(self) -> tuple[int, ...]:
        """Return the size that most checks look at: 2-D where it takes that."""
        return self.sizes[max(self.sizes)]

    @property
    def channels(self) -> int:
        """Return a number of channels that it takes."""
        step = Expression(self.part).width_step
        return step * -(-LEAST // step)

    def build(self, size: tuple[int, ...], seed: int = 0) -> Module:
        """Build it for maps of this size from a seed."""
        import torch

        torch.manual_seed(seed)
        return self.made(size)

    @abstractmethod
    def made(self, size: tuple[int, ...]) -> Module:
        """Build it for maps of this size."""

    def put_to_use(self) -> None:
        """Build it and let it answer."""
        self.build(self.size).eval()(self.maps(self.size))

    def own(self, module: Module) -> Mapping[str, Tensor]:
        """Return the parameters that are the part's own, by name."""
        return dict(module.named_parameters())

    def maps(self, size: tuple[int, ...], batch: int = 3) -> Tensor:
        """Draw maps for it to read, (batch, channels, *size)."""
        import torch

        return torch.randn(batch, self.channels, *size)

    def answer(self, size: tuple[int, ...], batch: int) -> tuple[int, ...]:
        """Return the shape of what it must make of such maps."""
        return (batch, self.channels, *size)


class LayerBench(Bench):
    """A layer, without an encoding."""

    def made(self, size: tuple[int, ...]) -> Module:
        """Build the layer."""
        return Expression(self.part, layer=self.part).host(self.channels, size, {})


class EncodingBench(Bench):
    """An encoding, handed to the first installed layer that serves it."""

    @property
    def host(self) -> Part:
        """Return the layer; raises UsageError where none that is installed serves the encoding."""
        offers = {hook for hook in HOOKS if hasattr(self.part.target, hook)}
        for component in self.registry.components("layer"):
            if offers and offers <= set(getattr(self.registry.target(component), "hooks", ())):
                return part("layer", Term(component.long_name), self.registry)
        raise UsageError(
            f"encoding {self.part.name}",
            f"no layer serves its hooks ({', '.join(sorted(offers)) or 'it has none'})",
            f"An encoding has one or more of the methods {', '.join(HOOKS)}.",
        )

    @property
    def channels(self) -> int:
        """Return a number of channels that both take."""
        step = Expression(self.host, encoding=self.part).width_step
        return step * -(-LEAST // step)

    def made(self, size: tuple[int, ...]) -> Module:
        """Build the layer with the encoding."""
        return Expression(self.part, self.host, self.part).host(self.channels, size, {})

    def own(self, module: Module) -> Mapping[str, Tensor]:
        """Return the parameters of the encoding: those that the layer alone does not have."""
        size = self.size
        alone = dict(Expression(self.part, self.host).host(self.channels, size, {}).named_parameters())
        return {name: weight for name, weight in module.named_parameters() if name not in alone}


class StructureBench(Bench):
    """A structure, hosting nothing."""

    @property
    def all_sizes(self) -> Mapping[int, tuple[int, ...]]:
        """Return larger sizes: a structure halves its maps."""
        return LARGER

    def shape(self, size: tuple[int, ...]) -> Shape:
        """Return the shape it is built for."""
        return Shape(INPUTS, OUTPUTS, size)

    def made(self, size: tuple[int, ...]) -> Module:
        """Build the structure."""
        expression = Expression(self.part)
        return expression.build(self.shape(size), self.channels if expression.has_width else None)

    def maps(self, size: tuple[int, ...], batch: int = 3) -> Tensor:
        """Draw inputs, (batch, 3, *size)."""
        import torch

        return torch.randn(batch, INPUTS, *size)

    def answer(self, size: tuple[int, ...], batch: int) -> tuple[int, ...]:
        """Return (batch, 2, *size)."""
        return (batch, OUTPUTS, *size)


def size_of(bench: Bench, count: int) -> tuple[int, ...]:
    """Return the size in so many dimensions; raises DoesNotApply where it says that it does not take them."""
    if count not in bench.sizes:
        raise DoesNotApply(f"it says dims = {tuple(dimensions(bench.part.target))}")
    return bench.sizes[count]


def state(module: Module) -> dict[str, Any]:
    """Return copies of what a module's state holds, as the store writes them."""
    import torch

    return {
        name: value.detach().clone(memory_format=torch.contiguous_format)
        for name, value in module.state_dict().items()
    }

"""An expression is a structure with what it hosts, ready to build."""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import TYPE_CHECKING, Any

from probekit.catalog.grammar import parse, parse_term
from probekit.catalog.part import Part, part
from probekit.catalog.registry import Registry
from probekit.components import Kind
from probekit.errors import UsageError
from probekit.interfaces import Shape

if TYPE_CHECKING:
    from torch.nn import Module

HOOKS = ("extra", "mix", "position")


def dimensions(target: object) -> tuple[int, ...]:
    """Return the numbers of dimensions of the maps that a layer or a structure takes."""
    return tuple(getattr(target, "dims", (1, 2)))


@dataclass(frozen=True, slots=True)
class Expression:
    """A structure, the layer it hosts and the encoding handed to that layer."""

    structure: Part
    layer: Part | None = None
    encoding: Part | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the parts there are, from left to right."""
        return tuple(p for p in (self.structure, self.layer, self.encoding) if p is not None)

    @property
    def text(self) -> str:
        """Return the canonical text."""
        return "+".join(p.text for p in self.parts)

    @property
    def has_width(self) -> bool:
        """Tell whether the structure can be made wider."""
        return self.structure.accepts("width")

    @property
    def takes_shape(self) -> bool:
        """Tell whether the first argument is the shape: it is called so, or cannot be left out."""
        first = next(iter(self.structure.open.values()), None)
        if first is None or first.name in ("width", "layer"):
            return False
        by_place = first.kind in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD)
        return first.name == "shape" or (by_place and first.default is first.empty)

    @property
    def width_step(self) -> int:
        """Return what the width must be a multiple of."""
        steps = (getattr(p.target, "width_step", None) for p in self.parts)
        return lcm(*(step(**p.params) for step, p in zip(steps, self.parts, strict=True) if callable(step)))

    def build(self, shape: Shape, width: int | None) -> Module:
        """Build the network; initial weights come from torch's global generator.

        Raises UsageError where the structure or the layer does not take maps of so many dimensions.
        """
        for one in self.parts[:2]:
            if len(shape.size) not in dimensions(one.target):
                taken = " or ".join(f"{count}-D" for count in dimensions(one.target))
                found = f"{one.component.name} takes {taken} maps, and these are {len(shape.size)}-D"
                raise UsageError(f"structure {self.text!r}", found, "Put it to another probe.")
        handed: dict[str, Any] = {"width": width} if self.has_width else {}
        if self.layer is not None:
            handed["layer"] = self.host
        network: Module = self.structure.make(*(shape,) if self.takes_shape else (), **handed)
        return network

    def host(self, channels: int, size: tuple[int, ...], shared: dict[str, Any]) -> Module:
        """Build the layer for one place of the structure."""
        assert self.layer is not None
        handed: dict[str, Any] = {"encoding": self.encoding.make} if self.encoding is not None else {}
        if self.layer.accepts("shared"):
            handed["shared"] = shared
        layer: Module = self.layer.make(channels, size, **handed)
        return layer


def resolve(text: str, host: str, registry: Registry) -> Expression:
    """Resolve the text of an expression; where it names no structure, `host` hosts the layer.

    Raises UsageError where a name is unknown or stands for two things, where a structure hosts no layer, or
    where a layer does not take an encoding.
    """
    terms = list(parse(text))
    kinds = registry.kinds_of(terms[0].name)
    if {"structure", "layer"} <= kinds:
        both = ", ".join(f"{kind} {terms[0].name}" for kind in ("structure", "layer"))
        raise UsageError(
            f"structure {text!r}", f"the name stands for two things ({both})", "Rename one of the two."
        )
    if "layer" in kinds:
        terms.insert(0, parse_term(host))
    if len(terms) > 3:
        asked = f"structure {text!r}"
        raise UsageError(
            asked, f"it has {len(terms)} terms", "Write structure+layer+encoding, at most three."
        )
    kinds_of_terms: tuple[Kind, ...] = ("structure", "layer", "encoding")
    found = Expression(
        *(part(kind, term, registry) for kind, term in zip(kinds_of_terms, terms, strict=False))
    )
    check_hosting(found)
    return found


def check_hosting(found: Expression) -> None:
    """Raise UsageError where the structure hosts no layer, or the layer no such encoding."""
    if found.layer is None:
        return
    if not found.structure.accepts("layer"):
        name = found.structure.shown
        raise UsageError(f"structure {found.text!r}", f"{name} hosts no layer", f"Type {name} alone.")
    if found.encoding is None:
        return
    serves = set(getattr(found.layer.target, "hooks", ()))
    offers = {hook for hook in HOOKS if hasattr(found.encoding.target, hook)}
    if not offers or offers - serves:
        layer, encoding = found.layer.component.name, found.encoding.component.name
        able = (
            f"{layer} takes encodings that offer {', '.join(sorted(serves))}"
            if serves
            else f"{layer} takes no encoding"
        )
        raise UsageError(
            f"structure {found.text!r}",
            f"{able}, and {encoding} offers {', '.join(sorted(offers)) or 'none'}",
            f"Type {found.structure.component.name}+{layer}.",
        )

"""An expression is a structure with what it hosts, ready to build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import TYPE_CHECKING, Any

from probekit.catalog.files import is_file
from probekit.catalog.grammar import Term, parse, parse_term
from probekit.catalog.part import Part, part
from probekit.catalog.registry import Registry
from probekit.components import Kind
from probekit.errors import ProbekitError, UsageError, reason
from probekit.interfaces import Shape

if TYPE_CHECKING:
    from torch.nn import Module

HOOKS = ("extra", "mix", "turn", "bias", "position")
PLACES: tuple[Kind, ...] = ("structure", "layer", "encoding")
"""What the terms of an expression are, from left to right."""


def sides(target: object) -> tuple[int, int]:
    """Return what sides of maps must be multiples of, and the least, for a layer or a structure."""
    multiple, least = getattr(target, "sizes", (1, 1))
    return int(multiple), int(least)


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
        """Return what the width must be a multiple of; raises ProbekitError where a part cannot tell."""
        found = []
        for one in self.parts:
            step = getattr(one.target, "width_step", None)
            try:
                found.append(int(step(**one.params)) if callable(step) else 1)
                divides = found[-1] >= 1
            except Exception as error:
                raise unstepped(one, reason(error)) from error
            if not divides:
                raise unstepped(one, f"it is {found[-1]}")
        return lcm(*found)

    def build(self, shape: Shape, width: int | None) -> Module:
        """Build the network; initial weights come from torch's global generator.

        Raises UsageError where the structure or the layer does not take maps of such a size.
        """
        self.fits(self.structure, shape.size)
        handed: dict[str, Any] = {"width": width} if self.has_width else {}
        if self.layer is not None:
            handed["layer"] = self.host
        network: Module = self.structure.make(*(shape,) if self.takes_shape else (), **handed)
        return network

    def fits(self, one: Part, size: tuple[int, ...]) -> None:
        """Raise UsageError where a part says that it does not take maps of this size."""
        multiple, least = sides(one.target)
        asked, name = f"structure {self.text!r}", one.component.name
        if len(size) not in dimensions(one.target):
            taken = " or ".join(f"{count}-D" for count in dimensions(one.target))
            found = f"{name} takes {taken} maps, and these are {len(size)}-D"
            raise UsageError(asked, found, "Put it to another probe.")
        if any(side % multiple or side < least for side in size):
            found = f"{name} takes sides that are multiples of {multiple}, at least {least}, not {size}"
            raise UsageError(asked, found, "Put it to another size of the probe.")

    def host(
        self, channels: int, size: tuple[int, ...], shared: dict[str, Any], *, causal: bool = False
    ) -> Module:
        """Build the layer for one place of the structure; raises UsageError where it takes no such maps, or
        is to be causal and cannot."""
        assert self.layer is not None
        self.fits(self.layer, size)
        if causal and not self.layer.accepts("causal"):
            found = f"{self.layer.shown} lets positions see what comes after them"
            raise UsageError(
                f"a causal {self.text}", found, "Type causal=false in the structure, or another layer."
            )
        handed: dict[str, Any] = {"encoding": self.encoding.make} if self.encoding is not None else {}
        if self.layer.accepts("shared"):
            handed["shared"] = shared
        if causal:
            handed["causal"] = True
        layer: Module = self.layer.make(channels, size, **handed)
        return layer


def unstepped(one: Part, found: str) -> ProbekitError:
    """Return the error that a part does not say in what steps its width goes."""
    kind = one.component.kind
    asked, hint = (
        f"the width step of {kind} {one.text}",
        f"`probekit show {kind} {one.shown}` says what it takes.",
    )
    return ProbekitError(asked, found, hint)


def resolve(text: str, host: str, registry: Registry) -> Expression:
    """Resolve the text of an expression; where it names no structure, `host` hosts the layer.

    A name is looked for among the kind that its place asks for; in the first a structure comes before a
    layer of the same name. Raises UsageError where a name is unknown, where the text says two things, where a
    structure hosts no layer, or where a layer does not take an encoding.
    """
    terms = parse(text)
    first = registry.kinds_of(terms[0].name)
    hosted = (parse_term(host), *terms) if "layer" in first else terms
    fitting = [one for one in dict.fromkeys((terms, hosted)) if fits(one, terms[0], registry)]
    if len(fitting) > 1 and len(terms) > 1:
        meant = [found for one in fitting if (found := attempt(one, registry)) is not None]
        if len(meant) > 1:
            raise UsageError(
                f"structure {text!r}",
                f"{terms[0].name} is a structure and a layer, {terms[1].name} a layer and an encoding",
                f"Type {hosted[0]}+{text} for the layer; PLUGIN/NAME is one plugin's alone.",
            )
        if meant:
            return meant[0]
    likely = terms if "structure" in first else hosted
    return assembled(fitting[0] if fitting else likely, registry)


def fits(terms: Sequence[Term], first: Term, registry: Registry) -> bool:
    """Tell whether each name is of the kind its place asks for; a file is, but the first typed hosts."""
    return len(terms) <= len(PLACES) and all(
        kind in registry.kinds_of(term.name) or (is_file(term.name) and term is not first)
        for kind, term in zip(PLACES, terms, strict=False)
    )


def attempt(terms: Sequence[Term], registry: Registry) -> Expression | None:
    """Return the expression of these terms, None where they cannot be meant."""
    try:
        return assembled(terms, registry)
    except UsageError:
        return None


def assembled(terms: Sequence[Term], registry: Registry) -> Expression:
    """Return the expression of a structure, a layer and an encoding, or the first of these."""
    if len(terms) > len(PLACES):
        asked = f"structure {'+'.join(map(str, terms))!r}"
        raise UsageError(
            asked, f"it has {len(terms)} terms", "Write structure+layer+encoding, at most three."
        )
    found = Expression(*(part(kind, term, registry) for kind, term in zip(PLACES, terms, strict=False)))
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

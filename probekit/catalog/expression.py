"""An expression is a structure with the layer and the encoding that it hosts, ready to build."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from probekit.catalog.files import is_file_term
from probekit.catalog.grammar import STRIPE, Term, parse_expression, parse_term
from probekit.catalog.hosting import LayerBuilder, check_encoding, check_size, count_places, find_width_step
from probekit.catalog.modules import start_pooling
from probekit.catalog.part import Hosted, Part, find_part, resolve_part
from probekit.catalog.registry import Registry
from probekit.catalog.signature import takes_channels, takes_layers
from probekit.catalog.terms import join_terms
from probekit.plugin.components import Kind
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape

if TYPE_CHECKING:
    from torch.nn import Module

TERM_KINDS: tuple[Kind, ...] = ("structure", "layer", "encoding")
"""The kinds of an expression's terms, from left to right."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A structure, the layer or combinator that it hosts, and the encoding of that layer."""

    structure: Part
    layer: Part | None = None
    encoding: Part | None = None

    @property
    def hosted(self) -> Hosted | None:
        """The layer with its encoding, if there is one."""
        return None if self.layer is None else Hosted(self.layer, self.encoding)

    @property
    def layers(self) -> tuple[Hosted, ...]:
        """The layer or combinator, and the layers that it combines, from left to right."""
        return () if self.hosted is None else tuple(self.hosted.walk())

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that are present, from left to right."""
        return (self.structure, *(part for hosted in self.layers for part in hosted.parts))

    @property
    def text(self) -> str:
        """The canonical text."""
        return join_terms((self.structure.term, *(self.hosted.terms if self.hosted else ())))

    @property
    def has_width(self) -> bool:
        """Whether the structure has a width."""
        return self.structure.accepts("width")

    @property
    def takes_shape(self) -> bool:
        """Whether the structure's first argument is the shape: by its name, or because it is required."""
        first = next(iter(self.structure.free_parameters.values()), None)
        if first is None or first.name in ("width", "layer"):
            return False
        is_positional = first.kind in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD)
        return first.name == "shape" or (is_positional and first.default is first.empty)

    @property
    def width_step(self) -> int:
        """The number that the width must be a multiple of.

        Raises:
            ProbekitError: the `width_step` of a part raises or is not positive.
        """
        hosted = () if self.hosted is None else self.hosted.parts
        return find_width_step((self.structure, *hosted))

    def map_parts(self, change: Callable[[Part], Part]) -> Expression:
        """Return the same with each part changed."""
        hosted = self.hosted and self.hosted.map_parts(change)
        return Expression(change(self.structure), *(hosted.layer, hosted.encoding) if hosted else ())

    def build(self, shape: Shape, width: int | None) -> Module:
        """Build the network; initial weights come from torch's global generator.

        Raises:
            UsageError: the structure or the layer does not support this size, or the structure has too few
                places for the layers of a combinator.
        """
        check_size(self.structure, shape.size, f"structure {self.text!r}")
        host_arguments: dict[str, Any] = {"width": width} if self.has_width else {}
        builder = self.make_builder() if self.layer is not None else None
        if builder is not None:
            host_arguments["layer"] = builder
        network: Module = self.structure.make(*(shape,) if self.takes_shape else (), **host_arguments)
        if builder is not None:
            builder.check_all_built()
        return start_pooling(network, padded=shape.padded) if shape.pooled else network

    def make_builder(self) -> LayerBuilder:
        """Return what builds the layers of one network: it is called as (channels, size, shared)."""
        assert self.hosted is not None
        return LayerBuilder(self.hosted, self.text)

    def build_layer(
        self, channels: int, size: tuple[int, ...], shared: dict[str, Any], *, causal: bool = False
    ) -> Module:
        """Build the layer of the first place outside of a network."""
        return self.make_builder()(channels, size, shared, causal=causal)


def resolve_expression(text: str, host: str, registry: Registry) -> Expression:
    """Resolve the text of an expression.

    The first name can be that of a structure, or of a layer, which `host` then hosts. If it is both, the
    structure comes first. Of a file it is a layer if its first parameters are channels and size.

    Args:
        text: the expression, as "unet+lambda+pe" or "lambda".
        host: the structure for a text that names none.
        registry: the registry to look up names in.

    Raises:
        UsageError: a name is unknown, the text is ambiguous, the structure hosts no layer, or the layer does
            not take the encoding.
    """
    terms = parse_expression(text)
    if is_file_term(terms[0].name) and (
        terms[0].layers or takes_channels(find_part("layer", terms[0].name, registry).target)
    ):
        return make_expression((parse_term(host), *terms), registry)
    first_kinds = registry.kinds_of(terms[0].name)
    is_hosted = bool(terms[0].layers) or not first_kinds.isdisjoint(("layer", "combinator"))
    hosted = (parse_term(host), *terms) if is_hosted else terms
    readings = [
        reading for reading in dict.fromkeys((terms, hosted)) if has_kinds(reading, terms[0], registry)
    ]
    if len(readings) > 1 and len(terms) > 1:
        expressions = []
        for reading in readings:
            with suppress(UsageError):
                expressions.append(make_expression(reading, registry))
        if len(expressions) > 1:
            raise UsageError(
                f"structure {text!r}",
                f"{terms[0].name} is a structure and a layer, {terms[1].name} a layer and an encoding",
                f"Type {hosted[0]}+{text} for the layer, or PLUGIN/NAME for that of one plugin.",
            )
        if expressions:
            return expressions[0]
    fallback = terms if "structure" in first_kinds else hosted
    return make_expression(readings[0] if readings else fallback, registry)


def has_kinds(terms: Sequence[Term], first: Term, registry: Registry) -> bool:
    """Return whether each name has the kind of its position; a file fits anywhere except as typed first."""
    return len(terms) <= len(TERM_KINDS) and all(
        ("combinator" if term.layers and kind == "layer" else kind) in registry.kinds_of(term.name)
        or (is_file_term(term.name) and term is not first)
        for kind, term in zip(TERM_KINDS, terms, strict=False)
    )


def make_expression(terms: Sequence[Term], registry: Registry) -> Expression:
    """Return the expression of one to three terms: structure, layer, encoding."""
    request = f"structure {join_terms(terms)!r}"
    check_joints(terms[1:], request, str(terms[0]), registry)
    if len(terms) > len(TERM_KINDS):
        raise UsageError(
            request, f"it has {len(terms)} terms", "Write structure+layer+encoding, at most three."
        )
    structure = resolve_part("structure", terms[0], registry)
    if len(terms) == 1:
        return Expression(structure)
    hosted = resolve_hosted(terms[1:], request, registry)
    places, depth = count_places(hosted), structure.params.get("depth")
    if "depth" not in dict(terms[0].params) and isinstance(depth, int) and depth < places:
        structure = structure.with_params({**dict(terms[0].params), "depth": places})
    expression = Expression(structure, hosted.layer, hosted.encoding)
    check_hosting(expression)
    return expression


def resolve_hosted(terms: Sequence[Term], request: str, registry: Registry) -> Hosted:
    """Resolve a layer with its encoding, or a combinator with the layers in its brackets.

    Args:
        terms: the layer or combinator, and the encoding if any.
        request: the structure that contains it, for errors.
        registry: the registry to look up names in.

    Raises:
        UsageError: a name is unknown, or there is more than one encoding.
    """
    check_joints(terms, request, "", registry)
    first, *encodings = terms
    if len(encodings) > 1:
        problem = f"{join_terms(terms)} has {len(terms)} terms"
        raise UsageError(request, problem, "Write layer+encoding, at most two.")
    if not first.layers and registry.kinds_of(first.name) == {"combinator"}:
        problem = f"{first.name} is a combinator, and it has no layers"
        raise UsageError(request, problem, f"Put layers in its brackets: {first.name}(gru,transformer).")
    layer = resolve_part("combinator" if first.layers else "layer", first, registry)
    if takes_layers(layer.target) != bool(first.layers) and is_file_term(first.name):
        problem = f"{first.name} is a {'layer' if first.layers else 'combinator'}, because of its parameters"
        raise UsageError(request, problem, "A combinator's first three are channels, size and layers.")
    layers = tuple(resolve_hosted(inner, request, registry) for inner in first.layers)
    encoding = resolve_part("encoding", encodings[0], registry) if encodings else None
    return Hosted(replace(layer, layers=layers), encoding)


def check_joints(terms: Sequence[Term], request: str, host: str, registry: Registry) -> None:
    """Raise UsageError if `+` joins two layers, and say how to combine them.

    Args:
        terms: layers and encodings, joined by `+`.
        request: the structure, for the error.
        host: the text before the terms.
        registry: the registry to look up names in.
    """
    is_layer = [bool(term.layers) or registry.kinds_of(term.name) == {"layer"} for term in terms]
    if not any(is_layer[1:]):
        return
    typed = host
    for index, term in enumerate(terms):
        is_stripe = term.name == STRIPE and not term.params
        if is_stripe and registry.kinds_of(term.layers[0][0].name) == {"encoding"}:
            is_layer[index] = False  # of `lambda+pe,gru`, which names no host
        typed += ("," if index and is_layer[index] else "+") if typed else ""
        typed += ",".join(map(join_terms, term.layers)) if is_stripe else str(term)
    second = next((term for term, starts in zip(terms[1:], is_layer[1:], strict=True) if starts), None)
    if second is None:
        raise UsageError(request, f"{terms[0].name} is no structure", f"Type {typed}.")
    kind = "combinator" if second.layers else "layer"
    problem = f"{second.name} is a {kind}, and + joins a layer and its encoding"
    raise UsageError(request, problem, f"To combine layers, type {typed}.")


def check_hosting(expression: Expression) -> None:
    """Raise UsageError if the structure hosts no layer, or if a layer does not take its encoding."""
    structure = expression.structure
    request, name = f"structure {expression.text!r}", structure.component.name
    if not structure.accepts("layer"):
        name = structure.display_name
        raise UsageError(request, f"{name} hosts no layer", f"Type {name} alone.")
    for hosted in expression.layers:
        check_encoding(hosted, request, f"{name}+" if hosted == expression.hosted else "")

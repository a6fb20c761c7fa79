"""An expression is a structure with the layer and the encoding that it hosts, ready to build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import TYPE_CHECKING, Any

from probekit.catalog.files import is_file_term
from probekit.catalog.grammar import Term, parse_expression, parse_term
from probekit.catalog.part import Part, find_part, resolve_part
from probekit.catalog.registry import Registry
from probekit.catalog.signature import takes_channels
from probekit.plugin.components import Kind
from probekit.plugin.errors import ProbekitError, UsageError, describe_error
from probekit.plugin.interfaces import Shape

if TYPE_CHECKING:
    from torch.nn import Module

ENCODING_HOOKS = ("extra", "mix", "turn", "bias", "position")
TERM_KINDS: tuple[Kind, ...] = ("structure", "layer", "encoding")
"""The kinds of an expression's terms, from left to right."""


def get_side_limits(target: object) -> tuple[int, int]:
    """Return the number that sides must be multiples of, and their minimum, for a layer or structure."""
    multiple, minimum = getattr(target, "sizes", (1, 1))
    return int(multiple), int(minimum)


def get_dimensions(target: object) -> tuple[int, ...]:
    """Return the numbers of dimensions, 1 or 2, that a layer or structure supports."""
    return tuple(getattr(target, "dims", (1, 2)))


@dataclass(frozen=True, slots=True)
class Expression:
    """A structure, the layer that it hosts and the encoding of that layer."""

    structure: Part
    layer: Part | None = None
    encoding: Part | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that are present, from left to right."""
        return tuple(p for p in (self.structure, self.layer, self.encoding) if p is not None)

    @property
    def text(self) -> str:
        """The canonical text."""
        return "+".join(p.text for p in self.parts)

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
        steps = []
        for expression_part in self.parts:
            get_step = getattr(expression_part.target, "width_step", None)
            try:
                steps.append(int(get_step(**expression_part.params)) if callable(get_step) else 1)
                is_positive = steps[-1] >= 1
            except Exception as error:
                raise width_step_error(expression_part, describe_error(error)) from error
            if not is_positive:
                raise width_step_error(expression_part, f"it is {steps[-1]}")
        return lcm(*steps)

    def build(self, shape: Shape, width: int | None) -> Module:
        """Build the network; initial weights come from torch's global generator.

        Raises:
            UsageError: the structure or the layer does not support this size.
        """
        self.check_size(self.structure, shape.size)
        host_arguments: dict[str, Any] = {"width": width} if self.has_width else {}
        if self.layer is not None:
            host_arguments["layer"] = self.build_layer
        network: Module = self.structure.make(*(shape,) if self.takes_shape else (), **host_arguments)
        return network

    def check_size(self, expression_part: Part, size: tuple[int, ...]) -> None:
        """Raise UsageError if a part does not support this size."""
        multiple, minimum = get_side_limits(expression_part.target)
        request, name = f"structure {self.text!r}", expression_part.component.name
        if len(size) not in get_dimensions(expression_part.target):
            supported = " or ".join(f"{count}-D" for count in get_dimensions(expression_part.target))
            problem = f"{name} takes {supported} maps, and these are {len(size)}-D"
            raise UsageError(request, problem, "Use another probe.")
        if any(side % multiple or side < minimum for side in size):
            problem = f"{name} takes sides that are multiples of {multiple}, at least {minimum}, not {size}"
            raise UsageError(request, problem, "Use another size of the probe.")

    def build_layer(
        self, channels: int, size: tuple[int, ...], shared: dict[str, Any], *, causal: bool = False
    ) -> Module:
        """Build the layer for one place in the structure.

        Args:
            channels, size: the shape of the layer's input.
            shared: the network's dict for tied weights.
            causal: whether positions must not see later ones.

        Raises:
            UsageError: the layer does not support this size, or cannot be causal.
        """
        assert self.layer is not None
        self.check_size(self.layer, size)
        if causal and not self.layer.accepts("causal"):
            problem = f"{self.layer.display_name} lets positions see later ones"
            raise UsageError(
                f"a causal {self.text}", problem, "Type causal=false in the structure, or another layer."
            )
        host_arguments: dict[str, Any] = {"encoding": self.encoding.make} if self.encoding is not None else {}
        if self.layer.accepts("shared"):
            host_arguments["shared"] = shared
        if causal:
            host_arguments["causal"] = True
        layer: Module = self.layer.make(channels, size, **host_arguments)
        return layer


def width_step_error(expression_part: Part, problem: str) -> ProbekitError:
    """Return the error for a wrong `width_step`."""
    kind = expression_part.component.kind
    hint = f"`probekit show {kind} {expression_part.display_name}` lists its parameters."
    return ProbekitError(f"the width step of {kind} {expression_part.text}", problem, hint)


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
    if is_file_term(terms[0].name) and takes_channels(find_part("layer", terms[0].name, registry).target):
        return make_expression((parse_term(host), *terms), registry)
    first_kinds = registry.kinds_of(terms[0].name)
    hosted = (parse_term(host), *terms) if "layer" in first_kinds else terms
    readings = [
        reading for reading in dict.fromkeys((terms, hosted)) if has_kinds(reading, terms[0], registry)
    ]
    if len(readings) > 1 and len(terms) > 1:
        expressions = [
            expression
            for reading in readings
            if (expression := try_expression(reading, registry)) is not None
        ]
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
        kind in registry.kinds_of(term.name) or (is_file_term(term.name) and term is not first)
        for kind, term in zip(TERM_KINDS, terms, strict=False)
    )


def try_expression(terms: Sequence[Term], registry: Registry) -> Expression | None:
    """Return the expression of these terms, None if they do not fit together."""
    try:
        return make_expression(terms, registry)
    except UsageError:
        return None


def make_expression(terms: Sequence[Term], registry: Registry) -> Expression:
    """Return the expression of one to three terms: structure, layer, encoding."""
    if len(terms) > len(TERM_KINDS):
        request = f"structure {'+'.join(map(str, terms))!r}"
        raise UsageError(
            request, f"it has {len(terms)} terms", "Write structure+layer+encoding, at most three."
        )
    parts = (resolve_part(kind, term, registry) for kind, term in zip(TERM_KINDS, terms, strict=False))
    expression = Expression(*parts)
    check_hosting(expression)
    return expression


def check_hosting(expression: Expression) -> None:
    """Raise UsageError if the structure hosts no layer, or if the layer does not take the encoding."""
    structure, layer, encoding = expression.structure, expression.layer, expression.encoding
    if layer is None:
        return
    if not structure.accepts("layer"):
        raise UsageError(
            f"structure {expression.text!r}",
            f"{structure.display_name} hosts no layer",
            f"Type {structure.display_name} alone.",
        )
    if encoding is None:
        return
    layer_hooks = set(getattr(layer.target, "hooks", ()))
    encoding_hooks = {hook for hook in ENCODING_HOOKS if hasattr(encoding.target, hook)}
    if not encoding_hooks or encoding_hooks - layer_hooks:
        name, offered = layer.component.name, ", ".join(sorted(encoding_hooks)) or "none"
        abilities = (
            f"{name} takes encodings that offer {', '.join(sorted(layer_hooks))}"
            if layer_hooks
            else f"{name} takes no encoding"
        )
        raise UsageError(
            f"structure {expression.text!r}",
            f"{abilities}, and {encoding.component.name} offers {offered}",
            f"Type {structure.component.name}+{name}.",
        )

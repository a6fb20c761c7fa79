"""Degenerate layers: those whose approximation is exact, or saves nothing, at the size they run at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from probekit.catalog.expression import Expression
from probekit.plans.budget import build_bounded
from probekit.plugin.errors import ProbekitError, describe_error
from probekit.plugin.interfaces import Shape

if TYPE_CHECKING:
    from torch.nn import Module

METHOD = "degenerate_at"


@dataclass(frozen=True, slots=True)
class SizeRecorder(Expression):
    """An expression that records the size of each place at which it builds its layer."""

    sizes: list[tuple[int, ...]] = field(default_factory=list)

    def build_layer(
        self, channels: int, size: tuple[int, ...], shared: dict[str, Any], *, causal: bool = False
    ) -> Module:
        """Record the size and build the layer."""
        self.sizes.append(tuple(size))
        return Expression.build_layer(self, channels, size, shared, causal=causal)


def describe_degenerate_layers(expression: Expression, shape: Shape, width: int | None) -> tuple[str, ...]:
    """Ask a structure's layer what its approximation amounts to at each size it runs at.

    A layer answers by a static method `degenerate_at(size, **params) -> str`: a sentence where its
    approximation is exact or saves nothing, else "".

    Args:
        expression: The structure.
        shape: The probe's shape.
        width: The structure's width.

    Returns:
        What the layer says, each sentence once, with the sizes it is about.

    Raises:
        ProbekitError: The method raises, or does not return text.
    """
    layer = expression.layer
    describe = None if layer is None else getattr(layer.target, METHOD, None)
    if layer is None or not callable(describe):
        return ()
    recorder = SizeRecorder(expression.structure, layer, expression.encoding)
    build_bounded(recorder, shape, width)
    sizes_by_sentence: dict[str, list[str]] = {}
    for size in dict.fromkeys(recorder.sizes):
        request = f"{METHOD} of layer {layer.text}"
        try:
            sentence = describe(size, **layer.params)
        except Exception as error:
            raise ProbekitError(request, f"it raises {describe_error(error)}", "Fix the layer.") from error
        if not isinstance(sentence, str):
            problem = f"it returned a {type(sentence).__name__}"
            raise ProbekitError(request, problem, 'Return a sentence, or "".')
        if sentence:
            sizes_by_sentence.setdefault(sentence, []).append(" x ".join(map(str, size)))
    return tuple(
        f"{layer.display_name} on {' and '.join(sizes)} positions: {sentence}"
        for sentence, sizes in sizes_by_sentence.items()
    )

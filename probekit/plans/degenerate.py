"""Degenerate layers: those whose approximation is exact, or saves nothing, at the size they run at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from probekit.catalog.expression import Expression
from probekit.catalog.hosting import LayerBuilder
from probekit.catalog.part import Hosted
from probekit.plans.budget import build_bounded
from probekit.plugin.errors import ProbekitError, describe_error
from probekit.plugin.interfaces import Shape

METHOD = "degenerate_at"


@dataclass(frozen=True, slots=True)
class RecordedExpression(Expression):
    """An expression that keeps the builders of its layers, which know the size of each."""

    builders: list[LayerBuilder] = field(default_factory=list)

    def make_builder(self) -> LayerBuilder:
        """Return a new builder, and keep it."""
        builder = Expression.make_builder(self)
        self.builders.append(builder)
        return builder


def describe_degenerate_layers(expression: Expression, shape: Shape, width: int | None) -> tuple[str, ...]:
    """Ask a structure's layers what their approximations amount to at each size they run at.

    A layer answers by a static method `degenerate_at(size, **params) -> str`: a sentence where its
    approximation is exact or saves nothing, else "".

    Args:
        expression: The structure.
        shape: The probe's shape.
        width: The structure's width.

    Returns:
        What the layers say, each sentence once, with the sizes it is about.

    Raises:
        ProbekitError: The method raises, or does not return text.
    """
    if not any(callable(getattr(hosted.layer.target, METHOD, None)) for hosted in expression.layers):
        return ()
    recorded = RecordedExpression(expression.structure, expression.layer, expression.encoding)
    build_bounded(recorded, shape, width)
    built = [entry for builder in recorded.builders for entry in builder.built]
    sentences: list[str] = []
    for hosted in expression.layers:
        sizes = dict.fromkeys(size for built_hosted, size in built if built_hosted == hosted)
        sentences += describe_layer(hosted, sizes)
    return tuple(dict.fromkeys(sentences))


def describe_layer(hosted: Hosted, sizes: Iterable[tuple[int, ...]]) -> Iterator[str]:
    """Yield each sentence that a layer says about sizes, with the sizes it is about."""
    layer = hosted.layer
    describe = getattr(layer.target, METHOD, None)
    if not callable(describe):
        return
    sizes_by_sentence: dict[str, list[str]] = {}
    for size in sizes:
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
    for sentence, texts in sizes_by_sentence.items():
        yield f"{layer.display_name} on {' and '.join(texts)} positions: {sentence}"

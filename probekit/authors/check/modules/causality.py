"""Checks of causality: no position sees what comes after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from probekit.authors.check.base import DoesNotApply, fail
from probekit.authors.check.modules.fixtures import EncodingFixture, LayerFixture, StructureFixture
from probekit.authors.check.modules.serialization import call_seeded
from probekit.catalog.expression import Expression
from probekit.scores.look_ahead import find_look_ahead

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def causal_layer_sees_no_later_position(fixture: LayerFixture) -> None:
    """If it accepts `causal`, then with causal=True no output depends on later positions."""
    if not fixture.can_be_causal:
        raise DoesNotApply("it has no parameter `causal`, or a layer in it has none")
    for size in list_sizes(fixture):
        require_causal(lambda size=size: fixture.build_causal(size), fixture.draw_inputs(size, 2))  # type: ignore[misc]


def causal_structure_sees_no_later_position(fixture: StructureFixture) -> None:
    """If it has a parameter `causal`, then with causal=True no output depends on later positions."""
    if not fixture.part.accepts("causal"):
        raise DoesNotApply("it has no parameter `causal`")
    part = fixture.part.with_params({**fixture.part.params, "causal": True})
    expression = Expression(part)
    width = fixture.channels if expression.has_width else None
    for size in list_sizes(fixture):
        shape = fixture.shape(size)
        require_causal(lambda shape=shape: expression.build(shape, width), fixture.draw_inputs(size, 2))  # type: ignore[misc]


def encoding_keeps_a_layer_causal(fixture: EncodingFixture) -> None:
    """In a causal layer, no output depends on later positions."""
    host = next((layer for layer in fixture.host_layers if layer.accepts("causal")), None)
    if host is None:
        raise DoesNotApply("no layer that takes it can be causal")
    for size in list_sizes(fixture):
        expression = Expression(fixture.part, host, fixture.part)
        require_causal(
            lambda size=size, expression=expression: expression.build_layer(  # type: ignore[misc]
                fixture.channels, size, {}, causal=True
            ),
            fixture.draw_inputs(size, 2),
        )


def list_sizes(fixture: LayerFixture | EncodingFixture | StructureFixture) -> list[tuple[int, ...]]:
    """Return each size of the fixture, and in 1-D one that is half as long again."""
    sizes = list(fixture.sizes.values())
    return sizes + [(3 * size[0] // 2,) for size in sizes if len(size) == 1 and size[0] % 2 == 0]


def require_causal(build: Callable[[], Module], inputs: Tensor) -> None:
    """Fail if an output changes with later inputs."""
    import torch

    torch.manual_seed(0)
    count = inputs.flatten(2).shape[-1]
    lasts = sorted({0, count // 3, count // 2, count - 2})
    if (found := find_look_ahead(build().eval(), inputs, lasts, call_seeded)) is not None:
        fail(
            f"on {count} positions, the output at {found[0]} depends on inputs after {found[1]}",
            "With causal=True, mask later positions, and pad convolutions on the left only.",
        )

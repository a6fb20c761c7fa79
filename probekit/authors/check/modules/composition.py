"""Checks of how layers, encodings and structures work together."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from probekit.authors.check.base import DoesNotApply, fail
from probekit.authors.check.modules.causality import (
    causal_layer_sees_no_later_position,
    causal_structure_sees_no_later_position,
    encoding_keeps_a_layer_causal,
)
from probekit.authors.check.modules.fixtures import (
    CombinatorFixture,
    EncodingFixture,
    LayerFixture,
    StructureFixture,
    list_companions,
)
from probekit.authors.check.modules.serialization import call_seeded, is_close
from probekit.authors.check.modules.training import trains_in_a_network
from probekit.authors.check.plugin_imports import plugin_imports_no_torch
from probekit.catalog.expression import Expression
from probekit.catalog.grammar import Term
from probekit.catalog.hosting import ENCODING_HOOKS, count_places
from probekit.catalog.part import resolve_part
from probekit.plans.budget import find_least_width

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def supports_declared_encodings(fixture: LayerFixture) -> None:
    """With every encoding whose hooks it declares, built in or of its own plugin, it keeps the shape."""
    hooks = set(getattr(fixture.part.target, "hooks", ()))
    if not hooks:
        raise DoesNotApply("it takes no encoding: it declares no hooks")
    if hooks - set(ENCODING_HOOKS):
        fail(
            f"it declares unknown hooks: {', '.join(hooks - set(ENCODING_HOOKS))}",
            f"Hooks are {', '.join(ENCODING_HOOKS)}.",
        )
    tested = 0
    for component in list_companions("encoding", fixture.part, fixture.registry):
        target = fixture.registry.load_target(component)
        offers = {hook for hook in ENCODING_HOOKS if hasattr(target, hook)}
        if not offers or offers - hooks:
            continue
        tested += 1
        encoding = resolve_part("encoding", Term(component.long_name), fixture.registry)
        expression = Expression(fixture.part, fixture.part, encoding)
        channels = find_least_width(expression, fixture.channels)
        layer = expression.build_layer(channels, fixture.size, {})
        import torch

        inputs = torch.randn(2, channels, *fixture.size)
        output = layer(inputs)
        if output.shape != inputs.shape:
            fail(
                f"with {component.name}, its output has shape {tuple(output.shape)} "
                f"instead of {tuple(inputs.shape)}",
                "probekit.plugin.interfaces.Encoding documents what each hook returns.",
            )
    if not tested:
        raise DoesNotApply("no built-in encoding fits its hooks")


def hooks_are_methods_of_its_class(fixture: EncodingFixture) -> None:
    """Its class defines at least one hook as a method, and a layer supports its hooks."""
    if not [hook for hook in ENCODING_HOOKS if callable(getattr(fixture.part.target, hook, None))]:
        fail("it has no hook", f"Define at least one of the methods {', '.join(ENCODING_HOOKS)}.")
    fixture.host_layer  # noqa: B018  raises if no layer supports them


def changes_the_output(fixture: EncodingFixture) -> None:
    """It changes the output of a layer whose weights stay the same."""
    import torch

    host, size = fixture.host_layer, fixture.size
    plain_layer = Expression(fixture.part, host).build_layer(fixture.channels, size, {}).eval()
    encoded_layer = fixture.build(size).eval()
    inputs = fixture.draw_inputs(size)
    plain_state = plain_layer.state_dict()
    shared = {name: value for name, value in encoded_layer.state_dict().items() if name in plain_state}
    if any(value.shape != plain_state[name].shape for name, value in shared.items()):
        return  # it adds channels, so it has an effect
    plain_layer.load_state_dict(shared, strict=False)
    if torch.allclose(encoded_layer(inputs), plain_layer(inputs)):
        fail(
            "the layer gives the same output without it",
            "Make sure that its hooks return values that depend on the position.",
        )


def tells_positions_apart_along_each_axis(fixture: EncodingFixture) -> None:
    """With it, the output does not just move when rows, columns or positions of the input swap places."""
    import torch

    for size in fixture.sizes.values():
        inputs = fixture.draw_inputs(size)
        plain_layer = (
            Expression(fixture.part, fixture.host_layer).build_layer(fixture.channels, size, {}).eval()
        )
        encoded_layer = fixture.build(size).eval()
        with torch.no_grad():
            for weight in fixture.own_parameters(encoded_layer).values():
                weight.add_(0.05 * torch.randn_like(weight))  # a zero at the start may hide it
        for axis in range(2, inputs.ndim):
            order = torch.randperm(inputs.shape[axis])
            if not commutes(plain_layer, inputs, axis, order):
                continue  # the layer itself tells positions apart
            if commutes(encoded_layer, inputs, axis, order):
                fail(
                    f"on maps of size {size}, it does not tell positions apart along axis {axis - 1} of "
                    f"{len(size)}",
                    "Let its hooks depend on the position along every axis of `size`.",
                )


def commutes(module: Module, inputs: Tensor, axis: int, order: Tensor) -> bool:
    """Tell whether reordering the inputs along an axis reorders the outputs, and nothing else."""
    moved = call_seeded(module, inputs).index_select(axis, order)
    return is_close(moved, call_seeded(module, inputs.index_select(axis, order)))


def hosts_a_layer(fixture: StructureFixture) -> None:
    """If it takes `layer`, it builds it as layer(channels, size, shared) and calls it in forward."""
    if not fixture.part.accepts("layer"):
        raise DoesNotApply("it takes no layer")
    import torch
    from torch import nn

    layers: list[Module] = []
    shared_dicts: list[dict[str, Any]] = []

    class Factor(nn.Module):
        """A layer with one parameter that checks the shape of its input."""

        def __init__(self, channels: int, size: tuple[int, ...], shared: dict[str, Any]) -> None:
            super().__init__()
            self.input_shape = (channels, *size)
            self.factor = nn.Parameter(torch.ones(()))
            layers.append(self)
            shared_dicts.append(shared)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if x.shape[1:] != self.input_shape:
                fail(
                    f"a layer built for inputs {self.input_shape} was called with {tuple(x.shape[1:])}",
                    "Call layer(channels, size, shared) with the shape of the input that the layer receives.",
                )
            return x * self.factor

    kwargs = {"width": fixture.channels} if fixture.part.accepts("width") else {}
    model = fixture.part.make(fixture.shape(fixture.size), layer=Factor, **kwargs)
    if not layers or not any(layer is module for module in model.modules() for layer in layers):
        fail(
            "it takes a layer, but contains none",
            "Call layer(channels, size, shared) and register the module that it returns.",
        )
    if any(shared is not shared_dicts[0] for shared in shared_dicts):
        fail(
            "its layers received different `shared` dicts",
            "Pass the same dict to all layers, so that they can share weights.",
        )
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    model(fixture.draw_inputs(fixture.size)).square().sum().backward()
    if not all(weight.grad is not None for layer in layers for weight in layer.parameters()):
        fail("a layer in it receives no gradient", "Call every layer in forward.")


def wider_means_more_parameters(fixture: StructureFixture) -> None:
    """The number of parameters grows with the width, so that a width can be chosen for a budget."""
    expression = Expression(fixture.part)
    if not expression.has_width:
        raise DoesNotApply("it has no parameter `width`")
    widths = sorted({find_least_width(expression, multiple * fixture.channels) for multiple in (1, 2, 3)})
    networks = (expression.build(fixture.shape(fixture.size), width) for width in widths)
    counts = [sum(weight.numel() for weight in network.parameters()) for network in networks]
    if any(wider <= narrower for narrower, wider in pairwise(counts)):
        fail(
            f"with the widths {', '.join(map(str, widths))}, it has {counts} parameters",
            "Use `width` as its number of channels.",
        )


def builds_all_its_layers(fixture: CombinatorFixture) -> None:
    """It builds each of its layers at one of as many places as it has layers, with some of its channels."""
    builder = fixture.make_builder()
    for _ in range(count_places(builder.hosted)):
        builder(fixture.channels, fixture.size, {})
    built = [hosted for hosted, _ in builder.built]
    missing = [hosted for hosted in builder.hosted.walk() if not any(hosted is layer for layer in built)]
    if missing:
        fail(
            f"it does not build {missing[0].layer.display_name}",
            "Call each builder in `layers` as layer(channels, size), or the one that `place` chooses.",
        )


LAYER_CHECKS = (
    supports_declared_encodings,
    causal_layer_sees_no_later_position,
    trains_in_a_network,
    plugin_imports_no_torch,
)
COMBINATOR_CHECKS = (
    builds_all_its_layers,
    causal_layer_sees_no_later_position,
    trains_in_a_network,
    plugin_imports_no_torch,
)
ENCODING_CHECKS = (
    hooks_are_methods_of_its_class,
    changes_the_output,
    tells_positions_apart_along_each_axis,
    encoding_keeps_a_layer_causal,
    trains_in_a_network,
    plugin_imports_no_torch,
)
STRUCTURE_CHECKS = (
    hosts_a_layer,
    wider_means_more_parameters,
    causal_structure_sees_no_later_position,
    trains_in_a_network,
    plugin_imports_no_torch,
)

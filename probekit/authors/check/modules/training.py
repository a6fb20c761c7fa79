"""Check that a layer, an encoding or a structure trains in small networks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from probekit.authors.check.base import DoesNotApply, changes_in_place, fail, locate_error
from probekit.authors.check.modules.fixtures import (
    INPUTS,
    OUTPUTS,
    STRUCTURE_SIZES,
    CombinatorFixture,
    EncodingFixture,
    LayerFixture,
    ModuleFixture,
    StructureFixture,
)
from probekit.authors.check.shift import ShiftProbe
from probekit.catalog.expression import Expression, resolve_expression
from probekit.plans.budget import find_least_width
from probekit.plugin.declarations import Shape
from probekit.plugin.errors import ProbekitError, UsageError, describe_error
from probekit.plugin.interfaces import Probe
from probekit.plugin.items import read_batch

if TYPE_CHECKING:
    from torch.nn import Module

BATCH_SIZE, MIN_WIDTH = 4, 4
LEARNING_RATE = 0.01


def trains_in_a_network(fixture: ModuleFixture) -> None:
    """In a small network of each kind that hosts it, it trains for one step and gives outputs all along."""
    refusals: list[str] = []
    probes = list_probes(fixture)
    for probe in probes:
        try:
            train_one_step(fixture, insert_component(fixture, probe), probe)
        except UsageError as error:  # the host's sizes are not those that the component declares
            refusals.append(error.problem)
    if len(refusals) == len(probes):
        raise DoesNotApply("; ".join(refusals))


def list_probes(fixture: ModuleFixture) -> list[ShiftProbe]:
    """Return the kit's own probe in each network that can host the component."""
    hosts = {1: "plain", 2: "unet"}
    own_sizes = isinstance(fixture, StructureFixture)
    sizes = {count: fixture.sizes[count] if own_sizes else STRUCTURE_SIZES[count] for count in fixture.sizes}
    probes = [ShiftProbe(Shape(INPUTS, OUTPUTS, size), hosts[count]) for count, size in sizes.items()]
    if isinstance(fixture, LayerFixture):
        can_be_causal = fixture.can_be_causal
    else:
        can_be_causal = isinstance(fixture, EncodingFixture) and fixture.host_layer.accepts("causal")
    if 1 in sizes and can_be_causal:
        probes.append(ShiftProbe(Shape(INPUTS, OUTPUTS, sizes[1]), "plain(causal=true)"))
    return probes


def insert_component(fixture: ModuleFixture, probe: Probe) -> Expression:
    """Return the probe's structure with the layer or encoding in it; a structure replaces it."""
    if not isinstance(fixture, LayerFixture | EncodingFixture):
        return Expression(fixture.part)
    if isinstance(fixture, CombinatorFixture):  # its host must have places for all its layers
        return resolve_expression(f"{probe.structure}+{fixture.part.text}", probe.structure, fixture.registry)
    structure = resolve_expression(probe.structure, probe.structure, fixture.registry)
    if isinstance(fixture, LayerFixture):
        return replace(structure, layer=fixture.part)
    return replace(structure, layer=fixture.host_layer, encoding=fixture.part)


def train_one_step(fixture: ModuleFixture, expression: Expression, probe: Probe) -> None:
    """Train a network for one step with the probe's loss."""
    import torch

    inputs, targets = read_batch(probe.data("train", 0), range(BATCH_SIZE))
    context = f"in {expression.text} on inputs of size {probe.shape.size},"
    try:
        torch.manual_seed(0)
        network: Module = expression.build(probe.shape, find_least_width(expression, MIN_WIDTH))
        with torch.no_grad():
            network.eval()(inputs.clone())  # tensors that it caches here may need gradients below
        loss = probe.loss(network.train()(inputs.clone()), targets)
        optimizer = torch.optim.SGD(network.parameters(), LEARNING_RATE)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        with torch.no_grad():
            output = network.eval()(inputs.clone())
    except ProbekitError:
        raise
    except Exception as error:
        if changes_in_place(error):
            raise
        fail(
            f"{context} it raised {describe_error(error)}{locate_error(error, fixture)}",
            "`probekit run` would fail in the same way.",
        )
    expected_shape = (BATCH_SIZE, probe.shape.outputs, *probe.shape.answer_size)
    if not bool(loss.isfinite()):
        fail(f"{context} the loss is {float(loss)}", "Look at its output before training.")
    if tuple(output.shape) != expected_shape:
        fail(
            f"{context} the output has shape {tuple(output.shape)} instead of {expected_shape}",
            "Keep the shape of the input.",
        )

"""Check that a layer, an encoding or a structure trains in the network of an installed probe."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from probekit.authors.check.base import DoesNotApply, fail, locate_error
from probekit.authors.check.fixtures import EncodingFixture, LayerFixture, ModuleFixture
from probekit.catalog.expression import Expression, resolve_expression
from probekit.plans.scale import make_probe_at
from probekit.plugin.errors import ProbekitError, describe_error
from probekit.plugin.interfaces import Probe
from probekit.plugin.items import read_batch

if TYPE_CHECKING:
    from torch.nn import Module

BATCH_SIZE, MIN_WIDTH = 4, 4
LEARNING_RATE = 0.01


def trains_on_a_probe(fixture: ModuleFixture) -> None:
    """In the network of an installed probe, it trains for one step and gives outputs before and after."""
    trained = 0
    for probe in select_probes(fixture):
        if (expression := insert_component(fixture, probe)) is not None:
            train_one_step(fixture, expression, probe)
            trained += 1
    if not trained:
        raise DoesNotApply("no installed probe has inputs that it supports")


def select_probes(fixture: ModuleFixture) -> list[Probe]:
    """Return, for each supported number of dimensions, one installed probe at its smallest scale."""
    probes: dict[int, Probe] = {}
    for component in fixture.registry.components("probe"):
        try:
            probe = make_probe_at(component.long_name, "smoke", fixture.registry)
        except ProbekitError:
            continue
        if (count := len(probe.shape.size)) in fixture.sizes and can_host(fixture, probe):
            probes.setdefault(count, probe)
    return list(probes.values())


def can_host(fixture: ModuleFixture, probe: Probe) -> bool:
    """Tell whether the probe's structure accepts the layer; a causal structure needs a causal layer."""
    layer = fixture.host_layer if isinstance(fixture, EncodingFixture) else fixture.part
    causal = resolve_expression(probe.structure, probe.structure, fixture.registry).structure.params.get(
        "causal"
    )
    return not causal or not isinstance(fixture, LayerFixture | EncodingFixture) or layer.accepts("causal")


def insert_component(fixture: ModuleFixture, probe: Probe) -> Expression | None:
    """Return the probe's structure with the layer or encoding in it; a structure replaces it."""
    if not isinstance(fixture, LayerFixture | EncodingFixture):
        return Expression(fixture.part)
    structure = resolve_expression(probe.structure, probe.structure, fixture.registry)
    if isinstance(fixture, LayerFixture):
        return replace(structure, layer=fixture.part)
    return replace(structure, layer=fixture.host_layer, encoding=fixture.part)


def train_one_step(fixture: ModuleFixture, expression: Expression, probe: Probe) -> None:
    """Train a network for one step with the probe's loss."""
    import torch

    step = expression.width_step
    inputs, targets = read_batch(probe.data("train", 0), range(BATCH_SIZE))
    context = f"in {expression.text} on {probe.property},"
    try:
        torch.manual_seed(0)
        network: Module = expression.build(probe.shape, step * -(-MIN_WIDTH // step))
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
        fail(
            f"{context} it raised {describe_error(error)}{locate_error(error, fixture)}",
            "`probekit run` would fail in the same way.",
        )
    expected_shape = (BATCH_SIZE, probe.shape.outputs, *probe.shape.size)
    if not bool(loss.isfinite()):
        fail(f"{context} the loss is {float(loss)}", "Look at its output before training.")
    if tuple(output.shape) != expected_shape:
        fail(
            f"{context} the output has shape {tuple(output.shape)} instead of {expected_shape}",
            "Keep the shape of the input.",
        )

"""A host is the network of an installed probe that a layer, an encoding or a structure is trained in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from probekit.authors.check.bench import Bench, EncodingBench, LayerBench
from probekit.authors.check.kit import DoesNotApply, fail, place
from probekit.catalog.expression import Expression, resolve
from probekit.errors import ProbekitError, reason
from probekit.interfaces import Probe
from probekit.items import batch
from probekit.plans.scale import probe_at

if TYPE_CHECKING:
    from torch.nn import Module

ITEMS, LEAST = 4, 4
RATE = 0.01


def learns_in_the_network_of_a_probe(bench: Bench) -> None:
    """In the network of an installed probe it is trained for a step, and answers before and after it."""
    put = 0
    for probe in probes(bench):
        if (expression := hosted(bench, probe)) is not None:
            train(bench, expression, probe)
            put += 1
    if not put:
        raise DoesNotApply("no installed probe has maps that it takes")


def probes(bench: Bench) -> list[Probe]:
    """Return an installed probe at its smallest scale for each number of dimensions that the part takes."""
    found: dict[int, Probe] = {}
    for component in bench.registry.components("probe"):
        try:
            probe = probe_at(component.long_name, "smoke", bench.registry)
        except ProbekitError:
            continue
        if (count := len(probe.shape.size)) in bench.sizes and takes(bench, probe):
            found.setdefault(count, probe)
    return list(found.values())


def takes(bench: Bench, probe: Probe) -> bool:
    """Tell whether the probe's structure hosts such a layer, as a causal one does not host each."""
    layer = bench.host if isinstance(bench, EncodingBench) else bench.part
    causal = resolve(probe.structure, probe.structure, bench.registry).structure.params.get("causal")
    return not causal or not isinstance(bench, LayerBench | EncodingBench) or layer.accepts("causal")


def hosted(bench: Bench, probe: Probe) -> Expression | None:
    """Return the part in the probe's structure; None where that takes no such layer."""
    if not isinstance(bench, LayerBench | EncodingBench):
        return Expression(bench.part)
    structure = resolve(probe.structure, probe.structure, bench.registry)
    if isinstance(bench, LayerBench):
        return replace(structure, layer=bench.part)
    return replace(structure, layer=bench.host, encoding=bench.part)


def train(bench: Bench, expression: Expression, probe: Probe) -> None:
    """Take one step with the probe's own loss on a few of its items."""
    import torch

    step = expression.width_step
    inputs, targets = batch(probe.data("train", 0), range(ITEMS))
    what = f"in {expression.text} on {probe.property}"
    try:
        torch.manual_seed(0)
        network: Module = expression.build(probe.shape, step * -(-LEAST // step))
        with torch.no_grad():
            network.eval()(inputs.clone())  # what it keeps of this may have to carry gradients below
        loss = probe.loss(network.train()(inputs.clone()), targets)
        optimiser = torch.optim.SGD(network.parameters(), RATE)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        with torch.no_grad():
            after = network.eval()(inputs.clone())
    except ProbekitError:
        raise
    except Exception as error:
        fail(f"{what} it raised {reason(error)}{place(error, bench)}", "`probekit run` would fail alike.")
    wanted = (ITEMS, probe.shape.outputs, *probe.shape.size)
    if not bool(loss.isfinite()):
        fail(f"{what} the loss is {float(loss)}", "Look at what it answers when it is new.")
    if tuple(after.shape) != wanted:
        fail(f"{what} the answer is {tuple(after.shape)}, not {wanted}", "Keep the shape of the maps.")

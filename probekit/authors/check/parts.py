"""What a layer, an encoding, a structure and a plugin promise besides."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from probekit.authors.check.bench import Bench, EncodingBench, LayerBench, StructureBench
from probekit.authors.check.host import learns_in_the_network_of_a_probe
from probekit.authors.check.kit import DoesNotApply, fail
from probekit.catalog.expression import HOOKS, Expression
from probekit.catalog.grammar import Term
from probekit.catalog.part import part
from probekit.catalog.process import environment
from probekit.catalog.registry import Registry
from probekit.components import Component

if TYPE_CHECKING:
    from torch.nn import Module

HEAVY = ("torch", "numpy", "matplotlib")
WATCHED = """
import importlib, sys
importlib.import_module(sys.argv[1])
print("loaded", *(name for name in sys.argv[2:] if name in sys.modules))
"""


def serves_the_encodings_it_says(bench: LayerBench) -> None:
    """With every installed encoding whose hooks it serves it keeps the shape."""
    hooks = set(getattr(bench.part.target, "hooks", ()))
    if not hooks:
        raise DoesNotApply("it takes no encoding: it has no hooks")
    if hooks - set(HOOKS):
        fail(f"its hooks name {', '.join(hooks - set(HOOKS))}", f"The hooks are {', '.join(HOOKS)}.")
    served = 0
    for component in bench.registry.components("encoding"):
        target = bench.registry.target(component)
        offers = {hook for hook in HOOKS if hasattr(target, hook)}
        if not offers or offers - hooks:
            continue
        served += 1
        encoding = part("encoding", Term(component.long_name), bench.registry)
        expression = Expression(bench.part, bench.part, encoding)
        channels = expression.width_step * -(-bench.channels // expression.width_step)
        layer = expression.host(channels, bench.size, {})
        import torch

        maps = torch.randn(2, channels, *bench.size)
        found = layer(maps)
        if found.shape != maps.shape:
            fail(
                f"with {component.name} its answer is {tuple(found.shape)} of {tuple(maps.shape)}",
                "probekit.interfaces.Encoding says what each hook gives.",
            )
    if not served:
        raise DoesNotApply("no installed encoding fits its hooks")


def hooks_are_methods_of_its_class(bench: EncodingBench) -> None:
    """It offers one or more hooks, as methods that a layer which serves them can call."""
    if not [hook for hook in HOOKS if callable(getattr(bench.part.target, hook, None))]:
        fail("it has no hook", f"Give its class one or more of the methods {', '.join(HOOKS)}.")
    bench.host  # noqa: B018  raises where no layer serves them


def changes_the_answer(bench: EncodingBench) -> None:
    """The layer answers differently with it: the layer's own weights being equal."""
    import torch

    host, size = bench.host, bench.size
    without = Expression(bench.part, host).host(bench.channels, size, {}).eval()
    encoded = bench.build(size).eval()
    maps = bench.maps(size)
    shared = {name: value for name, value in encoded.state_dict().items() if name in without.state_dict()}
    if any(value.shape != without.state_dict()[name].shape for name, value in shared.items()):
        return  # more channels are read: it cannot be without effect
    without.load_state_dict(shared, strict=False)
    if torch.allclose(encoded(maps), without(maps)):
        fail("the layer answers as it does without it", "See that its hooks return what depends on position.")


def hosts_a_layer(bench: StructureBench) -> None:
    """Where it takes `layer`, it builds it with (channels, size, shared) and runs it; the loss reaches it."""
    if not bench.part.accepts("layer"):
        raise DoesNotApply("it takes no layer")
    import torch
    from torch import nn

    places: list[Module] = []
    handed: list[dict[str, Any]] = []

    class Factor(nn.Module):
        """A layer of one number, for a test of its host."""

        def __init__(self, channels: int, size: tuple[int, ...], shared: dict[str, Any]) -> None:
            super().__init__()
            self.wanted = (channels, *size)
            self.factor = nn.Parameter(torch.ones(()))
            places.append(self)
            handed.append(shared)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if x.shape[1:] != self.wanted:
                fail(
                    f"a layer built for {self.wanted} was given {tuple(x.shape[1:])}",
                    "Call layer(channels, size, shared) with what that place will give it.",
                )
            return x * self.factor

    kwargs = {"width": bench.channels} if bench.part.accepts("width") else {}
    model = bench.part.make(bench.shape(bench.size), layer=Factor, **kwargs)
    if not places or not any(place is module for module in model.modules() for place in places):
        fail(
            "it was handed a layer and hosts none",
            "Call layer(channels, size, shared) and keep what it gives.",
        )
    if any(shared is not handed[0] for shared in handed):
        fail("its places were handed different `shared`", "Hand one dict to all, for weights that are tied.")
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    model(bench.maps(bench.size)).square().sum().backward()
    if not all(weight.grad is not None for place in places for weight in place.parameters()):
        fail("a layer it hosts gets no gradient", "Run every layer in forward.")


def wider_means_more_parameters(bench: StructureBench) -> None:
    """Parameters rise with the width, so that a width can be found for a budget."""
    expression = Expression(bench.part)
    if not expression.has_width:
        raise DoesNotApply("it has no width")
    counts = [
        sum(
            weight.numel()
            for weight in expression.build(bench.shape(bench.size), times * bench.channels).parameters()
        )
        for times in (1, 2, 3)
    ]
    if not counts[0] < counts[1] < counts[2]:
        fail(
            f"at one, two and three times the width it has {counts} parameters", "Let width be its channels."
        )


def plugin_imports_no_torch(bench: Bench) -> None:
    """Opening its plugin imports neither torch nor numpy nor matplotlib, so that listing stays fast."""
    imports_nothing_heavy(bench.part.component, bench.registry)


def imports_nothing_heavy(component: Component, registry: Registry) -> None:
    """Check the plugin of a component."""
    owner = registry.owner(component)
    if owner is None:
        raise DoesNotApply("it is in no plugin")
    module = owner.value.partition(":")[0]
    found = loaded(module)
    if found:
        fail(
            f"import {module} loads {', '.join(found)}",
            "Name the class by its address, 'package.module:Class', and import torch in that module alone.",
        )


@functools.cache
def loaded(module: str) -> tuple[str, ...]:
    """Return which heavy packages the import of a module loads, in a process of its own."""
    env = environment(PYTHONPATH=os.pathsep.join(sys.path))
    program = [sys.executable, "-c", WATCHED, module, *HEAVY]
    done = subprocess.run(program, capture_output=True, text=True, check=True, env=env)
    return tuple(done.stdout.rpartition("loaded")[2].split())


LAYER = (serves_the_encodings_it_says, learns_in_the_network_of_a_probe, plugin_imports_no_torch)
ENCODING = (
    hooks_are_methods_of_its_class,
    changes_the_answer,
    learns_in_the_network_of_a_probe,
    plugin_imports_no_torch,
)
STRUCTURE = (
    hosts_a_layer,
    wider_means_more_parameters,
    learns_in_the_network_of_a_probe,
    plugin_imports_no_torch,
)

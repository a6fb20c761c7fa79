"""What a layer, an encoding in its layer and a structure promise as networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.authors.check.bench import Bench, size_of, state
from probekit.authors.check.elsewhere import is_built_alike_elsewhere
from probekit.authors.check.kit import fail, place
from probekit.authors.check.storing import near, seeded, survives_safetensors
from probekit.errors import reason

if TYPE_CHECKING:
    pass

NOTHING = 1e-7
"""A gradient is nothing where it is smaller than the largest by this factor."""


def keeps_shape_and_dtype_in_1d(bench: Bench) -> None:
    """Maps (batch, channels, length) come out in the right shape, in float32, finite."""
    answers(bench, size_of(bench, 1))


def keeps_shape_and_dtype_in_2d(bench: Bench) -> None:
    """Maps (batch, channels, height, width) come out in the right shape, in float32, finite."""
    answers(bench, size_of(bench, 2))


def answers(bench: Bench, size: tuple[int, ...]) -> None:
    """Check what comes out of maps of this size, of a batch and of one item."""
    import torch

    module = bench.build(size).eval()
    hint = (
        "x.flatten(2) is (batch, channels, positions) in 1-D and 2-D, y.reshape_as(x) the way back; "
        f"what does not take {len(size)}-D says dims = ({3 - len(size)},) on its class."
    )
    for batch in (3, 1):
        try:
            found = module(bench.maps(size, batch))
        except Exception as error:
            fail(f"it raised {reason(error)}{place(error, bench)}", hint)
        wanted = bench.answer(size, batch)
        if not isinstance(found, torch.Tensor):
            fail(f"it answers with a {type(found).__name__}", "Return one tensor.")
        if tuple(found.shape) != wanted:
            fail(f"its answer is {tuple(found.shape)}, and {wanted} is asked", hint)
        if found.dtype != torch.float32:
            fail(f"its answer to float32 is {found.dtype}", "Keep the dtype of x, as in table.to(x.dtype).")
        if not bool(found.isfinite().all()):
            fail("its answer is not finite", "Look for a division by zero and for an exp that overflows.")


def gradient_reaches_every_parameter(bench: Bench) -> None:
    """The loss depends on the input and on every parameter, so that all of them are learned."""
    import torch

    module = bench.build(bench.size)
    with torch.no_grad():
        for weight in module.parameters():  # what starts at zero may hide what comes before it
            weight.add_(0.05 * torch.randn_like(weight))
    maps = bench.maps(bench.size).requires_grad_()
    found = module(maps)
    if found.requires_grad:
        (found * torch.randn_like(found)).sum().backward()
    if maps.grad is None or not bool(maps.grad.any()):
        fail("no gradient reaches the input", "Compute with torch alone, and without detach or no_grad.")
    own = {name: weight for name, weight in bench.own(module).items() if weight.requires_grad}
    sizes = {
        name: float("nan") if weight.grad is None else float(weight.grad.abs().max())
        for name, weight in own.items()
    }
    largest = max((size for size in sizes.values() if size == size), default=0.0)
    idle = [name for name, size in sizes.items() if not size > NOTHING * largest]
    if idle:
        fail(
            f"no gradient reaches {', '.join(idle)}",
            "Use it in forward, or leave it out; it is counted, and budgets are in parameters.",
        )


def batch_items_are_independent(bench: Bench) -> None:
    """In eval mode an item's answer is the same whatever else is in the batch."""
    import torch

    module = bench.build(bench.size).eval()
    maps = bench.maps(bench.size)
    others = torch.cat([maps[:1], bench.maps(bench.size, 2)])
    first, again, alone = (seeded(module, x)[0] for x in (maps, others, maps[:1]))
    if not (near(first, again) and near(first, alone)):
        fail(
            "an item's answer changes with the other items of its batch",
            "Take sums and means over channels or positions, never over dimension 0.",
        )


def same_seed_gives_same_weights(bench: Bench) -> None:
    """Built twice from one seed it has the same weights, and gives the same answer twice."""
    import torch

    one, other = (bench.build(bench.size).eval() for _ in range(2))
    pairs = zip(state(one).values(), state(other).values(), strict=True)
    if not all(torch.equal(here, there) for here, there in pairs):
        fail("one seed gives different weights", "Draw them from torch's global generator alone.")
    maps = bench.maps(bench.size)
    if not torch.equal(one(maps), one(maps)):
        fail("in eval mode it answers differently twice", "Draw once, when it is built, into a buffer.")


def takes_channels_last(bench: Bench) -> None:
    """A 2-D map whose channels lie last in memory gives the same answer."""
    import torch

    size = size_of(bench, 2)
    module = bench.build(size).eval()
    maps = bench.maps(size)
    turned = maps.contiguous(memory_format=torch.channels_last)
    if not near(seeded(module, maps), seeded(module, turned)):
        fail("the answer depends on the layout in memory", "Use reshape in place of view.")


def builds_on_the_meta_device(bench: Bench) -> None:
    """Built without memory it has the same parameters, so that widths can be matched to a budget."""
    import torch

    with torch.device("meta"):
        counted = bench.build(bench.size)
    tensors = dict(counted.named_parameters()) | dict(counted.named_buffers())
    real = [name for name, tensor in tensors.items() if not tensor.is_meta]
    if real:
        fail(f"on the meta device {', '.join(real)} took memory", "Name no device where a tensor is made.")
    built = bench.build(bench.size)
    shapes = [{name: p.shape for name, p in m.named_parameters()} for m in (counted, built)]
    if shapes[0] != shapes[1]:
        fail("on the meta device it has other parameters", "Let no parameter's shape depend on a value.")
    kept = "Keep no tensor for the next network, as a grid in functools.cache; make it where it is built."
    try:
        found = built.eval()(bench.maps(bench.size))
    except Exception as error:
        fail(f"built on the meta device first and then for real, it raised {reason(error)}", kept)
    if found.is_meta:
        fail("built on the meta device first and then for real, it answers without numbers", kept)


def runs_under_autocast(bench: Bench) -> None:
    """Under autocast to bfloat16 it answers, finite, and has a gradient."""
    import torch

    module = bench.build(bench.size)
    with torch.autocast("cpu", torch.bfloat16):
        found = module(bench.maps(bench.size))
    if not bool(found.isfinite().all()):
        fail("under autocast its answer is not finite", "Compute what overflows in float32.")
    if found.requires_grad:
        found.float().square().mean().backward()


def compiles(bench: Bench) -> None:
    """Under torch.compile (backend aot_eager) it gives the same answer and has a gradient."""
    import torch

    module = bench.build(bench.size).eval()
    maps = bench.maps(bench.size)
    expected = seeded(module, maps)
    try:
        found = torch.compile(module, backend="aot_eager")(maps)
        if found.requires_grad:
            found.square().mean().backward()
    finally:
        torch.compiler.reset()
    if not near(expected, found):
        fail("compiled, it answers differently", "Let forward depend on its input and its weights alone.")


MODULE = (
    keeps_shape_and_dtype_in_1d,
    keeps_shape_and_dtype_in_2d,
    gradient_reaches_every_parameter,
    batch_items_are_independent,
    same_seed_gives_same_weights,
    is_built_alike_elsewhere,
    survives_safetensors,
    takes_channels_last,
    builds_on_the_meta_device,
    runs_under_autocast,
    compiles,
)

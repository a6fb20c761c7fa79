"""Checks of layers, encodings (in a layer) and structures as modules."""

from __future__ import annotations

from probekit.authors.check.base import fail, locate_error
from probekit.authors.check.fixtures import ModuleFixture, copy_state, require_size
from probekit.authors.check.other_process import same_weights_in_another_process
from probekit.authors.check.serialization import call_seeded, is_close, survives_safetensors
from probekit.plugin.errors import describe_error

RELATIVE_ZERO = 1e-7
"""A gradient counts as zero if it is smaller than the largest gradient by this factor."""


def keeps_shape_and_dtype_in_1d(fixture: ModuleFixture) -> None:
    """Inputs (batch, channels, length) give outputs of the right shape, in float32 and finite."""
    check_output(fixture, require_size(fixture, 1))


def keeps_shape_and_dtype_in_2d(fixture: ModuleFixture) -> None:
    """Inputs (batch, channels, height, width) give outputs of the right shape, in float32 and finite."""
    check_output(fixture, require_size(fixture, 2))


def check_output(fixture: ModuleFixture, size: tuple[int, ...]) -> None:
    """Check shape and dtype of the output for a batch and for a single item of this size."""
    import torch

    module = fixture.build(size).eval()
    hint = (
        "x.flatten(2) is (batch, channels, positions) in 1-D and 2-D, and y.reshape_as(x) reverses it; if "
        f"the class does not support {len(size)}-D inputs, set its attribute dims = ({3 - len(size)},)."
    )
    for batch in (3, 1):
        try:
            output = module(fixture.draw_inputs(size, batch))
        except Exception as error:
            fail(f"it raised {describe_error(error)}{locate_error(error, fixture)}", hint)
        expected_shape = fixture.output_shape(size, batch)
        if not isinstance(output, torch.Tensor):
            fail(f"its output is of type {type(output).__name__}", "Return one tensor.")
        if tuple(output.shape) != expected_shape:
            fail(f"its output has shape {tuple(output.shape)} instead of {expected_shape}", hint)
        if output.dtype != torch.float32:
            fail(
                f"its output for float32 inputs is {output.dtype}",
                "Keep the dtype of x, as in table.to(x.dtype).",
            )
        if not bool(output.isfinite().all()):
            fail("its output is not finite", "Look for a division by zero, or an exp that overflows.")


def gradient_reaches_every_parameter(fixture: ModuleFixture) -> None:
    """The output depends on the input and on every parameter, so that all parameters are trained."""
    import torch

    module = fixture.build(fixture.size)
    with torch.no_grad():
        for weight in module.parameters():  # a zero at the start may block the gradient of earlier weights
            weight.add_(0.05 * torch.randn_like(weight))
    inputs = fixture.draw_inputs(fixture.size).requires_grad_()
    output = module(inputs)
    if output.requires_grad:
        (output * torch.randn_like(output)).sum().backward()
    if inputs.grad is None or not bool(inputs.grad.any()):
        fail("no gradient reaches the input", "Compute with torch only, without detach or no_grad.")
    weights = {
        name: weight for name, weight in fixture.own_parameters(module).items() if weight.requires_grad
    }
    magnitudes = {
        name: float("nan") if weight.grad is None else float(weight.grad.abs().max())
        for name, weight in weights.items()
    }
    largest = max((size for size in magnitudes.values() if size == size), default=0.0)
    unused = [name for name, size in magnitudes.items() if not size > RELATIVE_ZERO * largest]
    if unused:
        fail(
            f"no gradient reaches {', '.join(unused)}",
            "Use it in forward, or remove it: it counts towards the parameter budget.",
        )


def batch_items_are_independent(fixture: ModuleFixture) -> None:
    """In eval mode, the output for an item does not depend on the other items of its batch."""
    import torch

    module = fixture.build(fixture.size).eval()
    inputs = fixture.draw_inputs(fixture.size)
    mixed_batch = torch.cat([inputs[:1], fixture.draw_inputs(fixture.size, 2)])
    original, mixed, single = (call_seeded(module, x)[0] for x in (inputs, mixed_batch, inputs[:1]))
    if not (is_close(original, mixed) and is_close(original, single)):
        fail(
            "the output for an item depends on the other items of its batch",
            "Sum and average over channels or positions, never over dimension 0.",
        )


def same_seed_gives_same_weights(fixture: ModuleFixture) -> None:
    """Built twice with the same seed, it has the same weights; called twice, it has the same output."""
    import torch

    first, second = (fixture.build(fixture.size).eval() for _ in range(2))
    pairs = zip(copy_state(first).values(), copy_state(second).values(), strict=True)
    if not all(torch.equal(first_weight, second_weight) for first_weight, second_weight in pairs):
        fail("the same seed gives different weights", "Draw all weights from torch's global generator.")
    inputs = fixture.draw_inputs(fixture.size)
    if not torch.equal(first(inputs), first(inputs)):
        fail(
            "in eval mode, two calls give different outputs",
            "Draw random numbers in __init__ and store them in a buffer.",
        )


def takes_channels_last(fixture: ModuleFixture) -> None:
    """A 2-D input in memory format channels_last gives the same output."""
    import torch

    size = require_size(fixture, 2)
    module = fixture.build(size).eval()
    inputs = fixture.draw_inputs(size)
    channels_last = inputs.contiguous(memory_format=torch.channels_last)
    if not is_close(call_seeded(module, inputs), call_seeded(module, channels_last)):
        fail("the output depends on the memory format of the input", "Use reshape instead of view.")


def builds_on_the_meta_device(fixture: ModuleFixture) -> None:
    """Built on the meta device, it has the same parameters, so that a width can be chosen for a budget."""
    import torch

    with torch.device("meta"):
        meta_module = fixture.build(fixture.size)
    tensors = dict(meta_module.named_parameters()) | dict(meta_module.named_buffers())
    allocated = [name for name, tensor in tensors.items() if not tensor.is_meta]
    if allocated:
        fail(
            f"on the meta device, {', '.join(allocated)} allocates memory",
            "Create tensors without an explicit device.",
        )
    module = fixture.build(fixture.size)
    meta_shapes, shapes = (
        {name: weight.shape for name, weight in built.named_parameters()} for built in (meta_module, module)
    )
    if meta_shapes != shapes:
        fail(
            "on the meta device, it has different parameters",
            "Do not let the shape of a parameter depend on the values of a tensor.",
        )
    hint = (
        "Do not share tensors between instances, for example with functools.cache; create them in __init__."
    )
    try:
        output = module.eval()(fixture.draw_inputs(fixture.size))
    except Exception as error:
        fail(f"built on the meta device first and then on the cpu, it raised {describe_error(error)}", hint)
    if output.is_meta:
        fail("built on the meta device first and then on the cpu, its output has no values", hint)


def runs_under_autocast(fixture: ModuleFixture) -> None:
    """Under autocast to bfloat16, the output is finite and has a gradient."""
    import torch

    module = fixture.build(fixture.size)
    with torch.autocast("cpu", torch.bfloat16):
        output = module(fixture.draw_inputs(fixture.size))
    if not bool(output.isfinite().all()):
        fail("under autocast, its output is not finite", "Compute in float32 where bfloat16 overflows.")
    if output.requires_grad:
        output.float().square().mean().backward()


def compiles(fixture: ModuleFixture) -> None:
    """Under torch.compile (backend aot_eager), it gives the same output and has a gradient."""
    import torch

    module = fixture.build(fixture.size).eval()
    inputs = fixture.draw_inputs(fixture.size)
    expected = call_seeded(module, inputs)
    try:
        output = torch.compile(module, backend="aot_eager")(inputs)
        if output.requires_grad:
            output.square().mean().backward()
    finally:
        torch.compiler.reset()
    if not is_close(expected, output):
        fail(
            "compiled, it gives a different output",
            "Let forward depend only on its input, parameters and buffers.",
        )


MODULE_CHECKS = (
    keeps_shape_and_dtype_in_1d,
    keeps_shape_and_dtype_in_2d,
    gradient_reaches_every_parameter,
    batch_items_are_independent,
    same_seed_gives_same_weights,
    same_weights_in_another_process,
    survives_safetensors,
    takes_channels_last,
    builds_on_the_meta_device,
    runs_under_autocast,
    compiles,
)

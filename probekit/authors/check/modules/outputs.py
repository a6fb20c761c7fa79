"""Checks of layers, encodings (in a layer) and structures as modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.authors.check.base import IN_PLACE_HINT, fail, locate_error
from probekit.authors.check.modules.fixtures import ModuleFixture, copy_state, require_size
from probekit.authors.check.modules.serialization import call_seeded, is_close, survives_safetensors
from probekit.authors.check.other_process import same_weights_in_another_process
from probekit.plugin.errors import describe_error

if TYPE_CHECKING:
    from torch.nn import Module

LARGE_BATCH = 12
"""A batch larger than those that checks of shapes use."""
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

    hint = (
        "x.flatten(2) is (batch, channels, positions) in 1-D and 2-D, and y.reshape_as(x) reverses it; if "
        f"the class does not support {len(size)}-D inputs, set its attribute dims = ({3 - len(size)},)."
    )
    for batch in (3, 1):
        try:
            output = fixture.build(size).eval()(fixture.draw_inputs(size, batch))
        except Exception as error:
            sizes_hint = "If it needs sides that are multiples of 4, at least 16, set sizes = (4, 16)."
            problem = f"it raised {describe_error(error)}{locate_error(error, fixture)}"
            fail(f"on inputs of size {size}, {problem}", f"{hint} {sizes_hint}")
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
    output = module(inputs.clone())
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


def leaves_its_input_alone(fixture: ModuleFixture) -> None:
    """It does not change the tensor that it is called with: its host may use it again."""
    import torch

    inputs = fixture.draw_inputs(fixture.size)
    before = inputs.clone()
    fixture.build(fixture.size)(inputs)
    if not torch.equal(inputs, before):
        fail("it changes its input in place", IN_PLACE_HINT)


def batch_items_are_independent(fixture: ModuleFixture) -> None:
    """The output for an item depends on no other item of its batch, nor on its place in it."""
    import torch

    module = fixture.build(fixture.size)
    inputs = fixture.draw_inputs(fixture.size, LARGE_BATCH)
    order = torch.randperm(LARGE_BATCH)
    for mode in ("eval", "training"):
        set_mode(module, mode == "training")
        original = call_seeded(module, inputs)
        if mode == "training" and not is_close(original, call_seeded(module, inputs, seed=1)):
            return  # it draws random numbers, as dropout does, and not the same for each item
        mixed_batch = torch.cat([inputs[:1], fixture.draw_inputs(fixture.size, 2)])
        others = {
            "the other items of its batch": (original[:1], call_seeded(module, mixed_batch)[:1]),
            "the size of its batch": (original[:1], call_seeded(module, inputs[:1])),
            "its place in the batch": (original[order], call_seeded(module, inputs[order])),
        }
        for cause, (first, second) in others.items():
            if not is_close(first, second):
                fail(
                    f"in {mode} mode, the output for an item depends on {cause}",
                    "Sum and average over channels or positions, never over dimension 0.",
                )


def set_mode(module: Module, training: bool) -> None:
    """Set a module's mode; batch norm and dropout of torch stay in eval mode."""
    from torch import nn

    module.train(training)
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm | nn.modules.dropout._DropoutNd):
            part.eval()


def same_seed_gives_same_weights(fixture: ModuleFixture) -> None:
    """Built twice with the same seed, it has the same weights; called twice, it has the same output."""
    import torch

    first, second = (fixture.build(fixture.size).eval() for _ in range(2))
    pairs = zip(copy_state(first).values(), copy_state(second).values(), strict=True)
    if not all(torch.equal(first_weight, second_weight) for first_weight, second_weight in pairs):
        fail("the same seed gives different weights", "Draw all weights from torch's global generator.")
    inputs = fixture.draw_inputs(fixture.size)
    if not torch.equal(first(inputs.clone()), first(inputs.clone())):
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
        output = torch.compile(module, backend="aot_eager")(inputs.clone())
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
    leaves_its_input_alone,
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

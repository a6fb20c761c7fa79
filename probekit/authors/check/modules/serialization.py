"""Check that a trained module gives the same output after its state was written and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.authors.check.base import fail
from probekit.authors.check.modules.fixtures import ModuleFixture
from probekit.plugin.errors import RunError
from probekit.runs.answers import find_unstored_state
from probekit.runs.checks.network import check_state, describe_state
from probekit.runs.network import join_state, split_state
from probekit.storage.checksum import decode_tensors, encode_tensors

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

STEPS = 3
HINT = "Register all parameters and buffers in __init__, with their final shapes."


def survives_safetensors(fixture: ModuleFixture) -> None:
    """After some training steps, its state is written, read into a new module, and gives the same output."""
    module, restored = fixture.build(fixture.size, 0), fixture.build(fixture.size, 1)
    try:
        initial_state = describe_state(module)
        train_module(module, fixture)
        check_state(initial_state, module, "a training step")
        tensors, metadata = decode_tensors(encode_tensors(*split_state(module.state_dict())))
    except RunError as error:
        fail(f"its state cannot be stored: {error.problem}", error.hint or HINT)
    try:
        restored.load_state_dict(join_state(tensors, metadata))
    except RuntimeError as error:
        fail(f"its state cannot be loaded ({str(error).splitlines()[-1].strip()})", HINT)
    inputs = fixture.draw_inputs(fixture.size)
    if not is_close(call_seeded(module.eval(), inputs), call_seeded(restored.eval(), inputs)):
        names = find_unstored_state(module, restored)
        detail = f": its state_dict lacks {', '.join(names)}" if names else ""
        fail(
            f"trained, stored and loaded again, it gives a different output{detail}",
            "Keep everything that training changes in parameters or persistent buffers.",
        )


def train_module(module: Module, fixture: ModuleFixture) -> None:
    """Train for a few steps on random inputs."""
    import torch

    weights = [weight for weight in module.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(weights, lr=1e-3) if weights else None
    module.train()
    for _ in range(STEPS):
        output = module(fixture.draw_inputs(fixture.size))
        if optimizer is not None and output.requires_grad:
            optimizer.zero_grad()
            output.square().mean().backward()
            optimizer.step()


def call_seeded(module: Module, inputs: Tensor, seed: int = 0) -> Tensor:
    """Return the output of a module that may draw random numbers or change its input, with a fixed seed."""
    import torch

    torch.manual_seed(seed)
    output: Tensor = module(inputs.clone())
    return output


def is_close(first: Tensor, second: Tensor) -> bool:
    """Tell whether two outputs agree up to rounding."""
    import torch

    return torch.allclose(first, second, rtol=1e-3, atol=1e-4 * float(first.detach().abs().max()))

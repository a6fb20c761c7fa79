"""Storing must lose nothing: what was trained, written and read back answers as before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.authors.check.bench import Bench
from probekit.authors.check.kit import fail
from probekit.errors import RunError
from probekit.runs.network import apart, describe_state, hold_state, together, unstored_state
from probekit.storage.sealed import seal_tensors, unseal_tensors

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

STEPS = 3
REGISTER = "Register all parameters and buffers in __init__, with their final shapes."


def survives_safetensors(bench: Bench) -> None:
    """After some training steps its state, written to a file and read back into another, answers the same."""
    module, other = bench.build(bench.size, 0), bench.build(bench.size, 1)
    try:
        before = describe_state(module)
        train(module, bench)
        hold_state(before, module, "a training step")
        tensors, about = unseal_tensors(seal_tensors(*apart(module.state_dict())))
    except RunError as error:
        fail(f"its state cannot be stored: {error.found}", error.hint or REGISTER)
    try:
        other.load_state_dict(together(tensors, about))
    except RuntimeError as error:
        fail(f"its state cannot be read back ({str(error).splitlines()[-1].strip()})", REGISTER)
    maps = bench.maps(bench.size)
    if not near(seeded(module.eval(), maps), seeded(other.eval(), maps)):
        names = unstored_state(module, other)
        which = f": its state_dict does not hold {', '.join(names)}" if names else ""
        hint = "What training changes belongs in a parameter or a persistent buffer."
        fail(f"trained, written and read back, it answers differently{which}", hint)


def train(module: Module, bench: Bench) -> None:
    """Take a few training steps on maps that are drawn anew for each."""
    import torch

    weights = [weight for weight in module.parameters() if weight.requires_grad]
    optimiser = torch.optim.SGD(weights, lr=1e-3) if weights else None
    module.train()
    for _ in range(STEPS):
        answer = module(bench.maps(bench.size))
        if optimiser is not None and answer.requires_grad:
            optimiser.zero_grad()
            answer.square().mean().backward()
            optimiser.step()


def seeded(module: Module, maps: Tensor) -> Tensor:
    """Return an answer, torch's generator set before, so that what draws draws the same."""
    import torch

    torch.manual_seed(0)
    answer: Tensor = module(maps)
    return answer


def near(one: Tensor, other: Tensor) -> bool:
    """Tell whether two answers are the same up to rounding."""
    import torch

    return torch.allclose(one, other, rtol=1e-3, atol=1e-4 * float(one.detach().abs().max()))

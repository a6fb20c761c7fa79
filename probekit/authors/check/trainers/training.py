"""Checks of a trainer: it ends, it learns, and it resumes exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.authors.check.base import DoesNotApply, fail
from probekit.authors.check.modules.fixtures import copy_state
from probekit.authors.check.plugin_imports import plugin_imports_no_torch
from probekit.authors.check.shift import ShiftProbe
from probekit.authors.check.trainers.fixture import SHAPE, TrainerFixture, watch_calls
from probekit.plugin.errors import RunError
from probekit.plugin.items import read_batch
from probekit.storage.state import pack_state, unpack_state

if TYPE_CHECKING:
    from torch.nn import Module


HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
)
"""Where torch keeps a module's hooks."""


def reads_no_test_items(fixture: TrainerFixture) -> None:
    """It reads the splits train and validation of its probe only."""
    try:
        fixture.fit(fixture.build_model())
    except RunError as error:
        fail(f"{error.request}; {error.problem}", error.hint)


def it_ends(fixture: TrainerFixture) -> None:
    """It yields rows of numbers with step, steps and loss; step increases, and ends at steps."""
    rows = fixture.fit(fixture.build_model())
    if not rows:
        fail("it yields no row", "Yield a row from time to time, and one after the last step.")
    missing = {"step", "steps", "loss"} - set(rows[-1])
    if missing:
        fail(f"its rows lack {', '.join(sorted(missing))}", "Yield {'step': 1, 'steps': 10, 'loss': 0.5}.")
    steps = [row["step"] for row in rows]
    if steps != sorted(set(steps)) or steps[-1] != rows[-1]["steps"]:
        fail(f"its rows are at steps {steps} of {rows[-1]['steps']}", "Increase step until it equals steps.")


def weights_change_and_the_loss_falls(fixture: TrainerFixture) -> None:
    """After training, the weights have changed and the loss is lower than before."""
    import torch

    model = fixture.build_model()
    initial_state = copy_state(model)
    probe = ShiftProbe(SHAPE)
    inputs, targets = read_batch(probe.data("train", 0), range(probe.count))
    with torch.no_grad():
        initial_loss = float(probe.loss(model(inputs), targets))
    fixture.fit(model)
    if all(torch.equal(initial_state[name], value) for name, value in model.state_dict().items()):
        fail("training does not change the weights", "Step an optimizer over model.parameters().")
    with torch.no_grad():
        final_loss = float(probe.loss(model(inputs), targets))
    if not final_loss < initial_loss:
        fail(
            f"the loss went from {initial_loss:.4f} to {final_loss:.4f}",
            "Lower the learning rate, or train longer.",
        )


def trains_in_training_mode(fixture: TrainerFixture) -> None:
    """While it computes gradients, the network is in training mode."""
    calls = watch_calls(model := fixture.build_model())
    fixture.fit(model)
    if not calls:
        raise DoesNotApply("it trains in other processes")
    if not all(call.training for call in calls if call.has_gradient):
        fail(
            "it trains the network in eval mode, where dropout and batch norm do nothing",
            "Call model.train() before a training step, also after a validation.",
        )


def leaves_no_hooks(fixture: TrainerFixture) -> None:
    """After training, the network has no hooks that it did not have before."""
    model = fixture.build_model()
    fixture.fit(model)
    hooks = [
        f"{kind.strip('_').replace('_', ' ')} of {name or 'the network'}"
        for name, module in model.named_modules()
        for kind in HOOKS
        if getattr(module, kind, None)
    ]
    if hooks:
        fail(
            f"it leaves {', '.join(hooks)}",
            "Remove a hook at the end, with the handle that registering it returned.",
        )


def uses_its_seed(fixture: TrainerFixture) -> None:
    """If it trains on batches, another seed gives other rows or weights."""
    first, second = fixture.build_model(), fixture.build_model()
    calls = watch_calls(first)
    rows, other_rows = fixture.fit(first), fixture.fit(second, seed=1)
    if rows != other_rows or not has_equal_weights(first, second):
        return
    if calls and all(call.items == ShiftProbe(SHAPE).count for call in calls if call.has_gradient):
        raise DoesNotApply("it trains on all items at once, and draws nothing")
    fail(
        "another seed gives the same rows and weights",
        "Draw the order of items from torch.Generator().manual_seed(seed).",
    )


def same_seed_gives_same_rows(fixture: TrainerFixture) -> None:
    """Two trainings with the same seed give equal rows and weights, even if torch's generator differs."""
    import torch

    first, second = fixture.build_model(), fixture.build_model()
    rows = fixture.fit(first)
    torch.rand(3)
    if rows != fixture.fit(second) or not has_equal_weights(first, second):
        fail(
            "the same seed gives different rows or weights",
            "Draw the order of items from torch.Generator().manual_seed(seed).",
        )


def resume_equals_no_interruption(fixture: TrainerFixture) -> None:
    """Interrupted between two rows and resumed, it gives the same rows and weights as in one go."""
    import torch

    complete, interrupted = fixture.build_model(), fixture.build_model()
    rows = fixture.fit(complete)
    if len(rows) < 2:
        fail("it yields only one row, so it cannot be interrupted", "Yield a row from time to time.")
    trainer = fixture.make_trainer()
    first_rows = fixture.fit(interrupted, trainer=trainer, limit=len(rows) // 2)
    try:
        tensors, skeleton = pack_state(dict(trainer.state_dict()), "state")
    except TypeError as error:
        fail(
            f"its state_dict cannot be stored: {error}",
            "Return tensors, text, numbers, and lists and dicts of these.",
        )
    stored = {
        name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()
    }
    weights = copy_state(interrupted)
    torch.rand(3)
    resumed = fixture.build_model()
    resumed.load_state_dict(weights)
    last_rows = fixture.fit(resumed, state=unpack_state(skeleton, stored))
    if first_rows + last_rows != rows or not has_equal_weights(complete, resumed):
        fail(
            "resumed, it gives different rows or weights",
            "Keep step, the optimizer's state and torch.get_rng_state() in state_dict, and load them in fit.",
        )


def has_equal_weights(first: Module, second: Module) -> bool:
    """Tell whether two networks have the same weights, bit for bit."""
    import torch

    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(first_weight, second_weight) for first_weight, second_weight in pairs)


TRAINER_CHECKS = (
    reads_no_test_items,
    it_ends,
    weights_change_and_the_loss_falls,
    trains_in_training_mode,
    leaves_no_hooks,
    same_seed_gives_same_rows,
    uses_its_seed,
    resume_equals_no_interruption,
    plugin_imports_no_torch,
)

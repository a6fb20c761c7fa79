"""Checks of an optimiser: it learns within a trainer, obeys the learning rate, and resumes exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from probekit.authors.check.base import DoesNotApply, fail
from probekit.authors.check.modules.fixtures import copy_state
from probekit.authors.check.plugin_imports import plugin_imports_no_torch
from probekit.authors.check.trainers.fixture import TrainerFixture
from probekit.authors.check.trainers.training import (
    leaves_no_hooks,
    same_seed_gives_same_rows,
    weights_change_and_the_loss_falls,
)
from probekit.authors.check.trainers.training import resume_equals_no_interruption as trainer_resumes
from probekit.catalog.isolation import list_settings
from probekit.catalog.part import find_part
from probekit.plugin.interfaces import Trainer
from probekit.runs.rng import get_rng_state

HOST = "optimisers/optimised"
"""The trainer that hosts the optimiser in checks."""
RATE, DECAY = 1e-2, 0.1
EPOCHS, BATCH = 8, 8


@dataclass(frozen=True, slots=True)
class OptimiserFixture(TrainerFixture):
    """An optimiser in a trainer, which has a task that takes a second."""

    def make_trainer(self) -> Trainer:
        """Make a new trainer with the optimiser."""
        host = find_part("trainer", HOST, self.registry).with_params(
            {"epochs": EPOCHS, "batch": BATCH, "lr": RATE}
        )
        trainer: Trainer = replace(host, optimiser=self.part).make()
        return trainer

    def exercise(self) -> None:
        """Build the optimiser, and take a step."""
        _, optimiser = make_weights(self)
        optimiser.step()


def make_weights(fixture: OptimiserFixture, decay: float = DECAY) -> tuple[list[Any], Any]:
    """Return weights of one to four dimensions, all with a gradient, and their optimiser."""
    import torch

    weights = [torch.nn.Parameter(torch.ones((3,) * dimensions)) for dimensions in (1, 2, 3, 4)]
    for weight in weights:
        weight.grad = torch.full_like(weight, 0.01)
    groups = [
        {"params": weights[1:], "weight_decay": decay},
        {"params": weights[:1], "weight_decay": 0.0},
    ]
    return weights, fixture.part.make(groups, lr=RATE, weight_decay=decay)


def builds_an_optimiser_of_torch(fixture: OptimiserFixture) -> None:
    """Built from two groups of weights, it is an optimiser of torch with those weights, rates and decays."""
    import torch

    weights, optimiser = make_weights(fixture)
    if not isinstance(optimiser, torch.optim.Optimizer):
        fail(f"it is a {type(optimiser).__name__}", "Inherit from torch.optim.Optimizer.")
    settings = [(group.get("lr"), group.get("weight_decay")) for group in optimiser.param_groups]
    if settings != [(RATE, DECAY), (RATE, 0.0)]:
        fail(
            f"its groups have the rates and decays {settings}, not {[(RATE, DECAY), (RATE, 0.0)]}",
            'Call super().__init__(params, {"lr": lr, "weight_decay": weight_decay}).',
        )
    if any(bool((weight != 1).any()) for weight in weights):
        fail("building it changes the weights", "Change weights in the method step only.")


def steps_every_weight(fixture: OptimiserFixture) -> None:
    """A step changes each weight that has a gradient, whatever its dimensions and its group."""
    weights, optimiser = make_weights(fixture)
    optimiser.step()
    unchanged = [f"{weight.ndim}-D" for weight in weights if bool((weight == 1).all())]
    if unchanged:
        fail(
            f"a step does not change weights that are {', '.join(unchanged)}",
            "Step all weights of all groups: for group in self.param_groups.",
        )


def obeys_the_learning_rate(fixture: OptimiserFixture) -> None:
    """With a rate of zero in its groups, a step changes no weight; with twice the rate, it differs."""
    import torch

    stepped = []
    for rate in (0.0, RATE, 2 * RATE):
        weights, optimiser = make_weights(fixture)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        stepped.append(torch.cat([weight.detach().flatten() for weight in weights]))
    hint = 'Read group["lr"] in each step: the trainer changes it.'
    if bool((stepped[0] != 1).any()):
        fail("with a learning rate of zero a step changes the weights", hint)
    if torch.equal(stepped[1], stepped[2]):
        fail("with twice the learning rate a step is the same", hint)


def obeys_the_weight_decay(fixture: OptimiserFixture) -> None:
    """With a weight decay, a few steps leave smaller weights than without, in the groups that have it."""
    steps, means = 3, []
    for decay in (0.0, DECAY):
        weights, optimiser = make_weights(fixture, decay)
        for _ in range(steps):
            optimiser.step()
        means.append([float(weight.detach().abs().mean()) for weight in weights])
    (free_vector, *free), (vector, *decayed) = means
    hint = 'Read group["weight_decay"] in each step; for example weight.mul_(1 - lr * weight_decay).'
    if any(mean >= free_mean for mean, free_mean in zip(decayed, free, strict=True)):
        fail(f"with a weight decay of {DECAY}, the weights get no smaller than without", hint)
    if vector != free_vector:
        fail("it decays the weights of a group whose weight_decay is 0", hint)


def leaves_global_state_alone(fixture: OptimiserFixture) -> None:
    """Built and stepped, it changes no setting of torch or Python, and draws no global random numbers."""
    settings = list_settings()
    values = [setting.get_value() for setting in settings]
    generators = get_rng_state()
    try:
        _, optimiser = make_weights(fixture)
        optimiser.step()
        changed = [
            setting.name
            for setting, value in zip(settings, values, strict=True)
            if setting.get_value() != value
        ]
        has_drawn = not is_same_state(get_rng_state(), generators)
    finally:
        for setting, value in zip(settings, values, strict=True):
            if setting.get_value() != value:
                setting.set_value(value)
    if changed:
        fail(f"it changes the {', '.join(changed)}", "Use a context manager, such as torch.no_grad().")
    if has_drawn:
        fail("it draws from a global random generator", "Use a torch.Generator of a fixed seed.")


def is_same_state(first: Any, second: Any) -> bool:
    """Return whether the states of all random generators are the same."""
    import torch

    return (first["python"], first["numpy"]) == (second["python"], second["numpy"]) and all(
        map(torch.equal, first["torch"], second["torch"])
    )


def skips_weights_without_a_gradient(fixture: OptimiserFixture) -> None:
    """A weight without a gradient stays the same."""
    import torch

    used, unused = torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.ones(2, 2))
    optimiser = fixture.part.make([{"params": [used, unused]}], lr=RATE, weight_decay=DECAY)
    used.grad = torch.ones(2, 2)
    optimiser.step()
    if bool((unused != 1).any()):
        fail("a step changes a weight that has no gradient", "Skip weights whose .grad is None.")


def finishes_only_once(fixture: OptimiserFixture) -> None:
    """If it has a method `finish`, a second call changes nothing: a resumed run may repeat it."""
    import torch

    model = fixture.build_model()
    trainer = fixture.make_trainer()
    fixture.fit(model, trainer=trainer)
    finish = getattr(getattr(trainer, "hosted", None), "finish", None)
    if finish is None:
        raise DoesNotApply("it has no method finish")
    finished = copy_state(model)
    with torch.no_grad():
        finish()
    if any(not torch.equal(finished[name], value) for name, value in model.state_dict().items()):
        fail("a second finish() changes the weights", "Copy the final weights from self.state.")


def resume_equals_no_interruption(fixture: OptimiserFixture) -> None:
    """Interrupted between two rows and resumed, it gives the same rows and weights as in one go."""
    try:
        trainer_resumes(fixture)
    except Exception as error:
        hint = "Keep all that changes in self.state[weight]: counters in groups or attributes are not stored."
        fail(str(error).splitlines()[0], hint)


OPTIMISER_CHECKS = (
    builds_an_optimiser_of_torch,
    steps_every_weight,
    obeys_the_learning_rate,
    obeys_the_weight_decay,
    leaves_global_state_alone,
    skips_weights_without_a_gradient,
    weights_change_and_the_loss_falls,
    leaves_no_hooks,
    same_seed_gives_same_rows,
    resume_equals_no_interruption,
    finishes_only_once,
    plugin_imports_no_torch,
)

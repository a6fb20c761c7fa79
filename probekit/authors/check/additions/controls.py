"""Checks of a control for another package's probe: it learns from training items alone, and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from probekit.authors.check.additions.fixture import NEW_NAME, ControlFixture
from probekit.authors.check.base import DoesNotApply, fail
from probekit.authors.check.modules.fixtures import copy_state
from probekit.authors.check.plugin_imports import plugin_imports_no_torch
from probekit.authors.check.probes.data import MAX_ITEMS
from probekit.authors.check.probes.floor import watch_draws
from probekit.battery.attack import focus_metric
from probekit.evidence.focus import judge_controls
from probekit.scores.score import score_closed_form

if TYPE_CHECKING:
    from torch import Tensor


def has_a_name_of_its_own(fixture: ControlFixture) -> None:
    """No control of the probe has its name."""
    if fixture.part.text in fixture.host.probe.controls():
        fail(f"the probe has a control called {fixture.part.text}", NEW_NAME)


def answers_have_the_right_shape(fixture: ControlFixture) -> None:
    """It answers inputs, one or many, with finite numbers in the shape of outputs or of targets."""
    shape = fixture.host.probe.shape
    inputs, targets = fixture.items("test", limit=8)
    solver = fixture.make_solver()
    for count in (len(inputs), 1):
        allowed = {(count, shape.outputs, *shape.answer_size)}
        allowed |= {(count, *targets.shape[1:])} if hasattr(solver, "fit") else set()
        answers = answer_inputs(solver, inputs[:count])
        if tuple(answers.shape) not in allowed:
            fail(
                f"the answer to {count} inputs has shape {tuple(answers.shape)}",
                f"The probe needs {' or '.join(map(str, sorted(allowed)))}.",
            )
        if not bool(answers.float().isfinite().all()):
            fail("an answer is not finite", "Divide by no zero, and take the logarithm of none.")


def draws_no_items_itself(fixture: ControlFixture) -> None:
    """It is fitted on the training items that `fit` is given, and draws no others."""
    probe = fixture.host.probe
    train, (inputs, _) = probe.data("train", 0), fixture.items("test", limit=8)
    draws = watch_draws(probe)
    control: Any = fixture.make_control(probe)
    if hasattr(control, "fit"):
        control.fit(train)
        control(inputs.clone())
    if draws:
        hint = "Fit it on the items that `fit` is given: these are of the training split."
        fail(f"it draws items of {draws[0]} by itself", hint)


def same_seed_gives_same_answers(fixture: ControlFixture) -> None:
    """Fitted again with other global random numbers, it answers the same; a network, with the same ones."""
    import torch

    inputs, _ = fixture.items("test", limit=32)
    solver = fixture.make_solver(seed=0)
    if isinstance(solver, torch.nn.Module):
        states = [copy_state(network) for network in (solver, fixture.make_solver(seed=0))]
        if not all(torch.equal(value, states[1][name]) for name, value in states[0].items()):
            fail("with the same seed the network has other weights", "Draw weights with torch only.")
        return
    answers = answer_inputs(solver, inputs)
    if not torch.equal(answers, answer_inputs(fixture.make_solver(seed=1), inputs)):
        fail("fitted again, it answers otherwise", "Draw from a torch.Generator of a fixed seed.")


def answers_items_one_by_one(fixture: ControlFixture) -> None:
    """Its answer to an input does not depend on the other inputs, which are of the test split."""
    import torch

    inputs, _ = fixture.items("test", limit=8)
    solver = fixture.make_solver()
    together = answer_inputs(solver, inputs).float()
    alone = torch.cat([answer_inputs(solver, inputs[item : item + 1]) for item in range(len(inputs))]).float()
    if not torch.allclose(together, alone, rtol=1e-4, atol=1e-5):
        fail(
            "its answer to an input depends on the other inputs of the batch",
            "Compute means over items in `fit`, never over dimension 0 in `__call__`.",
        )


def lacks_the_property(fixture: ControlFixture) -> None:
    """In closed form, it scores well below perfect: otherwise the probe does not need its property.

    `probekit certify` trains networks, and judges them.
    """
    probe, name = fixture.probe, fixture.part.text
    controls = {title: control for title, control in probe.controls().items() if hasattr(control, "fit")}
    if name not in controls:
        raise DoesNotApply("it is a network, which `probekit certify --control` trains")
    metric, train, test = focus_metric(probe), probe.data("train", 0), probe.data("test", 0)
    closed = {
        title: score_closed_form(control, probe, train, test, min(MAX_ITEMS, len(test)))[metric.name]
        for title, control in controls.items()
    }
    outcome = judge_controls(metric, closed, {})[name]
    if not outcome.holds:
        reached = outcome.normalized_score
        score = "no score" if reached is None else f"{reached:.0%} of the way from chance to perfect"
        fail(
            f"it reaches {score} in {metric.name}",
            f"At most {outcome.limit:.0%} is allowed. If it lacks the property, the probe has a shortcut.",
        )


def works_at_every_scale(fixture: ControlFixture) -> None:
    """It can be made at each scale of the probe, and answers the inputs there."""
    for scaled in fixture.scales:
        inputs, _ = scaled.items("test", limit=2)
        answer_inputs(scaled.make_solver(), inputs)


def answer_inputs(solver: Any, inputs: Tensor) -> Tensor:
    """Return the answers of a control or a network to a copy of the inputs."""
    import torch

    with torch.no_grad():
        answers: Tensor = solver(inputs.clone())
    if not isinstance(answers, torch.Tensor):
        fail(f"it answers with a {type(answers).__name__}", "Return a tensor in the shape of the targets.")
    return answers


CONTROL_CHECKS = (
    has_a_name_of_its_own,
    answers_have_the_right_shape,
    draws_no_items_itself,
    same_seed_gives_same_answers,
    answers_items_one_by_one,
    lacks_the_property,
    works_at_every_scale,
    plugin_imports_no_torch,
)

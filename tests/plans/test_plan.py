"""What is guarded: a plan's identity moves with all that a result depends on, and with nothing else."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from small import knowing, planned
from torch import nn

from probekit.catalog.registry import registry
from probekit.plans.job import make_job
from probekit.plans.noise import reload_noise
from probekit.plans.plan import Plan
from probekit.plans.spec import make_spec
from probekit.plugin.components import Component
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit_probes.nonlocality.probe import Nonlocality
from probekit_probes.nonlocality.scales import SCALES

CHANGES: list[dict[str, Any]] = [
    {"seed": 1},
    {"width": 6},
    {"budget": 30_000},
    {"scale": "quick"},
    {"structure": "unet+lambda(keys=32)"},
    {"structure": "unet+average"},
    {"trainer": "supervised(batch=16,epochs=1,lr=0.001)"},
    {"trainer": "supervised(batch=16,epochs=1,bf16=true)"},
    {"probe": "nonlocality(test=16,train=65,validation=8)"},
]


def test_every_change_of_what_is_asked_is_another_identity_and_folder() -> None:
    plans = [planned(), *(planned(**change) for change in CHANGES)]
    assert len({plan.identity for plan in plans}) == len(plans)
    assert len({plan.folder for plan in plans}) == len(plans)


@pytest.mark.parametrize(
    "change",
    [
        {"structure": "lambda"},
        {"structure": "unet + lambda(heads=1)"},
        {"trainer": "supervised(epochs=1,batch=16,clip=1)"},
        {"probe": "nonlocality(train=64,test=16,validation=8,size=16)"},
        {"width": 4},
    ],
)
def test_other_words_for_the_same_run_are_the_same_identity(change: dict[str, Any]) -> None:
    assert planned(**change).identity == planned().identity


def test_a_plan_survives_json_with_all_its_fields() -> None:
    changes: list[dict[str, Any]] = [{}, {"budget": 9000}]
    for change in changes:
        plan = planned(**change)
        again = Plan.model_validate_json(plan.model_dump_json())
        assert again == plan
        assert again.identity == plan.identity
        assert [used.kind for used in again.components] == ["probe", "structure", "layer", "trainer"]


def test_the_identity_moves_with_versions_and_files_and_not_with_words() -> None:
    plan = planned()
    others = {"version": 99, "plugin": "other", "distribution": "other", "files": {"table": "0" * 64}}
    for field, value in others.items():
        changed = [plan.components[0].model_copy(update={field: value}), *plan.components[1:]]
        assert plan.model_copy(update={"components": tuple(changed)}).identity != plan.identity
    spec = plan.spec.model_copy(update={"structure": "lambda"})
    assert plan.model_copy(update={"spec": spec}).identity == plan.identity
    newer = tuple(used.model_copy(update={"distribution_version": "99"}) for used in plan.components)
    assert plan.model_copy(update={"components": newer}).identity == plan.identity  # our own: it is replayed
    theirs = tuple(used.model_copy(update={"distribution": "acme"}) for used in plan.components)
    theirs_newer = tuple(used.model_copy(update={"distribution_version": "99"}) for used in theirs)
    identities = {plan.model_copy(update={"components": used}).identity for used in (theirs, theirs_newer)}
    assert len(identities) == 2


class Noisy(Nonlocality):
    """A probe whose noise between seeds was measured."""

    scales: ClassVar = {  # type: ignore[misc]
        "quick": replace(SCALES["quick"], noise={"loss": 0.01})
    }


def test_noise_is_stated_only_where_it_was_measured() -> None:
    known = registry().with_components(Component("probe", "noisy", Noisy, ""))
    asked = {"probe": "noisy", "trainer": "supervised", "scale": "quick"}
    for same in ({}, {"seed": 3}, {"structure": "unet"}, {"probe": "noisy(train=32768)"}):
        assert planned(known, **{**asked, **same}).noise == {"loss": 0.01}
    recipe = {"trainer": "supervised(lr=0.1)"}
    for change in ({"width": 8}, {"budget": 50_000}, recipe, {"probe": "noisy(train=32767)"}):
        assert planned(known, **{**asked, **change}).noise == {}


def test_a_width_and_a_budget_are_what_was_typed() -> None:
    assert (planned(width=6).width, planned(width=6).budget) == (6, None)
    plan = planned(budget=30_000)
    assert plan.budget == 30_000
    assert plan.budget_gap == pytest.approx(plan.parameters / 30_000 - 1)
    with pytest.raises(UsageError, match="a multiple of 3"):
        planned(structure="unet+lambda(heads=3)", width=7)
    with pytest.raises(UsageError, match="the nearest width"):
        planned(structure="unet+lambda(heads=64)", budget=5000)


@pytest.mark.parametrize("change", [{"width": 3}, {"budget": 3000}])
def test_a_structure_without_width_takes_neither(change: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="mine has no width"):
        planned(knowing("mine", single), structure="mine", **change)


def test_a_size_that_cannot_be_halved_so_often_is_refused() -> None:
    with pytest.raises(UsageError, match=r"unet.downs=3. on maps of 18 x 18"):
        planned(probe="nonlocality(size=18)", structure="unet(downs=3)")


@pytest.mark.parametrize("recipe", ["batch=0", "epochs=-1", "lr=0", "clip=0", "warmup=2", "weight_decay=-1"])
def test_a_recipe_out_of_range_is_refused_before_anything_runs(recipe: str) -> None:
    with pytest.raises(UsageError, match=r"should be .* Its type is"):
        planned(trainer=f"supervised({recipe})")


def single(shape: Shape) -> nn.Module:
    return nn.Conv2d(shape.inputs, shape.outputs, SIDE)


SIDE = 1


def test_a_function_in_a_file_is_reused_until_what_it_builds_has_other_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = knowing("mine", single)
    before = planned(known, structure="mine").identity
    assert planned(known, structure="mine").identity == before
    monkeypatch.setattr(sys.modules[__name__], "SIDE", 3)
    assert planned(known, structure="mine").identity != before


def test_noise_that_was_measured_after_a_run_is_known_of_it() -> None:
    plan = make_job(make_spec(probe="parity", structure="gru", scale="quick"), registry()).plan
    older = plan.model_copy(update={"noise": {}})
    assert plan.noise["accuracy"] > 0
    assert reload_noise(older, registry()) == plan.noise
    narrow = make_job(make_spec(probe="parity", structure="gru", scale="quick", width=8), registry()).plan
    assert reload_noise(narrow, registry()) == {}


def test_noise_of_a_scale_that_has_changed_since_stays_what_it_was() -> None:
    plan = make_job(make_spec(probe="nonlocality", structure="unet", scale="quick"), registry()).plan
    older = plan.model_copy(update={"noise": {"loss": 0.5}, "trainer": "supervised(epochs=1)"})
    assert reload_noise(older, registry()) == {"loss": 0.5}
    gone = plan.model_copy(update={"noise": {"loss": 0.5}, "scale": "gone"})
    assert reload_noise(gone, registry()) == {"loss": 0.5}

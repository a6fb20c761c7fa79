"""Diagnostics describe a network beyond its scores: measured properties, pictures, curves and FLOPs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probekit.plans.degenerate import describe_degenerate_layers
from probekit.plans.job import Job
from probekit.plugin.errors import ProbekitError, StoreError, describe_error
from probekit.plugin.interfaces import Dataset
from probekit.plugin.stop import find_interrupt
from probekit.scores.cases import answer_cases, draw_cases
from probekit.scores.difficulty_curve import measure_difficulty_curve
from probekit.scores.equivariance import measure_equivariance
from probekit.scores.flops import count_forward_flops
from probekit.scores.measurement import Measurement
from probekit.scores.receptive_field import effective_receptive_field
from probekit.storage.difficulty_curve import DifficultyCurve
from probekit.storage.folder import CASES, ITEMS, MEASURED, Folder

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(slots=True)
class Diagnostics:
    """What was measured, counted and drawn; `missing` gives the reason for each diagnostic that failed."""

    measured: dict[str, float] = field(default_factory=dict)
    measured_items: dict[str, int] = field(default_factory=dict)
    constant: bool = False
    degenerate: tuple[str, ...] = ()
    flops: int | None = None
    along: DifficultyCurve | None = None
    files: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def diagnose_network(
    job: Job,
    model: nn.Module,
    train: Dataset,
    test: Dataset,
    harder: Dataset | None,
    scores: Tensor,
    folder: Folder,
    device: torch.device,
) -> Diagnostics:
    """Measure, draw and count; a diagnostic that fails leaves a reason, and the others go on.

    Args:
        job: The job whose network is diagnosed.
        model: The trained network.
        train: The training split, for the controls of the difficulty curve.
        test: The test split.
        harder: The extrapolation split, if the probe has one.
        scores: Headline score of each test item, (items,).
        folder: Where pictures and maps are written.
        device: Where the network lives.

    Raises:
        StoreError: The folder cannot be written.
    """
    diagnostics, probe, plan = Diagnostics(), job.probe, job.plan
    maps: dict[str, Tensor] = {}
    title = f"{plan.spec.structure} on {plan.spec.probe}, {plan.scale}, seed {plan.seed}"

    def write_cases() -> None:
        cases = answer_cases(model, probe, test, scores, device)
        diagnostics.files[ITEMS] = folder.write_tensors(ITEMS, cases)
        picture = draw_cases(title, probe.metrics[0], cases, scores)
        diagnostics.files[CASES] = folder.write(CASES, picture)

    def add_measurement(measure: Callable[[], Measurement]) -> None:
        measurement = measure()
        diagnostics.measured |= measurement.numbers
        diagnostics.measured_items |= measurement.items
        diagnostics.constant |= measurement.constant
        maps.update(measurement.maps)

    def add_curve() -> None:
        splits = [test] if harder is None else [test, harder]
        diagnostics.along = measure_difficulty_curve(model, probe, train, splits, device)

    def describe_layers() -> None:
        diagnostics.degenerate = describe_degenerate_layers(job.expression, probe.shape, plan.width)

    def count_flops() -> None:
        diagnostics.flops = count_forward_flops(model, probe.shape)

    for name, diagnose in {
        "receptive field": lambda: add_measurement(
            lambda: effective_receptive_field(model, probe, test, device)
        ),
        "equivariance": lambda: add_measurement(lambda: measure_equivariance(model, probe, test, device)),
        "degenerate layers": describe_layers,
        "picture of cases": write_cases,
        "scores along the axis": add_curve,
        "FLOPs": count_flops,  # last, because it moves the network to the CPU
    }.items():
        try:
            diagnose()
        except StoreError:
            raise
        except Exception as error:
            if (stopped := find_interrupt(error)) is not None:
                raise stopped from None
            diagnostics.missing[name] = (
                error.problem if isinstance(error, ProbekitError) else describe_error(error)
            )
    diagnostics.files[MEASURED] = folder.write_tensors(MEASURED, maps)
    return diagnostics

"""Looking at a network finds what stands beside its scores: what is measured, drawn and counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probekit.errors import ProbekitError, StoreError, reason
from probekit.interfaces import Dataset
from probekit.plans.job import Job
from probekit.scores.along import along
from probekit.scores.cases import picture
from probekit.scores.flops import forward_flops
from probekit.scores.measure import Measured, equivariance, reach
from probekit.stop import behind
from probekit.storage.along import Along
from probekit.storage.folder import CASES, MEASURED, Folder

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(slots=True)
class Beside:
    """What was found of a network beside its scores; missing: why something was not, by what it is."""

    measured: dict[str, float] = field(default_factory=dict)
    flops: int | None = None
    along: Along | None = None
    files: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def looked_at(
    job: Job,
    model: nn.Module,
    train: Dataset,
    test: Dataset,
    harder: Dataset | None,
    scores: Tensor,
    folder: Folder,
    device: torch.device,
) -> Beside:
    """Measure, draw and count; each that fails leaves its place empty with the reason, and the rest go on.

    scores: of the test items in the headline, (items,).
    """
    found, probe, plan = Beside(), job.probe, job.plan
    maps: dict[str, Tensor] = {}
    title = f"{plan.spec.structure} on {plan.spec.probe}, {plan.scale}, seed {plan.seed}"

    def draw() -> None:
        found.files[CASES] = folder.write(CASES, picture(title, model, probe, test, scores, device))

    def measure(what: Callable[[], Measured]) -> None:
        numbers, drawn = what()
        found.measured |= numbers
        maps.update(drawn)

    def climb() -> None:
        found.along = along(model, probe, train, [test] if harder is None else [test, harder], device)

    def count() -> None:
        found.flops = forward_flops(model, probe.shape)

    for what, look in {
        "receptive field": lambda: measure(lambda: reach(model, test, device)),
        "equivariance": lambda: measure(lambda: equivariance(model, probe, test, device)),
        "picture of cases": draw,
        "scores along the axis": climb,
        "FLOPs": count,  # last, as it takes the network to the CPU
    }.items():
        try:
            look()
        except StoreError:
            raise
        except Exception as error:
            if (stopped := behind(error)) is not None:
                raise stopped from None
            found.missing[what] = error.found if isinstance(error, ProbekitError) else reason(error)
    found.files[MEASURED] = folder.write_tensors(MEASURED, maps)
    return found

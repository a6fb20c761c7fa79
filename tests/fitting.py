"""The supervised trainer on the small run, without the engine around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from small import job
from torch import nn

from probekit.plugin.interfaces import Dataset, Probe, Row
from probekit.runs.network import build_network
from probekit_plugins.trainers.supervised import Supervised

CPU = torch.device("cpu")


def probe_and_data() -> tuple[Probe, Dataset]:
    probe = job().probe
    return probe, probe.data("train", 0)


def network() -> nn.Module:
    made = job(structure="unet(downs=1)+lambda")
    return build_network(made.expression, made.probe.shape, made.plan, CPU)


def fit(model: nn.Module, trainer: Supervised, state: Any = None) -> Iterator[Row]:
    probe, data = probe_and_data()
    return trainer.fit(model, probe, data, seed=0, device=CPU, state=state)


RECIPE: dict[str, Any] = {"epochs": 3, "batch": 16, "lr": 4e-3}

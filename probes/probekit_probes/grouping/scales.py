"""The scales of the grouping probe. Recipes were chosen on the validation split; the noise is measured."""

from __future__ import annotations

from probekit.plugin.interfaces import Scale, Value
from probekit_probes.noise import attach_noise

RECIPE: dict[str, Value] = {"batch": 32, "optimiser": "muon", "lr": 3e-3, "matrix_lr": 5e-3}
"""The best of three recipes for four structures: see examples/results/recipes.md."""

SCALES = attach_noise(
    "grouping",
    {
        "smoke": Scale(
            "seconds, for tests; proves nothing",
            {"size": 128, "colours": 64, "paired": True, "train": 256, "validation": 64, "test": 64},
            {"epochs": 2, "batch": 32, "lr": 2e-3},
            width=32,
            decides=False,
            seconds=1,
        ),
        "quick": Scale(
            "three minutes on one core: 4 to 64 colours in near pairs on 128 positions",
            {"size": 128, "colours": 64, "paired": True, "train": 20_000, "validation": 1_000, "test": 2_000},
            {**RECIPE, "epochs": 1},
            width=64,
            seconds=180,
        ),
        "paper": Scale(
            "a GPU: 128 positions, ten colours, as in Courtois et al. 2022, table 3",
            {"size": 128, "colours": 10, "train": 20_000, "validation": 1_000, "test": 10_000},
            {"epochs": 50, "batch": 64, "lr": 1e-3},
            width=256,
        ),
    },
)

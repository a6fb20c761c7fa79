"""The scales of the translation probe. Recipes were chosen on the validation split; the noise is measured."""

from __future__ import annotations

from probekit.plugin.interfaces import Scale
from probekit_probes.noise import attach_noise

SCALES = attach_noise(
    "translation",
    {
        "smoke": Scale(
            "seconds, for tests; proves nothing",
            {"size": 16, "square": 5},
            {"epochs": 2, "batch": 12, "lr": 3e-3},
            width=16,
            decides=False,
            seconds=1,
        ),
        "quick": Scale(
            "one minute on one core: 32 x 32, 121 central positions, 363 others",
            {"size": 32, "square": 11},
            {"epochs": 40, "batch": 8, "lr": 5e-3},
            width=64,
            seconds=60,
        ),
        "paper": Scale(
            "a GPU: 64 x 64, 484 central positions, 1,452 others, as in Courtois et al. 2022, table 2",
            {"size": 64, "square": 21},
            {"epochs": 40, "batch": 16, "lr": 3e-3},
            width=128,
        ),
    },
)

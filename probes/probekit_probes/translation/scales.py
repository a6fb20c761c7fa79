"""The scales of the translation probe; recipes are chosen on the validation split, noise is measured."""

from __future__ import annotations

from probekit.interfaces import Scale
from probekit_probes.noise import measured

SCALES = measured(
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
            "a minute on one core: 121 places in the middle of 32 x 32, 363 others",
            {"size": 32, "square": 11},
            {"epochs": 40, "batch": 8, "lr": 5e-3},
            width=64,
            seconds=60,
        ),
        "paper": Scale(
            "64 x 64, 484 places in the middle, 1,452 others, as in Courtois et al. 2022, table 2",
            {"size": 64, "square": 21},
            {"epochs": 40, "batch": 16, "lr": 3e-3},
            width=128,
        ),
    },
)

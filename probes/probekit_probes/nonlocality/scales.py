"""The scales of the nonlocality probe; recipes are chosen on the validation split, noise is measured."""

from __future__ import annotations

from probekit.interfaces import Scale
from probekit_probes.noise import measured

# What quick and laptop share: they differ in the number of images alone.
NEAR = {"size": 32, "rectangles": 5, "gap": 2, "colours": 5, "validation": 512, "test": 1024}
# at 5e-3 the loss of the baseline rose a hundredfold at the highest rate in two seeds of three
BRIEF = {"epochs": 4, "batch": 16, "lr": 3e-3}

SCALES = measured(
    "nonlocality",
    {
        "smoke": Scale(
            "seconds, for tests; proves nothing",
            {"size": 16, "rectangles": 3, "gap": 2, "train": 256, "validation": 64, "test": 64},
            {"epochs": 2, "batch": 32, "lr": 4e-3},
            width=4,
            decides=False,
            seconds=1,
        ),
        "quick": Scale(
            "minutes on two cores: few rectangles and colours, near",
            {**NEAR, "train": 8192},
            BRIEF,
            budget=60_000,
            seconds=240,
        ),
        "laptop": Scale(
            "a quarter of an hour on two cores: the pictures of quick, three times as many",
            {**NEAR, "train": 24_576},
            BRIEF,
            budget=60_000,
            seconds=840,
        ),
        "paper": Scale(
            "128 x 128, ten rectangles, as in Courtois et al. 2022, table 1; a GPU",
            {"size": 128, "rectangles": 10, "gap": 3, "train": 20_000, "validation": 1_000, "test": 2_000},
            {"epochs": 50, "batch": 32, "lr": 2e-3},
            budget=871_729,
        ),
    },
)

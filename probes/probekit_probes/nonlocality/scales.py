"""The scales of the nonlocality probe; recipes are chosen on the validation split, noise is measured."""

from __future__ import annotations

from probekit.interfaces import Scale, Value
from probekit_probes.noise import measured

# Long frames ask for reach at the cost of few pixels, and two rectangles that overlap have a level each that
# only where they meet tells. A squared error leaves no median to rest on, and Muon ends the plateau: see
# examples/results/nonlocality-search.md
LONG: dict[str, Value] = {"gap": 1, "overlapping": True, "beyond": 24, "validation": 512, "test": 1024}
RECIPE: dict[str, Value] = {
    "epochs": 1,
    "batch": 16,
    "optimiser": "muon",
    "lr": 3e-3,
    "matrix_lr": 2e-2,
    "loss": "squared",
}

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
            "minutes on two cores: two long rectangles, scored far from where they meet",
            {**LONG, "height": 4, "width": 128, "rectangles": 2, "colours": 2, "train": 16_384},
            RECIPE,
            budget=60_000,
            seconds=120,
        ),
        "laptop": Scale(
            "ten minutes on one core: three long rectangles, scored far from where they meet",
            {**LONG, "height": 8, "width": 128, "rectangles": 3, "colours": 3, "train": 32_768},
            RECIPE,
            budget=60_000,
            seconds=600,
        ),
        "paper": Scale(
            "128 x 128, ten rectangles, as in Courtois et al. 2022, table 1; a GPU",
            {"size": 128, "rectangles": 10, "gap": 3, "train": 20_000, "validation": 1_000, "test": 2_000},
            {"epochs": 50, "batch": 32, "lr": 2e-3},
            budget=871_729,
        ),
    },
)

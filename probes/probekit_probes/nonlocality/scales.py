"""The scales of the nonlocality probe. Recipes were chosen on the validation split; the noise is measured."""

from __future__ import annotations

from probekit.plugin.interfaces import Scale, Value
from probekit_probes.noise import attach_noise

# Frames are long, because distance needs a large receptive field, and low, because pixels cost. Overlapping
# rectangles have levels that only their junctions show. Of two, counts of each colour by row tell the order;
# of three on eight rows, hardly. With a squared error the median is no longer a good answer. Muon shortens
# the plateau: see examples/results/nonlocality-search.md
LONG: dict[str, Value] = {"gap": 1, "overlapping": True, "beyond": 24, "validation": 512, "test": 1024}
RECIPE: dict[str, Value] = {
    "epochs": 1,
    "batch": 16,
    "optimiser": "muon",
    "lr": 3e-3,
    "matrix_lr": 2e-2,
    "loss": "squared",
}

SCALES = attach_noise(
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
            "three minutes on one core: three rectangles, scored far from their junctions",
            {**LONG, "height": 8, "width": 24, "rectangles": 3, "colours": 3, "beyond": 5, "train": 32_768},
            RECIPE,
            budget=240_000,
            seconds=150,
        ),
        "laptop": Scale(
            "ten minutes on one core: three long rectangles, scored far from their junctions",
            {**LONG, "height": 8, "width": 128, "rectangles": 3, "colours": 3, "train": 32_768},
            RECIPE,
            budget=60_000,
            seconds=600,
        ),
        "paper": Scale(
            "a GPU: 128 x 128, ten rectangles, as in Courtois et al. 2022, table 1",
            {"size": 128, "rectangles": 10, "gap": 3, "train": 20_000, "validation": 1_000, "test": 2_000},
            {"epochs": 50, "batch": 32, "lr": 2e-3},
            budget=871_729,
        ),
    },
)

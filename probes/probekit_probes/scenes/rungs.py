"""The rungs of the ladder and the scales of the probe. Each rung sets the defaults of other parameters."""

from __future__ import annotations

from dataclasses import dataclass

from probekit.plugin.interfaces import Scale
from probekit_probes.nonlocality.scales import RECIPE


@dataclass(frozen=True, slots=True)
class Rung:
    """What a rung sets.

    Attributes:
        colours: "fixed" or "image".
        objects: greatest number of objects.
        fewest: least number of objects, None for nonlocality's law.
        shapes: "rectangles" or "mixed".
        texture: "flat", "patterns" or "photographs".
    """

    colours: str
    objects: int
    fewest: int | None
    shapes: str = "rectangles"
    texture: str = "flat"


RUNGS = (
    Rung("fixed", 3, None),
    Rung("image", 3, None),
    Rung("image", 4, 2),
    Rung("image", 4, 2, "mixed"),
    Rung("image", 4, 2, "mixed", "patterns"),
    Rung("image", 4, 2, "mixed", "photographs"),
)

SCALES = {
    "smoke": Scale(
        "seconds, for tests; proves nothing",
        {"size": 16, "beyond": 3, "train": 256, "validation": 64, "test": 64},
        {"epochs": 2, "batch": 32, "lr": 4e-3},
        width=4,
        decides=False,
        seconds=1,
    ),
    "quick": Scale(
        "minutes on one core: 32 x 32 pixels, scored far from the junctions",
        {"size": 32, "beyond": 6, "train": 8_192, "validation": 512, "test": 1024},
        RECIPE,
        budget=60_000,
    ),
    "laptop": Scale(
        "ten minutes on one core: 32 x 32 pixels, scored far from the junctions",
        {"size": 32, "beyond": 6, "train": 32_768, "validation": 512, "test": 1024},
        RECIPE,
        budget=60_000,
    ),
}

"""Draw one item of each rung of `scenes` with its truth.

python examples/ladder.py examples/results/ladder.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from probekit.scores.pictures import GridRow, draw_grid
from probekit_probes.scenes.probe import Scenes
from probekit_probes.scenes.rungs import RUNGS

CANDIDATES = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    images, depths = [], []
    for rung in range(len(RUNGS)):
        probe = Scenes(rung=rung, train=1, validation=1, test=CANDIDATES)
        inputs, targets = probe.data("test", 0).batch(range(CANDIDATES))
        objects = (targets > 1.5 / 11).flatten(1).float().mean(1) * (targets.flatten(1).amax(1) > 3.5 / 11)
        chosen = int(objects.argmax())  # the fullest image of three objects or more
        images.append(inputs[chosen])
        depths.append(targets[chosen])
    heads = [f"rung {rung}" for rung in range(len(RUNGS))]
    rows = [GridRow("image", tuple(images)), GridRow("depth", tuple(depths))]
    options.file.write_bytes(draw_grid("One image of each rung, and its depth", heads, rows))


if __name__ == "__main__":
    main()

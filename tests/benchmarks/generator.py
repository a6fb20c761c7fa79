"""Measure the generator of nonlocality against a per-image loop: python tests/benchmarks/generator.py.

The law of the comparison is the uniform one over unambiguous arrangements of ten rectangles, 128 x 128, gap
3: rejection without balance. The loop draws lines that are apart directly, paints, reads the image as an
oracle would, and keeps what is certified: one image at a time, numpy within an image. Both run on one core
in turn, and CPU time is counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.nonlocality.samplers import Law
from probekit_probes.nonlocality.scenes import Design, draw_scenes, draw_scenes_of_count

COUNT, SIZE, GAP = 10, 128, 3
BLOCK = 4096
Image = NDArray[np.uint8]


def spaced(random: np.random.Generator) -> NDArray[np.int64]:
    """Draw the lines of an axis in order, GAP apart: (2 * COUNT,)."""
    room = SIZE + 1 - (2 * COUNT - 1) * (GAP - 1)
    return np.sort(random.choice(room, 2 * COUNT, replace=False)) + np.arange(2 * COUNT) * (GAP - 1)


def painted(random: np.random.Generator) -> Image:
    """Paint one scene, its colours 1 to COUNT in painting order."""
    sides = []
    for _ in range(2):
        owners = random.permutation(2 * COUNT) // 2
        ends = spaced(random)[np.argsort(owners, kind="stable")].reshape(COUNT, 2)
        sides.append(ends.tolist())
    image = np.zeros((SIZE, SIZE), np.uint8)
    for colour, ((left, right), (top, bottom)) in enumerate(zip(*sides, strict=True), 1):
        image[top:bottom, left:right] = colour
    return image


def read(image: Image) -> list[int] | None:
    """Return the level of each colour, None where the image does not decide it or a rectangle is hidden."""
    boxes = []
    for colour in range(1, COUNT + 1):
        mask = image == colour
        columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        if not len(columns):
            return None
        boxes.append((int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1))
    for k in (0, 2):
        if {box[k] for box in boxes} & {box[k + 1] for box in boxes}:
            return None
    above: list[set[int]] = []
    for c, (left, right, top, bottom) in enumerate(boxes):
        above.append(set((np.unique(image[top:bottom, left:right]).astype(int) - 1).tolist()) - {c, -1})
    for k in range(COUNT):
        for c in range(COUNT):
            if k in above[c]:
                above[c] |= above[k]
    for c, one in enumerate(boxes):
        for d, other in enumerate(boxes[:c]):
            meet = all(max(one[k], other[k]) < min(one[k + 1], other[k + 1]) for k in (0, 2))
            if meet and c not in above[d] and d not in above[c]:
                return None
    return [1 + sum(d in others for others in above) for d in range(COUNT)]


def loop(seed: int) -> Iterator[tuple[Image, list[int]]]:
    """Yield accepted images with the levels of their colours, and rejected tries as nothing."""
    random = np.random.default_rng(seed)
    names = np.zeros(COUNT + 1, np.uint8)
    while True:
        image = painted(random)
        level = read(image)
        if level is not None:
            names[1:] = random.permutation(COUNT) + 1
            yield names[image], level


def timed(design: Design, images: int, count: int | None = None) -> float:
    """Return the CPU seconds of drawing so many images in blocks, all of `count` rectangles where given."""
    started = time.process_time()
    for start in range(0, images, BLOCK):
        keys = streams.derive_keys(0, np.arange(start, min(start + BLOCK, images)))
        if count is None:
            draw_scenes(design, keys)
        else:
            draw_scenes_of_count(design, keys, count)
    return time.process_time() - started


def compare(rounds: int, alone: int) -> None:
    """Print the rates of generator and loop in interleaved rounds: a block against `alone` images each."""
    design = Design((SIZE, SIZE), COUNT, GAP, law=Law("rejection", balance=False))
    naive = loop(0)
    draw_scenes_of_count(design, streams.derive_keys(1, np.arange(64)), COUNT)
    spent = {"generator": 0.0, "loop": 0.0}
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(alone):
            next(naive)
        spent["loop"] += time.process_time() - started
        spent["generator"] += timed(design, BLOCK, COUNT)
    ours, theirs = rounds * BLOCK / spent["generator"], rounds * alone / spent["loop"]
    print(f"{COUNT} rectangles, {SIZE} x {SIZE}, gap {GAP}, rejection, no balance, {rounds} rounds in turn")
    print(f"  {'generator':44} {ours:10,.0f} images/s")
    print(f"  {'per-image loop, the same law':44} {theirs:10,.1f} images/s")
    print(f"  {'ratio':44} {ours / theirs:10,.0f}")


def shipped(images: int) -> None:
    """Print the rate of each scale as the probe draws it: sequential, balanced, in blocks."""
    print(f"as shipped: sequential, balanced, mixed numbers of rectangles, blocks of {BLOCK:,}")
    for size, most, gap in ((128, 10, 3), (64, 8, 2), (64, 3, 2), (32, 5, 2), (16, 3, 2)):
        seconds = timed(Design((size, size), most, gap), images)
        print(f"  {f'{size} x {size}, {most} rectangles, gap {gap}':44} {images / seconds:10,.0f} images/s")
    seconds = timed(Design((128, 128), 10, 3, ambiguous=True), images)
    print(f"  {'128 x 128, 10 rectangles, ambiguous':44} {images / seconds:10,.0f} images/s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the comparison  [default: 3]")
    parser.add_argument("--alone", type=int, default=60, help="images of the loop a round  [default: 60]")
    asked = parser.parse_args()
    print(f"CPU time, numpy {np.__version__}, one core where OMP_NUM_THREADS=1")
    compare(asked.rounds, asked.alone)
    shipped(2 * BLOCK)

"""What is guarded: every label of `scenes` is the only one of all scenes that show the image."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from small import NEEDS_PICTURES
from torch import Tensor

from probekit.catalog.registry import registry
from probekit.plans.golden import golden_hash
from probekit.plans.scale import make_probe_at
from probekit.plugin.errors import UsageError
from probekit_probes import streams
from probekit_probes.nonlocality.probe import Nonlocality
from probekit_probes.scenes.catalogue import make_catalogue
from probekit_probes.scenes.colours import LEAST_DISTANCE, draw_colours
from probekit_probes.scenes.cues import CUES, classify_cues
from probekit_probes.scenes.probe import Scenes
from probekit_probes.scenes.rungs import RUNGS
from probekit_probes.scenes.shape_oracle import draw_catalogue
from probekit_probes.scenes.texture_reader import find_textures
from probekit_probes.scenes.textures import KINDS, SHADES, draw_ramps, shade_pixels
from probekit_probes.scenes.textures import LEAST_DISTANCE as LEAST_SHADE_DISTANCE

FEW: dict[str, Any] = {"train": 32, "validation": 16, "test": 16}
SIDE = 9
GOLDEN = (
    "d8c66c1d0f1eadfc",
    "e12bcc6587be2a7a",
    "bfc935e7addf7694",
    "bc2c68dac8d68a1e",
    "2b38f0977a8f7511",
    "86e5f27679a4178b",
)
"""The hash of the data of each rung at scale smoke."""
PHOTOGRAPHS = RUNGS.index(next(rung for rung in RUNGS if rung.texture == "photographs"))
LADDER = [
    pytest.param(rung, marks=NEEDS_PICTURES if rung == PHOTOGRAPHS else ()) for rung in range(len(RUNGS))
]
EVERY_RUNG = pytest.mark.parametrize("rung", LADDER)


def read_all(probe: Scenes | Nonlocality, split: Any, count: int = 16) -> tuple[Tensor, Tensor]:
    data: Any = probe.data(split, 0)
    inputs, targets = data.batch(range(count))
    return inputs, targets


def all_rectangles(ring: int) -> list[int]:
    """Return every rectangle of a small frame as a set of pixels."""
    lines = list(itertools.combinations(range(ring, SIDE - ring + 1), 2))
    return [
        sum(1 << SIDE * row + column for row in range(top, bottom) for column in range(left, right))
        for top, bottom in lines
        for left, right in lines
    ]


def all_scenes(regions: dict[int, int], shapes: list[int], cover: int = 0) -> Iterator[list[tuple[int, int]]]:
    """Yield each list of (object, shape), the topmost first, that paints these visible parts."""
    if not regions:
        yield []
    for number, region in regions.items():
        rest = {key: value for key, value in regions.items() if key != number}
        for shape in shapes:
            if shape & ~cover == region:
                for beneath in all_scenes(rest, shapes, cover | shape):
                    yield [(number, shape), *beneath]


def levels_of(scene: list[tuple[int, int]]) -> tuple[int, ...]:
    """Return the level of each object by number: one more than the number of objects beneath it."""
    beneath: dict[int, set[int]] = {}
    for number, shape in reversed(scene):
        touched = [lower for lower, other in reversed(scene) if lower in beneath and shape & other]
        beneath[number] = set(touched).union(*(beneath[lower] for lower in touched))
    return tuple(1 + len(beneath[number]) for number in sorted(beneath))


@EVERY_RUNG
@pytest.mark.parametrize("objects", [2, 3])
def test_all_scenes_of_an_image_agree(rung: int, objects: int) -> None:
    probe = Scenes(rung=rung, objects=objects, fewest=objects, size=SIDE, train=64)
    inputs, targets = read_all(probe, "train", 64)
    if RUNGS[rung].shapes == "mixed":
        masks = make_catalogue(SIDE).masks
        shapes = [sum(1 << int(pixel) for pixel in np.flatnonzero(mask)) for mask in masks]
    else:
        shapes = all_rectangles(probe.design.ring)
    for index, depth in zip(probe.reader.number_surfaces(inputs), targets[:, 0], strict=True):
        regions: dict[int, int] = {}
        label = {}
        for pixel, (number, level) in enumerate(
            zip(index.ravel().tolist(), depth.ravel().tolist(), strict=True)
        ):
            if number:
                regions[number] = regions.get(number, 0) | 1 << pixel
                label[number] = round(level * 11) - 1
        answers = {levels_of(scene) for scene in all_scenes(regions, shapes)}
        assert answers == {tuple(label[number] for number in sorted(label))}


def test_without_the_filter_images_are_ambiguous() -> None:
    probe = Scenes(rung=3, objects=3, fewest=3, size=SIDE, ambiguous=True, train=256)
    inputs, targets = read_all(probe, "train", 256)
    certified = torch.stack(list(probe.certified(inputs).values())).all(0)
    assert 0.1 < certified.float().mean() < 0.9
    right = (probe.oracle(inputs) == targets).flatten(1).all(1)
    assert right[certified].all()
    assert not right.all()


@EVERY_RUNG
def test_the_oracle_reads_each_split(rung: int) -> None:
    probe = Scenes(rung=rung, size=16, **FEW)
    for split in ("train", "test", *(["harder"] if probe.harder else [])):
        inputs, targets = read_all(probe, split)
        assert torch.equal(probe.oracle(inputs), targets)
        assert all(bool(rule.all()) for rule in probe.certified(inputs).values())


def test_rung_0_is_nonlocality() -> None:
    scenes = read_all(Scenes(rung=0, size=16, **FEW), "train")
    rectangles = read_all(Nonlocality(size=16, rectangles=3, gap=1, overlapping=True, **FEW), "train")
    assert all(torch.equal(*pair) for pair in zip(scenes, rectangles, strict=True))


def test_colours_keep_their_distance() -> None:
    colours = draw_colours(streams.derive_keys(0, np.arange(200)), 7).astype(int)
    for first, second in itertools.combinations(range(7), 2):
        assert (((colours[:, first] - colours[:, second]) ** 2).sum(1) >= LEAST_DISTANCE**2).all()


def test_shades_of_surfaces_keep_their_distance() -> None:
    ramps = draw_ramps(streams.derive_keys(0, np.arange(200)), 6).reshape(200, 6, SHADES, 3).astype(int)
    steps = np.diff(ramps, axis=2)
    assert (steps == steps[:, :, :1]).all()
    for first, second in itertools.combinations(range(6), 2):
        differences = ramps[:, first, :, None] - ramps[:, second, None]
        assert ((differences**2).sum(-1) >= LEAST_SHADE_DISTANCE**2).all()


def test_shades_of_all_kinds_have_one_law() -> None:
    keys = streams.derive_keys(1, np.arange(600))
    words = streams.draw_words(keys[:, None], 13)
    shades = shade_pixels(np.zeros((600, 24**2), np.int64), words, (24, 24))
    kinds = streams.to_integers(words[:, 0, 0], len(KINDS))
    for kind in range(len(KINDS)):
        shares = np.bincount(shades[kinds == kind].ravel(), minlength=SHADES) / shades[kinds == kind].size
        assert abs(shares - 1 / SHADES).max() < 0.03


@pytest.mark.parametrize("rung", LADDER[4:])
def test_textures_name_their_surfaces(rung: int) -> None:
    probe = Scenes(rung=rung, train=200)
    data = probe.data("train", 0)
    images, _ = data.batch(range(200))
    surfaces = torch.from_numpy(data.parts[0]).flatten(1)
    names = find_textures(images, probe.design.shades)
    for surface, name in zip(surfaces, names, strict=True):
        assert len(set(zip(surface.tolist(), name.tolist(), strict=True))) == len(surface.unique())
        assert len(surface.unique()) == len(name.unique())


def test_an_image_without_textures_is_an_error() -> None:
    images, _ = Scenes(rung=3, **FEW).data("train", 0).batch(range(4))
    with pytest.raises(ValueError, match="exactly one texture"):
        find_textures(images)


@pytest.mark.parametrize("rung", LADDER[4:])
def test_textures_need_colours_of_each_image(rung: int) -> None:
    with pytest.raises(UsageError, match="rung=3"):
        Scenes(rung=rung, colours="fixed")


@pytest.mark.parametrize(
    ("parameters", "hint"),
    [
        ({"rung": 1, "objects": 5, "size": 10}, "size=11"),
        ({"rung": 2, "size": 10}, "size=11"),  # the extrapolation split has five objects
        ({"rung": 3, "beyond": 32}, "beyond=6"),
        ({"objects": 3, "fewest": 4}, "fewest=3"),
    ],
)
def test_what_does_not_fit_is_explained(parameters: dict[str, int], hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        Scenes(**parameters)


@pytest.mark.parametrize("rung", [1, 2])
def test_the_least_size_has_every_scene(rung: int) -> None:
    probe = Scenes(rung=rung, objects=4, size=11, **FEW)
    assert read_all(probe, "harder" if probe.harder else "train")[0].shape[-1] == 11


@pytest.mark.parametrize("side", [9, pytest.param(32, marks=pytest.mark.slow)])
def test_generator_and_oracle_know_the_same_shapes(side: int) -> None:
    assert np.array_equal(np.unique(draw_catalogue(side).numpy() > 0, axis=0), make_catalogue(side).masks)


@EVERY_RUNG
def test_extrapolation_has_more_objects(rung: int) -> None:
    probe = Scenes(rung=rung, size=16, **FEW)
    assert bool(probe.harder) == (RUNGS[rung].fewest is not None)
    if probe.harder:
        most = read_all(probe, "train")[1].amax()
        assert (read_all(probe, "harder")[1].flatten(1).amax(1) > most).all()


@pytest.mark.parametrize("cue", CUES)
@pytest.mark.parametrize("rung", [LADDER[1], *LADDER[4:]])
def test_a_cue_selects_its_images(rung: int, cue: Any) -> None:
    probe = Scenes(rung=rung, cues=cue, size=16, **FEW)
    inputs, targets = read_all(probe, "test")
    assert (classify_cues(probe.reader(inputs)) == CUES.index(cue)).all()
    scores = {metric.name: metric.score(targets, targets, inputs) for metric in probe.metrics}
    assert all(bool(scores[f"loss_{name}"].isnan().all()) == (name != cue) for name in CUES)


def test_typed_parameters_replace_the_rung() -> None:
    design = Scenes(rung=3, objects=3, colours="fixed").design
    assert (design.most, design.colours, design.shapes) == (3, "fixed", "mixed")


@EVERY_RUNG
def test_the_data_of_a_rung_stay_the_same(rung: int) -> None:
    assert golden_hash(make_probe_at(f"scenes(rung={rung})", "smoke", registry())) == GOLDEN[rung]

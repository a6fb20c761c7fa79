"""What is guarded: item i is a function of (seed, split, i) alone, and is what it was."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from probekit_probes import streams
from probekit_probes.cached_split import SPLITS
from probekit_probes.nonlocality import samplers
from probekit_probes.nonlocality.dataset import Rectangles
from probekit_probes.nonlocality.probe import Nonlocality
from probekit_probes.nonlocality.samplers import Law, draw_accepted
from probekit_probes.nonlocality.scenes import Design

SMALL = Design(size=(32, 32), rectangles=5, gap=2)

LAWS = {
    "sequential": SMALL,
    "sequential, not balanced": replace(SMALL, law=Law(balance=False)),
    "rejection": replace(SMALL, law=Law("rejection")),
    "chain": replace(SMALL, reading="chain"),
    "six colours": replace(SMALL, colours=6),
    "ambiguous": replace(SMALL, ambiguous=True),
}

GOLDEN = {
    "sequential": "fdb97c5b9126bafb",
    "sequential, not balanced": "15c95a5776cf20a0",
    "rejection": "40bbe31c95e17d55",
    "chain": "fdb97c5b9126bafb",
    "six colours": "059fdb9f03aef664",
    "ambiguous": "07c76aa0880071de",
}


def stacked(items: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    images, depths = zip(*items, strict=True)
    return torch.stack(images), torch.stack(depths)


def same(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def fresh(design: Design, split: str = "train", seed: int = 3, length: int = 24) -> Rectangles:
    return Rectangles(design, split, seed, length)


@pytest.mark.parametrize("name", LAWS)
def test_an_item_is_the_same_alone_in_a_block_in_a_shuffled_batch_and_materialised(name: str) -> None:
    design = LAWS[name]
    block = stacked(fresh(design).__getitems__(range(24)))
    single = fresh(design)
    assert same(stacked([single[i] for i in range(24)]), block)
    order = np.random.default_rng(0).permutation(24)
    shuffled = fresh(design, length=1000).__getitems__(order.tolist())
    assert same(stacked(shuffled), (block[0][order], block[1][order]))
    drawn = fresh(design)
    assert list(drawn.materialise()) == [24]
    assert same(drawn.batch(range(24)), block)


@pytest.mark.parametrize("how", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_an_item_is_the_same_whatever_the_workers(how: str) -> None:
    workers = DataLoader(fresh(SMALL), batch_size=5, num_workers=2, multiprocessing_context=how)
    images, depths = (torch.cat(column) for column in zip(*workers, strict=True))
    assert same((images, depths), stacked(fresh(SMALL).__getitems__(range(24))))


@pytest.mark.parametrize("law", [Law(), Law("rejection"), Law(balance=False)])
def test_an_item_does_not_depend_on_the_block_it_is_drawn_in(law: Law) -> None:
    """The block is longer than the samplers' own chunks, the parts shorter."""
    chunk = samplers.CHUNK[law.sampler]
    keys = streams.derive_keys(0, np.arange(chunk + 300))
    across, down = draw_accepted(law, keys, 4)
    some = np.r_[0:40, chunk - 20 : chunk + 20]
    for part in np.array_split(some, 7):
        x, y = draw_accepted(law, keys[part], 4)
        assert np.array_equal(x, across[part])
        assert np.array_equal(y, down[part])


@pytest.mark.parametrize("name", LAWS)
def test_the_data_of_a_version_do_not_change(name: str) -> None:
    data = fresh(LAWS[name], "test", seed=0, length=4)
    data.ensure_drawn(range(4))
    found = hashlib.sha256(b"".join(part.tobytes() for part in data.parts)).hexdigest()[:16]
    assert found == GOLDEN[name], "the data changed: raise Nonlocality.version, then note the new hash here"


def test_an_item_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data, asked = fresh(SMALL), []
    draw_some = data.draw
    monkeypatch.setattr(data, "draw", lambda keys: (asked.extend(keys.tolist()), draw_some(keys))[1])
    for indices in ([3, 5], [5, 3, 1], range(24), range(24)):
        data.batch(indices)
    assert sorted(asked) == sorted(
        streams.derive_keys(data.seed, SPLITS.index(data.split), np.arange(24)).tolist()
    )


def test_another_seed_and_another_split_give_other_items() -> None:
    colours = []
    for split, seed in (("train", 0), ("train", 1), ("validation", 0), ("test", 0)):
        data = fresh(SMALL, split, seed)
        data.ensure_drawn(range(24))
        colours += [image.tobytes() for image in data.parts[0]]
    assert len(set(colours)) == len(colours)


def test_validation_and_test_splits_are_the_same_for_every_seed_and_the_training_split_is_not() -> None:
    probe = Nonlocality(size=16, rectangles=3, gap=2, train=8, validation=8, test=8)
    splits = {
        split: [probe.data(split, seed).batch(range(8)) for seed in (0, 5)]
        for split in ("train", "validation", "test")
    }
    assert {split: same(*pair) for split, pair in splits.items()} == {
        "train": False,
        "validation": True,
        "test": True,
    }


def test_an_index_outside_the_split_is_refused() -> None:
    for index in (-1, 24):
        with pytest.raises(IndexError, match="items 0 to 23"):
            fresh(SMALL)[index]


def test_images_and_depths_have_the_promised_shapes_types_and_values() -> None:
    images, depths = fresh(SMALL).batch(range(24))
    assert images.shape == (24, 3, 32, 32)
    assert depths.shape == (24, 1, 32, 32)
    assert images.dtype == depths.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert 0 <= images.min() < images.max() <= 1
    allowed = (torch.arange(11) + 1) / 11
    assert torch.isin(depths, allowed).all()
    assert (depths[(images == 0).all(1, keepdim=True)] == allowed[0]).all()
    assert (depths[(images != 0).any(1, keepdim=True)] >= allowed[1]).all()

"""What is guarded: surfaces of rung 5 are crops of known pictures, and no statistic tells a level."""

from __future__ import annotations

import numpy as np
import pytest

from probekit.plugin.errors import ProbekitError, UsageError
from probekit_probes import streams
from probekit_probes.scenes.photographs import crops, pictures
from probekit_probes.scenes.probe import Scenes
from probekit_probes.scenes.textures import SHADES, draw_ramps


@pytest.fixture
def _pictures() -> None:
    pytest.importorskip("skimage", reason="the extra `scenes` is not installed")


@pytest.mark.usefixtures("_pictures")
def test_every_surface_shows_each_shade_equally_often() -> None:
    data = Scenes(rung=5, train=64).data("train", 0)
    data.ensure_drawn(range(64))
    surfaces, shades = data.parts[0], data.parts[3]
    for surface_map, shade in zip(surfaces, shades, strict=True):
        for surface in np.unique(surface_map):
            numbers = np.bincount(shade[surface_map == surface], minlength=crops.SHADES)
            assert numbers.max() - numbers.min() <= 1
            assert numbers.min() > 0


@pytest.mark.usefixtures("_pictures")
def test_shades_rise_with_the_grey_of_the_picture() -> None:
    keys, surfaces = streams.derive_keys(0, np.arange(50)), np.zeros((50, 24, 24), np.uint8)
    surfaces[:, 6:18, 8:20] = 1
    shades = crops.shade_crops(keys, surfaces, 2).reshape(50, -1).astype(int)
    index = surfaces.reshape(50, -1).astype(np.int64)
    grey = crops.look_up_grey(keys, index, (24, 24), 2)
    for scene in range(50):
        for surface in (0, 1):
            inside = index[scene] == surface
            values, numbers = grey[scene, inside], shades[scene, inside]
            for shade in range(crops.SHADES - 1):
                assert values[numbers == shade].max() <= values[numbers > shade].min()


def test_ramps_of_both_textures_have_one_law() -> None:
    keys = streams.derive_keys(3, np.arange(800))
    moments = []
    for shades in (SHADES, crops.SHADES):
        ramps = draw_ramps(keys, 2, shades).reshape(1600, shades, 3).astype(float)
        moments.append((ramps.mean(), ramps.mean(axis=1).std(), np.ptp(ramps, axis=1).mean()))
    assert np.allclose(*moments, rtol=0.06)


@pytest.mark.usefixtures("_pictures")
def test_a_frame_can_be_larger_than_a_picture() -> None:
    keys, index = streams.derive_keys(0, np.arange(8)), np.zeros((8, 700**2), np.int64)
    grey = crops.look_up_grey(keys, index, (700, 700), 1)
    assert grey.shape == (8, 700**2)
    assert (grey < 1 << crops.GREY_BITS).all()


@pytest.mark.usefixtures("_pictures")
def test_a_changed_picture_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pictures.CONTENTS, "coins", "0" * 16)
    with pytest.raises(ProbekitError, match=r"photograph coins .*scikit-image==0\.26\.0"):
        pictures.read_picture("coins")


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'scenes\(rung=5\): .* pip install "probekit-nn\[scenes\]"'):
        Scenes(rung=5)
    assert Scenes(rung=4)

"""The positional encodings keep their paper's formula and know differences of positions only."""

from __future__ import annotations

import itertools
import math
from typing import Any

import direct
import pytest
import torch
from torch import Tensor, nn

from probekit.plugin.errors import UsageError
from probekit_plugins.encodings.coordconv import CoordConv
from probekit_plugins.encodings.cosine import Cosine
from probekit_plugins.encodings.local import Local
from probekit_plugins.encodings.pe import PE

SIZES = pytest.mark.parametrize("size", [(9,), (6, 5)], ids=["1-D", "2-D"])


def attention(size: tuple[int, ...], heads: int, keys: int) -> Tensor:
    """Return a random Kbar (batch, heads, keys, *size)."""
    flat = torch.randn(2, heads, keys, torch.Size(size).numel()).softmax(-1)
    return flat.view(2, heads, keys, *size)


def look_at(site: tuple[int, ...], size: tuple[int, ...], keys: int) -> Tensor:
    """Return the Kbar whose keys all look at one position."""
    kbar = torch.zeros(1, 1, keys, *size)
    kbar[(..., *site)] = 1
    return kbar


@SIZES
@pytest.mark.parametrize(("channels", "bands"), [(16, 8), (10, 8), (3, 8), (5, 1)])
def test_position_is_the_decor_product_with_one_band_for_each_group_of_channels(
    size: tuple[int, ...], channels: int, bands: int
) -> None:
    torch.manual_seed(0)
    encoding, kbar = PE(channels, size, keys=7, heads=1, bands=bands), attention(size, 1, 7)
    p = direct.table(size)
    assert len(p) == 64 * len(size)
    wide = len(p) // bands
    found = encoding.position(None, kbar, None).flatten(2)
    for o in range(channels):
        band = p[o * bands // channels * wide :][:wide]
        mixed = torch.einsum("m,bmn->bn", encoding.projection[0, o], kbar[:, 0].flatten(2)).double()
        torch.testing.assert_close(found[:, o].double(), mixed @ band.T @ band, atol=1e-4, rtol=1e-4)


@SIZES
def test_position_depends_on_differences_of_positions_only(size: tuple[int, ...]) -> None:
    encoding = PE(8, size, keys=3, heads=1)
    centre = tuple(side // 2 for side in size)
    reference = encoding.position(None, look_at(centre, size, 3), None)
    for site in itertools.product(*(range(side) for side in size)):
        moved = encoding.position(None, look_at(site, size, 3), None)
        shift = [there - here for there, here in zip(site, centre, strict=True)]
        here = [slice(max(0, -by), side - max(0, by)) for by, side in zip(shift, size, strict=True)]
        there = [slice(max(0, by), side + min(0, by)) for by, side in zip(shift, size, strict=True)]
        torch.testing.assert_close(moved[(..., *there)], reference[(..., *here)], atol=1e-4, rtol=1e-4)


def test_groups_of_channels_have_different_kernels() -> None:
    encoding = PE(8, (16,), keys=1, heads=8)
    kernels = encoding.position(None, look_at((8,), (16,), 1).expand(1, 8, 1, 16), None)[0]
    for one, other in itertools.combinations(kernels, 2):
        assert (one - other).abs().max() > 0.1


def test_matrix_is_learned_only_where_keys_differ_from_a_heads_channels() -> None:
    assert not list(PE(128, (64, 64), keys=16, heads=8).parameters())
    assert sum(p.numel() for p in PE(40, (64, 64), keys=64, heads=1).parameters()) == 40 * 64
    assert sum(p.numel() for p in PE(40, (64, 64), keys=64, heads=4).parameters()) == 40 * 64


def test_heads_are_mixed_apart() -> None:
    """Head 1 alone moves: the first head's channels stay."""
    torch.manual_seed(0)
    encoding, kbar = PE(6, (5, 4), keys=7, heads=2), attention((5, 4), 2, 7)
    before = encoding.position(None, kbar, None)
    kbar[:, 1] = attention((5, 4), 2, 7)[:, 1]
    after = encoding.position(None, kbar, None)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.isclose(before[:, 3:], after[:, 3:]).all(1).any()


def test_table_is_built_on_the_meta_device_and_not_stored() -> None:
    with torch.device("meta"):
        encoding = PE(40, (64, 64), keys=64, heads=1)
    assert all(buffer.is_meta for buffer in encoding.buffers())
    assert list(PE(40, (64, 64), keys=64, heads=1).state_dict()) == ["projection"]


@pytest.mark.parametrize(("frequencies", "bands"), [(32, 3), (4, 8)])
def test_bands_that_do_not_divide_the_frequencies_are_refused(frequencies: int, bands: int) -> None:
    with pytest.raises(UsageError, match="bands") as caught:
        PE(40, (64,), keys=64, heads=1, frequencies=frequencies, bands=bands)
    assert f"pe(frequencies={frequencies}, bands={bands})" in caught.value.request


def cosines(channels: int, size: tuple[int, ...]) -> Tensor:
    """P (channels, positions) of the cosine encoding, x the last coordinate."""
    count = math.ceil(channels / (2 * len(size)))
    rows = []
    for k in range(count):
        wave = 10000 ** (-k / count)
        for axis in reversed(range(len(size))):
            for wavy in (math.cos, math.sin):
                rows.append([wavy(wave * site[axis]) for site in direct.sites(size)])
    return torch.tensor(rows[:channels])


@SIZES
@pytest.mark.parametrize("channels", [16, 10, 3])
@pytest.mark.parametrize(("mix", "moved"), [("sum-qkv", (1, 1, 1)), ("sum-qv", (1, 0, 1))])
def test_sums_add_the_cosines_to_what_the_maps_read(
    size: tuple[int, ...], channels: int, mix: Any, moved: tuple[int, int, int]
) -> None:
    encoding, x = Cosine(channels, size, keys=3, heads=1, mix=mix), torch.randn(2, channels, *size)
    placed = x + cosines(channels, size).view(channels, *size)
    for found, moves in zip(encoding.mix(x), moved, strict=True):
        torch.testing.assert_close(found, placed if moves else x)
    nothing = encoding.position(None, attention(size, 1, 3), None)
    assert nothing.shape == x.shape
    assert not nothing.any()
    assert not list(encoding.state_dict())


@SIZES
def test_cosine_decor_is_the_rule_with_the_cosine_waves(size: tuple[int, ...]) -> None:
    encoding, x = Cosine(16, size, keys=2, heads=8, mix="decor"), torch.randn(2, 16, *size)
    assert all(found is x for found in encoding.mix(x))
    p, kbar = cosines(64 * len(size), size), attention(size, 8, 2)
    bands = torch.unflatten(p, 0, (8, -1))
    expected = torch.stack([kbar.flatten(3)[:, head] @ band.T @ band for head, band in enumerate(bands)], 1)
    found = encoding.position(None, kbar, None)
    torch.testing.assert_close(found.flatten(2), expected.flatten(1, 2), atol=1e-4, rtol=1e-4)


def test_the_papers_cosines_have_128_channels_in_two_dimensions() -> None:
    torch.testing.assert_close(Cosine(128, (6, 5), keys=16, heads=8).table.flatten(1), cosines(128, (6, 5)))
    assert Cosine(128, (6, 5), keys=16, heads=8, mix="decor").decor.table0.shape == (128, 8, 6)


@SIZES
def test_coordconv_appends_coordinates_from_minus_one_to_one(size: tuple[int, ...]) -> None:
    encoding = CoordConv(4, size, keys=3, heads=1)
    found = encoding.extra()
    assert found.shape == (len(size), *size)
    for site in itertools.product(*(range(side) for side in size)):
        expected = [2 * place / (side - 1) - 1 for place, side in zip(site, size, strict=True)]
        torch.testing.assert_close(found[(slice(None), *site)], torch.tensor(expected))
    assert not list(encoding.state_dict())


@pytest.mark.parametrize("size", [(9,), (16,), (3,), (6, 5), (17, 20), (8, 16), (1, 1)])
@pytest.mark.parametrize("window", [1, 3, 11])
def test_local_is_a_convolution_of_the_values_read_by_the_queries(size: tuple[int, ...], window: int) -> None:
    torch.manual_seed(0)
    encoding = Local(8, size, keys=3, heads=2, window=window).double()
    convolution = (nn.Conv2d if len(size) == 1 else nn.Conv3d)(
        1, 3, (1, *(window,) * len(size)), padding=(0, *(window // 2,) * len(size)), dtype=torch.float64
    )
    with torch.no_grad():
        convolution.weight.copy_(encoding.embedding.view_as(convolution.weight))
        convolution.bias.copy_(encoding.bias)
    q, v = torch.randn(2, 2, 3, *size).double(), torch.randn(2, 2, 4, *size).double().requires_grad_()
    found = encoding.position(lambda: q, q, lambda: v)
    lambdas = convolution(v.flatten(1, 2).unsqueeze(1)).unflatten(2, (2, 4))
    expected = torch.einsum("bhk...,bkhv...->bhv...", q, lambdas).flatten(1, 2)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    ours = torch.autograd.grad((found * weights).sum(), [v, encoding.embedding, encoding.bias])
    theirs = torch.autograd.grad((expected * weights).sum(), [v, convolution.weight, convolution.bias])
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other.reshape(one.shape))


@pytest.mark.parametrize(("window", "typed"), [(4, 5), (2, 3)])
def test_windows_without_a_middle_are_refused(window: int, typed: int) -> None:
    with pytest.raises(UsageError, match=rf"local\(window={typed}\)"):
        Local(4, (8,), keys=3, heads=1, window=window)

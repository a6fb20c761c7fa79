"""What is guarded: the averaged U-Net moves its answer with its input, and costs no parameter more."""

from __future__ import annotations

import pytest
import torch

from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit_plugins.structures.group_averaging import GroupAveragedUNet
from probekit_plugins.structures.unet import UNet


@pytest.mark.parametrize("size", [(16,), (16, 16)])
def test_every_turn_and_mirror_of_the_input_is_one_of_the_answer(size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model = GroupAveragedUNet(Shape(2, 3, size), width=8).double()
    x = torch.randn(2, 2, *size, dtype=torch.float64)
    y = model(x)
    assert torch.allclose(model(x.flip(-1)), y.flip(-1))
    assert not torch.allclose(y.flip(-1), y)
    for quarters in range(1, 4 if len(size) == 2 else 1):
        turned = model(torch.rot90(x, quarters, (2, 3)))
        assert torch.allclose(turned, torch.rot90(y, quarters, (2, 3)))


def test_it_is_the_mean_of_one_network_over_the_group() -> None:
    torch.manual_seed(0)
    model = GroupAveragedUNet(Shape(1, 1, (8, 8)), width=8)
    plain = UNet(Shape(1, 1, (8, 8)), width=8)
    plain.load_state_dict(model.network.state_dict())
    x = torch.randn(1, 1, 8, 8)
    several = [torch.rot90(plain(torch.rot90(x, k, (2, 3))), -k, (2, 3)) for k in range(4)]
    several += [torch.rot90(plain(torch.rot90(x.flip(3), k, (2, 3))), -k, (2, 3)).flip(3) for k in range(4)]
    assert torch.allclose(model(x), torch.stack(several).mean(0), atol=1e-6)
    assert sum(one.numel() for one in model.parameters()) == sum(one.numel() for one in plain.parameters())


def test_a_map_that_is_no_square_is_refused() -> None:
    with pytest.raises(UsageError, match="8 x 16: only square maps"):
        GroupAveragedUNet(Shape(1, 1, (8, 16)), width=8)

"""What is guarded: a split in a device's memory gives the items of the split it was made of."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from probekit.catalog.registry import registry
from probekit.plans.scale import make_probe_at

KEPT = ("nonlocality", "grouping", "recall", "fill", "insideness")


@pytest.mark.parametrize("name", KEPT)
def test_items_on_a_device_are_those_of_the_split(name: str) -> None:
    data: Any = make_probe_at(name, "smoke", registry()).data("train", 1)
    there = data.on(torch.device("cpu"))
    assert len(there) == len(data)
    for one, other in zip(data.batch([5, 0, 5]), there.batch([5, 0, 5]), strict=True):
        assert torch.equal(one, other)
        assert one.stride() == other.stride()
    assert all(torch.equal(a, b) for a, b in zip(data[3], there[3], strict=True))
    with pytest.raises(IndexError, match="has items 0 to"):
        there.batch([len(data)])

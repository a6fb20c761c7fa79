"""What is guarded: weakened layers lose what they say, and closed forms are the best in their reach."""

from __future__ import annotations

import sys

import pytest
import torch
from conftest import ROOT

sys.path.insert(0, str(ROOT / "examples"))
import necessity
from weakened import Band, Reset


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("radius", [0, 2])
def test_a_band_sees_its_radius(radius: int, causal: bool) -> None:
    torch.manual_seed(0)
    layer = Band(8, (12,), radius=radius, heads=2, causal=causal)
    inputs = torch.randn(1, 8, 12, requires_grad=True)
    layer(inputs)[0, :, 6].sum().backward()
    assert inputs.grad is not None
    seen = inputs.grad[0].abs().sum(0).nonzero()[:, 0].tolist()
    assert seen == list(range(6 - radius, 7 if causal else 7 + radius))


@pytest.mark.parametrize(("every", "first"), [(1, 6), (4, 4), (5, 5), (12, 0)])
def test_a_reset_forgets_its_past(every: int, first: int) -> None:
    torch.manual_seed(0)
    layer = Reset(8, (12,), every=every, causal=True)
    inputs = torch.randn(1, 8, 12, requires_grad=True)
    layer(inputs)[0, :, 6].sum().backward()
    assert inputs.grad is not None
    assert inputs.grad[0].abs().sum(0).nonzero()[:, 0].tolist() == list(range(first, 7))


@pytest.mark.parametrize("study", necessity.STUDIES, ids=lambda s: s.layer)
def test_more_reach_answers_more(study: necessity.Study) -> None:
    scores = [necessity.score_closed_form(study, strength) for strength in study.strengths]
    assert scores == sorted(scores)
    assert necessity.score_closed_form(study, 64) == 1

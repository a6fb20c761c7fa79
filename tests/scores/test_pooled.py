"""What is guarded: a probe may ask for one answer per item; hosts, scores, checks and pages know it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from broken_parts import padded, pooled
from conftest import ROOT, Run
from torch import Tensor, nn

from probekit.battery.attack import run_battery
from probekit.catalog.expression import resolve_expression
from probekit.catalog.modules import stop_pooling
from probekit.catalog.registry import Registry, registry
from probekit.plans.job import make_job
from probekit.plans.spec import make_spec
from probekit.plugin.components import Component
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit.plugin.items import pad_item
from probekit.runs.run import run_job
from probekit.storage.store import Store

SHAPE = Shape(2, 3, (16,), pooled=True)


class OwnPooling(nn.Module):
    """Returns (batch, outputs) itself: the answer at the last position."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.map = nn.Conv1d(shape.inputs, shape.outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.map(x)
        return y[..., -1]


@pytest.fixture
def known() -> Registry:
    return registry().with_components(
        Component("probe", "pooled", pooled.Pooled, "for a test"),
        Component("probe", "padded", padded.Ends, "for a test"),
        Component("structure", "own-pooling", OwnPooling, "for a test"),
    )


@pytest.mark.parametrize(
    ("probe", "structure"),
    [
        *(
            ("pooled", name)
            for name in ("unet+average", "plain+transformer", "recurrent", "vit", "own-pooling")
        ),
        ("padded", "plain+transformer"),
    ],
)
def test_every_host_answers_once_per_item(
    probe: str, structure: str, known: Registry, tmp_path: Path
) -> None:
    job = make_job(make_spec(probe=probe, structure=structure, scale="smoke"), known)
    outcome = run_job(job, known, device="cpu", store=Store(tmp_path))
    assert (outcome.result.status, outcome.result.error) == ("done", "")
    assert outcome.result.metrics["accuracy"] is not None
    assert outcome.result.unrepeatable == ""


def test_an_answer_is_the_mean_over_positions() -> None:
    expression = resolve_expression("plain+average", "plain", registry())
    torch.manual_seed(0)
    pooling = expression.build(SHAPE, 8).eval()
    torch.manual_seed(0)
    network = expression.build(Shape(2, 3, (16,)), 8).eval()
    x = torch.randn(4, 2, 16)
    assert torch.equal(pooling(x), network(x).mean(2))
    assert list(pooling.state_dict()) == list(network.state_dict())


def test_padding_does_not_dilute_an_answer() -> None:
    expression = resolve_expression("plain", "plain", registry())
    torch.manual_seed(0)
    network = expression.build(Shape(2, 3, (16,), pooled=True, padded=True), 8).eval()
    torch.manual_seed(0)
    positions = expression.build(Shape(2, 3, (16,)), 8).eval()
    x = torch.randn(4, 2, 16)
    x[:, 1], x[:2, 1, :5] = 0, 1
    x[2:, 1] = 1
    y = positions(x)
    torch.testing.assert_close(network(x), torch.cat([y[:2, :, :5].mean(2), y[2:].mean(2)]))
    assert stop_pooling(network)(x).shape == y.shape


def test_items_are_padded_to_the_size_of_a_probe() -> None:
    inputs, target = pad_item(torch.ones(2, 3, 2), torch.ones(1, 3, 2), (4, 4))
    assert inputs.shape == (3, 4, 4)
    assert bool((inputs == inputs[-1]).all())
    assert inputs[-1].sum() == target.sum() == 6
    assert pad_item(torch.ones(1, 3), torch.ones(2), (4,))[1].shape == (2,)
    with pytest.raises(UsageError, match=r"its size is \(5,\), and the probe's is \(4,\)"):
        pad_item(torch.ones(1, 5), torch.ones(2), (4,))


def test_solvers_find_a_shortcut_to_a_pooled_answer() -> None:
    scores = {score.solver: score.normalized_score for score in run_battery(pooled.FirstBit(), light=True)}
    assert scores["one position of the item"] == 1.0


@pytest.mark.slow
def test_a_page_draws_pooled_answers(probekit: Run, tmp_path: Path) -> None:
    name = f"{ROOT / 'tests/broken_parts/pooled.py'}:Pooled"
    run = probekit("run", name, "-s", "plain+average", "--scale", "smoke")
    assert run.returncode == 0, run.stderr
    page = tmp_path / "card.html"
    words = ("plain+average", "--probe", name, "--scale", "smoke", "--html", str(page))
    run = probekit("card", *words)
    assert run.returncode == 0, run.stderr
    assert "No answers" not in page.read_text()
    assert "prediction, accuracy" in page.read_text()

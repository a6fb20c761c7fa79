"""What is guarded: an optimiser is part of a run: of its plan, its identity, its hints and its training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from broken_parts import optimisers
from fitting import fit, network
from small import planned

import probekit
from probekit.catalog.grammar import parse_term
from probekit.catalog.hosting import host_optimiser
from probekit.catalog.part import resolve_part
from probekit.catalog.registry import registry
from probekit.plugin.components import Component
from probekit.plugin.errors import UsageError


def test_a_plan_names_its_optimiser() -> None:
    components = planned(trainer="optimised(optimiser=sgd)").components
    assert [(used.kind, used.name) for used in components[-2:]] == [
        ("trainer", "optimised"),
        ("optimiser", "sgd"),
    ]
    assert components[-1].syntax
    assert "optimiser" not in {used.kind for used in planned(trainer="supervised").components}


def test_another_optimiser_is_another_run() -> None:
    texts = ("sgd", "sgd(momentum=0.8)", "sgd(momentum=0.9)")
    plain, other, default = (planned(trainer=f"optimised(optimiser='{text}')").identity for text in texts)
    assert plain == default
    assert plain != other


@pytest.mark.parametrize(
    ("typed", "words"),
    [("sdg", "Did you mean sgd"), ("sgd(momentom=0.8)", "momentum"), ("sgd(momentum=2)", "momentum")],
)
def test_a_wrong_optimiser_gets_a_hint(typed: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        planned(trainer=f"optimised(optimiser='{typed}')")


def test_an_optimiser_trains(tmp_path: Path) -> None:
    logs = []
    for momentum in (0.5, 0.9):
        trainer = f"optimised(optimiser='sgd(momentum={momentum})',epochs=1)"
        result = probekit.run("parity", "gru", scale="smoke", trainer=trainer, store=tmp_path)
        logs.append((Path(result.folder) / "log.jsonl").read_bytes())
    assert logs[0] != logs[1]


def make_trainer(text: str) -> Any:
    """Return a trainer with an optimiser of a plugin."""
    known = registry().with_components(
        Component("optimiser", "averaging", optimisers.Averaging, "for a test")
    )
    return host_optimiser(resolve_part("trainer", parse_term(text), known), known).make()


@pytest.mark.slow
def test_processes_share_an_installed_optimiser() -> None:
    pytest.importorskip("lightning_fabric")
    text = "(optimiser=averaging,epochs=2,batch=16,lr=0.01)"
    alone, together, stopped = network(), network(), network()
    rows = list(fit(alone, make_trainer(f"optimised{text}")))
    shared_rows = list(fit(together, make_trainer(f"fabric-optimised{text}")))
    assert [row["loss"] for row in shared_rows] == pytest.approx([row["loss"] for row in rows], rel=1e-3)
    for name, weight in alone.state_dict().items():
        torch.testing.assert_close(together.state_dict()[name], weight, atol=1e-3, rtol=1e-3)
    trainer = make_trainer(f"fabric-optimised{text}")
    for row in fit(stopped, trainer):
        if row["step"] == 4:
            state = trainer.state_dict()
            break
    list(fit(stopped, make_trainer(f"fabric-optimised{text}"), state))
    for name, weight in together.state_dict().items():
        torch.testing.assert_close(stopped.state_dict()[name], weight, atol=1e-5, rtol=1e-5)

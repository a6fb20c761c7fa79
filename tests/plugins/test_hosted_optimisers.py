"""What is guarded: an optimiser is part of a run: of its plan, its identity, its hints and its training."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import planned

import probekit
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

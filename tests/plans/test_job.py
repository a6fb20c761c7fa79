"""What is guarded: a typed name is found once and parsed twice, and what was found goes all the way."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from small import ASKED, job

from probekit.catalog import expression, grammar
from probekit.catalog.registry import Registry, registry
from probekit.plans import scale
from probekit.runs.run import run_job
from probekit.storage.store import Store


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the texts that are parsed and the names that are looked for."""
    counted: Counter[str] = Counter()
    find, parse = Registry.find_component, grammar.parse_expression

    def counting_find(known: Registry, kind: Any, name: str) -> Any:
        counted[f"find {kind} {name}"] += 1
        return find(known, kind, name)

    def counting_parse(text: str) -> Any:
        counted[f"parse {text}"] += 1
        return parse(text)

    monkeypatch.setattr(Registry, "find_component", counting_find)
    monkeypatch.setattr(grammar, "parse_expression", counting_parse)
    monkeypatch.setattr(expression, "parse_expression", counting_parse)
    return counted


def test_each_name_is_found_once_from_the_text_to_the_stored_result(
    seen: Counter[str], tmp_path: Path
) -> None:
    assert scale.parse_term is grammar.parse_term  # which counts through grammar.parse
    outcome = run_job(job(structure="unet+lambda+pe"), registry(), device="cpu", store=Store(tmp_path))
    assert outcome.result.status == "done"
    assert seen == {  # parsed for its canonical text, then for its parts
        f"parse {ASKED['probe']}": 2,
        f"parse {ASKED['trainer']}": 2,
        "parse unet+lambda+pe": 2,
        "find probe nonlocality": 1,
        "find trainer supervised": 1,
        "find structure unet": 1,
        "find layer lambda": 1,
        "find encoding pe": 1,
    }


def test_another_seed_of_a_job_is_that_seed_s_plan() -> None:
    assert job().with_seed(3).plan == job(seed=3).plan
    assert job().with_seed(3).plan.identity != job().plan.identity

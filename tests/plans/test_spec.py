"""What is guarded: a specification is what was typed, and what cannot be meant is refused in words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from probekit.plans.spec import RunSpec, make_spec
from probekit.plugin.errors import UsageError


def test_a_specification_survives_json() -> None:
    spec = RunSpec(
        probe="nonlocality(size=32)", structure="unet", seed=7, width=12, trainer="supervised(lr=1)"
    )
    assert RunSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"width": 8, "budget": 1000}, "exclude each other"),
        ({"width": -3}, "width = -3"),
        ({"budget": 0}, "budget = 0"),
        ({"seed": -1}, "seed = -1"),
        ({"seed": 2**32}, "seed = 4294967296"),
        ({"widht": 8}, "widht"),
        ({"width": "wide"}, "width = 'wide'"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        make_spec(probe="nonlocality", structure="unet", **asked)
    assert "\n" not in str(raised.value)


def test_a_specification_cannot_be_changed() -> None:
    spec = RunSpec(probe="nonlocality", structure="unet")
    with pytest.raises(ValidationError):
        spec.seed = 3

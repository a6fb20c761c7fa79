"""What is guarded: fabric's first steps are told in its parent as those of supervised are."""

from __future__ import annotations

import os
from typing import Any

import pytest
from fitting import fit, network
from test_fabric import ranks_of

from probekit.plugin.steps import FIRST_STEPS, listen_to_steps, stop_listening
from probekit_plugins.trainers.fabric import Fabric
from probekit_plugins.trainers.supervised import Supervised

pytest.importorskip("lightning_fabric")

Told = list[tuple[float, dict[str, float]]]
RECIPE: dict[str, Any] = {"epochs": 2, "batch": 16, "lr": 4e-3}


class Enough(Exception):
    """The listener has heard what it wanted."""


def told(trainer: Supervised, most: int = FIRST_STEPS) -> Told:
    """Train, and return what a listener was told that stops listening after so many steps."""
    heard: Told = []

    def hear(loss: float, gradients: dict[str, float], buffers: dict[str, float]) -> None:
        heard.append((loss, gradients))
        if len(heard) == most:
            stop_listening()

    with listen_to_steps(hear):
        assert [row["step"] for row in fit(network(), trainer)] == list(range(1, 9))
    return heard


@pytest.mark.slow
def test_steps_of_one_process_are_those_of_supervised() -> None:
    assert told(Fabric(devices=1, **RECIPE)) == told(Supervised(**RECIPE))


@pytest.mark.slow
def test_steps_of_two_processes_are_those_of_the_whole_batch() -> None:
    found, expected = told(Fabric(devices=2, **RECIPE)), told(Supervised(**RECIPE))
    assert len(found) == FIRST_STEPS
    for (loss, gradients), (whole, norms) in zip(found, expected, strict=True):
        assert loss == pytest.approx(whole, rel=1e-3)
        assert gradients == pytest.approx(norms, rel=2e-2, abs=1e-4)


@pytest.mark.slow
def test_who_stops_listening_hears_no_more() -> None:
    assert len(told(Fabric(devices=1, **RECIPE), most=1)) == 1


@pytest.mark.slow
def test_a_listener_that_raises_ends_the_ranks() -> None:
    heard = []

    def hear(loss: float, gradients: dict[str, float], buffers: dict[str, float]) -> None:
        heard.append(loss)
        if len(heard) == FIRST_STEPS:
            raise Enough

    with listen_to_steps(hear), pytest.raises(Enough):
        list(fit(network(), Fabric(devices=2, epochs=1000, batch=16)))
    assert len(heard) == FIRST_STEPS
    assert ranks_of(os.getpid()) == []

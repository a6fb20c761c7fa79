"""Noise is what scores vary by from seed to seed: measured, and kept as data.

It is no code, so that measuring it anew leaves stored results valid. `examples/noise.py` prints it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from probekit.interfaces import Scale

Noise = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By probe and scale: `noise`, standard deviations by metric, and `question`, the numbers of the probe that
they were measured on."""


def read(text: str) -> Noise:
    """Return what was measured. Raises ValueError where a number is not finite, or negative."""
    measurements: Noise = json.loads(text)
    for probe, scales in measurements.items():
        for scale, measurement in scales.items():
            for metric, value in measurement["noise"].items():
                if not (isinstance(value, int | float) and isfinite(value) and value >= 0):
                    raise ValueError(f"the noise of {metric} on {probe} at {scale} is {value!r}")
    return measurements


MEASURED = read(Path(__file__).with_name("noise.json").read_text(encoding="utf-8"))


def measured(probe: str, scales: Mapping[str, Scale]) -> Mapping[str, Scale]:
    """Return the scales of a probe with the standard deviation between seeds by metric, where it is known."""
    none: Mapping[str, Any] = {"noise": {}, "question": {}}
    return {
        name: replace(scale, noise=known["noise"], noise_question=known["question"])
        for name, scale in scales.items()
        for known in [MEASURED.get(probe, {}).get(name, none)]
    }

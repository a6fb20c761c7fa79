"""The measured noise of each score: how much it varies between seeds, stored as JSON.

The numbers are data, not code, so stored results stay valid when you measure them again.
`examples/noise.py` prints them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from probekit.plugin.interfaces import Scale, SeedSpread

Noise = dict[str, dict[str, dict[str, Any]]]
"""By probe and scale: `noise`, the pooled standard deviations by metric; `spreads`, those of each structure
by metric; and `question`, the numbers that identify the probe they were measured on."""


def parse_noise(text: str) -> Noise:
    """Parse measured noise from JSON.

    Raises:
        ValueError: if a number is negative or not finite.
    """
    measurements: Noise = json.loads(text)
    for probe, scales in measurements.items():
        for scale, measurement in scales.items():
            for metric, value in measurement["noise"].items():
                if not (isinstance(value, int | float) and isfinite(value) and value >= 0):
                    raise ValueError(f"the noise of {metric} on {probe} at {scale} is {value!r}")
            measurement["spreads"] = {
                metric: {
                    name: SeedSpread(**{**spread, "runs": tuple(spread["runs"])})
                    for name, spread in rows.items()
                }
                for metric, rows in measurement.get("spreads", {}).items()
            }
    return measurements


MEASURED = parse_noise(Path(__file__).with_name("noise.json").read_text(encoding="utf-8"))


def attach_noise(probe: str, scales: Mapping[str, Scale]) -> Mapping[str, Scale]:
    """Return the scales of a probe, each with its measured noise; a scale without a measurement has none."""
    unmeasured: Mapping[str, Any] = {"noise": {}, "spreads": {}, "question": {}}
    measurements = MEASURED.get(probe, {})
    scales_with_noise = {}
    for name, scale in scales.items():
        measurement = measurements.get(name, unmeasured)
        scales_with_noise[name] = replace(
            scale,
            noise=measurement["noise"],
            spreads=measurement["spreads"],
            noise_column_key=measurement["question"],
        )
    return scales_with_noise

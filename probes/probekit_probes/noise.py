"""Noise is what scores vary by from seed to seed: measured, and kept as data.

It is no code, so that measuring it anew leaves stored results valid. `examples/noise.py` prints it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

MEASURED: Mapping[str, Mapping[str, Mapping[str, float]]] = json.loads(
    Path(__file__).with_name("noise.json").read_text(encoding="utf-8")
)


def noise(probe: str, scale: str) -> Mapping[str, float]:
    """Return the standard deviation between seeds by metric; empty where it was not measured."""
    return MEASURED.get(probe, {}).get(scale, {})

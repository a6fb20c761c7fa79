"""Noise is what scores vary by from seed to seed: measured, and kept as data.

It is no code, so that measuring it anew leaves stored results valid. `examples/noise.py` prints it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from probekit.interfaces import Scale

MEASURED: Mapping[str, Mapping[str, Mapping[str, float]]] = json.loads(
    Path(__file__).with_name("noise.json").read_text(encoding="utf-8")
)


def measured(probe: str, scales: Mapping[str, Scale]) -> Mapping[str, Scale]:
    """Return the scales of a probe with the standard deviation between seeds by metric, where it is known."""
    return {
        name: replace(scale, noise=MEASURED.get(probe, {}).get(name, {})) for name, scale in scales.items()
    }

"""Certificates that ship with the built-in probes: `probekit certify` output, stored as JSON.

A card reads the scores of network controls from them. Each certificate carries the numbers of the probe that
it certifies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("certificates")


class ShippedCertificates(Mapping[str, Mapping[str, Any]]):
    """The certificates of a probe by scale, each read on access.

    Args:
        probe: name of the probe.
    """

    def __init__(self, probe: str) -> None:
        self.probe = probe

    def __getitem__(self, scale: str) -> Mapping[str, Any]:
        try:
            certificate: Mapping[str, Any] = json.loads((FOLDER / f"{self.probe}-{scale}.json").read_text())
        except FileNotFoundError:
            raise KeyError(scale) from None
        return certificate

    def __iter__(self) -> Iterator[str]:
        scales = (path.stem.removeprefix(f"{self.probe}-") for path in FOLDER.glob(f"{self.probe}-*.json"))
        # what has a hyphen is of another probe: parity-recall-quick is not of parity
        return iter(sorted(scale for scale in scales if "-" not in scale))

    def __len__(self) -> int:
        return sum(1 for _ in self)

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
        probe: text of the probe, as in the files.
        stem: what the names of the files start with, by default the text.
    """

    def __init__(self, probe: str, stem: str = "") -> None:
        self.probe, self.stem = probe, stem or probe

    def __getitem__(self, scale: str) -> Mapping[str, Any]:
        try:
            certificate: Mapping[str, Any] = json.loads((FOLDER / f"{self.stem}-{scale}.json").read_text())
        except FileNotFoundError:
            raise KeyError(scale) from None
        if certificate["probe"] != self.probe:  # parity-recall-quick.json is not of parity
            raise KeyError(scale)
        return certificate

    def __iter__(self) -> Iterator[str]:
        scales = (path.stem.removeprefix(f"{self.stem}-") for path in FOLDER.glob(f"{self.stem}-*.json"))
        return iter(sorted(scale for scale in scales if scale in self))

    def __len__(self) -> int:
        return sum(1 for _ in self)

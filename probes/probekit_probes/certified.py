"""Certified is what `probekit certify` found of a built-in probe at a scale: kept as data, so that cards know
what the controls score that are networks. Each holds the numbers of the probe that it is of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("certificates")


class Certified(Mapping[str, Mapping[str, Any]]):
    """The certificates of a probe by scale, read when they are asked for."""

    def __init__(self, probe: str) -> None:
        self.probe = probe

    def __getitem__(self, scale: str) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = json.loads((FOLDER / f"{self.probe}-{scale}.json").read_text())
        except FileNotFoundError:
            raise KeyError(scale) from None
        return found

    def __iter__(self) -> Iterator[str]:
        names = FOLDER.glob(f"{self.probe}-*.json")
        return iter(sorted(path.stem.removeprefix(f"{self.probe}-") for path in names))

    def __len__(self) -> int:
        return sum(1 for _ in self)

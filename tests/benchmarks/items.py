"""Run by hand: how many items a second each probe's generator draws on one core, by the time it computed.

python tests/benchmarks/items.py --scale quick
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

from probekit.catalog.grammar import Term
from probekit.catalog.part import resolve_part
from probekit.catalog.registry import registry
from probekit.plans.scale import make_probe_at
from probekit.plugin.items import draw_split


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", default="quick")
    parser.add_argument("--items", type=int, default=8192)
    options = parser.parse_args()
    for component in registry().components("probe"):
        if not resolve_part("probe", Term(component.long_name), registry()).accepts("train"):
            continue  # its items are written down, none is drawn
        probe = make_probe_at(component.name, options.scale, registry(), train=options.items)
        data = probe.data("train", 0)
        begun = time.process_time()
        for _ in draw_split(data):
            pass
        taken = time.process_time() - begun
        print(f"{component.name}: {len(data) / taken:,.0f} items a second", flush=True)


if __name__ == "__main__":
    main()

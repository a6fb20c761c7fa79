"""Learning is what the logs of runs tell: the loss, step by step, of each seed."""

from __future__ import annotations

import json
from math import isfinite

from probekit.card import Column, Run
from probekit.plots import Points
from probekit.store import LOG, Store


def learning(column: Column, store: Store) -> list[tuple[int, Points]]:
    """Return for each seed the place of its structure in the column, and its loss by step."""
    found = []
    for place, cell in enumerate(column.cells):
        for run in cell.runs:
            points = logged(store, run)
            if points:
                found.append((place, points))
    return found


def logged(store: Store, run: Run) -> Points:
    """Return (step, loss) of each row of a run's log that has both."""
    try:
        text = (store.root / run.folder / LOG).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    points = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
            step, loss = float(row["step"]), float(row["loss"])
        except (ValueError, KeyError, TypeError):
            continue
        if isfinite(step) and isfinite(loss):
            points.append((step, loss))
    return points

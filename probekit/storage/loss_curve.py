"""The loss curve in a run's log, and whether training stayed stable."""

from __future__ import annotations

import json
import math

from probekit.plans.finite import MAX_MAGNITUDE, finite_or_none
from probekit.storage.folder import LOG, Folder
from probekit.storage.result import Result

LossPoints = list[tuple[float, float]]
SPIKE = 2.0
"""A loss that rises above this multiple of the first loss has lost what was learned."""


def read_losses(folder: Folder, result: Result | None = None) -> LossPoints:
    """Return (step, loss) for each row of a run's log that has both.

    Args:
        folder: The run's folder.
        result: The result that holds the log's sha256, to check the log.

    Raises:
        StoreError: The log is not as it was stored.
    """
    content = folder.read(LOG, result) if result and LOG in result.files else folder.log()
    points = []
    for line in content.splitlines():
        try:
            row = json.loads(line)
            step, loss = finite_or_none(float(row["step"])), finite_or_none(float(row["loss"]))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            continue
        if step is not None and loss is not None:
            points.append((step, loss))
    return points


def find_spike(points: LossPoints) -> float | None:
    """Return the multiple of the first loss to which a later loss rose without recovering.

    None if training stayed stable or recovered: a spike that is followed by lower losses than before
    leaves no trace in the score.
    """
    losses = [loss for _, loss in points]
    if len(losses) < 2 or losses[0] <= 0:
        return None
    peak = max(range(1, len(losses)), key=losses.__getitem__)
    highest = losses[peak] / losses[0]
    if highest <= SPIKE or min(losses[peak + 1 :], default=math.inf) <= min(losses[:peak]):
        return None
    return min(highest, MAX_MAGNITUDE)

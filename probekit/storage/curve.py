"""Learning is what the log of a run tells: the loss, step by step, and whether training kept its footing."""

from __future__ import annotations

import json
import math

from probekit.plans.finite import LARGEST, finite
from probekit.storage.folder import LOG, Folder
from probekit.storage.result import Result

Points = list[tuple[float, float]]
SPIKE = 2.0
"""A loss that rises to more than this multiple of what it began at has lost what was learned until then."""


def logged(folder: Folder, result: Result | None = None) -> Points:
    """Return (step, loss) of each row of a run's log that has both.

    result: what says how the log was stored. Raises StoreError where it is not as it was.
    """
    content = folder.read(LOG, result) if result and LOG in result.files else folder.log()
    points = []
    for line in content.splitlines():
        try:
            row = json.loads(line)
            step, loss = finite(float(row["step"])), finite(float(row["loss"]))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            continue
        if step is not None and loss is not None:
            points.append((step, loss))
    return points


def spike(points: Points) -> float | None:
    """Return to what multiple of the first loss a later one rose, never to fall to where it had been.

    None where training kept its footing or found it again: a spike in the middle of a course that then goes
    on to lower losses leaves no trace in the score.
    """
    losses = [loss for _, loss in points]
    if len(losses) < 2 or losses[0] <= 0:
        return None
    peak = max(range(1, len(losses)), key=losses.__getitem__)
    highest = losses[peak] / losses[0]
    if highest <= SPIKE or min(losses[peak + 1 :], default=math.inf) <= min(losses[:peak]):
        return None
    return min(highest, LARGEST)

"""A detached process lets an executor carry out runs after the command that started them has ended."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def run_detached() -> int:
    """Carry out the runs described as JSON on standard input.

    Returns:
        0 if all runs are done, 75 if they were stopped, else 1.
    """
    from contextlib import closing

    from probekit.catalog.guest import put_standard_library_first

    put_standard_library_first()
    from probekit.cli.sent import executor_of, iterator
    from probekit.executor import DONE
    from probekit.stop import REQUEUE, behind, stop

    request = json.load(sys.stdin)
    workers, folders = executor_of(request["executor"]), [Path(path) for path in request["folders"]]
    codes = []
    try:
        with stop.heard(), closing(iterator(workers, folders, request["command"])) as events:
            for event in events:
                codes.append(event.code)
                print(f"{event.folder.name}: exit code {event.code} {event.said}".rstrip(), flush=True)
    except BaseException as error:
        if behind(error) is None:
            raise
        print("stopped; the work done so far is saved", flush=True)
        return REQUEUE
    return DONE if all(code == DONE for code in codes) else 1


if __name__ == "__main__":
    from probekit.catalog.process import ending

    with ending():
        sys.exit(run_detached())

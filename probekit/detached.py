"""Detached runs are carried out by an executor in a process that outlives who asked for them."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> int:
    """Carry out what standard input says; return 0 where all is done, 75 where it was stopped, else 1."""
    from contextlib import closing

    from probekit.catalog.guest import put_standard_library_first

    put_standard_library_first()
    from probekit.cli.sent import executor_of, iterator
    from probekit.executor import DONE
    from probekit.stop import REQUEUE, behind, stop

    asked = json.load(sys.stdin)
    workers, folders = executor_of(asked["executor"]), [Path(one) for one in asked["folders"]]
    codes = []
    try:
        with stop.heard(), closing(iterator(workers, folders, asked["command"])) as events:
            for event in events:
                codes.append(event.code)
                print(f"{event.folder.name}: exit code {event.code} {event.said}".rstrip(), flush=True)
    except BaseException as error:
        if behind(error) is None:
            raise
        print("stopped; what was done is kept", flush=True)
        return REQUEUE
    return DONE if all(code == DONE for code in codes) else 1


if __name__ == "__main__":
    from probekit.catalog.process import ending

    with ending():
        sys.exit(main())

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

    from probekit.catalog.plugin_code import put_standard_library_first

    put_standard_library_first()
    from probekit.catalog.registry import registry
    from probekit.plugin.errors import ProbekitError
    from probekit.plugin.stop import REQUEUE, find_interrupt, stop
    from probekit.schedule.parallel import make_executor, read_ending, wait_for_workers

    request = json.load(sys.stdin)
    executor, folders = make_executor(request["executor"], registry()), map(Path, request["folders"])
    statuses = []
    try:
        with (
            stop.handle_signals(),
            closing(wait_for_workers(list(folders), executor, request["command"])) as endings,
        ):
            for ending in endings:
                status, _, message = read_ending(ending)
                statuses.append(status)
                print(f"{ending.folder.name}: {status} {message}".rstrip(), flush=True)
    except ProbekitError as error:  # the executor does not keep to its interface, or cannot start
        print(f"probekit: {error}", flush=True)
        return 1
    except BaseException as error:
        if find_interrupt(error) is None:
            raise
        print("stopped; all finished work is kept", flush=True)
        return REQUEUE
    return 0 if all(status == "done" for status in statuses) else 1


if __name__ == "__main__":
    from probekit.catalog.process import exit_promptly

    with exit_promptly():
        sys.exit(run_detached())

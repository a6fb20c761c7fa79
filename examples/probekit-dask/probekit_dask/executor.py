"""The dask executor: one task per run, on processes of this machine, or on a cluster that runs already."""

import secrets

from pydantic import PositiveInt

from probekit import UsageError, WorkerExit
from probekit.plugin.stop import REQUEUE
from probekit.workers import read_last_line, start_worker, stop_worker, wait_for_worker

PAUSE, SAVE_SECONDS = 0.2, 60


class Dask:
    """Run each worker in a task.

    Args:
        address: of a scheduler whose workers see the folder of the store; "" starts a cluster here.
        jobs: processes of the cluster that is started here.
        threads: CPU threads of each run.
    """

    def __init__(self, *, address: str = "", jobs: PositiveInt = 2, threads: PositiveInt = 1):
        try:
            import distributed
        except ImportError as error:
            hint = "Type pip install distributed."
            raise UsageError("the executor dask", "distributed is not installed", hint) from error
        self.distributed, self.threads = distributed, threads
        here = {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": None}
        self.options = {"address": address} if address else here

    def carry_out(self, folders, command):
        with self.distributed.Client(**self.options) as client:
            stop = self.distributed.Event(secrets.token_hex(8), client=client)
            tasks = {
                client.submit(run_worker, list(command), folder, self.threads, stop.name, pure=False): folder
                for folder in folders
            }
            try:
                for task in self.distributed.as_completed(tasks):
                    lost = task.status == "error"  # with its process, more than once
                    ending = (REQUEUE, "its task was lost") if lost else task.result()
                    yield WorkerExit(tasks[task], *ending)
            finally:  # the caller stopped, or all tasks are done
                stop.set()
                self.distributed.wait(list(tasks), timeout=SAVE_SECONDS)


def run_worker(command, folder, threads, stop):
    """Start a worker in this process of the cluster; return its exit code and its last line."""
    from distributed import Event

    stop = Event(stop)
    if stop.is_set():
        return REQUEUE, "it was not started"
    worker = start_worker(command, folder, threads)
    while worker.poll() is None:
        if stop.wait(PAUSE):
            stop_worker(worker)
    return wait_for_worker(worker), read_last_line(folder)

"""The slurm executor: an array of tasks in a queue, each with one or more runs, requeued when preempted."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from probekit.plugin.errors import UsageError
from probekit.plugin.executor import WorkerExit
from probekit.plugin.stop import REQUEUE
from probekit.workers import read_last_line, start_worker, stop_worker, wait_for_worker

PAUSE = 1.0
SAVE_SECONDS = 120
"""How long before the end of its time a task saves."""
NOT_SHARED = ("/tmp", "/var/tmp", "/dev/shm")
QUEUE_FOLDER = ".slurm"
"""The store's folder for the queue's scripts and logs while tasks are unfinished."""


class Slurm:
    """Submit an array of tasks by submitit, each of which carries out `chunk` runs one after the other.

    Tasks outlive the command. A task that is preempted, or reaches its time limit, saves, is requeued, and
    goes on.

    Args:
        chunk: runs per task. Choose it so that a task takes half an hour to two hours: queues handle tasks of
            a minute badly.
        minutes: a task's time limit, at least 30, since submitit tells a task with ten minutes that it timed
            out.
        parallel: tasks at a time.
        cpus: of a task, and the threads of its worker.
        gpus: of a task.
        memory: of a task, in gigabytes.
        partition: of the queue.
        account: that the queue charges.
        cluster: "local" runs the tasks in processes of this machine, for a trial.

    Raises:
        UsageError: submitit is not installed, or the store is on a disk that other machines do not see.
    """

    def __init__(
        self,
        *,
        chunk: PositiveInt = 1,
        minutes: Annotated[int, Field(ge=30)] = 120,
        parallel: PositiveInt = 256,
        cpus: PositiveInt = 2,
        gpus: NonNegativeInt = 0,
        memory: PositiveInt = 8,
        partition: str | None = None,
        account: str | None = None,
        cluster: Literal["slurm", "local"] = "slurm",
    ) -> None:
        try:
            import submitit
        except ImportError as error:
            hint = "Type pip install 'probekit-nn[slurm]'."
            raise UsageError("the executor slurm", "submitit is not installed", hint) from error
        self.submitit: Any = submitit
        self.chunk, self.cpus, self.cluster = chunk, cpus, cluster
        self.queue_options: dict[str, Any] = {
            "name": "probekit",
            "timeout_min": minutes,
            "cpus_per_task": cpus,
            "gpus_per_node": gpus,
            "mem_gb": memory,
            "slurm_array_parallelism": parallel,
            "slurm_signal_delay_s": SAVE_SECONDS,
            "slurm_partition": partition,
            "slurm_account": account,
        }

    def queue_chunks(self, folders: Sequence[Path], command: Sequence[str]) -> dict[Any, list[Path]]:
        """Put the folders into the queue, in chunks; return the folders of each job."""
        store = folders[0].parent
        if self.cluster == "slurm" and any(
            store.is_relative_to(root) for root in (*NOT_SHARED, tempfile.gettempdir())
        ):
            reason = "other machines do not see that disk"
            raise UsageError(
                f"slurm with the store {store}", reason, "Name a shared folder with --store DIR."
            )
        queue = self.submitit.AutoExecutor(
            folder=store / QUEUE_FOLDER / secrets.token_hex(4), cluster=self.cluster, slurm_max_num_timeout=10
        )
        options = {name: value for name, value in self.queue_options.items() if value is not None}
        queue.update_parameters(**options)
        starts = range(0, len(folders), self.chunk)
        chunks = [list(folders[start : start + self.chunk]) for start in starts]
        try:
            jobs = queue.map_array(Task(list(command[1:]), self.cpus), chunks)
        except RuntimeError as error:
            reason = str(error).strip().rstrip(".") or "sbatch refused"
            raise UsageError(
                "the executor slurm", reason, "See what the queue accepts: partition, account, memory."
            ) from error
        return dict(zip(jobs, chunks, strict=True))

    def submit(self, folders: Sequence[Path], command: Sequence[str]) -> str:
        """Put the folders into the queue and leave them there; return the jobs in words."""
        return f"jobs {', '.join(str(job.job_id) for job in self.queue_chunks(folders, command))}"

    def carry_out(self, folders: Sequence[Path], command: Sequence[str]) -> Iterator[WorkerExit]:
        """Put the folders into the queue; yield each as its task ends.

        Tasks stay in the queue when the caller stops.
        """
        pending, any_lost = self.queue_chunks(folders, command), False
        logs = next(iter(pending)).paths.folder
        while pending:
            finished = [job for job in pending if job.done()]
            for job in finished:
                for event in collect_job(job, pending.pop(job)):
                    any_lost |= event.code == REQUEUE
                    yield event
            if not finished:
                time.sleep(PAUSE)
        if not any_lost:
            shutil.rmtree(logs, ignore_errors=True)


def collect_job(job: Any, folders: Sequence[Path]) -> Iterator[WorkerExit]:
    """Yield how each run of a job ended."""
    try:
        outcomes = job.result()
    except Exception as error:  # submitit's, or the task's own: the store knows which runs are done
        message = f"job {job.job_id} was lost ({str(error).strip().partition(chr(10))[0]})"
        yield from (WorkerExit(folder, REQUEUE, message) for folder in folders)
        return
    yield from (
        WorkerExit(folder, code, last_line)
        for folder, (code, last_line) in zip(folders, outcomes, strict=True)
    )


class Task:
    """The runs of a task, one after the other; it can be pickled and requeued."""

    def __init__(self, arguments: Sequence[str], threads: int) -> None:
        self.arguments, self.threads = arguments, threads
        self.worker: subprocess.Popen[bytes] | None = None

    def __call__(self, folders: Sequence[Path]) -> list[tuple[int, str]]:
        """Carry out the runs; return exit code and last line of each."""
        outcomes = []
        for folder in folders:
            self.worker = start_worker([sys.executable, *self.arguments], folder, self.threads)
            outcomes.append((wait_for_worker(self.worker), read_last_line(folder)))
        self.worker = None
        return outcomes

    def checkpoint(self, folders: Sequence[Path]) -> Any:
        """Let the worker save, and return the task to requeue; the store knows which runs are done."""
        from submitit.helpers import DelayedSubmission

        if self.worker is not None:
            stop_worker(self.worker)
        return DelayedSubmission(Task(self.arguments, self.threads), folders)

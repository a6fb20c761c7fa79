"""The slurm executor: an array of tasks in a queue, each with some runs, begun again when it is preempted."""

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

from probekit.errors import UsageError
from probekit.executor import Ended
from probekit.stop import REQUEUE
from probekit_plugins.executors.process import closed, ended, last_said, start

PAUSE = 1.0
SPARE = 120
"""Seconds before the end of its time in which a task saves."""
NOT_SHARED = ("/tmp", "/var/tmp", "/dev/shm")
PLACE = ".slurm"
"""Where, in the store, the queue's scripts and logs lie while tasks are under way."""


class Slurm:
    """Submits an array of tasks by submitit, each carrying out `chunk` runs one after the other.

    chunk: so many that a task takes half an hour to two hours: queues take badly to tasks of a minute.
    minutes: a task's limit, 30 at the least, since a task that is given ten is always told that it timed out.
    A task that is preempted, or comes to its limit, saves, is queued anew, and goes on. parallel: tasks at a
    time. memory: gigabytes a task. cluster: "local" runs the tasks in processes of this machine, to try it
    out. Its tasks outlive the command. Raises UsageError where submitit is not installed, and for a store on
    a disk that other machines do not see.
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
        self.asked: dict[str, Any] = {
            "name": "probekit",
            "timeout_min": minutes,
            "cpus_per_task": cpus,
            "gpus_per_node": gpus,
            "mem_gb": memory,
            "slurm_array_parallelism": parallel,
            "slurm_signal_delay_s": SPARE,
            "slurm_partition": partition,
            "slurm_account": account,
        }

    def submitted(self, folders: Sequence[Path], command: Sequence[str]) -> dict[Any, list[Path]]:
        """Put the folders into the queue, in chunks; return each job's."""
        place = folders[0].parent
        if self.cluster == "slurm" and any(
            place.is_relative_to(top) for top in (*NOT_SHARED, tempfile.gettempdir())
        ):
            found = "other machines do not see that disk"
            raise UsageError(f"slurm with the store {place}", found, "Name a shared folder with --store DIR.")
        queue = self.submitit.AutoExecutor(
            folder=place / PLACE / secrets.token_hex(4), cluster=self.cluster, slurm_max_num_timeout=10
        )
        queue.update_parameters(**{name: value for name, value in self.asked.items() if value is not None})
        chunks = [list(folders[at : at + self.chunk]) for at in range(0, len(folders), self.chunk)]
        try:
            jobs = queue.map_array(Work(list(command[1:]), self.cpus), chunks)
        except RuntimeError as error:
            found = str(error).strip().rstrip(".") or "sbatch refused"
            raise UsageError(
                "the executor slurm", found, "See what the queue takes: partition, account, memory."
            ) from error
        return dict(zip(jobs, chunks, strict=True))

    def submit(self, folders: Sequence[Path], command: Sequence[str]) -> str:
        """Put the folders into the queue and leave them there; return the jobs in words."""
        return f"jobs {', '.join(str(job.job_id) for job in self.submitted(folders, command))}"

    def carry_out(self, folders: Sequence[Path], command: Sequence[str]) -> Iterator[Ended]:
        """Put the folders into the queue; yield each as its task ends. What is in the queue stays there when
        the caller stops."""
        left, lost = self.submitted(folders, command), False
        place = next(iter(left)).paths.folder
        while left:
            over = [job for job in left if job.done()]
            for job in over:
                for event in events(job, left.pop(job)):
                    lost |= event.code == REQUEUE
                    yield event
            if not over:
                time.sleep(PAUSE)
        if not lost:
            shutil.rmtree(place, ignore_errors=True)


def events(job: Any, folders: Sequence[Path]) -> Iterator[Ended]:
    """Yield how each run of a job ended."""
    try:
        found = job.result()
    except Exception as error:  # submitit's, or what the task raised: the store knows which runs are done
        said = f"job {job.job_id} was lost ({str(error).strip().partition(chr(10))[0]})"
        yield from (Ended(folder, REQUEUE, said) for folder in folders)
        return
    yield from (Ended(folder, code, said) for folder, (code, said) in zip(folders, found, strict=True))


class Work:
    """What a task does: its runs, one after the other; picklable, and queued anew as it is."""

    def __init__(self, words: Sequence[str], threads: int) -> None:
        self.words, self.threads = words, threads
        self.worker: subprocess.Popen[bytes] | None = None

    def __call__(self, folders: Sequence[Path]) -> list[tuple[int, str]]:
        """Carry out the runs; return exit code and last words of each."""
        found = []
        for folder in folders:
            self.worker = start([sys.executable, *self.words], folder, self.threads)
            found.append((closed(self.worker), last_said(folder)))
        self.worker = None
        return found

    def checkpoint(self, folders: Sequence[Path]) -> Any:
        """Let the worker save, and return what is queued anew: what is done is taken from the store."""
        from submitit.helpers import DelayedSubmission

        if self.worker is not None:
            ended(self.worker)
        return DelayedSubmission(Work(self.words, self.threads), folders)

"""Writes each run of probekit as TensorBoard event files, into ./runs or where TENSORBOARD_LOGDIR says."""

import os
from pathlib import Path

from probekit import hookimpl

writers = {}


@hookimpl
def probekit_run_started(plan):
    from tensorboardX import SummaryWriter

    folder = Path(os.environ.get("TENSORBOARD_LOGDIR", "runs"), plan.folder)
    writers[plan.identity] = SummaryWriter(str(folder))


@hookimpl
def probekit_run_progress(plan, row):
    for name, value in row.items():
        writers[plan.identity].add_scalar(f"train/{name}", value, int(row["step"]))


@hookimpl
def probekit_run_finished(result):
    writer = writers.pop(result.plan.identity)
    for name, value in result.metrics.items():
        if value is not None:
            writer.add_scalar(f"test/{name}", value, result.steps)
    writer.close()

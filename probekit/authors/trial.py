"""A trial worker stands for a run: it notes that it started, waits, and exits as its folder says."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from probekit.plugin.stop import REQUEUE

TASK, STARTED, STOPPED = "task.json", "started.json", "stopped"
"""Files in its folder: what to do, the words of its command, and that SIGTERM came."""
PAUSE = 0.05


def run_trial() -> int:
    """Do what the folder, the last word of the command, says.

    Returns:
        The exit code in its task; 75 if SIGTERM came before.
    """
    folder = Path(sys.argv[-1])
    task = json.loads((folder / TASK).read_text())
    stopped = False

    def note_signal(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, note_signal)
    (folder / STARTED).write_text(json.dumps(sys.argv[1:]))
    end = time.monotonic() + task["seconds"]
    while time.monotonic() < end and not stopped:
        time.sleep(PAUSE)
    if stopped:
        (folder / STOPPED).touch()
        return REQUEUE
    if task["code"] < 0:
        os.kill(os.getpid(), -task["code"])
    print(f"probekit.work: {task['message']}", file=sys.stderr)
    return int(task["code"])


if __name__ == "__main__":
    sys.exit(run_trial())

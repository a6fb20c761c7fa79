"""A run begun in a process of its own, to be stopped or killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from conftest import environment
from small import PROBE

from probekit.plugin.stop import SIGNALS


def words(structure: str, epochs: int) -> tuple[str, ...]:
    """Return what is typed for a run of so many epochs of eight steps each."""
    trainer = f"supervised(batch=8,epochs={epochs})"
    return "run", PROBE, "-s", structure, "--scale", "smoke", "--trainer", trainer, "--device", "cpu"


def begin(store: Path, asked: tuple[str, ...]) -> subprocess.Popen[str]:
    """Start the run of these words in this store."""
    return subprocess.Popen(
        [sys.executable, "-m", "probekit", *asked, "--json", "--store", str(store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(None, {}),
        preexec_fn=unheard,
    )


def unheard() -> None:
    """Ignore no signal, as tests that nohup started would."""
    for one in SIGNALS:
        signal.signal(one, signal.SIG_DFL)

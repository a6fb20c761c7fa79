"""The machine of a run: its device and its environment."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from probekit.catalog.denormals import can_flush_denormals
from probekit.plugin.errors import UsageError
from probekit.storage.result import Environment

if TYPE_CHECKING:
    import torch


def choose_device(name: str | None) -> torch.device:
    """Return the device of that name; without a name cuda or mps if there is one, else cpu.

    Raises:
        UsageError: This machine has no such device.
    """
    import torch

    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    available = [kind for kind, count in counts.items() if count]
    kind, colon, index = (name or available[0]).partition(":")
    if (index and not index.isdecimal()) or (colon and not index) or int(index or 0) >= counts.get(kind, 0):
        problem = f"this machine has {', '.join(available)}"
        raise UsageError(f"--device {name}", problem, "Type one of these, or leave --device out.")
    return torch.device(name or kind)


def read_environment(device: torch.device) -> Environment:
    """Return this machine's environment."""
    from importlib.metadata import version

    import torch

    return Environment(
        probekit=version("probekit-nn"),
        torch=torch.__version__,
        python=platform.python_version(),
        device=device.type,
        threads=torch.get_num_threads(),
        denormals="flushed" if can_flush_denormals() else "kept",
        machine=f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
    )

"""Check that a plugin imports quickly: without torch, numpy or matplotlib."""

from __future__ import annotations

import functools
import os
import subprocess
import sys

from probekit.authors.check.base import DoesNotApply, fail
from probekit.authors.check.fixture import Fixture
from probekit.catalog.process import make_child_environment

HEAVY_PACKAGES = ("torch", "numpy", "matplotlib")
PROGRAM = """
import importlib, sys
importlib.import_module(sys.argv[1])
print("loaded", *(name for name in sys.argv[2:] if name in sys.modules))
"""


def plugin_imports_no_torch(fixture: Fixture) -> None:
    """Its plugin imports neither torch nor numpy nor matplotlib, so that `probekit list` stays fast."""
    plugin = fixture.registry.find_plugin(fixture.part.component)
    if plugin is None:
        raise DoesNotApply("it belongs to no plugin")
    module = plugin.value.partition(":")[0]
    if packages := find_heavy_imports(module):
        fail(
            f"import {module} loads {', '.join(packages)}",
            "Register the class as 'package.module:Class', and import torch only in that module.",
        )


@functools.cache
def find_heavy_imports(module: str) -> tuple[str, ...]:
    """Return the heavy packages that the import of a module loads, in a new process."""
    env = make_child_environment(PYTHONPATH=os.pathsep.join(sys.path))
    command = [sys.executable, "-c", PROGRAM, module, *HEAVY_PACKAGES]
    process = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    return tuple(process.stdout.rpartition("loaded")[2].split())

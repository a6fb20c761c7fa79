"""Check that a component is the same in another process, where Python hashes text differently."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from probekit.authors.check.base import DoesNotApply, fail
from probekit.catalog.files import is_file_term
from probekit.catalog.grammar import parse_term
from probekit.catalog.process import HASH_SEED, make_child_environment
from probekit.storage.checksum import copy_plain

if TYPE_CHECKING:
    from torch import Tensor

    from probekit.authors.check.modules.fixtures import ModuleFixture

HASH_SEEDS = ("1", "2")
"""Two seeds: a set of two texts has the same order in half of all processes."""
PROGRAM = "from probekit.authors.check.worker import main; main()"
DESCRIBED_ITEMS = 8
"""How many items of each split are compared."""
MARK = "probekit-check-worker:"
Description = list[list[Any]]
"""One row per tensor: its name, its shape, and a digest of its values."""


def same_weights_in_another_process(fixture: ModuleFixture) -> None:
    """In another process, where sets of text have another order, the same seed gives the same parameters."""
    local = describe_parameters(fixture)
    for remote in describe_in_processes(fixture):
        compare_descriptions(
            local,
            remote,
            "parameter",
            "Sort a set before you iterate over it, and do not call hash() on text.",
        )


def same_data_in_another_process(fixture: Any) -> None:
    """In another process, where text hashes differently, the items of each split and scale are the same."""
    local = describe_items(fixture)
    for remote in describe_in_processes(fixture):
        compare_descriptions(
            local, remote, "split", "Seed generators with numbers or text, never with hash() of text."
        )


def describe_parameters(fixture: ModuleFixture) -> Description:
    """Build the component with a seed, and describe its parameters and buffers."""
    module = fixture.build(fixture.size)
    tensors = (*module.named_parameters(), *module.named_buffers())
    return [describe_tensor(name, values) for name, values in tensors]


def describe_items(fixture: Any) -> Description:
    """Describe the first items of each split at each scale, and of training with another seed."""
    from probekit.plans.golden import list_splits

    rows: Description = []
    for scale in fixture.part.target.scales:
        scaled = fixture.at_scale(scale)
        draws = [(split, 0) for split in list_splits(scaled.probe)] + [("train", 1)]
        for split, seed in draws:
            label = f"{split} at scale {scale}" + (f" with seed {seed}" if seed else "")
            columns = scaled.items(split, seed, DESCRIBED_ITEMS)
            for column, values in zip(("inputs", "targets"), columns, strict=True):
                rows.append(describe_tensor(f"{column} of {label}", values))
    return rows


def describe_tensor(name: str, values: Tensor) -> list[Any]:
    """Return name, shape and digest of a tensor."""
    import torch

    content = copy_plain(values).view(-1).view(torch.uint8).numpy().tobytes()
    return [name, list(values.shape), hashlib.sha256(content).hexdigest()]


def compare_descriptions(local: Description, remote: Description, noun: str, hint: str) -> None:
    """Fail with the first difference between two processes.

    Args:
        local: the description by this process.
        remote: the description by another process.
        noun: what the rows describe, in the singular.
        hint: how to fix a difference.
    """
    names, remote_names = [row[0] for row in local], [row[0] for row in remote]
    if sorted(names) != sorted(remote_names):
        different = sorted(set(names) ^ set(remote_names))
        fail(f"another process has different {noun}s: {', '.join(different[:3])}", hint)
    for name, remote_name in zip(names, remote_names, strict=True):
        if name != remote_name:
            fail(
                f"another process has its {noun}s in a different order: {remote_name} instead of {name}", hint
            )
    for (name, shape, digest), (_, remote_shape, remote_digest) in zip(local, remote, strict=True):
        if shape != remote_shape:
            fail(
                f"in another process, {name} has shape {tuple(remote_shape)} instead of {tuple(shape)}", hint
            )
        if digest != remote_digest:
            fail(f"in another process, the same seed gives {name} different values", hint)


def describe_in_processes(fixture: Any) -> list[Description]:
    """Make the component in two new processes, and return the description by each."""
    request = json.dumps(
        {
            "kind": fixture.part.component.kind,
            "request": fixture.request,
            "target": find_address(fixture),
        }
    )
    used_seed = os.environ.get(HASH_SEED)
    seeds = HASH_SEEDS if used_seed not in HASH_SEEDS else (*(set(HASH_SEEDS) - {used_seed}), "3")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=make_child_environment(PYTHONPATH=os.pathsep.join(sys.path), PYTHONHASHSEED=seed),
        )
        for seed in seeds
    ]
    descriptions = []
    for process in processes:
        output, errors = process.communicate(request)
        _, mark, description = output.rpartition(MARK)
        if process.returncode or not mark:
            (message,) = errors.strip().splitlines()[-1:] or ["it printed nothing"]
            fail(
                f"another process could not make it ({message})",
                "Make sure that it depends on nothing that only this process has.",
            )
        descriptions.append(json.loads(description))
    return descriptions


def find_address(fixture: Any) -> str:
    """Return the import address of an object that was registered from Python.

    Returns:
        "module:name", or "" if another process finds the component by its name.

    Raises:
        DoesNotApply: another process cannot import the object.
    """
    component = fixture.part.component
    name = parse_term(fixture.request, takes_layers=True).name
    if is_file_term(name) or fixture.registry.find_plugin(component) is not None:
        return ""
    if isinstance(component.target, str):
        return component.target
    module, path = (getattr(component.target, key, "") for key in ("__module__", "__qualname__"))
    if module in ("", "__main__") or "<" in path or not path:
        raise DoesNotApply("it was registered from Python, and another process cannot import it")
    return f"{module}:{path}"

"""Elsewhere is another process, whose text hashes otherwise: a component is the same there."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from probekit.authors.check.kit import DoesNotApply, fail
from probekit.catalog.files import is_file
from probekit.catalog.grammar import parse_term
from probekit.catalog.registry import Registry, registry
from probekit.components import Component
from probekit.runs.process import HASH_SEED, environment

if TYPE_CHECKING:
    from torch import Tensor

    from probekit.authors.check.bench import Bench
    from probekit.authors.check.data import ProbeBench

SEEDS = ("1", "2")
"""Two, as a set of two texts has the same order in every second process."""
PROGRAM = "from probekit.authors.check import elsewhere, subject_of; elsewhere.main(subject_of)"
MARK = "probekit-elsewhere:"
Told = list[list[Any]]
"""A row each tensor: its name, its shape, and a digest of its values."""


def is_built_alike_elsewhere(bench: Bench) -> None:
    """In another process, where sets of text have another order, a seed gives the same parameters: names,
    order, shapes and values."""
    here = parameters_of(bench)
    for there in told_elsewhere(bench):
        compare(here, there, "parameter", "Sort a set before it is gone through, and use no hash() of text.")


def is_drawn_alike_elsewhere(bench: ProbeBench) -> None:
    """In another process, where text hashes otherwise, the items of each split are the same."""
    here = items_of(bench)
    for there in told_elsewhere(bench):
        compare(here, there, "split", "Seed each generator with numbers or text, never with hash() of text.")


def parameters_of(bench: Bench) -> Told:
    """Build the part from a seed and describe its parameters and buffers."""
    module = bench.build(bench.size)
    return [described(name, value) for name, value in (*module.named_parameters(), *module.named_buffers())]


def items_of(bench: ProbeBench) -> Told:
    """Describe the first items of each split."""
    from probekit.plans.golden import splits_of

    return [
        described(f"{split} {what}", values)
        for split in splits_of(bench.probe)
        for what, values in zip(("inputs", "targets"), bench.items(split), strict=True)
    ]


def described(name: str, values: Tensor) -> list[Any]:
    """Return name, shape and digest of a tensor."""
    import torch

    numbers = values.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    return [name, list(values.shape), hashlib.sha256(numbers).hexdigest()]


def compare(here: Told, there: Told, what: str, hint: str) -> None:
    """Say the first difference between what was made in two processes."""
    names, others = [row[0] for row in here], [row[0] for row in there]
    if sorted(names) != sorted(others):
        lost = sorted(set(names) ^ set(others))
        fail(f"another process has other {what}s: {', '.join(lost[:3])}", hint)
    if names != others:
        place = next(i for i, (one, other) in enumerate(zip(names, others, strict=True)) if one != other)
        found = (
            f"another process lists its {what}s in another order: {others[place]} in place of {names[place]}"
        )
        fail(found, hint)
    for (name, shape, values), (_, other_shape, other_values) in zip(here, there, strict=True):
        if shape != other_shape:
            fail(f"in another process {name} is {tuple(other_shape)}, and {tuple(shape)} here", hint)
        if values != other_values:
            fail(f"in another process {name} has other values from one seed", hint)


def told_elsewhere(bench: Bench | ProbeBench) -> list[Told]:
    """Have the component made in two other processes, and return what each tells."""
    asked = json.dumps({"kind": bench.part.component.kind, "asked": bench.asked, "target": address_of(bench)})
    used = os.environ.get(HASH_SEED)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(PYTHONPATH=os.pathsep.join(sys.path), PYTHONHASHSEED=seed),
        )
        for seed in (SEEDS if used not in SEEDS else (*(one for one in SEEDS if one != used), "3"))
    ]
    told = []
    for process in started:
        out, err = process.communicate(asked)
        _, mark, found = out.rpartition(MARK)
        if process.returncode or not mark:
            last = err.strip().splitlines()[-1:] or ["it said nothing"]
            fail(f"another process could not make it ({last[0]})", "Let it rest on nothing of this process.")
        told.append(json.loads(found))
    return told


def address_of(bench: Bench | ProbeBench) -> str:
    """Return the address of what was given from Python, "" where another process finds it by its name.

    Raises DoesNotApply where another process cannot find it.
    """
    component = bench.part.component
    name = parse_term(bench.asked).name
    if is_file(name) or bench.registry.owner(component) is not None:
        return ""
    if isinstance(component.target, str):
        return component.target
    module, path = (getattr(component.target, key, "") for key in ("__module__", "__qualname__"))
    if module in ("", "__main__") or "<" in path or not path:
        raise DoesNotApply("it is given from Python, where another process does not find it")
    return f"{module}:{path}"


def main(subject_of: Callable[[str, str, Registry], Any]) -> None:
    """Make in this process the component that standard input names, and tell what was made.

    Args:
        subject_of: what puts a component on the bench of its kind.
    """
    asked: Mapping[str, Any] = json.load(sys.stdin)
    known = registry()
    if asked["target"]:
        name = parse_term(asked["asked"]).name
        known = known.with_components(Component(asked["kind"], name, asked["target"], ""))
    bench = subject_of(asked["kind"], asked["asked"], known)
    told = items_of(bench) if asked["kind"] == "probe" else parameters_of(bench)
    print(MARK + json.dumps(told), flush=True)

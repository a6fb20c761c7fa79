"""The global random number generators of Python, numpy and torch, which layers may draw from."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping
from typing import Any


def seed_rng(number: int) -> None:
    """Seed all of them; numpy takes the lowest 32 bits."""
    import numpy as np
    import torch

    torch.manual_seed(number)
    random.seed(number)
    np.random.seed(number % (1 << 32))


def get_rng_state() -> dict[str, Any]:
    """Return the state of all of them as tensors and JSON values."""
    import numpy as np
    import torch

    numpy_state = np.random.get_state(legacy=False)
    key = numpy_state["state"]["key"].tolist()
    cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {
        "python": list(random.getstate()),
        "numpy": {**numpy_state, "state": {**numpy_state["state"], "key": key}},
        "torch": [torch.get_rng_state(), *cuda_states],
        "mps": [torch.mps.get_rng_state()] if torch.backends.mps.is_available() else [],
    }


def restore_rng(states: Mapping[str, Any]) -> None:
    """Restore what `get_rng_state` returned; tuples may have become lists."""
    import numpy as np
    import torch

    version, words, spare = states["python"]
    random.setstate((version, tuple(words), spare))
    numpy_state = states["numpy"]
    key = np.array(numpy_state["state"]["key"], dtype=np.uint32)
    np.random.set_state({**numpy_state, "state": {**numpy_state["state"], "key": key}})
    cpu_state, *cuda_states = states["torch"]
    torch.set_rng_state(cpu_state)
    if cuda_states:
        torch.cuda.set_rng_state_all(cuda_states)
    elif torch.cuda.is_available():  # it was not in use: restore its initial state
        torch.cuda.manual_seed_all(torch.initial_seed())
    for mps_state in states["mps"]:
        torch.mps.set_rng_state(mps_state)


@contextlib.contextmanager
def preserve_rng(number: int | None = None) -> Iterator[None]:
    """Restore all generators at the end of the block; seed them first if a number is passed."""
    before = get_rng_state()
    try:
        if number is not None:
            seed_rng(number)
        yield
    finally:
        restore_rng(before)

"""Generators are the global ones of Python, numpy and torch, from which a layer may draw."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping
from typing import Any


def seed(number: int) -> None:
    """Seed them all; numpy's, which takes 32 bits, with what is left of a larger number."""
    import numpy as np
    import torch

    torch.manual_seed(number)
    random.seed(number)
    np.random.seed(number % (1 << 32))


def state() -> dict[str, Any]:
    """Return the state of them all, tensors and JSON values."""
    import numpy as np
    import torch

    numpys = np.random.get_state(legacy=False)
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {
        "python": list(random.getstate()),
        "numpy": {**numpys, "state": {**numpys["state"], "key": numpys["state"]["key"].tolist()}},
        "torch": [torch.get_rng_state(), *cuda],
        "mps": [torch.mps.get_rng_state()] if torch.backends.mps.is_available() else [],
    }


def restore(kept: Mapping[str, Any]) -> None:
    """Put them back to what `state` returned, tuples as lists."""
    import numpy as np
    import torch

    version, words, spare = kept["python"]
    random.setstate((version, tuple(words), spare))
    numpys = kept["numpy"]
    key = np.array(numpys["state"]["key"], dtype=np.uint32)
    np.random.set_state({**numpys, "state": {**numpys["state"], "key": key}})
    own, *cuda = kept["torch"]
    torch.set_rng_state(own)
    if cuda:
        torch.cuda.set_rng_state_all(cuda)
    elif torch.cuda.is_available():  # it was not in use: what it would have begun with
        torch.cuda.manual_seed_all(torch.initial_seed())
    for one in kept["mps"]:
        torch.mps.set_rng_state(one)


@contextlib.contextmanager
def kept(number: int | None = None) -> Iterator[None]:
    """Leave them as they were, whatever is drawn meanwhile; seeded first where a number is given."""
    before = state()
    try:
        if number is not None:
            seed(number)
        yield
    finally:
        restore(before)

"""Names say which parameter a trainer's state is of, whatever order a network lists its parameters in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from probekit.errors import RunError

NAMES = "names"
MOST = 3
"""How many names an error tells."""


def name_weights(model: nn.Module, state: Mapping[str, Any] | None = None) -> dict[str, nn.Parameter]:
    """Return the network's parameters by name, in the order of a state where one is given.

    A network built from a set of text lists its parameters in another order in each process. A parameter
    that several modules share has several names, any of which a state may use.

    Args:
        model: the network.
        state: what a trainer goes on from, with its names in the order in which it lists them.

    Raises:
        RunError: the names of the state are not those of the network.
    """
    own = dict(model.named_parameters())
    if state is None:
        return own
    asked = "going on from a trainer's state"
    if NAMES not in state:
        found = "it numbers the parameters, as an older probekit did"
        raise RunError(asked, found, "Train anew, with --force.")
    every = dict(model.named_parameters(remove_duplicate=False))
    weights = {name: every[name] for name in state[NAMES] if name in every}
    held = {id(weight) for weight in weights.values()}
    unknown = [name for name in state[NAMES] if name not in every]
    missing = [name for name, weight in own.items() if id(weight) not in held]
    if unknown or missing or len(held) < len(weights):
        told = [
            f"the state has {tell(unknown)}, which the network lacks" if unknown else "",
            f"the network has {tell(missing)}, which the state lacks" if missing else "",
            "" if unknown or missing else "parameters that it tells apart are one in the network",
        ]
        found = f"its names do not fit the network: {'; '.join(filter(None, told))}"
        raise RunError(asked, found, "Go on with the code that began it, or train anew with --force.")
    return weights


def tell(names: list[str]) -> str:
    """Return some names in words, and how many more there are."""
    more = len(names) - MOST
    return ", ".join(names[:MOST]) + (f" and {more} more" if more > 0 else "")

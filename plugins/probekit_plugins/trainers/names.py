"""Names say which parameter a trainer's state belongs to, whatever the order of a network's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from probekit.plugin.errors import RunError

NAMES = "names"
MAX_LISTED = 3
"""How many names an error lists."""


def name_weights(model: nn.Module, state: Mapping[str, Any] | None = None) -> dict[str, nn.Parameter]:
    """Return the network's parameters by name, in the order of a state if there is one.

    A network built from a set of text lists its parameters in another order in each process. A parameter
    that modules share has more than one name, any of which a state may use.

    Args:
        model: the network.
        state: the trainer's state to go on from, with the parameters' names in its order.

    Raises:
        RunError: the names of the state are not those of the network.
    """
    parameters = dict(model.named_parameters())
    if state is None:
        return parameters
    request = "going on from a trainer's state"
    if NAMES not in state:
        reason = "it numbers the parameters, as an older probekit did"
        raise RunError(request, reason, "Train anew, with --force.")
    aliases = dict(model.named_parameters(remove_duplicate=False))
    weights = {name: aliases[name] for name in state[NAMES] if name in aliases}
    matched = {id(weight) for weight in weights.values()}
    unknown = [name for name in state[NAMES] if name not in aliases]
    missing = [name for name, weight in parameters.items() if id(weight) not in matched]
    if unknown or missing or len(matched) < len(weights):
        problems = [
            f"the state has {list_names(unknown)}, which the network lacks" if unknown else "",
            f"the network has {list_names(missing)}, which the state lacks" if missing else "",
            "" if unknown or missing else "parameters that it tells apart are one in the network",
        ]
        reason = f"its names do not fit the network: {'; '.join(filter(None, problems))}"
        raise RunError(request, reason, "Go on with the code that began it, or train anew with --force.")
    return weights


def list_names(names: list[str]) -> str:
    """Return the first names in words, and how many more there are."""
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")

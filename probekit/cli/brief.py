"""A layer in brief: a short description and its parameters in one line, so that all fits a screen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

SHAPE = re.compile(r"\n\nShape:\n.*?(?=\n\n|\Z)", re.S)
HOSTED = re.compile(
    r"\n +(channels: number of channels|size: of the map, \(length,\) or \(height, width\))\."
)
"""The arguments that every layer takes from its host."""
NO_PARAMETERS = re.compile(r"\n\nArgs:(?=\n\n|\Z)")


def shorten_doc(doc: str) -> str:
    """Return a layer's docstring without its shape, and without what every layer takes from its host."""
    return NO_PARAMETERS.sub("", HOSTED.sub("", SHAPE.sub("", doc)))


def join_parameters(parameters: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows of a table of parameters as one line."""
    texts = (
        f"{row['name']}={row['default']}" + (f" ({row['range']})" if row["range"] else "")
        for row in parameters
    )
    return ", ".join(texts) or "none"

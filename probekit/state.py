"""A state is nested dicts and lists of tensors and JSON values: packed flat for safetensors, and unpacked again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

TENSOR = "$tensor"


def pack(state: Any, prefix: str) -> tuple[dict[str, Tensor], Any]:
    """Return the tensors by path, and the rest as JSON with their paths in their places.

    Keys must be text. Raises TypeError for anything that is neither a tensor nor JSON.
    """
    import torch

    tensors: dict[str, Tensor] = {}

    def walk(value: Any, path: str) -> Any:
        if isinstance(value, torch.Tensor):
            tensors[path] = value
            return {TENSOR: path}
        if isinstance(value, Mapping):
            return {key: walk(inner, f"{path}/{key}") for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [walk(inner, f"{path}/{i}") for i, inner in enumerate(value)]
        if value is None or isinstance(value, str | int | float | bool):
            return value
        raise TypeError(f"{path} is a {type(value).__name__}, neither a tensor nor JSON")

    return tensors, walk(state, prefix)


def unpack(packed: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return the state that `pack` took apart."""
    if isinstance(packed, dict):
        if set(packed) == {TENSOR}:
            return tensors[packed[TENSOR]]
        return {key: unpack(inner, tensors) for key, inner in packed.items()}
    if isinstance(packed, list):
        return [unpack(inner, tensors) for inner in packed]
    return packed

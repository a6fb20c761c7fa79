"""A state is nested dicts and lists of tensors and JSON values, packed flat for safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

TENSOR, STRIDE, FLOAT = "$tensor", "$stride", "$float"


def pack_state(state: Any, prefix: str) -> tuple[dict[str, Tensor], Any]:
    """Return a state's tensors by path, and the rest as JSON that refers to them by path and stride.

    Strides are part of a state: an optimiser's moments must lie in memory as the weights do, and files
    store tensors in C order.

    Raises:
        TypeError: A value is neither a tensor nor JSON, or a key is not text.
    """
    import torch

    tensors: dict[str, Tensor] = {}

    def pack_value(value: Any, path: str) -> Any:
        if isinstance(value, torch.Tensor):
            tensors[path] = value
            dense = torch.empty_like(value, device="meta")
            return {TENSOR: path, STRIDE: list(dense.stride())}
        if isinstance(value, Mapping):
            if not all(isinstance(key, str) for key in value):
                raise TypeError(f"{path} has keys that are not text")
            return {key: pack_value(inner, f"{path}/{key}") for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [pack_value(inner, f"{path}/{i}") for i, inner in enumerate(value)]
        if isinstance(value, float) and not isfinite(value):  # a best loss starts at infinity
            return {FLOAT: str(value)}
        if value is None or isinstance(value, str | int | float | bool):
            return value
        raise TypeError(f"{path} is a {type(value).__name__}, neither a tensor nor JSON")

    return tensors, pack_value(state, prefix)


def unpack_state(packed: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return the state that `pack_state` flattened, tuples as lists; raises KeyError for a missing tensor."""
    import torch

    if isinstance(packed, dict):
        if set(packed) == {TENSOR, STRIDE}:
            tensor = tensors[packed[TENSOR]]
            return torch.empty_strided(tensor.shape, packed[STRIDE], dtype=tensor.dtype).copy_(tensor)
        if set(packed) == {FLOAT}:
            return float(packed[FLOAT])
        return {key: unpack_state(inner, tensors) for key, inner in packed.items()}
    if isinstance(packed, list):
        return [unpack_state(inner, tensors) for inner in packed]
    return packed

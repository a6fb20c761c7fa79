"""Counting finds the floating-point operations of one item's forward pass, the same on every device."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Container, Iterator
from math import log2, prod
from typing import TYPE_CHECKING, Any

from probekit.errors import RunError, reason
from probekit.interfaces import Shape

if TYPE_CHECKING:
    from torch import nn

OWN = ("aten", "prim", "prims")
CLOSED = ("rnn", "lstm", "gru", "_native_multi_head", "_transformer_encoder", "trilinear", "cdist", "linalg")
"""Parts of the names of torch's operations that multiply within, by weights or by each other."""


def forward_flops(model: nn.Module, shape: Shape) -> int:
    """Count the floating-point operations of one item's forward pass, a product and a sum as two.

    Counted is what multiplies and sums: products of matrices, also as einsum or as a broadcast product that
    is larger than both its factors, convolutions, attention, recurrent cells, and transforms of Fourier at
    5 n log2 n. What works number by number is left out, as is usual: activation, normalisation, scaling,
    resampling, softmax. Fused kernels are opened or counted as what they stand for, and the network is moved
    to the CPU, so that the number is of the network alone.

    Raises RunError where it cannot be known: an operation of a library's own, or one that multiplies within.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model.cpu()
    trained = model.training
    model.eval()
    closed: set[str] = set()
    known = formulas()
    counter = FlopCounterMode(display=False, custom_mapping=known)
    watch = watching(closed, known)
    try:
        with torch.no_grad(), fixed(model), opened(), watch, counter:
            model(torch.zeros(1, shape.inputs, *shape.size, dtype=torch.float32))
    except Exception as error:
        raise RunError("counting its operations on the CPU", reason(error)) from error
    finally:
        model.train(trained)
    if closed:
        names = ", ".join(sorted(closed))
        raise RunError("counting its operations", f"what {names} multiplies is not known")
    return int(counter.get_total_flops())


def watching(closed: set[str], known: Container[Any]) -> Any:
    """Return a mode that notes the operations that multiply unseen, by name, but for those that are known."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Watching(TorchDispatchMode):  # type: ignore[no-untyped-call]
        """Sees what the counter has let through."""

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            space, name = func.name().split(".")[0].split("::")
            unseen = space not in OWN or any(part in name for part in CLOSED)
            if unseen and func.overloadpacket not in known:
                closed.add(f"{space}::{name}")
            return func(*args, **(kwargs or {}))

    return Watching()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def fixed(model: nn.Module) -> Iterator[None]:
    """Keep weights from asking for gradients: a view of one, handed to a module, stops torch's counter."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


@contextlib.contextmanager
def opened() -> Iterator[None]:
    """Keep torch from fusing what it can also do step by step, where the steps can be counted."""
    import torch

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of Intel's GPUs, which are not meant
            with torch.backends.mkldnn.flags(enabled=False):
                yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def formulas() -> dict[Any, Any]:
    """Return how operations are counted that torch's counter leaves out, by operation."""
    import torch
    from torch.utils.flop_counter import sdpa_flop_count

    aten = torch.ops.aten

    def attention(q: Any, k: Any, v: Any, *rest: Any, **named: Any) -> int:
        return int(sdpa_flop_count(q, k, v))  # type: ignore[no-untyped-call]

    def fourier(of: Any, dim: Any, *rest: Any, out_shape: Any, half: int = 1, **named: Any) -> int:
        whole = max(prod(of), prod(out_shape))
        return int(5 * whole * log2(max(1, prod(of[d] for d in dim)))) // half

    def real(of: Any, dim: Any, *rest: Any, **named: Any) -> int:
        return fourier(of, dim, half=2, **named)

    def back(of: Any, dim: Any, norm: Any, last: int, *rest: Any, out_shape: Any, **named: Any) -> int:
        return fourier(out_shape, dim, out_shape=out_shape, half=2)

    def vector(matrix: Any, other: Any, *rest: Any, **named: Any) -> int:
        return 2 * int(prod(matrix))

    def added(_: Any, matrix: Any, other: Any, *rest: Any, **named: Any) -> int:
        return 2 * int(prod(matrix))

    def batched(_: Any, one: Any, other: Any, *rest: Any, **named: Any) -> int:
        return 2 * int(prod(one)) * int(other[-1])

    def outer(one: Any, other: Any = (), *rest: Any, out_shape: Any, **named: Any) -> int:
        sizes = [prod(shape) for shape in (one, other) if isinstance(shape, tuple | torch.Size)]
        return 2 * int(prod(out_shape)) if len(sizes) == 2 and prod(out_shape) > max(sizes) else 0

    def triangular(_: Any, other: Any, *rest: Any, out_shape: Any, left: bool = True, **named: Any) -> int:
        return int(prod(out_shape)) * int(other[-2 if left else -1])

    def norm(*rest: Any, **named: Any) -> int:
        return 0  # number by number

    return {
        aten._scaled_dot_product_flash_attention_for_cpu: attention,
        aten._fft_c2c: fourier,
        aten._fft_r2c: real,
        aten._fft_c2r: back,
        aten.dot: vector,
        aten.mv: vector,
        aten.addmv: added,
        aten.addbmm: batched,
        aten.mul: outer,
        aten.linalg_solve_triangular: triangular,
        aten.linalg_vector_norm: norm,
    }

"""Counting of the floating-point operations of one item's forward pass, equal on every device."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Container, Iterator
from math import log2, prod
from typing import TYPE_CHECKING, Any

from probekit.plugin.errors import RunError, describe_error
from probekit.plugin.interfaces import Shape

if TYPE_CHECKING:
    from torch import nn

TORCH_NAMESPACES = ("aten", "prim", "prims")
OPAQUE = ("rnn", "lstm", "gru", "_native_multi_head", "_transformer_encoder", "trilinear", "cdist", "linalg")
"""Parts of the names of torch operations that multiply inside, by weights or by each other."""


def count_forward_flops(model: nn.Module, shape: Shape) -> int:
    """Count the floating-point operations of one item's forward pass; a multiply-add counts as two.

    Counts matrix products (also as einsum, or as a broadcast product larger than both factors), convolutions,
    attention, recurrent cells, and Fourier transforms at 5 n log2 n. Element-wise work is left out, as is
    usual: activations, normalisation, scaling, resampling, softmax. Fused kernels are decomposed, or counted
    as what they replace. The network is moved to the CPU, so that the count depends on the network alone.

    Raises:
        RunError: The network does not run on the CPU, or calls an operation whose work is not known.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model.cpu()
    was_training = model.training
    model.eval()
    unknown: set[str] = set()
    formulas = flop_formulas()
    counter = FlopCounterMode(display=False, custom_mapping=formulas)
    watch = watch_operations(unknown, formulas)
    try:
        with torch.no_grad(), frozen_parameters(model), unfused_kernels(), watch, counter:
            model(torch.zeros(1, shape.inputs, *shape.size, dtype=torch.float32))
    except Exception as error:
        raise RunError("counting its operations on the CPU", describe_error(error)) from error
    finally:
        model.train(was_training)
    if unknown:
        names = ", ".join(sorted(unknown))
        raise RunError("counting its operations", f"no FLOP formula is known for {names}")
    return int(counter.get_total_flops())


def watch_operations(unknown: set[str], formulas: Container[Any]) -> Any:
    """Return a dispatch mode that adds to `unknown` each opaque operation without a formula."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class OperationWatch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        """Sees the operations that the counter lets through."""

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            namespace, name = func.name().split(".")[0].split("::")
            opaque = namespace not in TORCH_NAMESPACES or any(part in name for part in OPAQUE)
            if opaque and func.overloadpacket not in formulas:
                unknown.add(f"{namespace}::{name}")
            return func(*args, **(kwargs or {}))

    return OperationWatch()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def frozen_parameters(model: nn.Module) -> Iterator[None]:
    """Switch off gradients of weights: torch's counter fails on a module that receives a view of one."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


@contextlib.contextmanager
def unfused_kernels() -> Iterator[None]:
    """Keep torch from fusing operations whose single steps can be counted."""
    import torch

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about Intel GPUs, which play no part here
            with torch.backends.mkldnn.flags(enabled=False):
                yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def flop_formulas() -> dict[Any, Any]:
    """Return FLOP formulas, by operation, for operations that torch's counter leaves out.

    Each takes the shapes of the operation's arguments, as torch's own formulas do.
    """
    import torch
    from torch.utils.flop_counter import sdpa_flop_count

    aten = torch.ops.aten

    def count_attention(q: Any, k: Any, v: Any, *args: Any, **kwargs: Any) -> int:
        return int(sdpa_flop_count(q, k, v))  # type: ignore[no-untyped-call]

    def count_fft(shape: Any, dim: Any, *args: Any, out_shape: Any, divisor: int = 1, **kwargs: Any) -> int:
        numbers = max(prod(shape), prod(out_shape))
        return int(5 * numbers * log2(max(1, prod(shape[d] for d in dim)))) // divisor

    def count_rfft(shape: Any, dim: Any, *args: Any, **kwargs: Any) -> int:
        return count_fft(shape, dim, divisor=2, **kwargs)

    def count_irfft(shape: Any, dim: Any, *args: Any, out_shape: Any, **kwargs: Any) -> int:
        return count_fft(out_shape, dim, out_shape=out_shape, divisor=2)

    def count_mv(matrix: Any, vector: Any, *args: Any, **kwargs: Any) -> int:
        return 2 * int(prod(matrix))

    def count_addmv(_: Any, matrix: Any, vector: Any, *args: Any, **kwargs: Any) -> int:
        return 2 * int(prod(matrix))

    def count_addbmm(_: Any, batch1: Any, batch2: Any, *args: Any, **kwargs: Any) -> int:
        return 2 * int(prod(batch1)) * int(batch2[-1])

    def count_mul(input: Any, factor: Any = (), *args: Any, out_shape: Any, **kwargs: Any) -> int:
        sizes = [prod(shape) for shape in (input, factor) if isinstance(shape, tuple | torch.Size)]
        return 2 * int(prod(out_shape)) if len(sizes) == 2 and prod(out_shape) > max(sizes) else 0

    def count_triangular(_: Any, b: Any, *args: Any, out_shape: Any, left: bool = True, **kwargs: Any) -> int:
        return int(prod(out_shape)) * int(b[-2 if left else -1])

    def count_norm(*args: Any, **kwargs: Any) -> int:
        return 0  # element-wise

    return {
        aten._scaled_dot_product_flash_attention_for_cpu: count_attention,
        aten._fft_c2c: count_fft,
        aten._fft_r2c: count_rfft,
        aten._fft_c2r: count_irfft,
        aten.dot: count_mv,
        aten.mv: count_mv,
        aten.addmv: count_addmv,
        aten.addbmm: count_addbmm,
        aten.mul: count_mul,
        aten.linalg_solve_triangular: count_triangular,
        aten.linalg_vector_norm: count_norm,
    }

"""Isolation puts back what code changed of the process: default dtype, threads, environment and the like."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from probekit.catalog.denormals import flushing
from probekit.stop import SIGNALS


@dataclass(frozen=True, slots=True)
class Member:
    """One thing of the process that code can change: its name, how it is read, and how it is put back."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Isolation:
    """Puts back what was changed while it held; put_back: what that was, by what was going on.

    Seen are those members of the process that another run could feel: torch's default dtype and device,
    gradient mode, autocast, anomaly mode, threads, precision, denormal numbers and deterministic, cudnn,
    attention and MHA flags; numpy's error state; working directory, environment variables, warnings filters,
    recursion limit, garbage collection and the handlers of the signals that stop a run. Not seen are
    generators (see probekit.runs.generators), import paths, which code may need again, and what it changes of
    other modules.
    """

    put_back: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @contextlib.contextmanager
    def of(self, doing: str) -> Iterator[None]:
        """Hold while something is done, whether it ends well or not."""
        seen = members()
        before = [member.read() for member in seen]
        with warnings.catch_warnings():
            filters = list(warnings.filters)
            try:
                yield
            finally:
                changed = ["warnings filters"] if others(warnings.filters) != others(filters) else []
                for member, was in zip(seen, before, strict=True):
                    if member.read() != was:
                        member.write(was)
                        changed.append(member.name)
                if changed:
                    known = self.put_back.get(doing, ())
                    self.put_back[doing] = tuple(dict.fromkeys((*known, *changed)))


def others(filters: Iterable[Any]) -> list[Any]:
    """Return the filters but those of a library's own warnings, which it sets as it is imported."""
    return [one for one in filters if one[2].__module__ == "builtins"]


def members() -> tuple[Member, ...]:
    """Return what is put back; signal handlers in the main thread alone, where alone they can be set."""
    import numpy as np
    import torch
    import torch._dynamo  # as the first weights do, which are not to blame for what it sets

    cudnn, cuda = torch.backends.cudnn, torch.backends.cuda

    def flag(name: str) -> Member:
        return Member(
            f"cudnn {name}", lambda: getattr(cudnn, name), lambda value: setattr(cudnn, name, value)
        )

    def sdp(kind: str) -> Member:
        read, write = getattr(cuda, f"{kind}_sdp_enabled"), getattr(cuda, f"enable_{kind}_sdp")
        return Member(f"{kind} attention", read, write)

    def handler(one: signal.Signals) -> Member:
        return Member(
            f"handler of {one.name}", lambda: signal.getsignal(one), lambda was: signal.signal(one, was)
        )

    return (
        Member("default dtype", torch.get_default_dtype, torch.set_default_dtype),
        Member("default device", torch.get_default_device, put_device),
        Member("gradient mode", torch.is_grad_enabled, torch.set_grad_enabled),
        Member("anomaly mode", torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
        Member("number of threads", torch.get_num_threads, torch.set_num_threads),
        Member(
            "matrix product precision", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
        ),
        Member("flushing of denormal numbers", flushing, torch.set_flush_denormal),
        Member("deterministic algorithms", deterministic, put_deterministic),
        *(flag(name) for name in ("enabled", "benchmark", "deterministic", "allow_tf32")),
        *(sdp(kind) for kind in ("flash", "mem_efficient", "math", "cudnn")),
        Member(
            "fast path of multi-head attention",
            torch.backends.mha.get_fastpath_enabled,
            torch.backends.mha.set_fastpath_enabled,
        ),
        *(autocast(kind) for kind in ("cpu", "cuda")),
        Member("numpy's error state", np.geterr, lambda was: np.seterr(**was)),
        Member("working directory", directory, put_directory),
        Member("environment variables", lambda: dict(os.environ), put_environment),
        Member("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
        Member("garbage collection", gc.isenabled, lambda was: gc.enable() if was else gc.disable()),
        *(
            map(handler, (signal.SIGINT, *SIGNALS))
            if threading.current_thread() is threading.main_thread()
            else ()
        ),
    )


def autocast(kind: str) -> Member:
    """Return whether autocast is on for a kind of device."""
    import torch

    return Member(
        f"autocast on {kind}",
        lambda: torch.is_autocast_enabled(kind),
        lambda was: torch.set_autocast_enabled(kind, was),
    )


def put_device(was: Any) -> None:
    """Make a device the default; none for the CPU, as a default that is set costs time in each call."""
    import torch

    torch.set_default_device(None)
    if torch.get_default_device() != was:
        torch.set_default_device(was)


def deterministic() -> tuple[bool, bool]:
    """Return whether torch's algorithms must be deterministic, and whether others only warn."""
    import torch

    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def put_deterministic(was: tuple[bool, bool]) -> None:
    """Put back what `deterministic` returned."""
    import torch

    torch.use_deterministic_algorithms(was[0], warn_only=was[1])


def directory() -> str | None:
    """Return the working directory, None where it has been deleted."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def put_directory(was: str | None) -> None:
    """Go back to a working directory that was there."""
    if was is not None:
        os.chdir(was)


def put_environment(was: dict[str, str]) -> None:
    """Put back the environment variables, those that are as they were untouched."""
    for name in set(os.environ) - set(was):
        del os.environ[name]
    os.environ.update({name: value for name, value in was.items() if os.environ.get(name) != value})

"""Isolation restores process settings that plugin code changed: default dtype, threads, environment, ..."""

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

from probekit.catalog.denormals import is_flushing_denormals
from probekit.plugin.stop import SIGNALS


@dataclass(frozen=True, slots=True)
class ProcessSetting:
    """A setting of the process: its name, its getter and its setter."""

    name: str
    get_value: Callable[[], Any]
    set_value: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Isolation:
    """Restores settings that change within its block `guard`.

    It covers settings that another run could notice: torch's default dtype and device, gradient mode,
    autocast, anomaly mode, threads, precision, denormal numbers and deterministic, cudnn, attention and MHA
    flags; numpy's error state; working directory, environment variables, warnings filters, recursion limit,
    garbage collection and the handlers of stop signals. It does not cover random generators (see
    probekit.runs.rng), import paths, which code may need again, and changes to other modules.

    Args:
        put_back: the names of restored settings, by the activity that changed them.
    """

    put_back: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @contextlib.contextmanager
    def guard(self, activity: str) -> Iterator[None]:
        """Restore changed settings after the block, even if it raises.

        Args:
            activity: the name of the block in `put_back`.
        """
        settings = list_settings()
        previous = [setting.get_value() for setting in settings]
        with warnings.catch_warnings():
            filters = list(warnings.filters)
            try:
                yield
            finally:
                has_new_filters = builtin_filters(warnings.filters) != builtin_filters(filters)
                changed = ["warnings filters"] if has_new_filters else []
                for setting, value in zip(settings, previous, strict=True):
                    if setting.get_value() != value:
                        setting.set_value(value)
                        changed.append(setting.name)
                if changed:
                    earlier = self.put_back.get(activity, ())
                    self.put_back[activity] = tuple(dict.fromkeys((*earlier, *changed)))


def builtin_filters(filters: Iterable[Any]) -> list[Any]:
    """Return the filters for Python's own warnings; a library adds filters for its own when imported."""
    return [entry for entry in filters if entry[2].__module__ == "builtins"]


def list_settings() -> tuple[ProcessSetting, ...]:
    """Return the settings to restore; signal handlers only in the main thread, which alone can set them."""
    import numpy as np
    import torch
    import torch._dynamo  # the first weights import it, and it changes settings

    cudnn, cuda = torch.backends.cudnn, torch.backends.cuda

    def cudnn_setting(name: str) -> ProcessSetting:
        return ProcessSetting(
            f"cudnn {name}", lambda: getattr(cudnn, name), lambda value: setattr(cudnn, name, value)
        )

    def attention_setting(kind: str) -> ProcessSetting:
        getter, setter = getattr(cuda, f"{kind}_sdp_enabled"), getattr(cuda, f"enable_{kind}_sdp")
        return ProcessSetting(f"{kind} attention", getter, setter)

    def handler_setting(number: signal.Signals) -> ProcessSetting:
        return ProcessSetting(
            f"handler of {number.name}",
            lambda: signal.getsignal(number),
            lambda handler: signal.signal(number, handler),
        )

    return (
        ProcessSetting("default dtype", torch.get_default_dtype, torch.set_default_dtype),
        ProcessSetting("default device", torch.get_default_device, set_default_device),
        ProcessSetting("gradient mode", torch.is_grad_enabled, torch.set_grad_enabled),
        ProcessSetting("anomaly mode", torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
        ProcessSetting("number of threads", torch.get_num_threads, torch.set_num_threads),
        ProcessSetting(
            "matrix product precision", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
        ),
        ProcessSetting("flushing of denormal numbers", is_flushing_denormals, torch.set_flush_denormal),
        ProcessSetting("deterministic algorithms", get_deterministic, set_deterministic),
        *(cudnn_setting(name) for name in ("enabled", "benchmark", "deterministic", "allow_tf32")),
        *(attention_setting(kind) for kind in ("flash", "mem_efficient", "math", "cudnn")),
        ProcessSetting(
            "fast path of multi-head attention",
            torch.backends.mha.get_fastpath_enabled,
            torch.backends.mha.set_fastpath_enabled,
        ),
        *(autocast_setting(kind) for kind in ("cpu", "cuda")),
        ProcessSetting("numpy's error state", np.geterr, lambda state: np.seterr(**state)),
        ProcessSetting("working directory", get_directory, set_directory),
        ProcessSetting("environment variables", lambda: dict(os.environ), set_environment),
        ProcessSetting("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
        ProcessSetting(
            "garbage collection", gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable()
        ),
        *(
            map(handler_setting, (signal.SIGINT, *SIGNALS))
            if threading.current_thread() is threading.main_thread()
            else ()
        ),
    )


def autocast_setting(kind: str) -> ProcessSetting:
    """Return the setting of autocast on a kind of device."""
    import torch

    return ProcessSetting(
        f"autocast on {kind}",
        lambda: torch.is_autocast_enabled(kind),
        lambda enabled: torch.set_autocast_enabled(kind, enabled),
    )


def set_default_device(device: Any) -> None:
    """Set the default device; unset it for the CPU, as a default that is set slows down each call."""
    import torch

    torch.set_default_device(None)
    if torch.get_default_device() != device:
        torch.set_default_device(device)


def get_deterministic() -> tuple[bool, bool]:
    """Return whether torch requires deterministic algorithms, and whether it only warns."""
    import torch

    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def set_deterministic(state: tuple[bool, bool]) -> None:
    """Set what `get_deterministic` returns."""
    import torch

    torch.use_deterministic_algorithms(state[0], warn_only=state[1])


def get_directory() -> str | None:
    """Return the working directory, None if it was deleted."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def set_directory(path: str | None) -> None:
    """Change back to a working directory, if there is one."""
    if path is not None:
        os.chdir(path)


def set_environment(variables: dict[str, str]) -> None:
    """Restore the environment variables; those that did not change are not touched."""
    for name in set(os.environ) - set(variables):
        del os.environ[name]
    os.environ.update({name: value for name, value in variables.items() if os.environ.get(name) != value})

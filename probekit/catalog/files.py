"""A file term names code outside of any package: `./my_layer.py:Swirl` is Swirl in that file."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import re
import sys
from importlib.abc import SourceLoader
from pathlib import Path
from types import ModuleType

from probekit.catalog.modules import check_unbuilt
from probekit.catalog.plugin_code import guard_plugin_code
from probekit.plugin.components import ADDITIONS, Component, Kind
from probekit.plugin.errors import (
    ProbekitError,
    UsageError,
    describe_error,
    did_you_mean,
    explain_os_error,
    suggest_install,
)

FILE_TERM = re.compile(r"(?:\.{0,2}|~)/[^\s+():,'\"@]*\.py:[A-Za-z_]\w*(?:@[0-9a-f]{16})?")
ANY_FILE_PATTERN = re.compile(r"(?:\.{0,2}|~)/[^@]*\.py:[A-Za-z_]\w*(?:@[0-9a-f]{16})?")
"""Also matches paths that need quotes: with spaces, brackets or `+`."""
MODULE_PREFIX = "probekit_file_"
FILE_PLUGIN, PYTHON_PLUGIN = "file", "python"
"""The plugin names of components from files and from Python objects."""


class BytesLoader(SourceLoader):
    """Loads a module from bytes that were read once, so the hashed code is the code that runs.

    It writes no bytecode.
    """

    def __init__(self, path: str, source: bytes) -> None:
        self.path, self.source = path, source

    def get_filename(self, fullname: str) -> str:
        """Return the path of the file."""
        return self.path

    def get_data(self, path: str | bytes) -> bytes:
        """Return the content of the file."""
        return self.source


def is_file_term(name: str) -> bool:
    """Return whether a name is a file term: from `./`, `../`, `/` or `~/` to `.py:Name`."""
    return ANY_FILE_PATTERN.fullmatch(name) is not None and name.isprintable()


def load_file_component(kind: Kind, name: str) -> Component:
    """Run the file of a term and return the named attribute as a component.

    Args:
        kind: the kind of the component.
        name: the file term. A relative path starts at the working directory. After an optional "@" it has
            the first digits of the sha256 that the file must have.

    Raises:
        UsageError: there is no such file, or it does not define the attribute, or what extends a probe is in
            a file.
        ProbekitError: the file raises an exception.
    """
    if kind in ADDITIONS:
        hint = f"Write a package: `probekit new {kind} NAME`."
        raise UsageError(f"{kind} {name!r}", "a file does not say which probe it extends", hint)
    name, _, pin = name.partition("@")
    path, _, attribute = name.rpartition(":")
    module = open_file(path, pin)
    target = getattr(module, attribute, None)
    check_unbuilt(target, repr(name))
    if not callable(target):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        problem = f"{path} defines no {attribute}"
        if hasattr(module, attribute):
            problem = f"{attribute} is neither a class nor a function"
        raise UsageError(f"{kind} {name!r}", problem, did_you_mean(attribute, names))
    words = re.findall(r"[a-z]+[a-z0-9]*", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", attribute).lower())
    about = (inspect.getdoc(target) or f"from {path}").partition("\n")[0]
    return Component(kind, "-".join(words) or kind, f"{module.__name__}:{attribute}", about, FILE_PLUGIN)


def pin_file_name(component: Component, name: str) -> str:
    """Return the normalised name of a file term with the hash of the code that ran."""
    return (
        f"{normalize_file_name(name)}@{str(component.target).partition(':')[0].removeprefix(MODULE_PREFIX)}"
    )


def normalize_file_name(name: str) -> str:
    """Return the name of a file term without its hash and with a normalised path.

    The path is relative to the working directory if the file is below it.
    """
    path, _, attribute = name.partition("@")[0].rpartition(":")
    path = os.path.expanduser(path)
    relative = Path(os.path.relpath(path))
    normal = os.path.normpath(path) if relative.parts[0] == os.pardir else f"./{relative.as_posix()}"
    return f"{normal}:{attribute}"


def read_source(path: str) -> tuple[bytes, str]:
    """Return the content of a file and its hash.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        source = Path(os.path.expanduser(path)).read_bytes()
    except OSError as error:
        problem, hint = explain_os_error(error, "A relative path starts at your working directory.")
        raise UsageError(f"the file {path}", problem, hint) from error
    return source, hash_source(source)


def hash_source(source: bytes) -> str:
    """Return the first 16 hexadecimal digits of the sha256 of a file's content."""
    return hashlib.sha256(source).hexdigest()[:16]


def hash_named_file(name: str) -> str:
    """Return the hash of a term's file as it is on disk now.

    Raises:
        UsageError: the file cannot be read.
    """
    return read_source(name.partition("@")[0].rpartition(":")[0])[1]


def open_file(path: str, pin: str = "") -> ModuleType:
    """Return the module of a file; the file runs once per content, and the module's name contains the hash.

    Args:
        path: the path of the file.
        pin: the hash that the file must have, "" for any.

    Raises:
        UsageError: the file cannot be read or has another hash.
    """
    if pin and MODULE_PREFIX + pin in sys.modules:  # an edit while runs wait does not change planned runs
        return sys.modules[MODULE_PREFIX + pin]
    path = os.path.expanduser(path)
    source, digest = read_source(path)
    if pin and digest != pin:
        raise UsageError(
            f"the file {path}@{pin}", "it has changed since it was run", "Type its name without the @."
        )
    return run_source(path, source)


def list_sources() -> list[tuple[str, bytes]]:
    """Return path and content of each file that ran in this process, so that another process can run it."""
    loaders = [
        getattr(module, "__loader__", None)
        for name, module in sys.modules.items()
        if name.startswith(MODULE_PREFIX)
    ]
    return [(loader.path, loader.source) for loader in loaders if isinstance(loader, BytesLoader)]


def run_source(path: str, source: bytes) -> ModuleType:
    """Run the content of a file as a module, once per process.

    Args:
        path: the path that the file has or had.
        source: the content of the file.

    Raises:
        ProbekitError: the code raises an exception.
    """
    name = MODULE_PREFIX + hash_source(source)
    if name in sys.modules:
        return sys.modules[name]
    loader = BytesLoader(str(Path(path).resolve()), source)
    spec = importlib.util.spec_from_loader(name, loader, origin=loader.path)
    assert spec is not None
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with guard_plugin_code():
            loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        hint = (
            suggest_install(error) or "Fix the file. For several files, make a package with `probekit new`."
        )
        raise ProbekitError(
            f"the file {path}", f"it cannot be run ({describe_error(error)})", hint
        ) from error
    return module

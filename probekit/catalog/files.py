"""A file term names code that no package holds: `./my_layer.py:Swirl` is Swirl in that file."""

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

from probekit.catalog.guest import hosted
from probekit.components import Component, Kind
from probekit.errors import ProbekitError, UsageError, did_you_mean, explain_refusal, missing, reason

FILE = re.compile(r"(?:\.{0,2}|~)/[^\s+():,'\"@]*\.py:[A-Za-z_]\w*(?:@[0-9a-f]{16})?")
ANY_FILE = re.compile(r"(?:\.{0,2}|~)/[^@]*\.py:[A-Za-z_]\w*(?:@[0-9a-f]{16})?")
"""With signs, too, that are written in quotes alone: spaces, brackets, `+`."""
PREFIX = "probekit_file_"
PLUGIN = "file"
"""What stands where other components name their plugin."""


class Kept(SourceLoader):
    """Loads a module from bytes that were read once: what is hashed is what runs, and no bytecode is kept."""

    def __init__(self, path: str, source: bytes) -> None:
        self.path, self.source = path, source

    def get_filename(self, fullname: str) -> str:
        """Return the path of the file."""
        return self.path

    def get_data(self, path: str | bytes) -> bytes:
        """Return what was read."""
        return self.source


def is_file(name: str) -> bool:
    """Tell whether a term's name is a file's: it begins with `./`, `../`, `/` or `~/`, ends in `.py:Name`."""
    return ANY_FILE.fullmatch(name) is not None and name.isprintable()


def in_file(kind: Kind, name: str) -> Component:
    """Run the file of a term and return what it names, as a component of that kind.

    A relative path starts at the working directory. After an "@" stands the beginning of the sha256 that the
    file must have. Raises UsageError where there is no such file or nothing of that name in it,
    ProbekitError where the file raises.
    """
    name, _, pin = name.partition("@")
    path, _, attribute = name.rpartition(":")
    module = opened(path, pin)
    target = getattr(module, attribute, None)
    if not callable(target):
        own = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UsageError(f"{kind} {name!r}", f"{path} defines no {attribute}", did_you_mean(attribute, own))
    words = re.findall(r"[a-z]+[a-z0-9]*", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", attribute).lower())
    about = (inspect.getdoc(target) or f"from {path}").partition("\n")[0]
    return Component(kind, "-".join(words) or kind, f"{module.__name__}:{attribute}", about, PLUGIN)


def pinned(component: Component, name: str) -> str:
    """Return the usual name of a file term with the hash of what was run."""
    return f"{usual(name)}@{str(component.target).partition(':')[0].removeprefix(PREFIX)}"


def usual(name: str) -> str:
    """Return the name of a file term without its hash and with its path written in one way.

    That is from the working directory on where the file lies below it.
    """
    path, _, attribute = name.partition("@")[0].rpartition(":")
    path = os.path.expanduser(path)
    below = Path(os.path.relpath(path))
    written = os.path.normpath(path) if below.parts[0] == os.pardir else f"./{below.as_posix()}"
    return f"{written}:{attribute}"


def source_of(path: str) -> tuple[bytes, str]:
    """Return a file's content and its sha256's first digits. Raises UsageError where it cannot be read."""
    try:
        source = Path(os.path.expanduser(path)).read_bytes()
    except OSError as error:
        found, hint = explain_refusal(error, "A relative path starts where you are.")
        raise UsageError(f"the file {path}", found, hint) from error
    return source, digest(source)


def digest(source: bytes) -> str:
    """Return the first digits of a content's sha256."""
    return hashlib.sha256(source).hexdigest()[:16]


def digest_of(name: str) -> str:
    """Return the digits that a file term is pinned by, of the file as it is; raises UsageError as above."""
    return source_of(name.partition("@")[0].rpartition(":")[0])[1]


def opened(path: str, pin: str = "") -> ModuleType:
    """Return the module of a file, run once for as long as its content stays; its name holds the hash."""
    if pin and PREFIX + pin in sys.modules:  # a file that is edited while runs wait leaves them as planned
        return sys.modules[PREFIX + pin]
    path = os.path.expanduser(path)
    source, found = source_of(path)
    if pin and found != pin:
        raise UsageError(f"the file {path}@{pin}", "it was changed since", "Name it without the @.")
    return run_source(path, source)


def list_sources() -> list[tuple[str, bytes]]:
    """Return path and content of each file that was run here, so that another process can run them."""
    loaders = [
        getattr(module, "__loader__", None) for name, module in sys.modules.items() if name.startswith(PREFIX)
    ]
    return [(loader.path, loader.source) for loader in loaders if isinstance(loader, Kept)]


def run_source(path: str, source: bytes) -> ModuleType:
    """Return the module that a file's content makes, run once in a process.

    Args:
        path: where the file lies or lay.
        source: its content.

    Raises:
        ProbekitError: it raises.
    """
    name = PREFIX + digest(source)
    if name in sys.modules:
        return sys.modules[name]
    loader = Kept(str(Path(path).resolve()), source)
    spec = importlib.util.spec_from_loader(name, loader, origin=loader.path)
    assert spec is not None
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with hosted():
            loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        hint = missing(error) or "Mend it. A file stands alone; for several, `probekit new`."
        raise ProbekitError(f"the file {path}", f"it cannot be run ({reason(error)})", hint) from error
    return module

"""A release is an installed distribution whose files are as it was published: its version says all of it."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution

MAX_BYTES = 64 << 20
"""Distributions with more bytes are not hashed; they count as not released."""
DEVELOPMENT = re.compile(r"[-_.]?dev\d*", re.IGNORECASE)
REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*")


@functools.cache
def pinned_versions(name: str) -> dict[str, str] | None:
    """Return the versions of a release and of all that it requires and that is installed.

    Cached for the process, as the code that it has loaded is.

    Returns:
        Versions by distribution name; None where the version of one of them does not say what its code is: an
        editable install, one from a folder or a repository, a development version, an edited file.
    """
    versions: dict[str, str] = {}
    waiting = [name]
    while waiting:
        required = waiting.pop()
        if required in versions:
            continue
        try:
            found = distribution(required)
            if is_mutable(found) or (required == name and is_edited(found)):
                return None
            versions[required] = str(found.version)
            waiting += [
                _normalise(line)
                for line in found.requires or ()
                if required == name or "extra ==" not in line  # its own extras may be what it runs on
            ]
        except PackageNotFoundError:  # a requirement of another system, or one that is left out here
            if required == name:
                return None
        except (OSError, ValueError, KeyError, TypeError):  # its metadata cannot be read
            return None
    return versions


def is_mutable(found: Distribution) -> bool:
    """Return whether a distribution may change without a new version."""
    return found.read_text("direct_url.json") is not None or bool(DEVELOPMENT.search(str(found.version)))


def is_edited(found: Distribution) -> bool:
    """Return whether a file of a distribution differs from its RECORD, or that cannot be told."""
    files = [file for file in found.files or () if file.hash is not None]
    if not files or sum(file.size or 0 for file in files) > MAX_BYTES:
        return True
    return not all(map(_is_intact, files))


def _is_intact(file: PackagePath) -> bool:
    assert file.hash is not None
    try:
        digest = hashlib.new(file.hash.mode, file.read_binary()).digest()
    except (OSError, ValueError):
        return False
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == file.hash.value


def _normalise(requirement: str) -> str:
    """Return the name in a requirement, in the one spelling that names are compared by."""
    match = REQUIREMENT.match(requirement)
    return re.sub(r"[-_.]+", "-", match.group() if match else requirement).lower()

"""A release is an installed distribution whose version identifies its code: its files are as published."""

from __future__ import annotations

import base64
import csv
import functools
import hashlib
import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

MAX_BYTES = 64 << 20
"""Larger distributions are not hashed; they do not count as releases."""
DEVELOPMENT = re.compile(r"[-_.]?dev\d*", re.IGNORECASE)
REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*")


@functools.cache
def pinned_versions(name: str) -> dict[str, str] | None:
    """Return the versions of a release and of its installed requirements.

    The result is cached, as the process does not reload code either.

    Returns:
        Versions by distribution name. None if one of the versions does not identify its code: an editable
        install, one from a folder or a repository, a development version, an edited file.
    """
    versions: dict[str, str] = {}
    pending = [name]
    while pending:
        required = pending.pop()
        if required in versions:
            continue
        try:
            installed = distribution(required)
            if is_mutable(installed) or (required == name and is_edited(installed)):
                return None
            versions[required] = str(installed.version)
            pending += [
                _normalise(line)
                for line in installed.requires or ()
                if required == name or "extra ==" not in line  # the run may need its own extras
            ]
        except PackageNotFoundError:  # it is for another system, or not installed
            if required == name:
                return None
        except (OSError, ValueError, KeyError, TypeError):  # its metadata cannot be read
            return None
    return versions


def is_mutable(installed: Distribution) -> bool:
    """Return whether a distribution may change without a new version."""
    from_url = installed.read_text("direct_url.json") is not None
    return from_url or bool(DEVELOPMENT.search(str(installed.version)))


def is_edited(installed: Distribution) -> bool:
    """Return whether a file of a distribution differs from its RECORD; True if that is unknown."""
    rows = csv.reader((installed.read_text("RECORD") or "").splitlines())
    hashes = {path: digest for path, digest, *_ in rows if digest}
    paths = {path: Path(str(installed.locate_file(path))) for path in hashes}
    try:
        if not hashes or sum(path.stat().st_size for path in paths.values()) > MAX_BYTES:
            return True
        return not all(hash_record(path, hashes[name]) == hashes[name] for name, path in paths.items())
    except (OSError, ValueError):  # a file is gone; no such hash function
        return True


def hash_record(path: Path, digest: str) -> str:
    """Return the hash of a file as RECORD has it, by the function that another such hash names."""
    mode = digest.partition("=")[0]
    content = hashlib.new(mode, path.read_bytes()).digest()
    return f"{mode}={base64.urlsafe_b64encode(content).rstrip(b'=').decode()}"


def _normalise(requirement: str) -> str:
    """Return the normalised distribution name of a requirement."""
    match = REQUIREMENT.match(requirement)
    return re.sub(r"[-_.]+", "-", match.group() if match else requirement).lower()

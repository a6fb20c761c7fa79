"""The disk gives and takes whole files: regular ones, of bounded size, reached through no link."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from probekit.errors import StoreError

ANEW = "Type --force to run anew beside it; nothing is deleted."
ROOM = "Make room, or name another place with --store DIR; the same command then goes on."
SAFE = os.O_NOFOLLOW | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE


def read(path: Path, most: int) -> bytes:
    """Return a file's content, of `most` bytes or fewer.

    Raises StoreError where it is missing, larger, a link, a pipe, a device or a folder: a store may have been
    written by anyone.
    """
    asked = f"reading {path}"
    try:
        # without waiting for the other end of a pipe
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | SAFE)
        with open(handle, "rb") as file:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode):
                raise StoreError(asked, "it is no regular file", ANEW)
            if about.st_size > most:
                raise StoreError(asked, f"it has {about.st_size:,} bytes, more than {most:,}", ANEW)
            content = file.read(most + 1)
    except OSError as error:
        linked = path.is_symlink()
        found = "it is a link, which is not followed" if linked else error.strerror or str(error)
        raise StoreError(asked, found, ANEW) from error
    if len(content) > most:
        raise StoreError(asked, f"it grew beyond {most:,} bytes while it was read", ANEW)
    return content


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; raises StoreError where the disk refuses.

    The draft has a name that nobody can foresee and is opened anew, so that it is no link laid out for it.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.draft")
    try:
        with open(os.open(draft, NEW, 0o666), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise StoreError(f"writing {path}", error.strerror or str(error), ROOM) from error


def append(path: Path, content: bytes) -> None:
    """Append to a file; raises StoreError where the disk refuses or the path is a link."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | SAFE, 0o666), "ab") as file:
            file.write(content)
    except OSError as error:
        raise StoreError(f"writing {path}", error.strerror or str(error), ROOM) from error


def sync(path: Path) -> None:
    """See to it that what was appended outlives a loss of power."""
    try:
        with open(os.open(path, os.O_RDONLY | SAFE), "rb") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"writing {path}", error.strerror or str(error), ROOM) from error

"""The disk gives and takes whole files: regular ones, of bounded size, reached through no link."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from probekit.errors import StoreError, explain_refusal

ANEW = "Type --force to run anew beside it; nothing is deleted."
ROOM = "Make room, or name another place with --store DIR; the same command then goes on."
# through no link, and without waiting for the other end of a pipe
SAFE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE
NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EACCES})
"""How a disk says that it syncs no folders, and a folder that it may not be read."""


def read(path: Path, most: int) -> bytes:
    """Return a file's content, of `most` bytes or fewer.

    Raises StoreError where it is missing, larger, a link, a pipe, a device or a folder: a store may have been
    written by anyone.
    """
    with _opened(path) as (file, size):
        if size > most:
            raise StoreError(f"reading {path}", f"it has {size:,} bytes, more than {most:,}", ANEW)
        content = file.read(size + 1)  # as large a room is set apart at once as is asked for
        if len(content) > size:
            content += file.read(most + 1 - len(content))
    if len(content) > most:
        raise StoreError(f"reading {path}", f"it grew beyond {most:,} bytes while it was read", ANEW)
    return content


def tail(path: Path, most: int) -> bytes:
    """Return a file's last bytes, `most` or fewer; raises StoreError as `read` does, but for its size."""
    with _opened(path) as (file, size):
        file.seek(max(0, size - most))
        return file.read(most)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file to read it, and give its size."""
    asked = f"reading {path}"
    try:
        with open(os.open(path, os.O_RDONLY | SAFE), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise StoreError(asked, "it is no regular file", ANEW)
            yield file, about.st_size
    except (OSError, MemoryError) as error:
        found, hint = explain_refusal(error, ANEW, path)
        if os.path.islink(path):
            found = "it is a link, which is not followed"
        raise StoreError(asked, found, hint) from error


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
    except (OSError, MemoryError) as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise refused(path, error) from error
    sync_folder(path.parent)


def fresh(path: Path) -> BinaryIO:
    """Open a file to write it as it comes, in place of what lies there; raises StoreError where the disk
    refuses."""
    try:
        path.unlink(missing_ok=True)
        return open(os.open(path, NEW, 0o666), "wb")
    except (OSError, MemoryError) as error:
        raise refused(path, error) from error


def append(path: Path, content: bytes) -> None:
    """Append to a file; raises StoreError where the disk refuses or the path is a link or a pipe."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | SAFE, 0o666), "ab") as file:
            file.write(content)
    except (OSError, MemoryError) as error:
        raise refused(path, error) from error


def remove(path: Path) -> None:
    """Remove a file if it is there; raises StoreError where the disk refuses."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"removing {path}", *explain_refusal(error, ROOM, path)) from error


def sync(path: Path) -> None:
    """See to it that what was appended outlives a loss of power."""
    try:
        with open(os.open(path, os.O_RDONLY | SAFE), "rb") as file:
            os.fsync(file.fileno())
    except (OSError, MemoryError) as error:
        raise refused(path, error) from error


def sync_folder(path: Path) -> None:
    """See to it that what was renamed within a folder stays so after a loss of power.

    Raises:
        StoreError: The disk refuses.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise refused(path, error) from error


def copy(source: Path, target: Path) -> None:
    """Copy a regular file to where there is none, with its times, so that it outlives a loss of power.

    Raises:
        StoreError: The source cannot be read, or the disk does not take the copy.
    """
    with _opened(source) as (file, _):
        try:
            with open(os.open(target, NEW, 0o666), "wb") as copied:
                shutil.copyfileobj(file, copied)
                copied.flush()
                times = os.fstat(file.fileno())
                os.utime(copied.fileno(), ns=(times.st_atime_ns, times.st_mtime_ns))
                os.fsync(copied.fileno())
        except (OSError, MemoryError) as error:
            raise refused(target, error) from error


def refused(path: Path, error: BaseException) -> StoreError:
    """Return the error that says why a file or folder could not be written."""
    return StoreError(f"writing {path}", *explain_refusal(error, ROOM, path))

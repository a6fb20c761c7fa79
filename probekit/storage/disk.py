"""Disk access to whole files: regular ones, of bounded size, reached through no link."""

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

from probekit.plugin.errors import StoreError, explain_os_error

FORCE_HINT = "Type --force to start a new run; nothing is deleted."
SPACE_HINT = "Free disk space, or name another folder with --store DIR; then type the same command again."
# follow no link, and do not wait for the other end of a pipe
SAFE_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_FLAGS
NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EACCES})
"""Errors of disks that cannot sync folders, and of folders that may not be read."""


def read_file(path: Path, most: int) -> bytes:
    """Return a file's content.

    Args:
        path: The file.
        most: The largest allowed size in bytes.

    Raises:
        StoreError: The file is missing, too large, a link, a pipe, a device or a folder: anyone may have
            written the store.
    """
    with _open_regular(path) as (file, size):
        if size > most:
            raise StoreError(f"reading {path}", f"it has {size:,} bytes, more than {most:,}", FORCE_HINT)
        content = file.read(size + 1)  # read() reserves the whole size that is asked for
        if len(content) > size:
            content += file.read(most + 1 - len(content))
    if len(content) > most:
        raise StoreError(f"reading {path}", f"it grew beyond {most:,} bytes while it was read", FORCE_HINT)
    return content


def read_tail(path: Path, most: int) -> bytes:
    """Return at most `most` bytes from a file's end; raises as `read_file`, but not for a large file."""
    with _open_regular(path) as (file, size):
        file.seek(max(0, size - most))
        return file.read(most)


@contextlib.contextmanager
def _open_regular(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file for reading; yields the file and its size."""
    request = f"reading {path}"
    try:
        with open(os.open(path, os.O_RDONLY | SAFE_FLAGS), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise StoreError(request, "it is not a regular file", FORCE_HINT)
            yield file, status.st_size
    except (OSError, MemoryError) as error:
        problem, hint = explain_os_error(error, FORCE_HINT, path)
        if os.path.islink(path):
            problem = "it is a link, and probekit does not follow links"
        raise StoreError(request, problem, hint) from error


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; raises StoreError if the disk refuses.

    The draft's name is random and the file must be new, so that nobody can plant a link there.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.draft")
    try:
        with open(os.open(draft, CREATE_FLAGS, 0o666), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except (OSError, MemoryError) as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise explain_write_error(path, error) from error
    sync_folder(path.parent)


def create_file(path: Path) -> BinaryIO:
    """Replace a file by a new one, open for writing; raises StoreError if the disk refuses."""
    try:
        path.unlink(missing_ok=True)
        return open(os.open(path, CREATE_FLAGS, 0o666), "wb")
    except (OSError, MemoryError) as error:
        raise explain_write_error(path, error) from error


def append_bytes(path: Path, content: bytes) -> None:
    """Append to a file; raises StoreError if the disk refuses or the path is a link or a pipe."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | SAFE_FLAGS, 0o666), "ab") as file:
            file.write(content)
    except (OSError, MemoryError) as error:
        raise explain_write_error(path, error) from error


def remove_file(path: Path) -> None:
    """Remove a file if it exists; raises StoreError if the disk refuses."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"removing {path}", *explain_os_error(error, SPACE_HINT, path)) from error


def sync_file(path: Path) -> None:
    """Flush a file to disk, so that it survives a power loss; raises StoreError if the disk refuses."""
    try:
        with open(os.open(path, os.O_RDONLY | SAFE_FLAGS), "rb") as file:
            os.fsync(file.fileno())
    except (OSError, MemoryError) as error:
        raise explain_write_error(path, error) from error


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to disk, so that renames survive a power loss.

    Raises:
        StoreError: The disk refuses.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise explain_write_error(path, error) from error


def copy_file(source: Path, target: Path) -> None:
    """Copy a regular file with its times to a new path, so that the copy survives a power loss.

    Raises:
        StoreError: The source cannot be read, the target exists, or the disk refuses.
    """
    with _open_regular(source) as (file, _):
        try:
            with open(os.open(target, CREATE_FLAGS, 0o666), "wb") as duplicate:
                shutil.copyfileobj(file, duplicate)
                duplicate.flush()
                status = os.fstat(file.fileno())
                os.utime(duplicate.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
                os.fsync(duplicate.fileno())
        except (OSError, MemoryError) as error:
            raise explain_write_error(target, error) from error


def explain_write_error(path: Path, error: BaseException) -> StoreError:
    """Return the error that explains why a file or folder could not be written."""
    return StoreError(f"writing {path}", *explain_os_error(error, SPACE_HINT, path))

"""A run's lock: one process holds a folder, and the lock is freed when that process dies.

It has two parts. The OS lock, which the kernel frees when its owner dies, decides on one machine, even if a
process sleeps for long. On a shared disk the OS lock may not reach other machines, so a lease decides: a file
that its owner touches; a process that sees it untouched for `LIFE`, by its own clock, may take it over.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, SoftFileLease, Timeout

from probekit.plugin.errors import FOLDER_GONE, StoreError, explain_os_error
from probekit.storage.disk import SAFE_FLAGS, SPACE_HINT

LOCK, LEASE = ".lock", ".lease"
LIFE, BEAT = 120.0, 20.0
"""Seconds after which an untouched lease may be taken over, and between two touches."""
MAX_EMPTY = 1.0
"""Seconds that a lease may be empty; a process that makes one writes into it at once."""
POLL = 0.5
"""Seconds between two attempts to take a lock that another process holds."""
UNWRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT})
"""Errors of a folder that can be read but not locked."""
SETTLED = LIFE + BEAT
"""Seconds after which the owner of a lock that is still held is alive."""


class RunLocked(StoreError):
    """Another process runs this run.

    Attributes:
        owner: The owner's host and process, if known.
        is_alive: Whether the owner is alive for sure, as this machine's OS lock is held.
    """

    def __init__(self, path: Path, owner: str = "", is_alive: bool = False) -> None:
        problem = f"another process is running it{f' ({owner})' if owner else ''}"
        super().__init__(f"running in {path}", problem, "Wait for it, or use another --store DIR.")
        self.owner, self.is_alive = owner, is_alive


class RunLock:
    """A folder's OS lock and lease."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.system_lock = FileLock(path / LOCK, fallback_to_soft=False)
        self.lease = SoftFileLease(path / LEASE, lease_duration=LIFE, heartbeat_interval=BEAT)
        self.has_system_lock = False

    def describe_owner(self) -> str:
        """Return the lease's owner, as "process 12 on host"; "" if there is none or it cannot be read."""
        owner = self.lease.owner
        return "" if owner is None else f"process {owner.pid} on {owner.hostname}"

    def acquire(self, timeout: float) -> None:
        """Take both locks; the OS lock, once taken, is kept between two calls.

        Raises:
            Timeout: Another process holds one of them after `timeout` seconds.
            OSError: The disk refuses.
        """
        if not self.path.is_dir():  # the lock would create the folder
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path))
        if not self.has_system_lock:
            # on a disk without OS locks, the lease alone decides
            with contextlib.suppress(NotImplementedError):
                self.system_lock.acquire(timeout=timeout, poll_interval=POLL / 5)
            self.has_system_lock = True
        self._drop_empty_lease()
        self.lease.acquire(timeout=timeout, poll_interval=POLL / 5)

    def _drop_empty_lease(self) -> None:
        """Remove a lease whose owner was killed before it wrote its name: nothing else ever would."""
        path, start, inode = self.path / LEASE, time.monotonic(), None
        with contextlib.suppress(FileNotFoundError):
            while (status := path.lstat()).st_size == 0 and inode in (None, status.st_ino):
                if not stat.S_ISREG(status.st_mode):
                    return
                inode = status.st_ino
                if time.monotonic() - start > MAX_EMPTY:
                    path.unlink()
                time.sleep(POLL / 5)

    def check_lease(self) -> None:
        """Raise StoreError if another process took the lease because this one went silent for long."""
        if (lost := self.lease.compromise) is None:
            return
        if not self.path.is_dir():
            raise StoreError(f"running in {self.path}", *FOLDER_GONE)
        owner = self.describe_owner() or "another process"
        problem = f"its lock was lost ({lost.reason}), perhaps in standby, and {owner} runs it now"
        raise StoreError(
            f"running in {self.path}", problem, "Type the same command again: it shows the result."
        )

    def release(self) -> None:
        """Release both locks."""
        self.lease.release()
        self.system_lock.release()


@contextlib.contextmanager
def lock_folder(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[RunLock]:
    """Hold a folder's lock.

    On one machine the lock ends with its process; if the machine disappears, within `LIFE` seconds.

    Args:
        path: The folder.
        waiting: Called repeatedly while another process holds the lock; may raise to stop waiting. None
            to not wait.

    Raises:
        RunLocked: Another process holds the lock, and `waiting` is None.
        StoreError: The disk refuses.
    """
    lock, is_acquired = RunLock(path), False
    try:
        while not is_acquired:
            try:
                lock.acquire(0 if waiting is None else POLL)
                is_acquired = True
            except Timeout:
                if waiting is None:
                    raise RunLocked(path, lock.describe_owner(), not lock.has_system_lock) from None
                waiting()
            except OSError as error:
                raise StoreError(
                    f"locking {path}", *explain_os_error(error, SPACE_HINT, path / LOCK)
                ) from error
        yield lock
    finally:
        lock.release()


@contextlib.contextmanager
def lock_for_reading(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a folder's lock while it is read.

    On a read-only disk no lock can be taken; then this only checks that no other process holds it.

    Args:
        path: The folder.
        waiting: As for `lock_folder`.

    Raises:
        RunLocked: Another process holds the lock.
        StoreError: The disk refuses.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock_folder(path, waiting))
        except StoreError as error:
            cause = error.__cause__
            if not isinstance(cause, OSError) or cause.errno not in UNWRITABLE:
                raise
            while is_locked(path):
                if waiting is None:
                    raise RunLocked(path, RunLock(path).describe_owner()) from None
                waiting()
                time.sleep(POLL)
        yield


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock of a folder that cannot be written.

    A lease of this machine does not count if the OS lock is free: its owner has died.
    """
    is_free = False
    with contextlib.suppress(OSError):
        descriptor = os.open(path / LOCK, os.O_RDONLY | SAFE_FLAGS)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            is_free = True
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    owner = RunLock(path).lease.owner
    if owner is None or (is_free and owner.hostname == socket.gethostname()):
        return False
    try:
        return abs(time.time() - (path / LEASE).lstat().st_mtime) < LIFE
    except OSError:
        return False

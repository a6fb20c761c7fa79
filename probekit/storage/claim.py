"""A claim is one process's hold of a folder: it names host and process, beats, and dies with them.

Two locks make it. The system's own, freed by the kernel when its holder dies, decides on one machine, also
where a process sleeps for long. Over a shared disk, where it may hold nothing, a lease decides: a file that
its holder touches; who sees it untouched for `LIFE`, by a clock of its own, may take it.
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

from probekit.errors import GONE, StoreError, explain_refusal
from probekit.storage.disk import ROOM, SAFE

LOCK, LEASE = ".lock", ".lease"
LIFE, BEAT = 120.0, 20.0
"""Seconds after which an untouched lease may be taken over, and between two touches."""
UNWRITTEN = 1.0
"""Seconds that a lease may be empty; who makes one writes into it at once."""
PATIENCE = 0.5
"""Seconds between two looks at how far another process is."""
NO_WRITING = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT})
"""Why a folder that can be read takes no lock."""
SETTLED = LIFE + BEAT
"""Seconds of waiting after which a claim that is still held has a holder that lives."""


class Claimed(StoreError):
    """Another process is at a run; by: its host and process, where they are known; lives: whether it is sure
    to be there, since this machine's own lock says so."""

    def __init__(self, path: Path, by: str = "", lives: bool = False) -> None:
        found = f"another process is running it{f' ({by})' if by else ''}"
        super().__init__(f"running in {path}", found, "Wait for it, or give another --store DIR.")
        self.by, self.lives = by, lives


class Claim:
    """A folder's locks, held by this process or not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = FileLock(path / LOCK, fallback_to_soft=False)
        self.lease = SoftFileLease(path / LEASE, lease_duration=LIFE, heartbeat_interval=BEAT)
        self.mine = False

    def holder(self) -> str:
        """Return who holds the lease, as "process 12 on host"; "" where nobody does, or it cannot be read."""
        owner = self.lease.owner
        return "" if owner is None else f"process {owner.pid} on {owner.hostname}"

    def take(self, timeout: float) -> None:
        """Take both locks; raises Timeout where another holds one after so many seconds, OSError where the
        disk refuses. Once it is taken, the system's lock is kept between two tries."""
        if not self.path.is_dir():  # it would be made anew by who locks it
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path))
        if not self.mine:
            # a disk that has no such lock is left to the lease
            with contextlib.suppress(NotImplementedError):
                self.lock.acquire(timeout=timeout, poll_interval=PATIENCE / 5)
            self.mine = True
        self.drop_empty_lease()
        self.lease.acquire(timeout=timeout, poll_interval=PATIENCE / 5)

    def drop_empty_lease(self) -> None:
        """Remove a lease whose holder was killed before it wrote who it is: nothing else ever would."""
        path, begun, first = self.path / LEASE, time.monotonic(), None
        with contextlib.suppress(FileNotFoundError):
            while (found := path.lstat()).st_size == 0 and first in (None, found.st_ino):
                if not stat.S_ISREG(found.st_mode):
                    return
                first = found.st_ino
                if time.monotonic() - begun > UNWRITTEN:
                    path.unlink()
                time.sleep(PATIENCE / 5)

    def check(self) -> None:
        """Raise StoreError where another process took the lease, as this one was not heard of for long."""
        if (lost := self.lease.compromise) is not None:
            if not self.path.is_dir():
                raise StoreError(f"running in {self.path}", *GONE)
            found = (
                f"its claim was lost ({lost.reason}), as after a sleep: {self.holder() or 'somebody'} has it"
            )
            raise StoreError(f"running in {self.path}", found, "The same command shows what came of it.")

    def free(self) -> None:
        """Release both locks."""
        self.lease.release()
        self.lock.release()


@contextlib.contextmanager
def claimed(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[Claim]:
    """Hold a folder alone.

    waiting: called now and then while another process holds it, and may raise to end the waiting; without it
    that raises Claimed. A claim does not outlive the process on one machine, nor its machine by more than
    `LIFE` seconds. Raises StoreError where the disk refuses.
    """
    claim, held = Claim(path), False
    try:
        while not held:
            try:
                claim.take(0 if waiting is None else PATIENCE)
                held = True
            except Timeout:
                if waiting is None:
                    raise Claimed(path, claim.holder(), not claim.mine) from None
                waiting()
            except OSError as error:
                raise StoreError(f"locking {path}", *explain_refusal(error, ROOM, path / LOCK)) from error
        yield claim
    finally:
        claim.free()


@contextlib.contextmanager
def held_to_read(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a folder while it is read.

    Where nothing can be written, as on a read-only disk, it is not held: it is then looked at whether
    another process holds it.

    Args:
        path: The folder.
        waiting: As for `claimed`.

    Raises:
        Claimed: Another process is at it.
        StoreError: The disk refuses.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(claimed(path, waiting))
        except StoreError as error:
            cause = error.__cause__
            if not isinstance(cause, OSError) or cause.errno not in NO_WRITING:
                raise
            while is_held(path):
                if waiting is None:
                    raise Claimed(path, Claim(path).holder()) from None
                waiting()
                time.sleep(PATIENCE)
        yield


def is_held(path: Path) -> bool:
    """Tell whether a process holds a folder in which nothing can be written.

    A lease of this machine says nothing where the system's lock is free: its holder has died.
    """
    is_free = False
    with contextlib.suppress(OSError):
        handle = os.open(path / LOCK, os.O_RDONLY | SAFE)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            is_free = True
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
    owner = Claim(path).lease.owner
    if owner is None or (is_free and owner.hostname == socket.gethostname()):
        return False
    try:
        return abs(time.time() - (path / LEASE).lstat().st_mtime) < LIFE
    except OSError:
        return False

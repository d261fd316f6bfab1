"""A lock between processes that ends with its holder, however the holder ends.

The kernel keeps it: ``flock`` where there is one, a locked byte on Windows.  A file that
merely exists would outlive a killed process and lock everybody out.  The lock file itself
stays where it is: removing it would let two processes lock two files of one name.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from weakref import WeakSet

__all__ = ["FileLock"]

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


class FileLock:
    """An exclusive lock, also against another one on the same file in this process.

    Never waits.  On a network file system it is as good as that system's locks.  A forked
    child does not hold it.

    Args:
        path: The lock file; made if need be, for its owner only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock; return whether it was free.

        Raises:
            OSError: the file cannot be made, or the file system has no locks.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _try_lock(descriptor)
        except (BlockingIOError, PermissionError):  # how POSIX and Windows say: taken
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        _held.add(self)
        return True

    def release(self) -> None:
        """Give it back; not an error if it was not held."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            _held.discard(self)
            try:
                # Closing is not enough: a descriptor that a fork has copied holds it, too.
                _unlock(descriptor)
            finally:
                os.close(descriptor)

    def leave_to_parent(self) -> None:
        """Close the copy that a forked child has of it; unlocked, it would be the parent's."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


_held: WeakSet[FileLock] = WeakSet()


def _leave_all_to_parent() -> None:
    for lock in list(_held):
        lock.leave_to_parent()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all_to_parent)

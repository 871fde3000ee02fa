"""Locks on open files. They end with their process, however it ends; some file systems know none."""

import errno
import fcntl

_LOCKLESS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}  # as on some clusters


def take(handle: int, kind: int = fcntl.LOCK_EX | fcntl.LOCK_NB) -> bool | None:
    """Lock an open file as `fcntl.flock` does; False where another has it, None where there are no locks."""
    try:
        fcntl.flock(handle, kind)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _LOCKLESS:
            raise
        return None
    return True

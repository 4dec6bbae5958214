"""Atomic writes, and locks between processes."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; it takes `target`'s place only on success.

    A reader therefore sees the old file or the new one, never half of one. A killed writer leaves a
    stray `.partial` file at most.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last because some writers look at it.
    name = f".{target.stem}.{secrets.token_hex(8)}.partial{target.suffix}"
    temporary = target.with_name(name)
    # Made here so that its permissions follow the umask, whatever the writer would choose.
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def file_lock(lock: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock file, made if needed; the system lets go of it when a process is killed.

    `waiting` is called before another process or thread that holds it is waited for.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        waiting()
        held.acquire()
    try:
        yield
    finally:
        held.release()

"""Where llmpert keeps what it computes, atomic writes, and fingerprints of content."""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import platformdirs
from filelock import FileLock, Timeout


def home() -> Path:
    """The folder for imported data and cached results: `LLMPERT_HOME` or the platform's own."""
    chosen = os.environ.get("LLMPERT_HOME")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("llmpert", appauthor=False))


def shipped() -> Path:
    """The repository's `data/` folder: what comes with every clone."""
    return Path(__file__).resolve().parent.parent / "data"


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; it takes `target`'s place only on success.

    A reader therefore sees the old file or the new one, never half of one, and two writers of the
    same content cannot corrupt each other. A killed writer leaves a stray `.partial` file at most.
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
def alone(lock: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock file, made if needed; the system lets go of it when a process is killed.

    Parameters
    ----------
    waiting:
        Called before waiting for another process or thread that holds it.
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


def fingerprint(*parts: object) -> str:
    """SHA-256 (first 16 hex digits) of arrays by dtype, shape and bytes, the rest by repr."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            if part.dtype.kind in "OUT":
                digest.update(repr(part.tolist()).encode())
            else:
                digest.update(f"{part.dtype}{part.shape}".encode())
                digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode())
        digest.update(b"\x1f")
    return digest.hexdigest()[:16]

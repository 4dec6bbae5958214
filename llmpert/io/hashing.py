"""Content that stays as it is: read-only arrays, and fingerprints."""

import hashlib
from functools import cached_property
from typing import Any, ClassVar

import numpy as np


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


def frozen(values: np.ndarray) -> np.ndarray:
    """Return values as float32, in C order and read-only: the same array where it is so already."""
    same = isinstance(values, np.ndarray) and not values.flags.writeable
    found = np.array(values, dtype=np.float32, order="C", copy=None if same else True)
    found.setflags(write=False)
    return found


class HasProvenance:
    """An object with a provenance, and a fingerprint of its content.

    Attributes:
        provenance: JSON values. `simulated` (bool) marks what a simulation made; `identity`, where
            present, stands for the content in `fingerprint`.
    """

    provenance: dict[str, Any]
    _format: ClassVar[tuple[object, ...]] = ()
    """What else the fingerprint depends on."""

    @property
    def simulated(self) -> bool:
        """Whether it comes from a simulation rather than an experiment."""
        return bool(self.provenance.get("simulated", False))

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that name this content; cached results are filed under it."""
        identity = self.provenance.get("identity")
        return fingerprint(*self._format, *(self._content() if identity is None else (identity,)))

    def _content(self) -> tuple[object, ...]:
        raise NotImplementedError

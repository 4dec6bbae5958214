"""Arrays that are shared and never changed."""

import numpy as np


def frozen(values: np.ndarray) -> np.ndarray:
    """Return values as float32, in C order and read-only: the same array where it is so already."""
    same = isinstance(values, np.ndarray) and not values.flags.writeable
    found = np.array(values, dtype=np.float32, order="C", copy=None if same else True)
    found.setflags(write=False)
    return found

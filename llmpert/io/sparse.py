"""Sparse matrices from outside: SciPy trusts their indices and would read and write beside them."""

import numpy as np
from scipy import sparse

from llmpert.errors import InputError


def check_sparse(matrix: "sparse.csr_matrix | sparse.csc_matrix") -> None:
    """Raise unless every index is within the matrix.

    SciPy's own full check subtracts pointers in 32 bits, where one that is far below 0 passes for
    one above the last.

    Raises:
        InputError: That is so, or the parts do not fit each other.
    """
    major, minor = matrix.shape if matrix.format == "csr" else matrix.shape[::-1]
    pointers = matrix.indptr.astype(np.int64)
    fits = (
        matrix.indices.dtype.kind == matrix.indptr.dtype.kind == "i"
        and len(pointers) == major + 1
        and pointers[0] == 0
        and (np.diff(pointers) >= 0).all()
        and pointers[-1] == len(matrix.indices) == len(matrix.data)
        and (not pointers[-1] or (matrix.indices.min() >= 0 and matrix.indices.max() < minor))
    )
    if not fits:
        raise InputError("expected a sparse matrix with indices inside it, found others.")

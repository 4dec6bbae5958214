"""Counting the matrix algebra of a fit, to compare its time with that of matrix products."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch


@dataclass
class Work:
    """Floating-point operations by precision, and Cholesky factorisations by size.

    Products, factorisations, inverses, triangular solves and eigendecompositions count, each with
    the operations of its textbook algorithm; kernels (exponentials) and sums over entries do not.
    """

    operations: Counter[str] = field(default_factory=Counter)
    factorised: Counter[int] = field(default_factory=Counter)

    def seconds_at(self, rates: dict[str, float]) -> float:
        """Seconds at so many GFLOP/s in each precision."""
        return sum(count / rates[name] / 1e9 for name, count in self.operations.items())


@contextmanager
def counted() -> Iterator[Work]:
    """Count what torch and SciPy are asked to do."""
    import scipy.linalg
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    work = Work()
    aten = torch.ops.aten
    # A product of n x k and k x m; the others of n x n, with m columns on the right-hand side.
    formulas = {
        aten.mm: lambda a, b: 2 * a.shape[0] * a.shape[1] * b.shape[1],
        aten.addmm_: lambda out, a, b: 2 * a.shape[0] * a.shape[1] * b.shape[1],
        aten.linalg_solve_triangular: lambda a, b: len(a) ** 2 * b.shape[1],
        aten._cdist_forward: lambda a, b: 3 * len(a) * len(b) * a.shape[1],
        aten.linalg_cholesky_ex: lambda a: len(a) ** 3 / 3,
        aten.cholesky_inverse: lambda a: 2 * len(a) ** 3 / 3,
    }

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            name = function.overloadpacket
            if name in formulas:
                matrices = [a for a in arguments if isinstance(a, torch.Tensor)]
                precision = str(matrices[0].dtype).removeprefix("torch.")
                work.operations[precision] += round(formulas[name](*matrices))
                if name is aten.linalg_cholesky_ex:
                    work.factorised[len(matrices[0])] += 1
            return function(*arguments, **(keywords or {}))

    def leading(matrix, **options):
        values, vectors = scipy.linalg.eigh(matrix, **options)
        # To tridiagonal form, and back with each vector that was asked for.
        size, found = vectors.shape
        work.operations["float64"] += round(4 / 3 * size**3 + 2 * size**2 * found)
        return values, vectors

    with (
        patch("llmpert.models.gp.outputs.eigh", leading),
        patch("llmpert.models.gp.solver.eigh", leading),
        Mode(),
    ):
        yield work

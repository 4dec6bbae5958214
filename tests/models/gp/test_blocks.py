"""Blocks of rows, against plain indexing."""

import numpy as np
import pytest
import torch

from llmpert.models.gp.blocks import FEW, blocks, mirrored


@pytest.mark.parametrize("size", [1, 63, 64, FEW, FEW + 1, 600])
def test_blocks_cover_every_row_once(size):
    rows = [row for block in blocks(size) for row in range(size)[block]]
    assert rows == list(range(size))


@pytest.mark.parametrize("size", [1, 2, FEW, FEW + 1, 331])
def test_what_is_above_the_diagonal_is_replaced(size):
    matrix = torch.from_numpy(np.random.default_rng(size).normal(size=(size, size)))
    lower = np.tril(matrix.numpy())
    found = mirrored(matrix)
    assert found is matrix
    np.testing.assert_array_equal(found, lower + np.tril(lower, -1).T)

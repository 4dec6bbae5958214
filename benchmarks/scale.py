"""How the Gaussian process's cost grows with perturbations and genes."""

import math
import time

import numpy as np

from benchmarks.machine import alone, peak_memory

SIZES = (1_419, 4_000, 9_866)
OUTPUTS = (2_000, 8_000)
TEST = 355

SOURCES, COLUMNS = 2, 50
FEATURES = 300
"""Random waves a source that a response is mixed from."""


def table() -> list[list[str]]:
    """A header and a row a number of perturbations; the exponent is that of time since the last."""
    rows = [["training perturbations", *(f"{outputs:,} genes" for outputs in OUTPUTS)]]
    before: dict[int, float] = {}
    for last, size in zip((0, *SIZES), SIZES, strict=False):
        row = [f"{size:,}"]
        for outputs in OUTPUTS:
            seconds, peak = alone(cost, size, outputs)
            words = f"{seconds:.1f} s, {peak / 1e9:.1f} GB"
            if last:
                exponent = math.log(seconds / before[outputs]) / math.log(size / last)
                words += f", N^{exponent:.1f}"
            before[outputs] = seconds
            row.append(words)
        rows.append(row)
    return rows


def cost(size: int, outputs: int) -> tuple[float, int]:
    """Seconds of fit and prediction with standard deviation, and peak memory in bytes."""
    from llmpert.models.gp.regressor import GaussianProcess

    inputs, response = smooth(size + TEST, outputs)
    train, test = inputs[:size], inputs[size:]
    parts = {str(s): slice(s * COLUMNS, (s + 1) * COLUMNS) for s in range(SOURCES)}
    start = time.perf_counter()
    GaussianProcess(parts).fit(train, response[:size]).predict(test, return_std=True)
    return time.perf_counter() - start, peak_memory()


def smooth(size: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of two sources, and responses that are smooth in each, with as much noise.

    The smooth part is a draw from a Gaussian process with an RBF kernel a source, through its
    random Fourier features (Rahimi & Recht 2007). Responses are float32, as those of screens.
    """
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(size, SOURCES * COLUMNS))
    waves = []
    for source in np.split(inputs, SOURCES, axis=1):
        # As long as a typical distance, which is the root of twice the number of columns.
        frequencies = rng.normal(size=(COLUMNS, FEATURES)) / math.sqrt(2 * COLUMNS)
        waves.append(np.cos(source @ frequencies + rng.uniform(0, 2 * np.pi, FEATURES)))
    features = np.hstack(waves).astype(np.float32) / math.sqrt(FEATURES)
    response = features @ rng.normal(size=(features.shape[1], outputs)).astype(np.float32)
    response += rng.standard_normal(response.shape, dtype=np.float32)
    return inputs, response

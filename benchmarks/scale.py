"""How the Gaussian process's cost grows with perturbations and genes."""

import math
import time

import click
import numpy as np

from benchmarks.machine import alone, peak_memory, verdict

SIZES = (1_419, 4_000, 9_866)
OUTPUTS = (2_000, 8_000)
TEST = 355
TARGET_BYTES = 16e9

SOURCES, COLUMNS = 2, 50
FEATURES = 300
"""Random waves a source that a response is mixed from."""


def report() -> None:
    """Print time, memory and the exponent of time for each number of outputs."""
    for outputs in OUTPUTS:
        before: tuple[int, float] | None = None
        for size in SIZES:
            seconds, peak = alone(cost, size, outputs)
            growth = ""
            if before is not None:
                exponent = math.log(seconds / before[1]) / math.log(size / before[0])
                growth = f"; time grows as N^{exponent:.2f} from N = {before[0]:,}"
            before = size, seconds
            click.echo(
                f"N = {size:,}, D = {outputs:,}: {seconds:.1f} s, {peak / 1e9:.1f} GB (target <"
                f" {TARGET_BYTES / 1e9:g} GB: {verdict(peak, TARGET_BYTES)}){growth}"
            )


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

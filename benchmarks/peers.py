"""What a user would run instead: scikit-learn's and GPyTorch's Gaussian processes.

Both get the fold's inputs side by side with one lengthscale for all of them, as the paper's model
has it: kernel variance x RBF + noise. Responses are centred and brought to a common scale before,
which ours does within `fit`. Timed are fit with hyper-parameters, then mean and standard deviation
of the test perturbations.
"""

import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.fold import Fold, measure
from benchmarks.machine import alone

SERIES = (1, 10, 20, 50, 100, 200, 500, 1000, 2000)
"""Numbers of outputs that scikit-learn is tried with."""
PATIENCE, MEMORY = 180.0, 16e9
"""Seconds and bytes that it may take."""

BATCH_OUTPUTS = 10
"""With many more, GPyTorch's batch takes many minutes."""
ADAM_STEPS, ADAM_RATE = 50, 0.1


def rows(fold: Fold, runs: int) -> list[list[str]]:
    """A row a peer beside ours at equal N and D, of the largest D that it was tried with."""
    series = within_patience(lambda outputs: scikit_learn_alone(fold, outputs))
    outputs, seconds = list(series)[-1]
    part = fold.first(BATCH_OUTPUTS)
    return [
        [
            "scikit-learn's `GaussianProcessRegressor`, one kernel for all genes,"
            f" {outputs:,} genes of the fold (as many as take {PATIENCE / 60:g} min)",
            compare(fold.first(outputs), seconds, runs),
        ],
        [
            f"GPyTorch, a batch of one Gaussian process a gene, {BATCH_OUTPUTS} genes,"
            f" {ADAM_STEPS} steps of Adam",
            compare(part, alone(gpytorch_batch, part.inputs, part.response, part.test), runs),
        ],
    ]


def compare(part: Fold, seconds: float, runs: int) -> str:
    """A peer's time beside ours on the same data, in words."""
    ours = {model: alone(measure, model, part, runs).median for model in ("gp", "gp-paper")}
    beside = ", ".join(
        f"`{model}` {median:.2f} s ({seconds / median:.0f} times faster)"
        for model, median in ours.items()
    )
    return f"{seconds:.0f} s; {beside}"


def within_patience(seconds_for: Callable[[int], float | None]) -> Iterator[tuple[int, float]]:
    """Numbers of outputs and their seconds, until the next would take too long.

    Time is taken to grow in a straight line from one number to the next.
    """
    done: list[tuple[int, float]] = []
    for outputs in SERIES:
        if len(done) > 1:
            (fewer, before), (last, seconds) = done[-2:]
            if seconds + (seconds - before) / (last - fewer) * (outputs - last) > PATIENCE:
                return
        here = seconds_for(outputs)
        if here is None:
            return
        done.append((outputs, here))
        yield done[-1]


def scikit_learn_alone(fold: Fold, outputs: int) -> float | None:
    """Seconds in a process of its own; None where the data have less or it would need too much."""
    rows, columns = fold.response.shape
    # Its gradient holds an N x N matrix for every output.
    if outputs > columns or 8 * rows**2 * outputs > MEMORY:
        return None
    part = fold.first(outputs)
    return alone(scikit_learn, part.inputs, part.response, part.test)


def scikit_learn(inputs: np.ndarray, response: np.ndarray, test: np.ndarray) -> float:
    """Seconds of one kernel for all outputs."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    response = _standardised(response)
    start = time.perf_counter()
    model = GaussianProcessRegressor(ConstantKernel() * RBF() + WhiteKernel())
    model.fit(inputs, response)
    model.predict(test, return_std=True)
    return time.perf_counter() - start


def gpytorch_batch(
    inputs: np.ndarray, response: np.ndarray, test: np.ndarray, steps: int = ADAM_STEPS
) -> float:
    """Seconds of as many Gaussian processes as outputs, in one batch.

    Likelihoods are a batch too: the multitask likelihood of GPyTorch's tutorial on
    batch-independent outputs does the same through one matrix of N D rows, and takes longer.
    """
    import gpytorch
    import torch

    batch = torch.Size([response.shape[1]])

    class Batch(gpytorch.models.ExactGP):
        def __init__(self, x, y, likelihood):
            super().__init__(x, y, likelihood)
            self.mean_module = gpytorch.means.ConstantMean(batch_shape=batch)
            self.covar_module = gpytorch.kernels.ScaleKernel(
                gpytorch.kernels.RBFKernel(batch_shape=batch), batch_shape=batch
            )

        def forward(self, x):
            return gpytorch.distributions.MultivariateNormal(
                self.mean_module(x), self.covar_module(x)
            )

    torch.manual_seed(0)
    x, other = torch.from_numpy(inputs).float(), torch.from_numpy(test).float()
    y = torch.from_numpy(_standardised(response).T.copy()).float()
    start = time.perf_counter()
    likelihood = gpytorch.likelihoods.GaussianLikelihood(batch_shape=batch)
    model = Batch(x, y, likelihood)
    objective = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    optimiser = torch.optim.Adam(model.parameters(), lr=ADAM_RATE)
    with warnings.catch_warnings():
        # Of loose tolerances while training, which are its own choice.
        warnings.simplefilter("ignore")
        model.train()
        for _ in range(steps):
            optimiser.zero_grad()
            loss = -objective(model(x), y).sum()
            loss.backward()
            optimiser.step()
        model.eval()
        likelihood.eval()
        with torch.no_grad():
            predicted = likelihood(model(other))
            assert predicted.mean.isfinite().all()
            assert (predicted.variance > 0).all()
    return time.perf_counter() - start


def _standardised(response: np.ndarray) -> np.ndarray:
    centred = response - response.mean(axis=0, dtype=np.float64)
    return centred / np.sqrt(np.square(centred).mean())

"""Linear regression from the embedding to all responses, without and with a penalty."""

import numpy as np
from sklearn.linear_model import LinearRegression, RidgeCV

PENALTIES = np.geomspace(1e-2, 1e3, 16)
"""Beyond both ends of what GenePert offers: 0.1, 1 and 10 are among them."""


class Linear(LinearRegression):
    """Ordinary least squares with an intercept, one regression a gene (Märtens et al. 2024).

    scikit-learn's `LinearRegression`. With fewer training perturbations than inputs it is the
    minimum-norm solution, which fits the training responses exactly.
    """

    def __init__(self) -> None:
        super().__init__()


class Ridge(RidgeCV):
    """Least squares with a penalty on the weights, as in GenePert (Chen & Zou 2024).

    scikit-learn's `RidgeCV`: an intercept, and one of `PENALTIES` for all genes, the one with the
    smallest squared error over the training perturbations, each predicted from the others
    (leave-one-out in closed form).

    As in GenePert, vectors have length 1 before anything else and the penalty is shared by all
    genes. Unlike there, they are reduced to principal components like every model's inputs;
    responses are differences to control, which the intercept makes equivalent to expression; and
    the penalty is chosen within the training part, where GenePert's code reports the best of three
    by their accuracy in the test folds.
    """

    def __init__(self) -> None:
        super().__init__(alphas=PENALTIES)

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """Predict responses for inputs Z (M x K): M x D, where D is 1 too."""
        return super().predict(Z).reshape(len(Z), -1)

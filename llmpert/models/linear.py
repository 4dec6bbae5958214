"""Linear regression from the embedding to all responses."""

from sklearn.linear_model import LinearRegression


class Linear(LinearRegression):
    """Ordinary least squares with an intercept, one regression a gene (Märtens et al. 2024).

    scikit-learn's `LinearRegression`. With fewer training perturbations than inputs it is the
    minimum-norm solution, which fits the training responses exactly.
    """

    def __init__(self) -> None:
        super().__init__()

"""k nearest neighbours in embedding space."""

from sklearn.neighbors import KNeighborsRegressor


class Neighbours(KNeighborsRegressor):
    """Predicts the mean response of the k nearest training genes by Euclidean distance.

    scikit-learn's `KNeighborsRegressor` with the paper's default, k = 1 (Märtens et al. 2024).
    As there, k may not exceed the number of training perturbations.
    """

    def __init__(self, n_neighbors: int = 1) -> None:
        super().__init__(n_neighbors=n_neighbors)

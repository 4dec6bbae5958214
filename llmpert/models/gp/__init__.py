from llmpert.models.gp.regressor import GaussianProcess

__all__ = ["GaussianProcess"]

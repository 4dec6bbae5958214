from llmpert.models.registry import MODELS, ModelSpec

__all__ = ["MODELS", "ModelSpec"]

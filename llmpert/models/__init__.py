from llmpert.models.registry import MODELS, ModelSpec, label

__all__ = ["MODELS", "ModelSpec", "label"]

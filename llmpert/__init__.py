"""llmpert: predict responses to unseen gene knockdowns from language-model gene embeddings.

The names of `llmpert.api` are here too. They are imported when one of them is used first, so that
`import llmpert` alone is quick.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmpert.api import (
        Embedding,
        InputError,
        Model,
        ModelSpec,
        Prediction,
        Screen,
        TrainedModel,
        fit,
        load_model,
        read_embedding,
        read_screen,
        regressor,
        report_card,
        train,
    )

__version__ = "0.1.0"

__all__ = [
    "Embedding", "InputError", "Model", "ModelSpec", "Prediction", "Screen", "TrainedModel", "fit",
    "load_model", "read_embedding", "read_screen", "regressor", "report_card", "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from llmpert import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

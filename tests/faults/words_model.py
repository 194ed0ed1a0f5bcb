"""An embedding model for tests: texts with words in common are near each other."""

import re
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np

from stores.embeddings import EmbeddingModel

_DIMENSIONS = 64


class WordsModel(EmbeddingModel):
    def __init__(self) -> None:
        super().__init__("words", _DIMENSIONS)

    def embed_matrix(self, texts: Sequence[str]) -> Any:
        return np.stack([self.embed_question(text) for text in texts])

    def embed_question(self, text: str) -> Any:
        vector = np.zeros(_DIMENSIONS, np.float32)
        for word in re.findall(r"\w+", text.lower()):
            vector[crc32(word.encode()) % _DIMENSIONS] += 1
        return vector / (np.linalg.norm(vector) or 1)


MODEL = WordsModel()
"""What the setting `python:faults.words_model:MODEL` names."""

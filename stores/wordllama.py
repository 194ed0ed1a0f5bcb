"""The default embedding model: WordLlama, 256 dimensions, without network.

Reads the two files of the installed `wordllama` package directly. Its own loader looks for the
tokenizer in a folder the wheel does not have, sets up logging for the whole process, and gives NaN
for an empty text (wordllama 0.4.0).

A text's vector is the mean of its tokens' vectors, so nearly all the work is in the tokenizer. Its
tokens never reach over the start of a word or of a line: no token of the vocabulary has the word
mark `▁` behind a letter, or a line break at all. Words can therefore be tokenized one by one and
remembered, which gives the same tokens as the whole text, for prose in a third of the time.
"""

import os
import re
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from documents.fingerprints import fingerprint
from stores.embeddings import EmbeddingModel
from stores.errors import EmbeddingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WEIGHTS: Final = "weights/l2_supercat_256.safetensors"
_TOKENIZER: Final = "tokenizers/l2_supercat_tokenizer_config.json"
_TENSOR: Final = "embedding.weight"
_MARK: Final = "▁"
_WORD: Final = re.compile(rf"{_MARK}+[^{_MARK}\n]*|\n[^{_MARK}\n]*")
_LONG_WORD: Final = 40
"""Longer words (links, base64) seldom come again and are not remembered."""

_WORDS_KEPT: Final = 60_000
"""Words remembered, about 12 MB; then the memory starts afresh."""

_JOINED: Final = 1_000
"""Characters of new words that are tokenized together."""

_TOKENS_AT_ONCE: Final = 8_192


class WordLlamaModel(EmbeddingModel):
    """WordLlama's `l2_supercat` in 256 dimensions. Safe to use from several threads."""

    def __init__(self) -> None:
        folder = _package_folder()
        tokenizer = (folder / _TOKENIZER).read_bytes()
        weights = folder / _WEIGHTS
        self._vectors = load_file(os.fspath(weights))[_TENSOR].astype(np.float32)
        self._tokenizer = Tokenizer.from_buffer(tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        vocabulary = self._tokenizer.get_vocab()
        self._by_words = not any(
            _MARK in token.lstrip(_MARK) or "\n" in token for token in vocabulary
        )
        self._begins_word = np.zeros(len(self._vectors), dtype=bool)
        self._begins_word[[i for token, i in vocabulary.items() if token.startswith(_MARK)]] = True
        self._special = tuple(
            token.content for token in self._tokenizer.get_added_tokens_decoder().values()
        )
        # A word mark alone; the tokenizer would leave out a word without letters.
        self._first_words = {"": np.uint16(vocabulary[_MARK]).tobytes()}
        self._words = dict(self._first_words)
        digest = fingerprint(tokenizer + weights.read_bytes())
        super().__init__(f"wordllama:l2_supercat:256:{digest[:8]}", self._vectors.shape[1])

    def embed_matrix(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Unit vectors (n, 256); zeros for a text without any token."""
        sums = np.zeros((len(texts), self.dimensions), np.float32)
        for row, tokens in enumerate(self.tokenize(texts)):
            for first in range(0, len(tokens), _TOKENS_AT_ONCE):
                part = self._vectors.take(tokens[first : first + _TOKENS_AT_ONCE], axis=0)
                sums[row] += np.ones(len(part), np.float32) @ part
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        np.divide(sums, lengths, out=sums, where=lengths > 0)
        return sums

    def tokenize(self, texts: Sequence[str]) -> "list[NDArray[np.uint16]]":
        """The tokens of each text, as the tokenizer gives them without special ones."""
        if not self._by_words:
            return [np.frombuffer(ids, np.uint16) for ids in self._encode(list(texts))]
        # A special token's name written out in a text is one, and cuts the text in two.
        whole = {text for text in texts if any(token in text for token in self._special)}
        split = [[] if text in whole else self._split(text) for text in texts]
        known = self._words
        if len(known) > _WORDS_KEPT:
            known = self._words = dict(self._first_words)
        new = set(chain.from_iterable(split)).difference(known)
        rare = self._learn(new, known) if new else {}
        words_of = known | rare if rare else known
        encoded = dict(zip(whole, self._encode(list(whole)), strict=True)) if whole else {}
        return [
            np.frombuffer(
                encoded[text] if text in encoded else b"".join(map(words_of.__getitem__, words)),
                np.uint16,
            )
            for text, words in zip(texts, split, strict=True)
        ]

    def _split(self, text: str) -> list[str]:
        """The words of a text: what stands between two blanks or begins a line.

        One that begins with a line break follows the word before without a blank.
        """
        lines = text.replace("\n", " \n") if "\n" in text else text
        if (
            "  " not in lines
            and _MARK not in text
            and text[:1] != " "
            and text[-1:] not in ("", " ")
        ):
            return lines.split(" ")
        if not text:
            return []
        # Blanks in a row belong to the word after them, less the one that every word has.
        marked = _WORD.findall(_MARK + text.replace(" ", _MARK))
        return [w if w[0] == "\n" else w[1:].replace(_MARK, " ") for w in marked]

    def _learn(self, words: Iterable[str], known: dict[str, bytes]) -> dict[str, bytes]:
        """Tokenizes new words; remembers those worth it and gives back the others."""
        joinable: list[str] = []
        single: list[str] = []
        for word in words:
            simple = len(word) <= _LONG_WORD and " " not in word and "<" not in word
            (joinable if simple else single).append(word)
        groups = _grouped(joinable)
        for group, ids in zip(groups, self._encode([" ".join(g) for g in groups]), strict=True):
            tokens = np.frombuffer(ids, np.uint16)
            starts = np.flatnonzero(self._begins_word[tokens])
            if len(starts) != len(group):  # a word was not what it seemed
                single += group
                continue
            for word, first, end in zip(group, starts, [*starts[1:], len(tokens)], strict=True):
                known[word] = tokens[first + (word[0] == "\n") : end].tobytes()
        rare: dict[str, bytes] = {}
        for word, ids in zip(single, self._encode(single), strict=True):
            # Each token is two bytes; what follows a line break has no word mark of its own.
            tokens_of = ids[2:] if word[0] == "\n" else ids
            (known if len(word) <= _LONG_WORD else rare)[word] = tokens_of
        return rare

    def _encode(self, texts: list[str]) -> list[bytes]:
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(encoding.ids, np.uint16).tobytes() for encoding in encodings]


def _grouped(words: Iterable[str]) -> list[list[str]]:
    groups: list[list[str]] = []
    size = _JOINED
    for word in words:
        if size >= _JOINED:
            groups.append([])
            size = 0
        groups[-1].append(word)
        size += len(word) + 1
    return groups


def _package_folder() -> Path:
    package = find_spec("wordllama")
    if package is None or package.origin is None:
        raise EmbeddingError(
            "The embedding model 'wordllama' needs the package wordllama.",
            hint="Install it: pip install wordllama",
        )
    folder = Path(package.origin).parent
    for name in (_WEIGHTS, _TOKENIZER):
        if not (folder / name).is_file():
            raise EmbeddingError(
                f"The installed package wordllama has no {name}.",
                hint="Install the version this collection asks for: pip install 'wordllama<0.5'",
            )
    return folder

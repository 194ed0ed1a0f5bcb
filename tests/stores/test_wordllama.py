"""The default embedding model."""

import gzip
import logging
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stores.embeddings import load_embeddings
from stores.wordllama import WordLlamaModel

MAILS = Path(__file__).parents[2].parent / "shared/realdata/mail/linux-mips-2019.mbox.gz"


PIECES = ["the", " ", "  ", "\n", "\n\n", "fox", "</s>", "<s>", "<unk>", "▁", "é", "🚀", "-", "1"]


@pytest.fixture(scope="module")
def model() -> WordLlamaModel:
    return WordLlamaModel()


def whole(model: WordLlamaModel, text: str) -> list[int]:
    """The tokens of the text as the tokenizer itself gives them."""
    encoding = model._tokenizer.encode(text, add_special_tokens=False)
    return list(encoding.ids)


class TestTokens:
    @settings(max_examples=500, deadline=None)
    @given(
        text=st.text()
        | st.text("ab \n\t▁<s>/unk", max_size=30)
        | st.lists(st.sampled_from(PIECES)).map("".join)
    )  # fmt: skip
    def test_word_by_word_gives_the_tokens_of_the_whole(
        self, model: WordLlamaModel, text: str
    ) -> None:
        for _ in range(2):  # once learned, once remembered
            assert model.tokenize([text])[0].tolist() == whole(model, text)

    def test_real_mails_give_the_tokens_of_the_whole(self, model: WordLlamaModel) -> None:
        if not MAILS.exists():
            pytest.skip(f"{MAILS} is not here")
        mails = gzip.decompress(MAILS.read_bytes()).decode(errors="replace")
        texts = [mails[i : i + 700] for i in range(0, 700_000, 700)]
        tokens = model.tokenize(texts)
        assert all(t.tolist() == whole(model, x) for t, x in zip(tokens, texts, strict=True))

    def test_the_memory_for_words_is_bounded(self, model: WordLlamaModel) -> None:
        for part in range(8):
            model.tokenize([" ".join(f"w{part}x{i}" for i in range(20_000))])
        assert len(model._words) <= 90_000
        model.tokenize(["x" * 10_000 + " a"])
        assert "x" * 10_000 not in model._words


class TestVectors:
    def test_vectors_are_float32_of_length_one(self, model: WordLlamaModel) -> None:
        matrix = model.embed_matrix(["a fox", "the budget of the year", "x" * 50_000])
        assert matrix.shape == (3, 256)
        assert matrix.dtype == np.float32
        assert np.linalg.norm(matrix, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)

    @pytest.mark.parametrize("text", [""])
    def test_an_empty_text_is_zeros_and_not_nan(self, model: WordLlamaModel, text: str) -> None:
        assert not model.embed_matrix([text, "fox"])[0].any()
        assert not model.embed_question(text).any()

    def test_no_texts_are_an_empty_matrix(self, model: WordLlamaModel) -> None:
        assert model.embed_matrix([]).shape == (0, 256)

    def test_it_is_the_mean_of_the_tokens_as_the_package_computes_it(
        self, model: WordLlamaModel
    ) -> None:
        texts = ["a quick brown fox", "the annual budget\nand more", "  spaces  here "]
        weights = model._vectors
        for row, text in zip(model.embed_matrix(texts), texts, strict=True):
            mean = weights[whole(model, text)].mean(axis=0)
            assert row == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)

    def test_the_batch_makes_no_difference(self, model: WordLlamaModel) -> None:
        texts = [f"text number {i} about foxes" for i in range(300)]
        together = model.embed_matrix(texts)
        assert np.array_equal(together[17], model.embed_matrix([texts[17]])[0])
        assert np.array_equal(together[17], model.embed_question(texts[17]))

    def test_what_means_the_same_is_near(self, model: WordLlamaModel) -> None:
        question, near, far = model.embed_matrix(
            ["how much does it cost", "the price in dollars", "birds fly south in winter"]
        )
        assert question @ near > question @ far

    def test_several_threads_embed_at_once(self, model: WordLlamaModel) -> None:
        texts = [f"some words {i} and more words {i * 7}" for i in range(400)]
        wanted = model.embed_matrix(texts)
        trouble: list[int] = []

        def work(number: int) -> None:
            for _ in range(5):
                if not np.array_equal(model.embed_matrix(texts), wanted):
                    trouble.append(number)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert trouble == []


class TestPackage:
    def test_the_setting_gives_it(self) -> None:
        loaded = load_embeddings("wordllama")
        assert isinstance(loaded, WordLlamaModel)
        assert loaded.identity.startswith("wordllama:l2_supercat:256:")
        assert loaded.dimensions == 256

    def test_loading_it_needs_no_network_and_leaves_logging_alone(self) -> None:
        code = """
            import logging, socket
            def refuse(*_): raise OSError("no network")
            socket.socket.connect = refuse
            from stores.embeddings import load_embeddings
            print(load_embeddings("wordllama").embed_matrix(["fox"]).any(), logging.root.handlers)
        """
        told = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert told.stdout == "True []\n"
        assert told.stderr == ""
        assert logging

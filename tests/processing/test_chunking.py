"""Chunks: exact places in the text, nothing lost, nothing too long."""

import random
from itertools import pairwise

import pytest
from langchain_core.documents import Document

from documents.fingerprints import text_hash
from processing.chunking import chunk_documents


def chunks(
    text: str, *, title: str = "", size: int = 100, overlap: int = 20
) -> list[tuple[int, int]]:
    given = Document(page_content=text, metadata={"title": title} if title else {})
    [chunked] = chunk_documents([given], chunk_characters=size, overlap_characters=overlap)
    for number, chunk in enumerate(chunked.chunks):
        assert chunk.ordinal == number
        assert chunk.text_hash == text_hash(chunk.embedded_text)
        assert text[chunk.start : chunk.end].strip() in chunk.embedded_text
    return [(chunk.start, chunk.end) for chunk in chunked.chunks]


def made_up(seed: int, length: int) -> str:
    source = random.Random(seed)  # noqa: S311 (the same text each time)
    pieces = [
        "word ",
        "a longer one ",
        "# Heading\n",
        "\n\n",
        "\n",
        "end. ",
        "x" * 130,
        "日本語",
        " ",
    ]
    text = ""
    while len(text) < length:
        text += source.choice(pieces)
    return text


@pytest.mark.parametrize("seed", range(20))
def test_chunks_cover_the_text_in_order_and_keep_within_the_limit(seed: int) -> None:
    text = made_up(seed, 2_000)
    spans = chunks(text)
    covered = 0
    for start, end in spans:
        assert 0 < end - start <= 100
        assert text[covered:start].strip() == "", "text between two chunks is lost"
        assert end > covered
        covered = end
    assert text[covered:].strip() == ""


@pytest.mark.parametrize("seed", range(5))
def test_without_overlap_no_character_is_in_two_chunks(seed: int) -> None:
    spans = chunks(made_up(seed, 2_000), overlap=0)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_a_chunk_reaches_back_to_the_beginning_of_a_word() -> None:
    text = " ".join(f"word{n:03}" for n in range(60))
    spans = chunks(text)
    assert len(spans) > 3
    for (_, before_end), (start, _) in pairwise(spans):
        assert start <= before_end
        assert before_end - start <= 20
        assert text[start:].startswith("word")


def test_text_that_repeats_itself_is_found_at_its_own_places() -> None:
    text = "the same line again\n" * 40
    spans = chunks(text)
    assert [start for start, _ in spans] == sorted({start for start, _ in spans})
    assert spans[-1][1] >= len(text.rstrip())


def test_a_text_within_the_limit_is_one_chunk() -> None:
    assert chunks("x" * 100) == [(0, 100)]
    assert len(chunks("x" * 101)) == 2


def test_a_title_alone_is_embedded_and_nothing_at_all_is_not() -> None:
    [chunked] = chunk_documents([Document(page_content="", metadata={"title": "Plan"})])
    [chunk] = chunked.chunks
    assert (chunk.start, chunk.end, chunk.embedded_text) == (0, 0, "Plan")
    assert chunks("") == []


def test_the_title_stands_before_every_chunk_once() -> None:
    text = "Plan for winter. " + "Paint the bollards. " * 20
    given = Document(page_content=text, metadata={"title": "Plan for winter"})
    [chunked] = chunk_documents([given], chunk_characters=100, overlap_characters=20)
    texts = [chunk.embedded_text for chunk in chunked.chunks]
    assert all(each.startswith("Plan for winter") for each in texts)
    assert texts[0].count("Plan for winter") == 1
    assert texts[1].startswith("Plan for winter\n\n")


def test_equal_texts_have_equal_hashes_wherever_they_stand() -> None:
    one = Document(id="1", page_content="The same words.")
    two = Document(id="2", page_content="The same words.", metadata={"url": "u"})
    hashes = {c.text_hash for each in chunk_documents([one, two]) for c in each.chunks}
    assert len(hashes) == 1


@pytest.mark.parametrize(("size", "overlap"), [(100, 100), (100, 101), (100, -1)])
def test_an_overlap_that_leaves_no_room_is_refused_at_once(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="must be smaller than the chunk"):
        chunk_documents([], chunk_characters=size, overlap_characters=overlap)

"""Snippets show where a text answers a query."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stores.highlight import best_passage, snippet
from stores.query import analyze

FILLER = "lorem ipsum dolor sit amet " * 40


def marked(text: str, query: str, **options: int) -> str:
    return snippet(text, analyze(query), **options).marked("[", "]")


@pytest.mark.parametrize(
    ("text", "query", "wanted"),
    [
        ("She runs and ran, running", "run", "She [runs] and ran, [running]"),
        ("Das Café öffnet", "cafe", "Das [Café] öffnet"),
        ("東京 tower 🚀 tower", "TOWER", "東京 [tower] 🚀 [tower]"),
        ("see PROJ-123 and PROJ-124", "PROJ-123", "see [PROJ-123] and PROJ-124"),
        ("the release date, a release", '"release date"', "the [release date], a release"),
        ("a\n\n  line\tand   another", "another", "a line and [another]"),
        ("nothing here", "elsewhere", "nothing here"),
        ("", "x", ""),
        ("text", "", "text"),
        ("half \ud800 character", "character", "half \ud800 [character]"),
    ],
)  # fmt: skip
def test_what_matches_is_marked(text: str, query: str, wanted: str) -> None:
    assert marked(text, query) == wanted


def test_the_snippet_is_where_most_of_the_words_are() -> None:
    text = f"the budget {FILLER} budget for the release in May {FILLER} release"
    told = marked(text, "budget release may")
    assert "[budget] for the [release] in [May]" in told
    assert told.startswith("… ")
    assert told.endswith(" …")


def test_different_words_are_worth_more_than_one_again_and_again() -> None:
    text = f"release release release release {FILLER} budget release {FILLER}"
    assert "[budget] [release]" in marked(text, "budget release")


def test_an_identifier_is_where_all_of_it_is() -> None:
    text = f"proj and 123 {FILLER} here is PROJ-123 itself {FILLER}"
    assert "[PROJ-123]" in marked(text, "PROJ-123")


def test_a_long_text_without_a_match_shows_its_beginning() -> None:
    told = marked(FILLER, "zebra", length=50)
    assert told.startswith("lorem ipsum")
    assert told.endswith("…")
    assert len(told) <= 53


def test_words_are_not_cut_at_the_edges() -> None:
    told = snippet(f"{FILLER} zebra {FILLER}", analyze("zebra"), length=60)
    assert set(told.text.strip("… ").split()) <= {*FILLER.split(), "zebra"}


def test_the_best_passage_holds_the_words() -> None:
    text = f"{FILLER} a zebra crossing {FILLER}"
    start, end = best_passage(text, analyze("zebra"), length=100)
    assert "zebra" in text[start:end]
    assert 60 <= end - start <= 100


@settings(max_examples=300, deadline=None)
@given(
    text=st.text(st.characters(codec=None)) | st.text("ab \n-", max_size=900),
    query=st.text() | st.text("ab -\"", max_size=10),
    length=st.integers(1, 300),
)  # fmt: skip
def test_any_text_and_any_query_give_a_snippet(text: str, query: str, length: int) -> None:
    told = snippet(text, analyze(query), length=length)
    assert told.marked("", "") == told.text
    last = 0
    for first, end in told.highlights:
        assert last <= first < end <= len(told.text)
        last = end
    assert "\n" not in told.text
    start, end = best_passage(text, analyze(query), length=length)
    assert 0 <= start <= end <= len(text)


def test_several_threads_highlight_at_once() -> None:
    trouble: list[str] = []

    def work() -> None:
        for i in range(200):
            told = marked(f"a zebra{i} in the zoo", f"zebra{i}")
            if told != f"a [zebra{i}] in the zoo":
                trouble.append(told)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []

"""From a person's text to words, identifiers and phrases."""

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stores.query import (
    LONG_WORDS,
    MAX_PAIRS,
    MAX_TERMS,
    MOST_REPEATED,
    PROSE_WORDS,
    STOP_WORDS,
    TOKENIZER,
    TextQuery,
    analyze,
    pairs_to_fts5,
    to_fts5,
)


class TestWords:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", ()),
            ("   \n\t ", ()),
            ("!?… -- ***", ()),
            ("Budget budget BUDGET", ("budget",)),
            ("What is the status of the release?", ("status", "release")),
            ("what's Ann's plan, and why isn't it done", ("ann", "plan")),
            ("the and of", ("the", "and", "of")),
            ("state-of-the-art", ("state", "art")),
            ("O'Brien and l\u2019avion", ("o", "brien", "l", "avion")),
            ("input/output key:value one,two (three) [four]",
             ("input", "output", "key", "value", "one", "two", "three", "four")),
            ("東京 größe हिन्दी cafe\u0301", ("東京", "größe", "हिन्दी", "café")),
        ],
    )  # fmt: skip
    def test_what_tells_is_kept(self, text: str, words: tuple[str, ...]) -> None:
        query = analyze(text)
        assert query == TextQuery(words=words, pairs=query.pairs)

    def test_a_pasted_page_is_cut(self) -> None:
        query = analyze(" ".join(f"word{i}x a-{i}" for i in range(500)) + ' "a b" "c d"')
        assert len(query.words) + len(query.identifiers) + len(query.quoted) == MAX_TERMS
        assert query.identifiers[:2] == ("a b", "c d")

    def test_what_a_long_text_repeats_counts_more(self) -> None:
        told = " ".join(f"w{i}" for i in range(LONG_WORDS))
        query = analyze(f"{told} budget. A budget is a BUDGET, and the budget w1")
        assert query.words.count("budget") == 1
        assert sorted(query.repeated) == ["budget", "budget", "w1"]
        assert (to_fts5(query) or "").count('"budget"') == MOST_REPEATED
        assert analyze("the budget of the budget").repeated == ()

    def test_no_stop_word_carries_a_meaning_of_its_own(self) -> None:
        assert not STOP_WORDS & {"down", "up", "off", "over", "new", "not found", "out"}


class TestPairs:
    @pytest.mark.parametrize(
        ("text", "pairs"),
        [
            ("budget", ()),
            ("release of the budget", ()),
            ("the annual budget plan", ("annual budget", "budget plan")),
            ("annual budget, annual budget", ("annual budget", "budget annual")),
            ("budget budget", ()),
            ("old PROJ-123 budget", ()),
            ('annual "release date" budget', ("annual budget",)),
            ("the and of", ("the and", "and of")),
        ],
    )
    def test_telling_words_side_by_side_are_pairs(self, text: str, pairs: tuple[str, ...]) -> None:
        assert analyze(text).pairs == pairs

    def test_a_long_text_has_a_bound(self) -> None:
        query = analyze(" ".join(f"word{i}x" for i in range(500)))
        assert len(query.pairs) == MAX_PAIRS

    def test_no_pair_without_its_words(self) -> None:
        query = analyze(" ".join(f"a-{i}" for i in range(MAX_TERMS)) + " annual budget")
        assert query.words == query.pairs == ()


class TestIdentifiers:
    @pytest.mark.parametrize(
        ("text", "identifier"),
        [
            ("PROJ-123", "proj 123"),
            ("foo_bar", "foo bar"),
            ("v1.2.3", "v1 2 3"),
            ("10.0.0.7", "10 0 0 7"),
            ("ann.smith@example.com", "ann smith example com"),
            ("https://example.com/a/b?x=1#top", "example com a b x 1 top"),
            ("www.example.com", "www example com"),
            ("config.yaml", "config yaml"),
            ("src/app/main", "src app main"),
            ("std::vector", "std vector"),
            (r"C:\temp\log", "c temp log"),
            ("2026-11-20", "2026 11 20"),
            ("24/7", "24 7"),
            ("3,000", "3 000"),
            ("(see PROJ-123).", "proj 123"),
        ],
    )
    def test_an_identifier_is_one_phrase(self, text: str, identifier: str) -> None:
        assert identifier in analyze(text).identifiers

    def test_an_identifier_alone_is_no_word(self) -> None:
        assert analyze("PROJ-123") == TextQuery(identifiers=("proj 123",))

    def test_what_is_of_one_part_is_a_word(self) -> None:
        assert analyze("#123 abc4 C++").words == ("123", "abc4", "c")
        assert analyze("#123 abc4 C++").identifiers == ()


class TestPhrases:
    @pytest.mark.parametrize(
        "text", ['"release date"', "“release date”", "„release date“", "«release date»"]
    )
    def test_quotation_marks_make_a_phrase(self, text: str) -> None:
        assert analyze(f"when {text}") == TextQuery(quoted=("release date",))

    def test_stop_words_stay_in_a_phrase(self) -> None:
        assert analyze('"to be or not to be"').quoted == ("to be or not to be",)

    @pytest.mark.parametrize("text", ['"', '""', '" "', 'a "b', '"!?"'])
    def test_marks_without_words_are_no_phrase(self, text: str) -> None:
        assert analyze(text).quoted == ()

    def test_phrases_are_required_and_words_are_not(self) -> None:
        expression = to_fts5(analyze('"release date" budget PROJ-1'))
        assert expression == '("release date") AND ("release date" OR "proj 1" OR "budget")'

    def test_prose_may_quote_what_is_in_no_document(self) -> None:
        words = " ".join(f"w{i}" for i in range(PROSE_WORDS))
        assert analyze(f'{words} "release date"').quoted == ("release date",)
        prose = analyze(f'{words} more "release date"')
        assert (prose.quoted, prose.identifiers) == ((), ("release date",))

    def test_an_empty_query_has_no_expression(self) -> None:
        assert to_fts5(analyze("?!")) is None


class TestAnyText:
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE t USING fts5(a, b, tokenize='{TOKENIZER}')")
    connection.execute("INSERT INTO t VALUES ('secret', 'or and near not')")

    @settings(max_examples=400, deadline=None)
    @given(text=st.text() | st.from_regex(r'["“”„«»\'*():^{}+\-\\. a-bANDORT0-9@_/]{0,40}'))
    def test_every_expression_is_valid(self, text: str) -> None:
        query = analyze(text)
        for expression in filter(None, (to_fts5(query), pairs_to_fts5(query))):
            self.connection.execute("SELECT * FROM t WHERE t MATCH ?", (expression,)).fetchall()

    @settings(max_examples=200, deadline=None)
    @given(text=st.text() | st.from_regex(r'[ "*():^{}+\-ABN]{0,20}', fullmatch=True))
    def test_no_term_holds_anything_that_is_syntax(self, text: str) -> None:
        query = analyze(text)
        for term in (*query.words, *query.identifiers, *query.quoted, *query.pairs):
            assert not set(term) & set('"*():^{}+-\0')
            assert term.strip()

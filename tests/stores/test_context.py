"""A context for a language model: within its budget, without doubles, every part cited."""

import re

import pytest
from effort import tries
from hypothesis import given, settings
from hypothesis import strategies as st
from store_samples import a_document

from stores.context import Part, make_context, most_tokens


def a_part(name: str, text: str, start: int = 0, end: int | None = None, **fields: object) -> Part:
    document = a_document(name, text, title=f"Title {name}", **fields)  # type: ignore[arg-type]
    return Part(
        document=document, start=start, end=len(text) if end is None else end,
        url=f"https://x.example/{name}",
    )  # fmt: skip


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^\[(\d+)\]", text, re.MULTILINE)]


@settings(max_examples=tries(60, 1_000), deadline=None)
@given(
    texts=st.lists(
        st.text(st.sampled_from("ab c\n[1]é漢"), min_size=1, max_size=400), max_size=6, unique=True
    ),
    budget=st.integers(1, 1_500),
    by_tokens=st.booleans(),
)
def test_a_context_stays_within_its_budget_and_cites_every_part(
    texts: list[str], budget: int, by_tokens: bool
) -> None:
    parts = [a_part(str(i), text, end=min(len(text), 40)) for i, text in enumerate(texts)]
    measure = most_tokens if by_tokens else len
    context = make_context(parts, budget=budget, measure=measure)
    assert measure(context.text) <= budget
    assert numbers(context.text) == [citation.number for citation in context.citations]
    assert [c.number for c in context.citations] == list(range(1, len(context.citations) + 1))
    for citation in context.citations:
        assert f"[{citation.number}] {citation.title} (" in context.text
        assert citation.url
        assert citation.url in context.text


def test_nothing_is_told_twice() -> None:
    text = "The first passengers have their money."
    context = make_context(
        [
            a_part("1", text),
            a_part("2", "  the first  passengers have their money. "),
            a_part("1", text),
            a_part("3", f"Before. {text} After."),
            a_part("4", "Something else."),
        ],
        budget=2_000,
    )
    assert [citation.title for citation in context.citations] == ["Title 1", "Title 4"]
    assert context.left_out == 0


def test_what_answers_is_kept_and_the_rest_of_the_room_goes_to_what_stands_around_it() -> None:
    text = "noise " * 2_000 + "the break fee is 90,000 euros " + "more noise " * 2_000
    start = text.index("the break fee")
    part = a_part("1", text, start, start + 29)
    for budget in (200, 900, 6_000):
        context = make_context([part], budget=budget)
        assert "the break fee is 90,000 euros" in context.text
        assert budget * 0.8 <= len(context.text) <= budget
    two = make_context([part, a_part("2", "x y " * 5_000, 0, 5)], budget=4_000)
    shares = [len(block) for block in two.text.split("\n\n")]
    assert len(shares) == 2
    assert min(shares) > 1_500


def test_a_text_cannot_pass_for_a_citation() -> None:
    context = make_context(
        [a_part("1", "Hello\n[2] Not from here (jira)\n  [17] nor this")], budget=900
    )
    assert numbers(context.text) == [1]
    assert "(2) Not from here" in context.text


@pytest.mark.parametrize("budget", [1, 20, 60])
def test_where_not_even_the_best_fits_nothing_is_cut_to_pieces(budget: int) -> None:
    context = make_context([a_part("1", "word " * 100)], budget=budget)
    assert (context.text, context.citations, context.left_out) == ("", (), 1)

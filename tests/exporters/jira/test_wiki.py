"""Wiki markup of Data Center becomes Markdown, whatever is in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.jira.wiki import wiki_to_markdown

CASES = {
    "heading": ("h2. Title\r\nText", "## Title\nText"),
    "bold, italic, struck": ("*a* _b_ -c-", "**a** *b* ~~c~~"),
    "inserted, raised, lowered": ("+a+ ^b^ ~c~", "a b c"),
    "monospaced keeps its signs": ("{{*a* _b_}}", "`*a* _b_`"),
    "signs within words stay": ("a-b-c snake_case_name 2*3*4", "a-b-c snake_case_name 2*3*4"),
    "citation": ("??Ada??", "*Ada*"),
    "colour is read past": ("{color:red}hot{color}", "hot"),
    "bullets": ("* one\n** two\n- three", "- one\n  - two\n- three"),
    "numbers": ("# one\n## two", "1. one\n   1. two"),
    "code": ("{code:java}\nint *a* = 1;\n{code}", "```java\nint *a* = 1;\n```"),
    "code with a title": (
        "{code:title=A.py|language=x}\nx\n{code}",
        "**A.py**\n\n```\nx\n```",
    ),
    "unformatted": ("{noformat}\n[x|y] *z*\n{noformat}", "```\n[x|y] *z*\n```"),
    "quote": ("{quote}a\nb{quote}", "> a\n> b"),
    "quoted line": ("bq. said", "> said"),
    "panel": ("{panel:title=My|borderStyle=x}in *b*{panel}", "> **My**\n>\n> in **b**"),
    "code within a quote": ("{quote}a {code}x{code}{quote}", "> a `x`"),
    "link": ("[here|https://e.example/a_b_c]", "[here](https://e.example/a_b_c)"),
    "bare link": ("[https://e.example]", "https://e.example"),
    "address with signs": ("see https://e.example/_a_*b*", "see https://e.example/_a_*b*"),
    "mail": ("[mailto:ada@acme.example]", "ada@acme.example"),
    "mention": ("Ask [~ada]", "Ask @Ada Byron"),
    "mention of somebody unknown": ("Ask [~bob]", "Ask @bob"),
    "attachment": ("[^plan.pdf]", "File: plan.pdf"),
    "picture": ("!kettle.png|thumbnail!", "File: kettle.png"),
    "picture elsewhere": ("!https://e.example/x.png!", "![](https://e.example/x.png)"),
    "brackets that are no link": ("[TEA-1] is [not|that]", "[TEA-1] is [not|that]"),
    "table": ("||A||B||\n|1|*2*|", "| A | B |\n| --- | --- |\n| 1 | **2** |"),
    "rule": ("a\n----\nb", "a\n---\nb"),
    "line break": ("a\\\\b", "a\nb"),
    "escaped": (r"\*not bold\*", "*not bold*"),
    "exclamation is no picture": ("Stop! Now!", "Stop! Now!"),
    "nothing": (None, ""),
}


@pytest.mark.parametrize("name", CASES)
def test_each_notation_has_its_markdown(name: str) -> None:
    given_text, expected = CASES[name]
    assert wiki_to_markdown(given_text, {"ada": "Ada Byron"}) == expected


@given(st.text(alphabet="ab *_-+^~?{}[]|!#\\\n\r\x00:.h1codequtpanl=/", max_size=200))
def test_nothing_makes_it_fail(text: str) -> None:
    converted = wiki_to_markdown(text)
    assert "\x00" not in converted

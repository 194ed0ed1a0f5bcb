"""mrkdwn text and the rich_text block that goes with it."""

from typing import Any

import pytest
from slack_conformance import block_violations

from sandbox.slack.richtext import escape, inline, rich_text, unescape


def text(content: str, **style: bool) -> dict[str, Any]:
    element: dict[str, Any] = {"type": "text", "text": content}
    return element | ({"style": style} if style else {})


@pytest.mark.parametrize(
    ("mrkdwn", "elements"),
    [
        ("plain", [text("plain")]),
        ("a &lt;b&gt; &amp;amp;", [text("a <b> &amp;")]),
        ("*bold* _it_ ~gone~", [text("bold", bold=True), text(" "), text("it", italic=True),
                                text(" "), text("gone", strike=True)]),
        ("*_both_*", [text("both", bold=True, italic=True)]),
        ("`a*b*c`", [text("a*b*c", code=True)]),
        ("snake_case_name 2*3*4 a~b~c", [text("snake_case_name 2*3*4 a~b~c")]),
        ("<@U1> and <@U2|bob>", [{"type": "user", "user_id": "U1"}, text(" and "),
                                 {"type": "user", "user_id": "U2"}]),
        ("<#C1|general>", [{"type": "channel", "channel_id": "C1"}]),
        ("<!here> <!subteam^S1|@crew>", [{"type": "broadcast", "range": "here"}, text(" "),
                                         {"type": "usergroup", "usergroup_id": "S1"}]),
        ("<https://a.example/?x=1&amp;y=2|see>",
         [{"type": "link", "url": "https://a.example/?x=1&y=2", "text": "see"}]),
        ("<mailto:a@b.example|a@b.example>",
         [{"type": "link", "url": "mailto:a@b.example", "text": "a@b.example"}]),
        ("<!date^1700000000^{date} at {time}|then>",
         [{"type": "date", "timestamp": 1700000000, "format": "{date} at {time}",
           "fallback": "then"}]),
        (":+1: :wave: :happy-gull:", [{"type": "emoji", "name": "+1", "unicode": "1f44d"},
                                      text(" "),
                                      {"type": "emoji", "name": "wave", "unicode": "1f44b"},
                                      text(" "), {"type": "emoji", "name": "happy-gull"}]),
        ("at 10:30:15, ratio 1:2:3", [text("at 10:30:15, ratio 1:2:3")]),
    ],
)  # fmt: skip
def test_runs_of_text_become_elements(mrkdwn: str, elements: list[dict[str, Any]]) -> None:
    assert inline(mrkdwn) == elements
    assert block_violations(rich_text(mrkdwn, "b1")) == []


def test_lines_become_lists_quotes_and_code() -> None:
    block = rich_text(
        "Plan:\n• one\n• two\n    ◦ deep\n1. first\n2. second\n&gt; said\n&gt; so\n"
        "```if a &lt; b:\n    stop```\nend",
        "b1",
    )
    shapes = [(e["type"], e.get("style"), e.get("indent")) for e in block["elements"]]
    assert shapes == [
        ("rich_text_section", None, None),
        ("rich_text_list", "bullet", 0),
        ("rich_text_list", "bullet", 1),
        ("rich_text_list", "ordered", 0),
        ("rich_text_quote", None, None),
        ("rich_text_preformatted", None, None),
        ("rich_text_section", None, None),
    ]
    assert len(block["elements"][1]["elements"]) == 2
    assert block["elements"][4]["elements"] == [text("said\nso")]
    assert block["elements"][5]["elements"] == [text("if a < b:\n    stop")]
    assert block_violations(block) == []


def test_escaping_is_undone_in_the_right_order() -> None:
    original = "1 < 2 && '&lt;' > x"
    assert unescape(escape(original)) == original

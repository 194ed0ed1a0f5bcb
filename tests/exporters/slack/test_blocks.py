"""Whole Slack messages as Markdown: blocks, attachments, what is shown once, what never fails."""

import gzip
import itertools
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.slack import blocks
from exporters.slack.blocks import Link, Mentions, links, mentions, message_to_markdown
from exporters.slack.markdown import Names, mrkdwn_to_markdown

SHARED = Path(__file__).resolve().parents[3].parent / "shared"
NAMES = Names({"U1": "Jane Doe"}, {"C1": "general"}, {"S1": "devs"})


def text(words: str, *styles: str) -> dict[str, Any]:
    return {"type": "text", "text": words, "style": dict.fromkeys(styles, True)}


def plain(words: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": words, "emoji": True}


def mrkdwn(words: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": words}


def section(*elements: Any) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(elements)}


def items(*words: str, **fields: Any) -> dict[str, Any]:
    elements = [section(text(each)) for each in words]
    return {"type": "rich_text_list", "style": "bullet", "elements": elements, **fields}


def rich(*elements: Any) -> dict[str, Any]:
    return {"type": "rich_text", "elements": list(elements)}


def of_blocks(*parts: Any) -> str:
    return message_to_markdown({"text": "", "blocks": list(parts)}, NAMES)


def of_line(*elements: Any) -> str:
    return of_blocks(rich(section(*elements)))


def of_attachment(**fields: Any) -> str:
    return message_to_markdown({"text": "", "attachments": [fields]}, NAMES)


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ([text("a "), text("b", "bold"), text(" c", "italic"), text("d", "strike")],
         "a **b** _c_~~d~~"),
        ([text("bold ", "bold"), text("both", "bold", "italic"), text(" bold", "bold")],
         "**bold _both_ bold**"),
        ([text("a", "code"), text(" b ", "code"), text("c", "code", "bold")], "`a b `**`c`**"),
        ([text(" bold ", "bold"), text("x")], "**bold** x"),
        ([text("two\nlines", "bold")], "**two**\n**lines**"),
        ([text("2*3*4 <T> *x* # y")], r"2\*3\*4 \<T> \*x\* # y"),
        ([text("# no heading\n> no quote\n• item")], "\\# no heading\n\\> no quote\n- item"),
        ([text("literal <@U1> &amp; :tada:")], "literal <@U1> &amp; :tada:"),
    ],
)  # fmt: skip
def test_styled_text(elements: list[Any], expected: str) -> None:
    assert of_line(*elements) == expected


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ({"type": "user", "user_id": "U1"}, "@Jane Doe"),
        ({"type": "user", "user_id": "U9"}, "@U9"),
        ({"type": "channel", "channel_id": "C1"}, "#general"),
        ({"type": "usergroup", "usergroup_id": "S1"}, "@devs"),
        ({"type": "broadcast", "range": "here"}, "@here"),
        ({"type": "canvas_user_mention", "user_id": "U1"}, "@Jane Doe"),
        ({"type": "team", "team_id": "T1"}, "T1"),
        ({"type": "emoji", "name": "tada"}, "🎉"),
        ({"type": "emoji", "name": "wave", "unicode": "1f44b-1f3fc", "skin_tone": 3}, "👋🏼"),
        ({"type": "emoji", "name": "wave", "skin_tone": 3}, "👋🏼"),
        ({"type": "emoji", "name": "party_parrot"}, ":party_parrot:"),
        ({"type": "color", "value": "#F405B3"}, "#F405B3"),
        ({"type": "date", "timestamp": 1392734382, "format": "{date_num}", "url": "https://e.com"},
         "[2014-02-18](https://e.com)"),
        ({"type": "date", "timestamp": None, "format": "{date}", "fallback": "soon"}, "soon"),
        ({"type": "link", "url": "https://e.com/?a=1&amp;b=2"}, "<https://e.com/?a=1&b=2>"),
        ({"type": "link", "url": "https://e.com", "text": "a *b*"}, r"[a \*b\*](https://e.com)"),
        ({"type": "link", "url": "https://ci/1", "text": "build", "style": {"code": True}},
         "[`build`](https://ci/1)"),
        ({"type": "link", "url": "http://e.com", "text": "e.com", "style": {"code": True}},
         "`e.com`"),
        ({"type": "citation", "url": "https://e.com", "text": "source", "index": 1},
         "[source](https://e.com)"),
        ({"type": "canvas", "file_id": "F1", "label": "Plan"}, "Plan"),
        ({"type": "message_mention", "channel_id": "C9", "message_ts": "1.2"}, "C9"),
        ({"type": "of_tomorrow", "payload": {"words": "not lost"}}, "not lost"),
    ],
)  # fmt: skip
def test_inline_elements(element: dict[str, Any], expected: str) -> None:
    assert of_line(element) == expected


def test_a_mention_and_the_word_after_it_stay_two_words() -> None:
    assert of_line({"type": "user", "user_id": "U1"}, text("Thanks")) == "@Jane Doe Thanks"


def test_lists_nest_by_indent_and_go_on_by_offset() -> None:
    shown = of_blocks(rich(
        items("one", style="ordered", indent=0),
        items("deep\nmore", indent=1),
        items("two", style="ordered", indent=0, offset=1),
        section(text("after")),
        items("not code", indent=3),
    ))  # fmt: skip
    assert shown == "1. one\n    - deep\n      more\n2. two\n\nafter\n\n- not code"


def test_quotes_bordered_lists_and_code_are_blocks_of_their_own() -> None:
    shown = of_blocks(rich(
        section(text("see:\n")),
        {"type": "rich_text_quote", "elements": [text("said\nso")]},
        section(text("code:")),
        {"type": "rich_text_preformatted", "language": "python",
         "elements": [text("x = '```'\n"), {"type": "link", "url": "http://e.com"}]},
        items("barred", border=1),
    ))  # fmt: skip
    assert shown == (
        "see:\n\n> said\n> so\n\ncode:\n\n````python\nx = '```'\nhttp://e.com\n````\n\n> - barred"
    )


def test_quotes_and_lists_inside_a_list_item_are_indented() -> None:
    nested = {"type": "rich_text_list", "style": "ordered", "elements": [
        section(text("a")), {"type": "rich_text_quote", "elements": [text("q\nr")]}, items("b"),
    ]}  # fmt: skip
    assert of_blocks(rich(nested)) == "1. a\n2. > q\n   > r\n3. - b"


BUTTON = {"type": "button", "text": plain("Open"), "url": "https://ci/2", "value": "v1"}
CELL = {"type": "raw_text", "text": "a|b"}


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"type": "header", "text": plain("R&amp;D *now*\n:tada:")}, r"### R&D \*now\* 🎉"),
        ({"type": "divider"}, "---"),
        ({"type": "section", "text": mrkdwn("*done* <@U1>"),
          "fields": [mrkdwn("*Env:*\nprod"), plain("2*3*4")], "accessory": BUTTON},
         "**done** @Jane Doe\n**Env:**\nprod\n\n2\\*3\\*4\n[Open](https://ci/2)"),
        ({"type": "context", "elements": [
            {"type": "image", "image_url": "https://i/1.png", "alt_text": "logo"}, mrkdwn("_by_")]},
         "![logo](https://i/1.png) _by_"),
        ({"type": "image", "image_url": "https://i/2.png", "alt_text": "alt", "title": plain("T")},
         "T\n![alt](https://i/2.png)"),
        ({"type": "image", "slack_file": {"url": "https://f/1"}, "alt_text": ""},
         "![image](https://f/1)"),
        ({"type": "actions", "elements": [{"type": "button", "text": plain("Yes")}, BUTTON,
            {"type": "static_select", "placeholder": plain("Pick"),
             "options": [{"text": plain("hidden"), "value": "1"}]}]},
         "Yes | [Open](https://ci/2) | Pick"),
        ({"type": "actions", "elements": [{"type": "checkboxes", "options": [
            {"text": mrkdwn("*one*"), "description": plain("first"), "value": "1"}]}]},
         "**one**\nfirst"),
        ({"type": "context_actions", "elements": [{"type": "feedback_buttons",
            "positive_button": {"text": plain("Good"), "value": "p"},
            "negative_button": {"text": plain("Bad"), "value": "n"}}]}, "Good\nBad"),
        ({"type": "input", "label": plain("Name"), "hint": plain("full"),
          "element": {"type": "plain_text_input", "initial_value": "Jane"}}, "Name\nfull\nJane"),
        ({"type": "video", "title": plain("Talk"), "video_url": "https://v/1",
          "alt_text": "a talk", "thumbnail_url": "https://v/1.png", "provider_name": "Tube"},
         "[Talk](https://v/1)\na talk\nTube"),
        ({"type": "call", "call_id": "R1", "call": {"v1": {"id": "R1", "name": "Daily",
            "join_url": "https://z/1", "date_start": 5, "app_icon_urls": {"image_32": "https://i"}}}},
         "[Daily](https://z/1)"),
        ({"type": "file", "source": "remote", "external_id": "report-7"}, "report-7"),
        ({"type": "file", "file": {"title": "Plan", "permalink": "https://f/1",
                                   "url_private": "https://f/1?t=xoxe-1"}}, "[Plan](https://f/1)"),
        ({"type": "markdown", "text": "## T\n**b** <@U1> <https://e.com>"},
         "## T\n**b** @Jane Doe <https://e.com>"),
        ({"type": "table", "column_settings": [{"align": "right"}, None],
          "rows": [[CELL, {"type": "raw_text", "text": "B"}, CELL],
                   [rich(section(text("x\ny", "bold"))), {"type": "raw_number", "value": 3}]]},
         "| a\\|b | B | a\\|b |\n| ---: | --- | --- |\n| **x** **y** | 3 |"),
        ({"type": "data_table", "caption": "Cap", "rows": [[CELL], None, [CELL, CELL]]},
         "Cap\n\n| a\\|b |  |\n| --- | --- |\n| a\\|b | a\\|b |"),
        ({"type": "data_visualization", "title": "Pies",
          "chart": {"type": "pie", "segments": [{"label": "Apple", "value": 28.5}]}},
         "Pies\nApple: 28.5"),
        ({"type": "alert", "level": "warning", "text": mrkdwn("*careful*")}, "**careful**"),
        ({"type": "carousel", "elements": [{"type": "card", "title": mrkdwn("T"),
            "body": mrkdwn("B"), "actions": [BUTTON]}]}, "T\nB\n[Open](https://ci/2)"),
        ({"type": "container", "title": plain("T"), "child_blocks": [{"type": "divider"}]},
         "T\n---"),
        ({"type": "plan", "title": "Plan", "tasks": [{"task_id": "t1", "title": "Look",
            "status": "complete", "details": rich(section(text("found"))),
            "sources": [{"type": "url", "url": "https://s/1", "text": "log"}]}]},
         "Plan\nLook\nfound\n[log](https://s/1)"),
        ({"type": "of_tomorrow", "block_id": "x1", "panel": {"notes": [{"note": "not lost"}],
            "label": plain("nor this"), "score": 7}}, "not lost\nnor this\n7"),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) else "",
)  # fmt: skip
def test_blocks(block: dict[str, Any], expected: str) -> None:
    assert of_blocks(block) == expected


# Text or blocks: all of it, once.


@pytest.mark.parametrize(
    ("said", "parts", "expected"),
    [
        # What people type: Slack derives the text from the blocks.
        ("*Hi* <@U1> :the_horns: `x`\n1. a\n    i. b\n&gt; q",
         [rich(section(text("Hi", "bold"), text(" "), {"type": "user", "user_id": "U1"}, text(" "),
                       {"type": "emoji", "name": "the_horns", "unicode": "1f918"}, text(" "),
                       text("x", "code")),
               items("a", style="ordered"), items("b", style="ordered", indent=1),
               {"type": "rich_text_quote", "elements": [text("q")]})],
         "**Hi** @Jane Doe 🤘 `x`\n\n1. a\n    1. b\n\n> q"),
        # What bots send: the text is a summary for notifications, whole or cut short.
        ("Deploy done", [{"type": "header", "text": plain("Deploy")},
                         {"type": "section", "text": mrkdwn("*done* by <@U1>")}],
         "### Deploy\n\n**done** by @Jane Doe"),
        ("Go no...", [mrkdwn("*Go* now")], "**Go** now"), ("Go no…", [mrkdwn("Go now")], "Go now"),
        ("Waiting for approval...", [mrkdwn("Waiting for")], "Waiting for approval..."),
        # Each with words of its own.
        ("Alert from web", [{"type": "section", "text": mrkdwn("CPU at *99*")}],
         "Alert from web\n\nCPU at **99**"),
        # The text says more than the blocks.
        ("Shall we *deploy*? Approve", [{"type": "actions", "elements": [
            {"type": "button", "text": plain("Approve")}]}], "Shall we **deploy**? Approve"),
        ("still here", [], "still here"),
        ("still here", [{"type": "divider"}], "still here"),
        ("", [{"type": "section", "text": mrkdwn("only blocks")}], "only blocks"),
        ("This content can't be displayed.", [{"type": "section", "text": mrkdwn("shown")}],
         "shown"),
        (":custom:", [rich(section({"type": "emoji", "name": "custom"}))], ":custom:"),
    ],
)  # fmt: skip
def test_text_and_blocks_are_shown_whole_and_once(
    said: str, parts: list[Any], expected: str
) -> None:
    assert message_to_markdown({"text": said, "blocks": parts}, NAMES) == expected


def test_blocks_borrow_the_names_that_only_the_text_knows() -> None:
    named = {"type": "channel", "channel_id": "C7"}
    message = {"text": "<#C7|random> hi", "blocks": [rich(section(named, text(" hi")))]}
    assert message_to_markdown(message, NAMES) == "#random hi"


def test_a_me_message_is_italic_and_a_bot_message_as_it_is() -> None:
    me = {"subtype": "me_message", "text": "waves *hard*\nand goes"}
    assert message_to_markdown(me, NAMES) == "_waves **hard**_\n_and goes_"
    code = {"subtype": "me_message", "text": "```x```"}
    assert message_to_markdown(code, NAMES) == "```\nx\n```"
    bot = {"subtype": "bot_message", "username": "owl", "text": "hey *hey*"}
    assert message_to_markdown(bot, NAMES) == "hey **hey**"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"text": "<@U1> commented on <@U9|acs> file: Thanks.", "subtype": "file_comment",
          "comment": {"comment": "Thanks.", "user": "U1"}},
         "@Jane Doe commented on @acs file: Thanks."),
        ({"text": "", "comment": {"comment": "only *here*"}}, "only **here**"),
        ({"text": "<@U1> uploaded a file: <https://f/1|plan>",
          "file": {"title": "plan", "initial_comment": {"comment": "please read"}}},
         "@Jane Doe uploaded a file: [plan](https://f/1)\n\nplease read"),
    ],
)  # fmt: skip
def test_comments_on_files_of_old_messages_are_shown_once(
    message: dict[str, Any], expected: str
) -> None:
    assert message_to_markdown(message, NAMES) == expected


def test_a_link_preview_shows_what_the_page_says_unformatted_and_its_link_once() -> None:
    preview = {"service_name": "GitHub", "title": "a/b", "title_link": "https://gh/a",
               "text": "*stars* R&amp;D", "from_url": "https://gh/a", "fallback": "GitHub: a/b",
               "image_url": "https://i/1.png", "thumb_url": "https://i/2.png"}  # fmt: skip
    expected = "GitHub\n**[a/b](https://gh/a)**\n\n\\*stars\\* R&D\n\n![a/b](https://i/1.png)"
    assert of_attachment(**preview) == expected
    untitled = {**preview, "title": "", "title_link": ""}
    assert of_attachment(**untitled).endswith("\n\n<https://gh/a>")
    message = {"text": "see <https://gh/a>", "attachments": [untitled]}
    assert message_to_markdown(message, NAMES).count("https://gh/a") == 1


def test_an_attachment_of_a_bot_shows_all_its_parts_in_order() -> None:
    shown = of_attachment(
        pretext="*before*", author_name="Bot", author_link="https://b/1", author_subname="beta",
        title="T", text="body <@U1>", footer="CI", ts="1392734382.000100", fallback="hidden",
        fields=[{"title": "Env", "value": "*prod*"}, {"value": 7}, {"title": "L", "value": "a\nb"}],
        actions=[{"type": "button", "text": "Retry", "url": "https://b/2"}], color="#fff",
        blocks=[{"type": "section", "text": mrkdwn("a block")}],
    )  # fmt: skip
    assert shown == (
        "**before**\n\n[Bot](https://b/1) · beta\n**T**\n\nbody @Jane Doe\n\n"
        "**Env:** **prod**\n7\n**L:**\na\nb\n\na block\n\n[Retry](https://b/2)\n\n"
        "CI, 2014-02-18 14:39 UTC"
    )


@pytest.mark.parametrize(("field", "bold"), [("text", "**x**"), ("pretext", r"\*x\*")])
def test_mrkdwn_in_says_which_fields_are_formatted(field: str, bold: str) -> None:
    assert of_attachment(**{field: "*x*", "mrkdwn_in": ["text"]}) == bold


def test_the_fallback_is_shown_only_if_there_is_nothing_else() -> None:
    assert of_attachment(fallback="only &lt;this") == "only <this"
    assert of_attachment(fallback="not this", text="but this") == "but this"
    assert of_attachment(fallback="[no preview available]") == ""


def test_a_shared_message_is_a_quote_under_its_authors_name() -> None:
    said = [rich(section(text("in "), {"type": "channel", "channel_id": "C7"}))]
    shared = {"is_share": True, "is_msg_unfurl": True, "author_name": "Bob", "text": "in <#C7|x>",
              "from_url": "https://s/p1", "footer": "Posted in #general", "ts": "1392734382.0001",
              "fallback": "[date] bob: hi", "message_blocks": [{"message": {"blocks": said}}],
              "files": [{"title": "F", "permalink": "https://f/1", "url_private": "https://f?t=x"}],
              "attachments": [{"text": "nested"}]}  # fmt: skip
    assert of_attachment(**shared) == (
        "> **Bob**, [Posted in #general, 2014-02-18 14:39 UTC](https://s/p1)\n>\n"
        "> in #x\n>\n> nested\n>\n> [F](https://f/1)"
    )


def test_an_attachment_that_repeats_what_was_shown_is_left_out() -> None:
    message = {"text": "Build *failed*", "attachments": [{"text": "Build failed"}, {"text": "Why"}]}
    assert message_to_markdown({**message, "blocks": []}, NAMES) == "Build **failed**\n\nWhy"
    assert of_attachment(text="?!") == "?!"


EVERYTHING: dict[str, Any] = {
    "user": "U8", "reactions": [{"users": ["U7"]}],
    "text": "<@U1> <#C1|x> <!subteam^S1> <!here|here> <!date^1^{date}|d> <https://a/1|one> <@U1>",
    "blocks": [
        rich(section({"type": "user", "user_id": "U2"}, text("literal <@U6> "),
                     {"type": "link", "url": "https://a/1"},
                     {"type": "link", "url": "https://a/2?x=1&amp;y=2", "text": "two"},
                     {"type": "broadcast", "range": "channel"})),
        {"type": "section", "text": mrkdwn("<#C2> <mailto:a@b.c|mail> <http://e.com|e.com>"),
         "accessory": {"type": "button", "text": plain("Go"), "url": "https://a/3"}},
        {"type": "markdown", "text": "[four](https://a/4) and https://a/5."},
    ],
    "attachments": [{"text": "<@U3>", "title": "T", "title_link": "https://a/6",
                     "footer": "https://a/7 https://a/8", "from_url": "https://a/F_(x)",
                     "thumb_url": "https://no/1", "footer_icon": "https://no/2",
                     "files": [{"url_private": "https://no/3?t=xoxe"}]}],
    "comment": {"comment": "<!subteam^S2|@x>", "user": "U5"},
}  # fmt: skip


def test_mentions_are_found_everywhere_once_and_in_order() -> None:
    expected = Mentions(("U1", "U2", "U3"), ("C1", "C2"), ("S1", "S2"), ("here", "channel"))
    assert mentions(EVERYTHING) == expected
    assert mentions({}) == mentions(None) == Mentions()


def test_links_are_found_everywhere_once_and_in_order_with_their_labels() -> None:
    assert links(EVERYTHING) == [
        Link("https://a/1", "one"), Link("https://a/2?x=1&y=2", "two"),
        Link("mailto:a@b.c", "mail"), Link("http://e.com"), Link("https://a/3", "Go"),
        Link("https://a/4", "four"), Link("https://a/5."), Link("https://a/7"),
        Link("https://a/8"), Link("https://a/F_(x)"), Link("https://a/6", "T"),
    ]  # fmt: skip
    assert links({}) == links(None) == []


def recorded(path: str) -> Path:
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"{found} is not here: Slack payloads are shared beside the repository")
    return found


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for each in value:
            yield from objects(each)
    elif isinstance(value, dict):
        yield value
        yield from objects([*value.values()])


def test_the_messages_of_a_workspace_of_2016_lose_no_word() -> None:
    with zipfile.ZipFile(recorded("realdata/slack/workspace-export.testarchive.zip")) as archive:
        days = [json.loads(archive.read(name)) for name in archive.namelist() if "/2016" in name]
    messages = [message for day in days for message in day]
    assert len(messages) == 158
    for message in messages:
        shown = message_to_markdown(message, Names())
        said = [message["text"], *(each.get(key, "") for each in message.get("attachments", [])
                                   for key in ("pretext", "title", "text"))]  # fmt: skip
        for part in said:
            assert set(words(mrkdwn_to_markdown(part, Names()))) <= set(words(shown))
        assert "xoxe" not in shown
        assert not re.search(r"<[@#]|&[lg]t;", shown)


def test_recorded_messages_are_shown_as_typed_and_once() -> None:
    calls = gzip.decompress(recorded("specs/slack/nango-recorded/slack.ndjson.gz").read_bytes())
    typed = [each for line in calls.splitlines() for each in objects(json.loads(line)["response"])
             if each.get("type") == "message" and "blocks" in each]  # fmt: skip
    assert len(typed) > 10
    assert [message_to_markdown(each, NAMES) for each in typed] == [each["text"] for each in typed]


def test_every_shape_slack_ever_sent_is_rendered_with_all_its_text() -> None:
    path = recorded("specs/slack/java-slack-sdk-json-logs/api/conversations.history.json.gz")
    unopened = re.compile("confirm|options|option_groups|initial_options?|workflow")
    numbers = itertools.count()

    def fill(value: Any) -> Any:
        """The recordings are masked: every text is empty. Each becomes a word of its own."""
        if isinstance(value, list):
            return [fill(each) for each in value]
        if isinstance(value, dict):
            return {key: fill(value[key]) for key in value if not unopened.fullmatch(key)}
        return f"word{next(numbers)}." if value == "" else value

    message = fill(json.loads(gzip.decompress(path.read_bytes()))["messages"][0])
    parts = [*message["blocks"], *(b for each in message["attachments"] for b in each["blocks"])]
    assert len(parts) > 10
    for part in parts:
        shown = of_blocks(part)
        # The samples were merged, which put the fields of all other blocks into "actions".
        root = part["elements"] if part["type"] == "actions" else part
        texts = [each["text"] for each in objects(root) if isinstance(each.get("text"), str)]
        assert [each for each in texts if each not in shown] == []


def words(shown: str) -> list[str]:
    return re.findall(r"[^\W_]+", shown)


KEYS = st.sampled_from(re.findall(
    r"\w+", "type text blocks attachments elements fields style url title image_url rows unicode "
    "name message_blocks timestamp format user_id indent offset border comment file value ts "
    "is_share label options mrkdwn_in subtype column_settings message files"))  # fmt: skip
KINDS = st.sampled_from([*blocks._RENDERERS, *blocks._MENTIONS, *re.findall(
    r"\w+", "text link emoji date button rich_text_list rich_text_section rich_text_quote "
    "rich_text_preformatted")])  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab<@U1>*`&lt;:|\n")
JUNK = st.recursive(
    SCALARS | KINDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5)
    | st.builds(lambda kind, rest: {**rest, "type": kind}, KINDS,
                st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=25,
)  # fmt: skip


@given(JUNK | st.dictionaries(KEYS, JUNK, max_size=6))
def test_any_payload_gives_text(payload: Any) -> None:
    assert isinstance(message_to_markdown(payload, NAMES), str)
    assert isinstance(of_blocks(payload) + of_attachment(text=payload, blocks=[payload]), str)
    assert isinstance(mentions(payload), Mentions)
    assert all(isinstance(each, Link) for each in links(payload))


@pytest.mark.parametrize(
    ("kind", "key"),
    [("odd", "blocks"), ("odd", "elements"), ("rich_text_list", "elements"), ("section", "fields"),
     ("context", "elements"), ("attachment", "attachments")],
)  # fmt: skip
def test_payloads_nested_beyond_all_reason_still_give_their_text(kind: str, key: str) -> None:
    payload: dict[str, Any] = {"text": "innermost"}
    for _ in range(5000):
        payload = {"type": kind, "is_share": True, key: [payload]}
    outer = "attachments" if kind == "attachment" else "blocks"
    assert "innermost" in message_to_markdown({outer: [payload]}, NAMES)


def test_one_block_does_not_change_how_the_next_is_rendered() -> None:
    assert of_blocks(*[{"type": "section", "text": mrkdwn("*b*")}] * 40).split() == ["**b**"] * 40
    assert of_attachment(fields=[{"value": 10**5000}, {"value": 7}]) == "7"


def test_the_output_grows_no_faster_than_the_payload() -> None:
    lists = [items("x", indent=number) for number in range(900)]
    assert len(of_blocks(rich(*lists))) < 900 * 40
    rows = [[CELL] * 900, *[[CELL]] * 900]
    assert len(of_blocks({"type": "table", "rows": rows})) < 1800 * 15

"""Slack's mrkdwn as Markdown: what each form becomes, what must survive, what it may cost."""

import gzip
import html
import io
import itertools
import json
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from re import _compiler, _parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from exporters.slack import blocks, markdown
from exporters.slack.markdown import (
    Names,
    code_span,
    escape_markdown,
    fence,
    format_date,
    link,
    mrkdwn_to_markdown,
    settle_lines,
)

SHARED = Path(__file__).resolve().parents[3].parent / "shared"
NAMES = Names({"U1": "Jane Doe"}, {"C1": "general"}, {"S1": "devs"})
WORD = re.compile(r"[^\W_]+")


def render(text: str) -> str:
    return mrkdwn_to_markdown(text, NAMES)


def shown(markdown_text: str) -> str:
    """What a reader of the rendered Markdown sees."""
    page = MarkdownIt("commonmark").enable("strikethrough").render(markdown_text)
    return html.unescape(re.sub(r"<[^>]*>", "", page)).strip()


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        ("*bold* and _italic_ and ~struck~", "**bold** and _italic_ and ~~struck~~"),
        ("*bold with `co*de`*", "**bold with `co*de`**"),
        ("_*both*_ *_both_* ~*both*~", "_**both**_ **_both_** ~~**both**~~"),
        ("(*a*), *b*. *c*! *d*: '*e*'", "(**a**), **b**. **c**! **d**: '**e**'"),
        ("*<@U1>* *Owner:*<@U1>", "**@Jane Doe** **Owner:**@Jane Doe"),
        ("<@U1> *a* &gt; *b*", "@Jane Doe **a** > **b**"), ("*a* b* *c", "**a** b* *c"),
        ("*a ~b* c~", "**a ~b** c~"), ("*a*b c*", r"**a\*b c**"),
    ],
)  # fmt: skip
def test_formatting_becomes_its_markdown_form(mrkdwn: str, expected: str) -> None:
    assert render(mrkdwn) == expected


@pytest.mark.parametrize(
    "literal",
    [
        "2*3*4", "2 * 3 * 4", "2**3**4", "char*a, char*b", "src/*/test/*.py",
        "let* and define* and *.xsl", "snake_case_name and foo_bar_", "*not closed",
        "*over\ntwo lines*", "a * spaced * b", "*word*s", "about ~50% or ~60%", "~/bin and ~/lib",
        "f(*args, **kwargs)",
    ],
)  # fmt: skip
def test_what_is_not_formatting_in_slack_is_shown_as_typed(literal: str) -> None:
    assert shown(render(literal)) == literal


@pytest.mark.parametrize(
    ("follower", "closes"),
    # Which characters let a star close was found by users of slack-message-parser, issue 34.
    [(char, True) for char in "~!#$%^)-+={}[];:'\",.?/"]
    + [(char, False) for char in "`@&(|\\*"]
    + [(char, False) for char in ("a", "1", "é")],
)
def test_the_character_after_a_star_decides_whether_it_closes(follower: str, closes: bool) -> None:
    escaped = follower.replace("&", "&amp;")
    assert render(f"*Y*{escaped}").startswith("**Y**") is closes


@pytest.mark.parametrize("before", ["a", "1", "é", ")", "]", "}", "/", "@", "`"])
def test_a_star_after_these_does_not_open(before: str) -> None:
    assert "**" not in render(f"{before}*b*")


@pytest.mark.parametrize(
    "identifier", ["foo_bar", "PROJ-123", "__init__", "let*", "a.b-c_d", "_private", "x_", "v1.2.3"]
)
def test_identifiers_stay_searchable_as_typed(identifier: str) -> None:
    assert render(f"see {identifier} in &lt;file") == f"see {identifier} in <file"


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        ("<@U1>", "@Jane Doe"), ("<@U1|old name>", "@Jane Doe"), ("<@U9|bob>", "@bob"),
        ("<@U9|@bob>", "@bob"), ("<@U9>", "@U9"), ("<#C1>", "#general"),
        ("<#C1|was>", "#general"), ("<#C9|random>", "#random"), ("<#C9|>", "#C9"),
        ("<!subteam^S1|@x>", "@devs"), ("<!subteam^S9|@x>", "@x"), ("<!subteam^S9>", "@S9"),
        ("<!here> <!channel|@channel> <!everyone>", "@here @channel @everyone"),
        ("<!unknown^1|label>", "label"), ("<@U1>Thanks", "@Jane Doe Thanks"),
        ("<@U1>'s", "@Jane Doe's"),
    ],
)  # fmt: skip
def test_mentions_show_the_known_name_or_the_label_or_the_id(mrkdwn: str, expected: str) -> None:
    assert render(mrkdwn) == expected


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        ("<https://e.com/a_b?x=1&amp;y=2>", "<https://e.com/a_b?x=1&y=2>"),
        ("<https://e.com|the *docs* &amp; more>", "[the **docs** & more](https://e.com)"),
        ("<http://e.com|e.com>", "[e.com](http://e.com)"),
        ("<https://e.com|https://e.com>", "<https://e.com>"),
        ("<https://e.com|a [b>", r"[a \[b](https://e.com)"),
        ("<https://e.com/(a|label>", "[label](https://e.com/%28a)"),
        ("<https://e.com/F_(x)|wiki>", "[wiki](https://e.com/F_(x))"),
        ("<https://e.com/a b|label>", "[label](https://e.com/a%20b)"),
        ("<mailto:a@b.c|a@b.c>", "a@b.c"), ("<mailto:a@b.c>", "a@b.c"),
        ("<mailto:a1@b.c|mail 1>", "[mail 1](mailto:a1@b.c)"),
        ("<tel:28919.86|28919.86>", "28919.86"), ("<tel:+15551234|+1 555-1234>", "+1 555-1234"),
        ("<tel:+15551234|call us>", "[call us](tel:+15551234)"),
        ("<javascript:alert(1)|click>", "click (javascript:alert(1))"),
        ("<T> and <a|b>", r"\<T> and \<a|b>"),
    ],
)  # fmt: skip
def test_links(mrkdwn: str, expected: str) -> None:
    assert render(mrkdwn) == expected


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        ("<!date^1392734382^Posted {date_num} {time_secs}|fb>", "Posted 2014-02-18 14:39:42 UTC"),
        ("<!date^1392734382^{date} at {time}|fb>", "February 18th, 2014 at 14:39 UTC"),
        ("<!date^1392734382^{date_short_pretty}|fb>", "Feb 18, 2014"),
        ("<!date^1392734382^{date_long}^https://e.com|fb>",
         "[Tuesday, February 18th, 2014](https://e.com)"),
        ("<!date^1392734382^{date_slash} {nonsense}|fb>", "18/02/2014 {nonsense}"),
        ("<!date^1392734382000^{date_num}|milliseconds>", "2014-02-18"),
        ("<!date^soon^{date}|next week &amp; more>", "next week & more"),
        ("<!date^1e99^{date}|never>", "never"), ("<!date^soon^{date}>", "soon"),
        ("<!date|fb>", "fb"),
    ],
)  # fmt: skip
def test_dates_are_written_out_in_utc(mrkdwn: str, expected: str) -> None:
    assert render(mrkdwn) == expected


def test_days_of_the_month_are_ordinals() -> None:
    days = [format_date(1388534400 + day * 86400, "{date}").split()[1] for day in range(31)]
    assert "".join(days[:4]) == "1st,2nd,3rd,4th,"
    assert "".join(days[10:13] + days[20:23]) == "11th,12th,13th,21st,22nd,23rd,"


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        ("a &amp;&amp; b &lt; c &gt; d", "a && b < c > d"), ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("`a &lt; b &amp;amp;`", "`a < b &amp;`"),
    ],
)  # fmt: skip
def test_escapes_are_undone_exactly_once(mrkdwn: str, expected: str) -> None:
    assert render(mrkdwn) == expected


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        ("git checkout &lt;branch&gt;", r"git checkout \<branch>"),
        ("if a&lt;b and c&gt;d", r"if a\<b and c>d"), ("a &lt;b without end", "a <b without end"),
        (r"\_ C:\Users \\srv\x", r"\\_ C:\Users \\\srv\x"),
        ("# comment\n#general", "\\# comment\n#general"),
        ("title\n---\nend", "title\n\\---\nend"), ("title\n===", "title\n\\==="),
        ("*a*\n\n---", "**a**\n\n---"), ("2*3\n\n4*5", "2*3\n\n4*5"), ("~~~\nend", "\\~~~\nend"),
        ("[1]: <https://e.com>", r"\[1]: <https://e.com>"),
        ("[1] see: [x](y)", "[1] see: [x](y)"),
        ("**typed Markdown** [x](https://e.com)", "**typed Markdown** [x](https://e.com)"),
        ("let* and 2*3*4 and *b*", r"let* and 2\*3\*4 and **b**"),
        ("*use let* twice, let*", "**use let** twice, let*"),
    ],
)  # fmt: skip
def test_only_what_markdown_would_swallow_gets_a_backslash(mrkdwn: str, expected: str) -> None:
    assert render(mrkdwn) == expected


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        ("a `*x* _y_ :tada: ~z~` b", "a `*x* _y_ :tada: ~z~` b"),
        ("`<http://e.com|e.com>`", "`e.com`"),
        ("`wget <http://e.com/x>`", "`wget http://e.com/x`"),
        ("`<@U1> <#C1> <!here>`", "`@Jane Doe #general @here`"),
        ("`<https://ci/1|build 1>`", "[`build 1`](https://ci/1)"),
        ("`see <https://ci/1|build 1>`", "`see build 1`"),
        ("`<!date^1392734382^{date_num}^https://e.com|fb>`", "`2014-02-18`"), ("`a *b", "`a *b"),
    ],
)  # fmt: skip
def test_inside_code_ids_are_resolved_and_nothing_is_formatted(mrkdwn: str, expected: str) -> None:
    assert render(mrkdwn) == expected


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        ("```x = *1*```", "```\nx = *1*\n```"),
        ("see:\n```\n  a\n    b\n```\nend", "see:\n```\n  a\n    b\n```\nend"),
        ("see ```a``` end", "see \n```\na\n```\nend"),
        ("```a``````b```", "```\na\n```\n```\nb\n```"),
        ("```python\nx```", "```\npython\nx\n```"),
        ("```wget <http://e.com|e.com> &amp;&amp; <@U1>```",
         "```\nwget e.com && @Jane Doe\n```"),
        ("``` ```", r"\`\`\` \`\`\`"),
    ],
)  # fmt: skip
def test_preformatted_text_becomes_a_fenced_block_of_its_own(mrkdwn: str, expected: str) -> None:
    assert render(mrkdwn) == expected


def test_an_unclosed_fence_does_not_make_code_of_the_messages_that_follow() -> None:
    page = MarkdownIt().render(render("look: ```open *b*") + "\n\nnext _message_")
    assert "<em>message</em>" in page
    assert "<strong>b</strong>" in page


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        ("&gt; *quoted*\n&gt;more", "> **quoted**\n> more"),
        ("&gt; quoted\nanswer", "> quoted\n\nanswer"),
        ("&gt; quoted\n\nanswer", "> quoted\n\nanswer"), ("> raw\nanswer", "> raw\n\nanswer"),
        ("a\n&gt;&gt;&gt; all\n```the``` *rest*", "a\n> all\n> ```\n> the\n> ```\n> **rest**"),
        ("&gt;&gt; email style", "> > email style"), ("&gt;", ">"), ("a &gt; b", "a > b"),
    ],
)  # fmt: skip
def test_quotes(mrkdwn: str, expected: str) -> None:
    assert render(mrkdwn) == expected


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        ("• one\n    ◦ two\n        ▪︎ three", "- one\n    - two\n        - three"),
        ("•one", "- one"), ("- one\n* two\n1. three", "- one\n* two\n1. three"),
    ],
)  # fmt: skip
def test_bullets_as_people_type_them_become_lists(mrkdwn: str, expected: str) -> None:
    assert render(mrkdwn) == expected


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        (":tada: :+1::-1:", "🎉 👍👎"), (":wave::skin-tone-3:", "👋🏼"),
        (":point_up::skin-tone-3:", "☝🏼"), (":man-shrugging::skin-tone-6:", "🤷🏿\u200d♂️"),
        (":custom_parrot::skin-tone-3:", ":custom_parrot::skin-tone-3:"),
        (":flag-id: :us:", "🇮🇩 🇺🇸"),
        (":flag-england:", "\U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in "gbeng\x7f")),
        (":male-technologist: :large_green_circle:", "👨\u200d💻 🟢"),
        (":tada::skin-tone-3:", "🎉"), ("(:tada:) *:tada:*", "(🎉) **🎉**"),
        ("10:30:45", "10:30:45"), ("http://x:80:", "http://x:80:"),
        ("redis:key:1 crate::key::value 1:100:2", "redis:key:1 crate::key::value 1:100:2"),
        ("`:tada:`", "`:tada:`"), ("note: a:b", "note: a:b"),
    ],
)  # fmt: skip
def test_standard_emoji_become_characters_custom_ones_stay(mrkdwn: str, expected: str) -> None:
    assert render(mrkdwn) == expected


def test_the_emoji_table_is_not_loaded_before_an_emoji_is_met() -> None:
    import subprocess  # noqa: PLC0415 - only this test needs a fresh interpreter

    code = "import sys, exporters.slack.blocks; print('emoji' in sys.modules)"
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert fresh.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*not bold* and ~not struck~", r"\*not bold\* and ~not struck~"),
        (":tada: R&amp;D <https://e.com|x>", "🎉 R&D [x](https://e.com)"),
    ],
)
def test_plain_text_has_tokens_and_emoji_but_no_formatting(text: str, expected: str) -> None:
    assert mrkdwn_to_markdown(text, NAMES, formatting=False) == expected


@pytest.mark.parametrize(
    "literal",
    [
        "2*3*4 <T> a\\_b", "*stars* here\n\nand *here", "x < y and y > z", "let* a b",
        "**bold?** <!-- gone? -->", "&lt; stays",
    ],
)  # fmt: skip
def test_escaped_literal_text_is_shown_as_it_was(literal: str) -> None:
    expected = literal.replace("**bold?**", "bold?").replace("&lt;", "<")
    assert shown(escape_markdown(literal)).split() == expected.split()


def test_in_literal_text_a_line_that_begins_like_a_quote_is_none() -> None:
    assert settle_lines("> typed", literal=True) == r"\> typed"


def test_fences_and_spans_are_longer_than_the_backticks_inside() -> None:
    assert fence("a\n```\nb", "md") == "````md\na\n```\nb\n````"
    assert code_span("a `b` ``c``") == "``` a `b` ``c`` ```"
    assert code_span("  ") == "  "


def test_a_link_without_url_is_its_label_and_without_both_nothing() -> None:
    assert link("", "label") == "label"
    assert link("") == ""


def test_what_is_no_text_gives_the_empty_string() -> None:
    junk: list[Any] = [None, 5, b"x", [], {}, object()]
    assert {mrkdwn_to_markdown(each, NAMES) for each in junk} == {""}


SPECIALS = "*_~`<>&;@#!|:^\n\\[](){}•-=ltgamp abX1é🎉"


@given(st.text(SPECIALS, max_size=300))
def test_any_text_gives_text(text: str) -> None:
    assert isinstance(mrkdwn_to_markdown(text, NAMES), str)
    assert isinstance(mrkdwn_to_markdown(text, NAMES, formatting=False), str)
    assert isinstance(escape_markdown(text), str)


@given(st.text(SPECIALS.translate(dict.fromkeys(map(ord, "<&:"))), max_size=300))
def test_no_word_of_any_text_is_lost(text: str) -> None:
    assert not Counter(WORD.findall(text)) - Counter(WORD.findall(render(text)))


def shared(path: str) -> bytes:
    if not (SHARED / path).exists():
        pytest.skip(f"{SHARED / path} is not here: real Slack texts lie beside the repository")
    return (SHARED / path).read_bytes()


def racket_texts() -> list[str]:
    page = gzip.decompress(shared("realdata/slack/racket-general-2018.xml.gz")).decode()
    return [html.unescape(text) for text in re.findall(r"<text>(.*?)</text>", page, re.DOTALL)]


def export_texts() -> list[str]:
    archive = zipfile.ZipFile(io.BytesIO(shared("realdata/slack/workspace-export.testarchive.zip")))
    days = [json.loads(archive.read(name)) for name in archive.namelist() if "/20" in name]
    return [message["text"] for day in days for message in day if message["text"]]


@pytest.fixture(params=[racket_texts, export_texts], ids=["racket", "export"])
def real_texts(request: pytest.FixtureRequest) -> list[str]:
    texts: list[str] = request.param()
    assert len(texts) > 50
    return texts


def expected_words(text: str) -> Counter[str]:
    """The words a reader of Slack sees, but for emoji."""
    text = re.sub(r"<([^<>]*)>", lambda token: " " + token[1].split("|")[-1] + " ", text)
    text = re.sub(r":[\w+'-]+:", " ", text)
    return Counter(WORD.findall(markdown.unescape(text)))


def test_every_word_of_real_texts_is_still_there(real_texts: list[str]) -> None:
    names = Names()
    lost = {
        text: missing
        for text in real_texts
        if (missing := expected_words(text)
            - Counter(WORD.findall(mrkdwn_to_markdown(text, names))))
    }  # fmt: skip
    assert lost == {}


def test_every_word_of_real_texts_is_seen_when_rendered(
    real_texts: list[str],
) -> None:
    lost = {}
    for text in real_texts:
        if "](<" in text or "%" in text:
            continue  # typed Markdown links, whose URL is not seen; encoded URLs, seen decoded
        page = re.sub(r"<[^>]*>", " ", MarkdownIt().render(mrkdwn_to_markdown(text, Names())))
        missing = expected_words(text) - Counter(WORD.findall(html.unescape(page)))
        if missing := {word for word in missing if not word.isdigit()}:  # numbers of lists
            lost[text] = missing
    assert lost == {}


def test_no_token_and_no_escape_is_left_over_in_real_texts(real_texts: list[str]) -> None:
    left = re.compile(r"<[@#]\w|<!(?:here|channel|everyone|subteam|date)|&(?:lt|gt|amp);")
    odd = [text for text in real_texts if left.search(mrkdwn_to_markdown(text, Names()))]
    # A few people wrote about the entities themselves.
    assert [text for text in odd if "&amp;amp;" not in text and "&amp;lt;" not in text] == []


# Work is counted, not timed, for a text and for one twice as long: the calls of the interpreter,
# and for what the patterns do out of its sight the steps of a model of their backtracking.

PUMPS = ["*", "*a", "~a ", "`", "```", "<", "<@a", "&lt;a", ":a", ":a:", "\n&gt;", "\n>>>", "\n=",
         "\n• ", "[a](http:", "\\_", "a", " ", "{a", "<http://a|b>", "*a*\n\n"]  # fmt: skip
PATTERNS = {name: value for module in (markdown, blocks) for name, value in vars(module).items()
            if isinstance(value, re.Pattern)}  # fmt: skip
# Those that are asked about one place only, and what stands before it.
ANCHORED = {"_TAG_REST": "&lt;", "_SCHEME": "^", "_NO_LINK": "^", "_NO_TEXT": "^"}


@pytest.mark.parametrize("pump", PUMPS)
def test_the_work_grows_no_faster_than_the_text(pump: str) -> None:
    render(pump)  # the first look-up of an emoji loads their table
    small, large = (calls(pump * length) for length in (3000, 6000))
    assert large <= 2.1 * small + 100


def calls(text: str) -> int:
    count = itertools.count()
    before = sys.getprofile()
    sys.setprofile(lambda *_: next(count) and None)
    render(text)
    sys.setprofile(before)
    return next(count)


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_goes_over_a_text_again_and_again(name: str) -> None:
    for prefix, pump in product(["", "<@", ":", "&lt;", "<!date^1^{"], PUMPS):
        texts = [prefix + pump * (times * 48 // len(pump)) for times in (1, 2)]
        small, large = (Model(PATTERNS[name], text).steps(ANCHORED.get(name)) for text in texts)
        assert large <= 2.5 * small + 50, (prefix, pump)


def test_the_model_sees_a_pattern_that_does() -> None:
    pattern = re.compile(r"<@([^<>|]+)[^<>]*>")
    small, large = (Model(pattern, "<@" + "a" * length).steps() for length in (60, 120))
    assert large > 3 * small


class Model:
    """Finds all matches as sre does, node by node, and counts the nodes."""

    def __init__(self, pattern: re.Pattern[str], text: str) -> None:
        self.flags = pattern.flags
        self.tree = [*_parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)]
        self.text = text
        self.count = itertools.count()
        self.compiled: dict[str, re.Pattern[str]] = {}

    def steps(self, anchor: str | None = None) -> int:
        starts = [found.end() for found in re.finditer(anchor or "", self.text)]
        end = 0
        for start in starts:
            if start >= end:
                end = next(self.match(self.tree, start), start)
        return next(self.count)

    def match(self, nodes: list[Any], at: int) -> Iterator[int]:
        next(self.count)
        if not nodes:
            yield at
            return
        kind, value = str(nodes[0][0]), nodes[0][1]
        ends: Iterable[int]
        if kind == "BRANCH":
            ends = (end for branch in value[1] for end in self.match([*branch], at))
        elif kind == "SUBPATTERN":
            ends = self.match([*value[3]], at)
        elif kind in {"MAX_REPEAT", "MIN_REPEAT"}:
            ends = self.repeat(*value, at)
        elif kind.startswith("ASSERT") and value[0] > 0:
            found = any(True for _ in self.match([*value[1]], at))
            ends = [at] * (found == (kind == "ASSERT"))
        else:
            if (key := repr(nodes[0])) not in self.compiled:
                node = _parser.SubPattern(_parser.State(), [nodes[0]])
                self.compiled[key] = _compiler.compile(node, self.flags)
            hit = self.compiled[key].match(self.text, at)
            ends = [hit.end()] if hit else []
        for end in ends:
            yield from self.match(nodes[1:], end)

    def repeat(self, low: int, high: int, body: Any, at: int) -> Iterator[int]:
        for end in self.match([*body], at) if high else ():
            yield from self.repeat(max(low - 1, 0), high - 1, body, end)
        if not low:
            yield at

"""Atlassian Document Format becomes Markdown, whatever is in it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.jira.adf import adf_to_markdown


def text(words: str, *marks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": words, **({"marks": list(marks)} if marks else {})}


def node(kind: str, *content: Any, **attrs: Any) -> dict[str, Any]:
    return {"type": kind, "attrs": attrs, "content": list(content)}


def paragraph(*content: Any) -> dict[str, Any]:
    return node("paragraph", *(text(c) if isinstance(c, str) else c for c in content))


def doc(*content: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content)}


def items(*words: str) -> list[dict[str, Any]]:
    return [node("listItem", paragraph(word)) for word in words]


INNER_LIST, INNER_CODE = node("bulletList", *items("In")), node("codeBlock", text("ls\npwd"))
STRONG, EM, CODE, STRIKE = ({"type": kind} for kind in ("strong", "em", "code", "strike"))
CASES = {
    "paragraphs": (doc(paragraph("One"), paragraph("Two")), "One\n\nTwo"),
    "hard break": (doc(paragraph("One", node("hardBreak"), "Two")), "One\nTwo"),
    "heading": (doc(node("heading", text("Title"), level=2)), "## Title"),
    "strong": (doc(paragraph("a ", text("b ", STRONG), "c")), "a **b** c"),
    "marks together": (doc(paragraph(text("b", STRONG, EM))), "***b***"),
    "code": (doc(paragraph(text("a`b", CODE))), "``a`b``"),
    "strike": (doc(paragraph(text("b", STRIKE))), "~~b~~"),
    "underline is read past": (doc(paragraph(text("b", {"type": "underline"}))), "b"),
    "link": (
        doc(paragraph(text("here", {"type": "link", "attrs": {"href": "https://e.example"}}))),
        "[here](https://e.example)",
    ),
    "bullets": (doc(node("bulletList", *items("One", "Two"))), "- One\n- Two"),
    "numbers from three": (doc(node("orderedList", *items("A", "B"), order=3)), "3. A\n4. B"),
    "list in a list": (
        doc(node("bulletList", node("listItem", paragraph("One"), INNER_LIST))),
        "- One\n  - In",
    ),
    "code in a list": (
        doc(
            node("orderedList", node("listItem", paragraph("Run"), INNER_CODE))
        ),
        "1. Run\n   ```\n   ls\n   pwd\n   ```",
    ),
    "tasks": (
        doc(
            node(
                "taskList",
                node("taskItem", text("Open"), state="TODO"),
                node("taskItem", text("Closed"), state="DONE"),
                node("taskList", node("taskItem", text("Below"), state="TODO")),
            )
        ),
        "- [ ] Open\n- [x] Closed\n  - [ ] Below",
    ),
    "decisions": (
        doc(node("decisionList", node("decisionItem", text("We buy it"), state="DECIDED"))),
        "- Decision: We buy it",
    ),
    "code block": (
        doc(node("codeBlock", text("print(1)\n```"), language="python")),
        "````python\nprint(1)\n```\n````",
    ),
    "quote": (doc(node("blockquote", paragraph("One"), paragraph("Two"))), "> One\n>\n> Two"),
    "panel": (
        doc(node("panel", paragraph("Hot!"), panelType="warning")),
        "> **Warning**\n>\n> Hot!",
    ),
    "expand": (doc(node("expand", paragraph("Inside"), title="More")), "**More**\n\nInside"),
    "rule": (doc(paragraph("a"), {"type": "rule"}, paragraph("b")), "a\n\n---\n\nb"),
    "mention": (doc(paragraph("Ask ", node("mention", id="5b", text="@Ada"))), "Ask @Ada"),
    "mention without a name": (doc(paragraph(node("mention", id="5b"))), "@5b"),
    "emoji": (doc(paragraph(node("emoji", shortName=":tea:", text="🍵"))), "🍵"),
    "emoji of the site": (doc(paragraph(node("emoji", shortName=":kettle:"))), ":kettle:"),
    "date": (doc(paragraph(node("date", timestamp="1795132800000"))), "2026-11-20"),
    "status": (doc(paragraph(node("status", text="DONE", color="green"))), "[DONE]"),
    "card in a line": (
        doc(paragraph("See", node("inlineCard", url="https://e.example/1"))),
        "See https://e.example/1",
    ),
    "card with data": (
        doc(node("blockCard", data={"name": "Page", "url": "https://e.example/2"})),
        "[Page](https://e.example/2)",
    ),
    "embedded card": (doc(node("embedCard", url="https://e.example/3")), "https://e.example/3"),
    "media by name": (
        doc(node("mediaSingle", node("media", type="file", id="u", alt="plan.png"))),
        "File: plan.png",
    ),
    "media with a caption": (
        doc(node("mediaSingle", node("media", alt="plan.png"), node("caption", text("The plan")))),
        "File: plan.png\nThe plan",
    ),
    "external media": (
        doc(node("mediaSingle", node("media", type="external", url="https://e.example/x.png"))),
        "![](https://e.example/x.png)",
    ),
    "media in a line": (
        doc(paragraph("In ", node("mediaInline", id="u", alt="a.pdf"))),
        "In File: a.pdf",
    ),
    "table": (
        doc(
            node(
                "table",
                node("tableRow", *(node("tableHeader", paragraph(h)) for h in ("A", "B"))),
                node("tableRow", *(node("tableCell", paragraph(c)) for c in ("1|2", "x"))),
                node("tableRow", node("tableCell", paragraph("wide"), colspan=2)),
            )
        ),
        "| A | B |\n| --- | --- |\n| 1\\|2 | x |\n| wide |  |",
    ),
    "layout": (
        doc(node("layoutSection", *(node("layoutColumn", paragraph(c)) for c in "LR"))),
        "L\n\nR",
    ),
    "macro with a body": (doc(node("bodiedExtension", paragraph("Inside"))), "Inside"),
    "macro with a text": (doc(node("extension", text="Chart")), "Chart"),
    "macro with a title": (
        doc(node("extension", parameters={"macroMetadata": {"title": "Roadmap"}})),
        "Roadmap",
    ),
    "macro in a line": (doc(paragraph("a ", node("inlineExtension", text="b"))), "a b"),
    "placeholder": (doc(paragraph(node("placeholder", text="Write here"))), "Write here"),
    "unknown node with children": (doc(node("hologram", paragraph("Words"))), "Words"),
    "unknown leaf with a text": (doc(node("hologram", text="Words")), "Words"),
    "unknown node in a line": (doc(paragraph("a ", node("spark", text("b")))), "a b"),
    "plain text instead": ("Just words", "Just words"),
    "nothing": (None, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_node_has_its_markdown(name: str) -> None:
    document, expected = CASES[name]
    assert adf_to_markdown(document) == expected


def test_every_node_type_of_the_schema_gives_its_words(recorded: Path) -> None:
    schema = json.loads((recorded / "adf.schema.json").read_text())
    kinds = [
        kind
        for definition in schema["definitions"].values()
        for kind in definition.get("properties", {}).get("type", {}).get("enum", [])
    ]
    assert len(set(kinds)) > 50
    for kind in set(kinds) - {"text", "hardBreak", "rule", "doc"}:
        inside = {
            "type": kind,
            "content": [text("words")],
            "attrs": {"text": "words", "url": "words"},
        }
        is_mark = f"{kind}_mark" in schema["definitions"]
        wrapped = text("words", {"type": kind, "attrs": {}}) if is_mark else inside
        assert "words" in adf_to_markdown(doc(paragraph(wrapped), wrapped)), kind


def test_a_document_that_an_editor_made_keeps_its_words(recorded: Path) -> None:
    document = json.loads((recorded / "jira-cli-testdata" / "adf-md.json").read_text())
    markdown = adf_to_markdown(document)
    assert "```go\npackage main" in markdown
    assert "- Unordered list item 2" in markdown
    assert "| **Table Header 1** | **Table Header 2** |" in markdown


def test_a_document_made_to_be_deep_gives_its_text() -> None:
    deep: dict[str, Any] = paragraph("bottom")
    for _ in range(5_000):
        deep = node("blockquote", deep)
    assert "bottom" in adf_to_markdown(doc(deep))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "content", "attrs", "marks", "text", "url", "colspan", "level"]
            ),
            inner
            | st.sampled_from(
                [
                    "doc",
                    "text",
                    "table",
                    "tableRow",
                    "tableCell",
                    "taskList",
                    "panel",
                    "media",
                    "date",
                ]
            ),
            max_size=6,
        )
    ),
    max_leaves=30,
)


@given(json_values)
def test_nothing_makes_it_fail(value: Any) -> None:
    assert isinstance(adf_to_markdown(value), str)

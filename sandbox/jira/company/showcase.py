"""One issue with everything an issue can hold: every node and mark of ADF, every kind of field."""

from typing import Any

from sandbox.jira.adf import doc, mark, node, paragraph, text
from sandbox.jira.catalogue import (
    AMOUNT,
    DETECTED,
    EPIC_LINK,
    FLAGGED,
    FOUND_IN,
    IMPACT,
    INFORMED,
    OWNERS,
    PORTS,
    POST_MORTEM,
    REFERENCE,
    REGION,
    RELATED,
    REVIEWERS,
    SERVICES,
    SEVERITY,
    START_DATE,
    STORY_POINTS,
    TOLD,
)
from sandbox.jira.model import Adf

SUMMARY = "Style guide: everything a ticket may hold"
LABELS = ("style-guide", "docs")


def _marked() -> Adf:
    """A paragraph with every mark on text."""
    return paragraph(
        text("strong ", mark("strong")),
        text("emphasised ", mark("em")),
        text("struck out ", mark("strike")),
        text("underlined ", mark("underline")),
        text("code", mark("code")),
        text(" H"),
        text("2", mark("subsup", type="sub")),
        text("O at 10"),
        text("3", mark("subsup", type="sup")),
        text(" red", mark("textColor", color="#ff5630")),
        text(" marked", mark("backgroundColor", color="#f8e6a0")),
        text(" a link", mark("link", href="https://wiki.harbourline.example/tickets")),
        text(" discussed", mark("annotation", id="note-1", annotationType="inlineComment")),
    )


def _inline(account_id: str, name: str, media_id: str) -> Adf:
    """A paragraph with every inline node."""
    return paragraph(
        text("Ask "),
        node("mention", id=account_id, text=f"@{name}", accessLevel=""),
        text(" before "),
        node("date", timestamp="1796083200000"),
        node("hardBreak"),
        node("emoji", shortName=":ship:", id="1f6a2", text="🚢"),
        text(" "),
        node("status", text="In review", color="blue", localId="status-1", style=""),
        text(" "),
        node("inlineCard", url="https://harbourline.atlassian.net/browse/PAY-482"),
        text(" "),
        node("mediaInline", id=media_id, collection="", type="file"),
        text(" "),
        node(
            "inlineExtension",
            extensionType="com.atlassian.confluence.macro.core",
            extensionKey="jira-count",
            text="12 tickets",
            parameters={},
        ),
        text(" "),
        node("placeholder", text="Write the reason here"),
    )


def _item(words: Adf, *below: Adf) -> Adf:
    return node("listItem", [paragraph(words), *below])


def _lists() -> list[Adf]:
    """Lists within lists, tasks, decisions."""
    inner = node("bulletList", [_item(text("and then the pier"))])
    return [
        node("bulletList", [_item(text("first the ship"), inner)]),
        node("orderedList", [_item(text("check the weather"))], order=3),
        node(
            "taskList",
            [
                node("taskItem", [text("write it down")], localId="task-1", state="DONE"),
                node("taskItem", [text("read it again")], localId="task-2", state="TODO"),
            ],
            localId="tasks",
        ),
        node(
            "decisionList",
            [node("decisionItem", [text("We write short tickets")], localId="d", state="DECIDED")],
            localId="decisions",
        ),
    ]


def _table() -> Adf:
    """A table with a header, merged cells and an expandable cell."""
    return node(
        "table",
        [
            node(
                "tableRow",
                [
                    node("tableHeader", [paragraph(text("Field"))]),
                    node("tableHeader", [paragraph(text("Rule"))]),
                ],
            ),
            node(
                "tableRow",
                [
                    node("tableCell", [paragraph(text("Summary"))], background="#e6fcff"),
                    node(
                        "tableCell",
                        [
                            paragraph(text("One sentence")),
                            node("nestedExpand", [paragraph(text("no more"))], title="Why"),
                        ],
                    ),
                ],
            ),
            node(
                "tableRow",
                [node("tableCell", [paragraph(text("Everything else is optional"))], colspan=2)],
            ),
        ],
        isNumberColumnEnabled=False,
        layout="default",
    )


def _media(media_id: str) -> list[Adf]:
    """Pictures, files and cards."""
    media: Adf = node(
        "media", type="file", id=media_id, collection="", width=96, height=64, alt="screenshot.png"
    )
    framed = {**media, "marks": [mark("border", size=2, color="#091e4224")]}
    external = node("media", type="external", url="https://wiki.harbourline.example/pier.png")
    return [
        node("mediaSingle", [framed, node("caption", [text("The seat map")])], layout="center"),
        node("mediaSingle", [external], layout="wide", width=66.7),
        node("mediaGroup", [media]),
        node("blockCard", url="https://wiki.harbourline.example/tickets"),
        node("embedCard", url="https://video.harbourline.example/tour", layout="center"),
    ]


def _blocks() -> list[Adf]:
    """Every block node that is left, and the marks of blocks."""
    centred: Adf = {
        **paragraph(text("In the middle")),
        "marks": [mark("alignment", align="center")],
    }
    indented: Adf = {**paragraph(text("Further in")), "marks": [mark("indentation", level=1)]}
    code: Adf = {
        **node("codeBlock", [text("SELECT 1;")], language="sql"),
        "marks": [mark("breakout", mode="wide")],
    }
    columns = [
        node("layoutColumn", [paragraph(text(side))], width=50) for side in ("Left", "Right")
    ]
    extension: dict[str, Any] = {
        "extensionType": "com.atlassian.confluence.macro.core",
        "parameters": {},
        "layout": "default",
    }
    chart: Adf = {
        **node("extension", **extension, extensionKey="chart", localId="chart-1"),
        "marks": [
            mark("dataConsumer", sources=["table-1"]),
            mark("fragment", localId="fragment-1", name="Chart"),
        ],
    }
    return [
        centred,
        indented,
        code,
        node("codeBlock"),
        node("blockquote", [paragraph(text("A ticket is a letter to whoever is on call."))]),
        *(
            node("panel", [paragraph(text(f"A panel: {kind}"))], panelType=kind)
            for kind in ("info", "note", "tip", "warning", "error", "success")
        ),
        node("panel", [paragraph(text("Ours"))], panelType="custom", panelColor="#deebff"),
        node("expand", [paragraph(text("Hidden until wanted"))], title="More"),
        node("layoutSection", columns),
        chart,
        node("bodiedExtension", [paragraph(text("Body"))], **extension, extensionKey="excerpt"),
        node("rule"),
    ]


def description(account_id: str, name: str, media_id: str) -> Adf:
    """The whole document.

    Args:
        account_id: Whom to mention.
        name: Their name.
        media_id: Of an attached picture.
    """
    headings = [node("heading", [text(f"Heading {n}")], level=n) for n in range(1, 7)]
    return doc(
        *headings,
        _marked(),
        _inline(account_id, name, media_id),
        *_lists(),
        _table(),
        *_media(media_id),
        *_blocks(),
        paragraph(),
    )


def values(person: str, other: str, version: str, epic: str) -> dict[str, Any]:
    """A value for every kind of custom field."""
    return {
        EPIC_LINK: epic,
        START_DATE: "2026-11-02",
        STORY_POINTS: 8.0,
        FLAGGED: ("Impediment",),
        SEVERITY: "SEV-3",
        REGION: ("Iberia", "Lisbon"),
        REVIEWERS: (person, other),
        PORTS: ("Lisbon", "Palma"),
        IMPACT: "None; it is **only** a guide.",
        DETECTED: 1_790_000_000.0,
        REFERENCE: "GUIDE-1",
        SERVICES: ("ticket-wallet",),
        POST_MORTEM: "https://wiki.harbourline.example/none",
        OWNERS: "checkout-team",
        INFORMED: ("support-team",),
        FOUND_IN: (version,),
        TOLD: "Not needed",
        RELATED: "PAY",
        AMOUNT: 12.5,
    }

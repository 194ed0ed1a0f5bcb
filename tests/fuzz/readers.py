"""Every reader of what strangers wrote, each as a function of bytes.

A new reader is added here and is from then on searched for slow inputs and tried with any bytes by
`make test`, and fuzzed with coverage by `make fuzz`.
"""

import io
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from fuzz.shapes import Shaper
from langchain_core.documents import Document

from documents.errors import ConfigurationError
from documents.text import normalize_text
from exporters.changes import Failure, RawRecord, Upsert
from exporters.errors import InvalidDataError
from exporters.extraction.archives import ArchiveLimits, open_archive
from exporters.extraction.errors import UnreadableError
from exporters.extraction.reading import Circumstances
from exporters.gmail.charsets import decode_text
from exporters.gmail.documents import mail_documents, unflowed
from exporters.gmail.headers import (
    addresses,
    header_date,
    header_text,
    message_ids,
    parameter_of,
)
from exporters.gmail.invitations import event_markdown, events_of
from exporters.gmail.markup import split_html
from exporters.gmail.mbox import MboxMail, gmail_message, mails
from exporters.gmail.quoting import split_plain
from exporters.jira.adf import adf_to_markdown
from exporters.jira.wiki import wiki_to_markdown
from exporters.slack.blocks import links, mentions, message_to_markdown
from exporters.slack.export_zip import SlackArchiveExporter
from exporters.slack.markdown import Names, mrkdwn_to_markdown
from exporters.slack.settings import SlackSelection
from processing.chunking import chunk_documents
from processing.text import normalize, truncate
from stores.highlight import snippet
from stores.query import analyze, to_fts5

_ARCHIVE: Final = ArchiveLimits(unpacked_bytes=5_000_000, entries=100)
_NAMES: Final = Names(users={"U1": "ada"}, channels={"C1": "general"}, usergroups={"S1": "ops"})
_CHARSETS: Final = (
    None, "utf-8", "us-ascii", "utf-7", "utf-16", "utf-32", "iso-2022-jp", "gb2312", "big5", "hz",
    "euc-kr", "shift_jis", "cp037", "unicode-escape", "punycode", "rot13", "hex", "x-user-defined",
)  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes:
        name: What it reads.
        read: Gives what it makes of bytes; every text in it is looked at.
        declared: What it may raise.
        seeds: Small inputs that reach its parts.
        pieces: What its grammar knows; however often repeated these must not be slow.
    """

    name: str
    read: Callable[[bytes], object]
    declared: tuple[type[Exception], ...] = ()
    seeds: tuple[bytes, ...] = (b"",)
    pieces: tuple[str, ...] = field(default=())


def text_of(data: bytes) -> str:
    """Bytes as a text that may hold anything a JSON may: half characters too."""
    return data.decode("utf-8", "surrogateescape")


def _mrkdwn(data: bytes) -> object:
    text = text_of(data)
    return normalize_text(mrkdwn_to_markdown(text, _NAMES)), normalize_text(
        mrkdwn_to_markdown(text, _NAMES, formatting=False)
    )


_BLOCK_KEYS: Final = (
    "type", "text", "elements", "blocks", "attachments", "fields", "accessory", "url", "style",
    "title", "fallback", "pretext", "from_url", "title_link", "author_name", "rows", "indent",
    "offset", "border", "message_blocks", "message", "is_share", "name", "unicode", "skin_tone",
    "timestamp", "format", "user_id", "channel_id", "usergroup_id", "range", "mrkdwn_in", "value",
    "label", "image_url", "alt_text", "files", "file", "footer", "ts", "column_settings", "align",
    "caption", "subtype", "comment", "actions", "language", "options", "title_url", "permalink",
)  # fmt: skip
_BLOCK_WORDS: Final = (
    "section", "rich_text", "rich_text_section", "rich_text_list", "rich_text_quote", "mrkdwn",
    "rich_text_preformatted", "text", "link", "emoji", "user", "channel", "usergroup", "broadcast",
    "date", "table", "data_table", "context", "actions", "image", "file", "markdown", "header",
    "divider", "plain_text", "raw_number", "checkboxes", "bold", "code", "ordered", "bullet",
    "<@U1>", "<!date^1^{date}^http://x|y>", "*a* _b_ ~c~ `d`", "```", "> q", "&gt;&gt;&gt; q",
    "1f600", "http://a.example/(x)", "me_message", "wave", "<https://x|l>", "...", "1. ", "1512.1",
)  # fmt: skip


def _blocks(data: bytes) -> object:
    message = Shaper(data, _BLOCK_KEYS, _BLOCK_WORDS).node()
    return (
        normalize_text(message_to_markdown(message, _NAMES)),
        [normalize_text(text) for one in links(message) for text in (one.url, one.label)],
        [normalize_text(text) for text in (*mentions(message).users, *mentions(message).channels)],
    )


_ADF_KEYS: Final = (
    "type", "content", "content", "content", "attrs", "text", "marks", "level", "order", "url",
    "href", "data", "name", "alt", "state", "panelType", "title", "language", "colspan", "id",
    "timestamp", "shortName", "parameters", "macroMetadata", "@id", "extensionTitle",
)  # fmt: skip
_ADF_WORDS: Final = (
    "doc", "paragraph", "text", "heading", "bulletList", "orderedList", "listItem", "taskList",
    "taskItem", "decisionList", "decisionItem", "codeBlock", "blockquote", "panel", "expand",
    "nestedExpand", "rule", "mediaSingle", "mediaGroup", "media", "caption", "blockCard", "table",
    "tableRow", "tableCell", "tableHeader", "layoutSection", "extension", "bodiedExtension",
    "hardBreak", "mention", "emoji", "date", "status", "inlineCard", "mediaInline", "placeholder",
    "inlineExtension", "strong", "em", "code", "strike", "link", "info", "DONE", "a|b", "``", " ",
)  # fmt: skip


def _adf(data: bytes) -> object:
    return normalize_text(adf_to_markdown(Shaper(data, _ADF_KEYS, _ADF_WORDS).node()))


_TREE_KEYS: Final = (
    "parts", "parts", "mimeType", "headers", "name", "value", "body", "data", "size", "filename",
    "partId", "attachmentId",
)  # fmt: skip
_TREE_WORDS: Final = (
    "multipart/mixed", "multipart/alternative", "multipart/signed", "multipart/encrypted",
    "message/rfc822", "text/plain", "text/html", "text/calendar", "application/pdf", "image/png",
    "application/pkcs7-mime", "application/pgp-signature", "message/delivery-status", "0", "0.1",
    "From", "To", "Cc", "Reply-To", "Date", "Subject", "Message-ID", "References", "Content-Type",
    "Content-Disposition", "Content-ID", "attachment; filename*=utf-8''a%00b", "ada@a.example",
    "text/plain; format=flowed; delsp=yes; charset=utf-7", "=?utf-8?b?8J+YgA==?= =?x?q?=zz?=",
    '"A, B" <a@b>, <c@d>', "<a@b> <c@d>", "Mon, 1 Jan 2024 00:00:00 +9999", "PGI-aGk8L2I-", "aGk=",
    "Re: Fwd: x", "PHRhYmxlPjx0cj48dGQ-YQ==", "QkVHSU46VkNBTEVOREFS", "inline", "x",
)  # fmt: skip


def mail_record(tree: Any, **message: Any) -> RawRecord:
    """A record of a mail with a tree of parts."""
    payload = {
        "connection": "C1", "access": ["user:ada@a.example"],
        "mailbox": {"address": "ada@a.example", "key": "1"}, "labels": {},
        "attachments": [], "bodies": {}, "nested": {},
        "message": {"id": "1", "threadId": "1", "labelIds": ["INBOX"], "payload": tree, **message},
    }  # fmt: skip
    return RawRecord(external_id="ada@a.example/1", entity="message", payload=payload)


def _settled(documents: list[Document]) -> list[Document]:
    return list(truncate(normalize(documents)))


def _texts(documents: list[Document]) -> object:
    return [(document.page_content, document.metadata["title"]) for document in documents]


def _tree(data: bytes) -> object:
    tree = Shaper(data, _TREE_KEYS, _TREE_WORDS).node()
    return _texts(_settled(list(mail_documents(mail_record(tree)))))


def _mime(data: bytes) -> object:
    tree, labels = gmail_message(MboxMail(data, b"From x Mon Jan  1 00:00:00 2024\n", 1))
    return labels, _texts(_settled(list(mail_documents(mail_record(tree["payload"])))))


def _mbox(data: bytes) -> object:
    made: list[object] = []
    for mail in mails(io.BytesIO(data), largest=100_000):
        if isinstance(mail, MboxMail):
            try:
                gmail_message(mail)  # the payload as it came: what is made of it, `_mime` shows
                made.append(mail.id)
            except InvalidDataError as error:
                made.append(str(error))
    return made


def _header(data: bytes) -> object:
    text = text_of(data)
    return (
        header_text(text), addresses([text]), message_ids(text), str(header_date(text)),
        parameter_of(text, "charset"), parameter_of(text, "filename"),
    )  # fmt: skip


def _charset(data: bytes) -> object:
    name = _CHARSETS[data[0] % len(_CHARSETS)] if data else None
    return normalize_text(decode_text(data[1:], name))


def _quoting(data: bytes) -> object:
    text = text_of(data)
    return split_plain(text), split_plain(unflowed(text, delsp=True), forward=True)


def _html(data: bytes) -> object:
    return split_html(text_of(data))


def _calendar(data: bytes) -> object:
    events = events_of([text_of(data)])
    return [normalize_text(event_markdown(event)) for event in events]


def _wiki(data: bytes) -> object:
    return normalize_text(wiki_to_markdown(text_of(data), {"ada": "Ada"}))


def _file(name: str) -> Callable[[bytes], object]:
    def read(data: bytes) -> object:
        # Otherwise it runs in a process of its own; see `tests.fuzz.extraction`.
        from exporters.extraction.readers import read as read_file  # noqa: PLC0415

        about = Circumstances(name, None, 100_000, _ARCHIVE, 2)
        return normalize_text(read_file(data, about, lambda kind: None))

    return read


def _archive(data: bytes) -> object:
    with closing(open_archive(data, "Word document", _ARCHIVE)) as opened:
        return len(opened.infolist())


_USERS: Final = b'[{"id":"U1","team_id":"T1","name":"ada","profile":{"email":"ada@a.example"}}]'
_CHANNELS: Final = b'[{"id":"C1","name":"general","members":["U1"]}]'


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="export-"))


def slack_export(day: bytes, *, users: bytes = _USERS, channels: bytes = _CHANNELS) -> bytes:
    """A workspace export with one day of one channel."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        opened.writestr("users.json", users)
        opened.writestr("channels.json", channels)
        opened.writestr("general/2024-01-01.json", day)
    return made.getvalue()


def _export(data: bytes) -> object:
    kind, rest = (data[0] % 4, data[1:]) if data else (0, data)
    content = rest
    if kind == 1:
        content = slack_export(rest)
    elif kind == 2:
        content = slack_export(b"[]", users=rest)
    elif kind == 3:
        content = slack_export(b"[]", channels=rest)
    path = _folder() / "export.zip"
    path.write_bytes(content)
    made: list[object] = []
    exporter = SlackArchiveExporter(path)
    try:
        for partition in exporter.partitions(SlackSelection()):
            for change in exporter.pull(partition, None):
                if isinstance(change, Upsert):
                    documents = list(exporter.to_documents(change.record))
                    made.append(_texts(_settled(documents)))
                elif isinstance(change, Failure):
                    made.append(normalize_text(change.error.sentence()))
    finally:
        exporter.close()
    return made


def _chunks(data: bytes) -> object:
    text = normalize_text(text_of(data))
    document = Document(id="a:b:c:d", page_content=text, metadata={"title": text[:20]})
    [made] = chunk_documents([document], chunk_characters=200, overlap_characters=20)
    covered = "".join(text[chunk.start : chunk.end] for chunk in made.chunks)
    if not set(text.split()) <= set(covered.split()) | set(text.split()):
        raise AssertionError("a chunk lost words")
    return [chunk.embedded_text for chunk in made.chunks]


def _search(data: bytes) -> object:
    asked, _, text = text_of(data).partition("\n")
    query = analyze(asked)
    text = normalize_text(text)
    shown = snippet(text, query)
    if shown.highlights and shown.highlights[-1][1] > len(shown.text):
        raise AssertionError("a highlight beyond the snippet")
    return to_fts5(query) or "", normalize_text(shown.marked())


_MAIL: Final = (
    b"From: Ada <ada@a.example>\nTo: =?utf-8?q?Bob?= <bob@a.example>\nSubject: =?utf-8?b?8J+YgA==?="
    b"\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nMessage-ID: <1@a.example>\nMIME-Version: 1.0\n"
    b'Content-Type: multipart/mixed; boundary="x"\n\n--x\nContent-Type: text/plain; charset=utf-7;'
    b" format=flowed\nContent-Transfer-Encoding: quoted-printable\n\nHi=20 \n> quoted\n-- \nAda\n"
    b"--x\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\nPGI+aGk8L2I+\n--x\n"
    b"Content-Type: message/rfc822\n\nSubject: in\n\ntext\n--x\nContent-Type: text/calendar\n\n"
    b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR\n--x--\n"
)
_EVENT: Final = (
    b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Tea\\, cake\r\n"
    b"DTSTART;TZID=Europe/Berlin:20240101T100000\r\nDTEND:20240101T110000Z\r\nRRULE:FREQ=DAILY\r\n"
    b'ORGANIZER;CN="Ada":mailto:ada@a.example\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:b@a.example\r\n'
    b"DESCRIPTION:long\r\n  folded\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
_PAGE: Final = (
    b"<html><head><title>t</title></head><body><h1>h</h1><table><tr><td>a<td>b</table><ul><li>x"
    b'<img src=a alt="pic"><a href="http://x">l</a><div class=gmail_quote>On x, y wrote:'
    b"<blockquote type=cite>q</blockquote></div><pre>c</pre></body></html>"
)
_DAY: Final = (
    b'[{"type":"message","user":"U1","text":"hi <@U1>","ts":"1704067200.000100",'
    b'"thread_ts":"1704067200.000100","replies":[{"user":"U1","ts":"1704067201.000100"}],'
    b'"blocks":[{"type":"rich_text","elements":[]}],"files":[{"id":"F1","name":"a"}]}]'
)
_HTML_PIECES: Final = (
    "<", "<a", "<a href=", "<div>", "<p>", "<b><i>", "<table>", "<table><tr><td>", "<li>", "<!--",
    "<![CDATA[", "<script>", "<style", "&", "&#", "&amp", '"', "<img alt='", "<blockquote>", "</b>",
    "<div class=gmail_quote>", "<br>", "On x wrote:\n", "<ol><li>", "<h1>", "<pre>", "<title>",
    "<font>", "<a href=x>", "<td>", "<svg>", "<select><option>", "<form>", "\u034f", "<head",
)  # fmt: skip
_MAIL_PIECES: Final = (
    "> ", ">", "\n>", "-- \n", "On Mon, Ada wrote:\n", "\n\nOn x wrote:\n> a\n", "@", "On ",
    "From: a\nSent: b\n", "-----Original Message-----\n", "_" * 31 + "\n", "\n\n", " \n", "\t",
    "Best regards\n", "a:\n\n", "Am 1.1. schrieb ", "wrote: ", "From: ", "Forwarded message\n",
    "\n--\n", "\u3000", "Sent from my iPhone\n", "*From:* a\n", "\r", "Le 1, a \u00e9crit :\n",
    "\n----\n\nFrom: x\n",
)  # fmt: skip
_HEADER_PIECES: Final = (
    "=?utf-8?q?", "=?utf-8?b?", "=?utf-8?q?a?= ", "<", "<a@", "<a@b>", '"', "(", "\\", ",", ";",
    'a="', "a*0=", "charset*=", "a@b, ", "@", ":", "[", ".", "filename*0*=utf-8''a; ", "=?", "?=",
    "a <", "'", "((", ")", "\n ", "x:;", "<<>", "a b ",
)  # fmt: skip
_WIKI_PIECES: Final = (
    "{code}", "{code:", "{code}{noformat}", "{noformat}", "{{", "{{a", "}}", "{quote}", "{panel}",
    "{panel:", "{info}", "{info:", "{info}{note}", "{color:", "{color}", "{anchor:", "[", "[a|",
    "[~", "!", "!a|", "!http://", "*", "*a ", "_a ", "-a ", "+a ", "^a ", "~a ", "??", "??a ",
    "h1. ", "h1. a   ", "bq. ", "||", "|a", "|a|\n", "* a\n", "# a\n", "-", "\\\\", "\\", "{", "}",
    "http://", "*a*", "{tip}{quote}", "\n", " ", "[^", "----\n", "!a", "{quote}a{quote}", "-a-b ",
)  # fmt: skip
_MRKDWN_PIECES: Final = (
    "<", "<a", "<@", "<@U1|", "<!date^", "<!date^1^{date}^", "```", "```a", "`", "`a", "*", "*a",
    "*a ", "~a", "_", "&", "&lt;", "&lt;a", "&gt;", ">", ">>>", "\n>", "\n>>>", ":", ":a", ":a::",
    ":a:", "\u2022", "\n\u2022 ", "[", "\n[a", "#", "\n#", "\n=", "\n-", "\n- - ", "\\", "<http://",
    "<http://a|", "**", "* *", "~~~\n", "|", "<a|", "&amp;", ":skin-tone-2:", "<!", "\n[a]", "`a` ",
)  # fmt: skip
_QUERY_PIECES: Final = (
    '"', '"a" ', "\u201ca", "\u00ab", "a.", "a/", "http://", "a@b ", "n't ", "a'", "_", "a_b ", "*",
    "(", "NEAR(", " OR ", "a ", "\u0301", "-", ":", "1,", "1.", "'s", "a't ", "\u2019", "+a",
)  # fmt: skip
_TEXT_PIECES: Final = (
    "\n# ",
    "\n\n",
    ". ",
    " ",
    "a",
    "\u0301",
    "\u202e",
    "\U0001f600",
    "\t\n",
    "\r",
)
_CSV_PIECES: Final = (",", '"', '",', '""', "\n", "a,\n", ";\t|,", "\r")
_CALENDAR_PIECES: Final = (
    "BEGIN:VEVENT\n", "BEGIN:VCALENDAR\n", "END:VEVENT\n", "DTSTART:2\n", "A;B=", 'A;B="', "\\,",
    "\n ", ";", ":", "RRULE:FREQ=DAILY;", "ATTENDEE:a\n", "DESCRIPTION:", "=", ",",
)  # fmt: skip

READERS: Final[dict[str, Reader]] = {
    reader.name: reader
    for reader in (
        Reader(
            "slack mrkdwn", _mrkdwn, pieces=_MRKDWN_PIECES,
            seeds=(b"*b* _i_ ~s~ `c` ```f``` <@U1> <!date^1^{date}|x> :wave::skin-tone-2: &lt;b",),
        ),
        Reader("slack blocks", _blocks, seeds=(bytes(range(256)),)),
        Reader(
            "slack export", _export, declared=(ConfigurationError,),
            seeds=(b"\0" + slack_export(_DAY), b"\1" + _DAY, b"\2" + _USERS, b"\3" + _CHANNELS),
        ),
        Reader(
            "jira wiki", _wiki, pieces=_WIKI_PIECES,
            seeds=(b"h1. a\n{code:java}x{code} *b* _i_ -s- [l|http://x] !p! ||h||\n|c|\n# a\n",),
        ),
        Reader("jira adf", _adf, seeds=(bytes(range(256)),)),
        Reader("gmail html", _html, pieces=_HTML_PIECES, seeds=(_PAGE,)),
        Reader("gmail quoting", _quoting, pieces=_MAIL_PIECES, seeds=(b"a\n\nOn x, y wrote:\n> ",)),
        Reader(
            "gmail headers", _header, pieces=_HEADER_PIECES,
            seeds=(b'"A" <a@b>, =?utf-8?q?x?= <c@d>; charset="utf-8"; filename*0*=utf-8\'\'a%20',),
        ),
        Reader("gmail charsets", _charset, seeds=(b"\x03+AGE-", b"\x06\x1b$B$\"\x1b(B")),
        Reader("gmail tree", _tree, declared=(InvalidDataError,), seeds=(bytes(range(256)),)),
        Reader("gmail mime", _mime, declared=(InvalidDataError,), seeds=(_MAIL,)),
        Reader(
            "gmail mbox", _mbox, seeds=(b"From x Mon Jan  1 00:00:00 2024\n" + _MAIL,),
            pieces=("From \n", "\nFrom x\n", ">From ", "\n\n", "a"),
        ),
        Reader("gmail invitations", _calendar, pieces=_CALENDAR_PIECES, seeds=(_EVENT,)),
        Reader(
            "file html", _file("a.html"), declared=(UnreadableError,), pieces=_HTML_PIECES,
            seeds=(_PAGE,),
        ),
        Reader(
            "file csv", _file("a.csv"), declared=(UnreadableError,), pieces=_CSV_PIECES,
            seeds=(b'a,b\n"c ""d",e\n',),
        ),
        Reader("file mail", _file("a.eml"), declared=(UnreadableError,), seeds=(_MAIL,)),
        Reader(
            "file calendar", _file("a.ics"), declared=(UnreadableError,), seeds=(_EVENT,),
            pieces=_CALENDAR_PIECES,
        ),
        Reader("file text", _file("a.txt"), declared=(UnreadableError,), seeds=(b"\xff\xfea\0",)),
        Reader("file archive", _archive, declared=(UnreadableError,), seeds=(slack_export(_DAY),)),
        Reader("chunking", _chunks, pieces=_TEXT_PIECES, seeds=(b"# a\n\nb. c d\n\n## e\n",)),
        Reader(
            "search", _search, pieces=_QUERY_PIECES,
            seeds=(b'"a b" v1.2 c@d http://e/f don\'t\nthe a b of v1.2\n',),
        ),
    )
}  # fmt: skip
"""By name."""

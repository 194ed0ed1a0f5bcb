"""The kinds of file that have text, by name and by media type.

What a file really is, its content says (`exporters.extraction.sniffing`). This is for deciding
whether it is worth a download at all, and for what its content leaves open.
"""

from typing import Final, NamedTuple


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        suffixes: Of its file names, in lower case, without the dot.
        media_types: As vendors and mails name it.
        title: What a person calls it.
    """

    suffixes: frozenset[str]
    media_types: frozenset[str]
    title: str


def _kind(suffixes: str, media_types: str, title: str) -> Kind:
    return Kind(frozenset(suffixes.split()), frozenset(media_types.split()), title)


_OPEN_XML: Final = "application/vnd.openxmlformats-officedocument"
_MACROS: Final = "macroenabled.12"
_ODF: Final = "application/vnd.oasis.opendocument"

KINDS: Final[dict[str, Kind]] = {
    "pdf": _kind("pdf", "application/pdf application/x-pdf", "PDF"),
    "docx": _kind(
        "docx docm dotx dotm",
        f"{_OPEN_XML}.wordprocessingml.document {_OPEN_XML}.wordprocessingml.template "
        f"application/vnd.ms-word.document.{_MACROS} application/vnd.ms-word.template.{_MACROS}",
        "Word document",
    ),
    "pptx": _kind(
        "pptx pptm ppsx ppsm potx potm",
        f"{_OPEN_XML}.presentationml.presentation {_OPEN_XML}.presentationml.slideshow "
        f"{_OPEN_XML}.presentationml.template "
        f"application/vnd.ms-powerpoint.presentation.{_MACROS} "
        f"application/vnd.ms-powerpoint.slideshow.{_MACROS}",
        "PowerPoint presentation",
    ),
    "xlsx": _kind(
        "xlsx xlsm xltx xltm",
        f"{_OPEN_XML}.spreadsheetml.sheet {_OPEN_XML}.spreadsheetml.template "
        f"application/vnd.ms-excel.sheet.{_MACROS} application/vnd.ms-excel.template.{_MACROS}",
        "Excel workbook",
    ),
    "xlsb": _kind(
        "xlsb", f"application/vnd.ms-excel.sheet.binary.{_MACROS}", "binary Excel workbook"
    ),
    "doc": _kind("doc dot", "application/msword", "Word document of before 2007"),
    "ppt": _kind(
        "ppt pps pot", "application/vnd.ms-powerpoint", "PowerPoint presentation of before 2007"
    ),
    "xls": _kind("xls xlt", "application/vnd.ms-excel", "Excel workbook of before 2007"),
    "odt": _kind("odt ott", f"{_ODF}.text {_ODF}.text-template", "OpenDocument text"),
    "ods": _kind(
        "ods ots", f"{_ODF}.spreadsheet {_ODF}.spreadsheet-template", "OpenDocument spreadsheet"
    ),
    "odp": _kind(
        "odp otp", f"{_ODF}.presentation {_ODF}.presentation-template", "OpenDocument presentation"
    ),
    "rtf": _kind("rtf", "application/rtf text/rtf application/x-rtf", "RTF document"),
    "epub": _kind("epub", "application/epub+zip", "EPUB book"),
    "html": _kind("html htm xhtml", "text/html application/xhtml+xml", "web page"),
    "eml": _kind("eml", "message/rfc822", "mail"),
    "msg": _kind("msg", "application/vnd.ms-outlook", "Outlook message"),
    "csv": _kind("csv tsv", "text/csv application/csv text/tab-separated-values", "table as text"),
    "ics": _kind("ics ical ifb", "text/calendar", "calendar file"),
    "ipynb": _kind("ipynb", "application/x-ipynb+json", "notebook"),
    "text": _kind(
        "txt text log md markdown rst adoc tex bib json jsonl ndjson geojson xml xsd xsl xslt rss "
        "atom kml gpx yaml yml toml ini cfg conf properties diff patch srt vtt sql sh bash zsh ps1 "
        "bat cmd py pyi rb pl pm php js mjs cjs ts tsx jsx java kt kts scala groovy go rs c h cc "
        "cpp cxx hpp cs fs vb swift m mm r jl lua dart ex exs erl hs clj lisp el vim tf hcl proto "
        "graphql css scss less vue svelte dockerfile makefile cmake gradle po strings org vcf",
        "application/json application/ld+json application/x-ndjson application/xml "
        "application/yaml application/x-yaml application/toml application/javascript "
        "application/x-javascript application/typescript application/sql application/x-sh "
        "application/x-python application/x-httpd-php application/x-tex "
        "application/rss+xml application/atom+xml application/vnd.google-earth.kml+xml",
        "text",
    ),
}
"""Every kind that is read. The names are the values of the setting `skip_kinds`."""

_BY_SUFFIX: Final = {suffix: name for name, kind in KINDS.items() for suffix in kind.suffixes}
_BY_MEDIA_TYPE: Final = {
    media_type: name for name, kind in KINDS.items() for media_type in kind.media_types
}

_NAMED_WITHOUT_SUFFIX: Final = frozenset({"dockerfile", "makefile", "readme", "license"})


def suffix_of(name: str | None) -> str:
    """The suffix of a file's name in lower case, without the dot; a name like Makefile itself."""
    last = (name or "").replace("\\", "/").rpartition("/")[2].strip().lower()
    if last in _NAMED_WITHOUT_SUFFIX:
        return "makefile"
    stem, dot, suffix = last.rpartition(".")
    return suffix if dot and stem else ""


def bare_media_type(media_type: str | None) -> str:
    """A media type in lower case, without its parameters."""
    return (media_type or "").partition(";")[0].strip().lower()


def declared_kind(name: str | None, media_type: str | None) -> str | None:
    """The kind that a file's name or, failing that, its media type tells; None for no known one."""
    by_name = _BY_SUFFIX.get(suffix_of(name))
    if by_name is not None:
        return by_name
    bare = bare_media_type(media_type)
    by_type = _BY_MEDIA_TYPE.get(bare)
    if by_type is not None:
        return by_type
    return "text" if bare.startswith("text/") else None


def may_have_text(*, name: str | None, mime_type: str | None) -> bool:
    """Whether a file can have text that is read here, by what its source tells of it.

    For deciding before a download. Images, sound, video, archives, programs and what nobody knows
    are False. A name counts before a media type, as sources often call everything
    `application/octet-stream`.
    """
    return declared_kind(name, mime_type) is not None

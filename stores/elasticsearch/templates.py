"""The mappings: what is kept of documents and chunks, and how it is searched.

Dynamic mapping is off: what is not named here is stored and comes back, and is not indexed. A
change here changes the fingerprint of the index, and `data-getters reindex` builds it anew. Raise
`LAYOUT` when this code could not work with an index of before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from documents.fingerprints import fingerprint
from documents.registry import document_types
from documents.types import AIDocument

LAYOUT: Final = 1
"""An index of a higher layout is of a newer version of this collection."""

META: Final = "data_getters"
"""Under which key of a mapping's `_meta` an index says what it is."""

_LONGEST_KEYWORD: Final = 1_024
"""Characters; Lucene refuses terms above 32,766 bytes, and with them the document."""

BBQ_DIMENSIONS: Final = 768
"""From here on a bit for each dimension instead of a byte. Elasticsearch's own default is 384; a
byte finds more, and vectors below that length are small anyway (docs/elasticsearch.md)."""

# The standard tokenizer keeps foo_bar, v1.2.3, 10.0.0.7 and it's together. Taken apart they are
# found as a whole, as a phrase, and by their parts; scripts without blanks are still told apart.
_JOINERS: Final = (
    "_\u203f\u2040\u2054\ufe33\ufe34\ufe4d\ufe4e\ufe4f\uff3f"  # low lines
    ".\u2024\ufe52\uff0e'\u2018\u2019\uff07"  # full stops and apostrophes
    ":\u00b7\u0387\u055f\u05f4\u2027\ufe13\ufe55\uff1a"  # colons and middle dots
    ",;\u037e\u0589\u060c\u060d\u066c\u07f8\u2044\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b"  # commas
)
_COMBINING_MARKS: Final = range(0x0300, 0x0370)


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}"


_ANALYSIS: Final[Mapping[str, Any]] = {
    "char_filter": {
        "apart": {
            "type": "mapping",
            "mappings": [
                *(f"{_escaped(joiner)} => \\u0020" for joiner in _JOINERS),
                # e + combining acute is é: both lose their accent.
                *(f"{_escaped(chr(mark))} => " for mark in _COMBINING_MARKS),
            ],
        }
    },
    "normalizer": {"lowercase": {"type": "custom", "filter": ["lowercase"]}},
    "analyzer": {
        # No stop words are dropped: queries leave them out, and phrases need them.
        "english_words": {
            "type": "custom",
            "char_filter": ["apart"],
            "tokenizer": "standard",
            "filter": ["lowercase", "asciifolding", "porter_stem"],
        },
        "exact_words": {
            "type": "custom",
            "char_filter": ["apart"],
            "tokenizer": "standard",
            "filter": ["lowercase", "asciifolding"],
        },
    },
}

_KEYWORD: Final = {"type": "keyword", "ignore_above": _LONGEST_KEYWORD}
_DATE: Final = {"type": "date", "ignore_malformed": True}
_WORDS: Final = {"type": "text", "analyzer": "english_words"}
_TEXT: Final = {**_WORDS, "fields": {"exact": {"type": "text", "analyzer": "exact_words"}}}
_STORED: Final = {"type": "keyword", "index": False, "doc_values": False}

_FILTERED: Final[Mapping[str, Any]] = {
    "source": _KEYWORD,
    "connection": _KEYWORD,
    "entity": _KEYWORD,
    "container": {"dynamic": False, "properties": {"id": _KEYWORD, "name": _KEYWORD}},
    "author": {
        "dynamic": False,
        "properties": {
            "id": _KEYWORD,
            "name": _KEYWORD,
            "email": {**_KEYWORD, "normalizer": "lowercase"},
        },
    },
    "access": _KEYWORD,
}
"""What a `SearchFilter` looks at, in documents and chunks alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSchema:
    """What an index is to look like.

    Attributes:
        alias: The name it is written and read by; `<alias>-v1` and so on are behind it.
        group: The alias that all indices of a kind share, for searching; None for a kind of one.
        mappings: As Elasticsearch takes them, without `_meta`.
        settings: As Elasticsearch takes them.
        about: What it says of itself besides: the model and dimensions of vectors.
    """

    alias: str
    group: str | None
    mappings: Mapping[str, Any]
    settings: Mapping[str, Any]
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Tells whether an index has to be built anew."""
        parts = (LAYOUT, self.mappings, self.settings["analysis"])
        return fingerprint(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS))

    @property
    def meta(self) -> dict[str, Any]:
        """What the index says of itself."""
        return {META: {"layout": LAYOUT, "fingerprint": self.fingerprint, **self.about}}

    def template(self) -> dict[str, Any]:
        """The body of the index template."""
        return {
            "index_patterns": [f"{self.alias}-v*"],
            "priority": 500,
            "template": {
                "mappings": {**self.mappings, "_meta": self.meta},
                "settings": dict(self.settings),
            },
            "_meta": {"managed_by": "prefect-data-getters"},
        }


def documents_group(prefix: str) -> str:
    """The alias of all document indices."""
    return f"{prefix}-documents"


def documents_alias(prefix: str, source: str) -> str:
    """The alias of a source's documents."""
    return f"{prefix}-documents-{source}"


def chunks_alias(prefix: str) -> str:
    """The alias of the chunks."""
    return f"{prefix}-chunks"


def document_schema(prefix: str, source: str, settings: Mapping[str, Any]) -> IndexSchema:
    """The index of a source's documents, with the typed fields of its document class."""
    document_class = document_types.of_source(source)
    return IndexSchema(
        alias=documents_alias(prefix, source),
        group=documents_group(prefix),
        mappings={
            "dynamic": False,
            "properties": {
                "id": {"type": "keyword"},
                "page_content": _TEXT,
                "names": _WORDS,
                "created": {"type": "long"},
                "updated": {"type": "long"},
                "metadata": {
                    "dynamic": False,
                    "properties": {
                        **_FILTERED,
                        "external_id": _KEYWORD,
                        "title": _TEXT,
                        "url": _KEYWORD,
                        "created_at": _DATE,
                        "updated_at": _DATE,
                        "version": _STORED,
                        "parent_id": _KEYWORD,
                        "thread_id": _KEYWORD,
                        "ingestion_timestamp": _DATE,
                        "content_hash": _STORED,
                        "access_hash": _STORED,
                        "run_id": _KEYWORD,
                        "raw_ref": _STORED,
                        # Takes every shape and any key, and is filtered on by path.
                        "extra": {"type": "flattened", "ignore_above": _LONGEST_KEYWORD},
                    },
                },
                "typed": {"dynamic": False, "properties": _typed(document_class)},
            },
        },
        settings=_with_analysis(settings, codec="best_compression"),
    )


def chunk_schema(
    prefix: str, model: str, dimensions: int, settings: Mapping[str, Any]
) -> IndexSchema:
    """The index of the chunks of one embedding model."""
    return IndexSchema(
        alias=chunks_alias(prefix),
        group=None,
        mappings={
            "dynamic": False,
            "properties": {
                "id": {"type": "keyword"},
                "document_id": {"type": "keyword"},
                "ordinal": {"type": "integer"},
                "start": {"type": "integer", "index": False, "doc_values": True},
                "end": {"type": "integer", "index": False, "doc_values": True},
                "chunks": {"type": "integer", "index": False, "doc_values": True},
                "created": {"type": "long"},
                "updated": {"type": "long"},
                "metadata": {"dynamic": False, "properties": _FILTERED},
                "vector": {
                    "type": "dense_vector",
                    "dims": dimensions,
                    "index": True,
                    # Vectors are brought to length 1 before they are sent.
                    "similarity": "dot_product",
                    # Stated, because the server's default changed with its versions.
                    "index_options": {
                        "type": "bbq_hnsw" if dimensions >= BBQ_DIMENSIONS else "int8_hnsw",
                        "m": 16,
                        "ef_construction": 100,
                    },
                },
            },
        },
        settings=_with_analysis(settings, codec="default"),
        about={"model": model, "dimensions": dimensions},
    )


def index_settings(
    *, shards: int = 1, replicas: int | None = None, serverless: bool = False
) -> dict[str, Any]:
    """The settings of a new index.

    Args:
        shards: Primary shards.
        replicas: Copies; None for one where there are two nodes or more.
        serverless: Whether the server decides on both.
    """
    settings: dict[str, Any] = {"refresh_interval": "5s"}
    if not serverless:
        settings["number_of_shards"] = shards
        # An acknowledged write is on disk: a sync commits its cursor after it.
        settings["translog.durability"] = "request"
        if replicas is None:
            settings["auto_expand_replicas"] = "0-1"
        else:
            settings["number_of_replicas"] = replicas
    return settings


def _with_analysis(settings: Mapping[str, Any], *, codec: str) -> dict[str, Any]:
    return {"index": {**settings, "codec": codec}, "analysis": _ANALYSIS}


def _typed(document_class: type[AIDocument]) -> dict[str, Any]:
    return {name: _bounded(mapping) for name, mapping in document_class.extra_mapping.items()}


def _bounded(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """A field's mapping with which no value refuses its document."""
    if "properties" in mapping:
        inner = {name: _bounded(field) for name, field in mapping["properties"].items()}
        return {**mapping, "dynamic": False, "properties": inner}
    match mapping.get("type"):
        case "keyword":
            return {"ignore_above": _LONGEST_KEYWORD, **mapping}
        case "text":
            return {"analyzer": "english_words", **mapping}
        case "integer" | "long" | "float" | "double" | "boolean" | "date":
            return {"ignore_malformed": True, **mapping}
    return dict(mapping)

"""What every exporter promises. A source subclasses `ExporterContract` and fills one fixture.

```python
class TestGmailExporter(ExporterContract):
    @pytest.fixture
    def under_test(self, mailbox) -> ExporterUnderTest:
        return ExporterUnderTest(lambda: GmailExporter(...), GmailSelection(), secrets=("ya29...",))
```

The sandbox behind it stands still during a test and holds enough for several checkpoints.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson
import pytest
from langchain_core.documents import Document

from documents.errors import ConfigurationError
from documents.fingerprints import access_hash, content_hash
from documents.ids import MAX_ID_BYTES, parse_document_id
from documents.metadata import FIELDS
from documents.principals import DENY_ALL, PUBLIC, is_principal, normalize_access
from documents.times import parse_iso
from exporters.base import BaseExporter, ConnectionReport, Partition, Selection
from exporters.changes import (
    AccessChange,
    Change,
    Checkpoint,
    Children,
    Complete,
    Cursor,
    Delete,
    Listed,
    MembershipChange,
    RawRecord,
    Upsert,
    record_key,
)

REQUIRED_METADATA = ("source", "connection", "entity", "external_id", "title", "access", "extra")


@dataclass(frozen=True, kw_only=True)
class ExporterUnderTest:
    """An exporter over a sandbox that stands still.

    Attributes:
        make: Makes a new exporter, as another run would.
        selection: Everything there is.
        secrets: What must not show anywhere: tokens, keys, passwords.
        has_checkpoints: Whether the source can resume at all (an export file cannot).
    """

    make: Callable[[], BaseExporter]
    selection: Selection
    secrets: tuple[str, ...] = ()
    has_checkpoints: bool = True


@dataclass
class Pulled:
    """What a pull came to, in the order it was said."""

    changes: list[Change] = field(default_factory=list)
    records: dict[str, RawRecord] = field(default_factory=dict)

    def take(self, changes: Iterator[Change]) -> "Pulled":
        for change in changes:
            self.changes.append(change)
            self._keep(change)
        return self

    def _keep(self, change: Change) -> None:
        match change:
            case Listed():
                for said in change.load():
                    self._keep(said)
            case Upsert():
                self.records[change.record.key] = change.record
            case Delete():
                self.records.pop(change.key, None)

    def of(self, kind: type[Any]) -> list[Any]:
        return [change for change in self.changes if isinstance(change, kind)]


def payloads(records: Mapping[str, RawRecord]) -> dict[str, bytes]:
    return {
        key: orjson.dumps(record.payload, option=orjson.OPT_SORT_KEYS)
        for key, record in records.items()
    }


class ExporterContract:
    """The promises, as tests. Every one runs for every source."""

    @pytest.fixture
    def under_test(self) -> ExporterUnderTest:
        raise NotImplementedError("a source's test class gives its exporter here")

    @pytest.fixture
    def exporter(self, under_test: ExporterUnderTest) -> Iterator[BaseExporter]:
        exporter = under_test.make()
        yield exporter
        exporter.close()
        exporter.close()  # harmless when called twice

    @pytest.fixture
    def partitions(self, exporter: BaseExporter, under_test: ExporterUnderTest) -> list[Partition]:
        found = [p for p in exporter.partitions(under_test.selection) if not p.unreadable]
        assert found
        return found

    @pytest.fixture
    def pulled(self, exporter: BaseExporter, partitions: list[Partition]) -> dict[str, Pulled]:
        """Everything, as it is told the first time."""
        return {p.key: Pulled().take(exporter.pull(p, None)) for p in partitions}

    @pytest.fixture
    def records(self, pulled: dict[str, Pulled]) -> list[RawRecord]:
        found = [record for each in pulled.values() for record in each.records.values()]
        assert found
        return found

    @pytest.fixture
    def documents(self, exporter: BaseExporter, records: list[RawRecord]) -> list[Document]:
        found = [document for record in records for document in exporter.to_documents(record)]
        assert found
        return found

    # --- the class ----------------------------------------------------------------------------

    def test_the_base_class_cannot_be_instantiated(self) -> None:
        with pytest.raises(TypeError, match="abstract"):
            BaseExporter()  # type: ignore[abstract]

    def test_source_and_selection_are_said(self, exporter: BaseExporter) -> None:
        assert exporter.source.isidentifier()
        assert issubclass(exporter.selection_type, Selection)
        assert exporter.transform_version >= 1
        for name, described in exporter.selection_type.model_fields.items():
            assert described.description, f"the field {name} is not described"

    def test_a_selection_with_an_unknown_field_is_refused_in_one_sentence(
        self, exporter: BaseExporter
    ) -> None:
        with pytest.raises(ConfigurationError, match="There is no option 'no_such_field'"):
            exporter.selection_type.of({"no_such_field": 1})

    def test_the_connection_is_stable_and_fits_into_an_id(
        self, exporter: BaseExporter, under_test: ExporterUnderTest
    ) -> None:
        again = under_test.make()
        assert exporter.connection == again.connection
        assert exporter.connection
        assert ":" not in exporter.connection
        assert exporter.connection_title
        again.close()

    def test_the_probes_of_a_working_connection_pass(self, exporter: BaseExporter) -> None:
        report = exporter.test_connection()
        assert isinstance(report, ConnectionReport)
        assert report.ok
        names = [probe.name for probe in report.probes]
        assert names
        assert len(names) == len(set(names))

    # --- partitions ---------------------------------------------------------------------------

    def test_partitions_have_keys_of_their_own_and_travel_as_json(
        self, partitions: list[Partition]
    ) -> None:
        keys = [partition.key for partition in partitions]
        assert len(keys) == len(set(keys))
        for partition in partitions:
            assert partition.name
            assert partition.kind
            options = orjson.loads(orjson.dumps(dict(partition.options)))
            assert options == dict(partition.options)

    def test_partitions_are_the_same_when_listed_again(
        self, under_test: ExporterUnderTest, partitions: list[Partition]
    ) -> None:
        again = under_test.make()
        listed = [p for p in again.partitions(under_test.selection) if not p.unreadable]
        assert listed == partitions
        again.close()

    # --- pull ---------------------------------------------------------------------------------

    def test_cursors_are_small_json_objects(self, pulled: dict[str, Pulled]) -> None:
        for each in pulled.values():
            for checkpoint in each.of(Checkpoint):
                encoded = orjson.dumps(checkpoint.cursor)
                assert orjson.loads(encoded) == dict(checkpoint.cursor)
                assert len(encoded) < 10_000

    def test_a_full_listing_is_complete_before_its_last_checkpoint(
        self, pulled: dict[str, Pulled], under_test: ExporterUnderTest
    ) -> None:
        checkpoints = 0
        for each in pulled.values():
            kinds = [type(c) for c in each.changes if isinstance(c, Checkpoint | Complete)]
            checkpoints += kinds.count(Checkpoint)
            if each.records and under_test.has_checkpoints:
                # What a checkpoint commits is swept before: nothing may come in between.
                assert kinds[-1] is Checkpoint
                assert Complete in kinds
        assert (checkpoints > 0) == under_test.has_checkpoints

    def test_pulling_again_says_the_same(
        self,
        under_test: ExporterUnderTest,
        partitions: list[Partition],
        pulled: dict[str, Pulled],
    ) -> None:
        again = under_test.make()
        for partition in partitions:
            second = Pulled().take(again.pull(partition, None))
            assert payloads(second.records) == payloads(pulled[partition.key].records)
            versions = {c.key: c.version for c in pulled[partition.key].of(Listed)}
            assert {c.key: c.version for c in second.of(Listed)} == versions
        again.close()

    def test_every_checkpoint_can_be_resumed_from_by_another_process(
        self,
        under_test: ExporterUnderTest,
        partitions: list[Partition],
        pulled: dict[str, Pulled],
    ) -> None:
        for partition in partitions:
            whole = pulled[partition.key]
            places = [n for n, c in enumerate(whole.changes) if isinstance(c, Checkpoint)]
            for place in places:
                checkpoint = whole.changes[place]
                assert isinstance(checkpoint, Checkpoint)
                before = Pulled().take(iter(whole.changes[: place + 1]))
                cursor: Cursor = orjson.loads(orjson.dumps(checkpoint.cursor))
                resumed = under_test.make()
                before.take(resumed.pull(partition, cursor))
                assert payloads(before.records) == payloads(whole.records)
                resumed.close()

    def test_a_pull_after_the_last_checkpoint_brings_nothing_new(
        self,
        under_test: ExporterUnderTest,
        partitions: list[Partition],
        pulled: dict[str, Pulled],
    ) -> None:
        again = under_test.make()
        for partition in partitions:
            before = pulled[partition.key]
            cursors = [checkpoint.cursor for checkpoint in before.of(Checkpoint)]
            if not cursors:
                continue
            versions = {c.key: c.version for c in before.of(Listed)}
            known = payloads(before.records)
            for change in again.pull(partition, cursors[-1]):
                if isinstance(change, Listed):
                    # A listing of ids tells no version, one of changes does.
                    assert versions[change.key] in {change.version, None}
                elif isinstance(change, Upsert):
                    key = change.record.key
                    assert payloads({key: change.record})[key] == known[key]
                else:
                    assert not isinstance(change, Delete | AccessChange)
        again.close()

    def test_a_listed_item_loads_the_record_it_named(self, pulled: dict[str, Pulled]) -> None:
        for each in pulled.values():
            for listed in each.of(Listed):
                upserts = [c for c in listed.load() if isinstance(c, Upsert)]
                assert [upsert.record.key for upsert in upserts] in ([listed.key], [])
                if listed.version is not None:
                    assert all(u.record.version in {listed.version, None} for u in upserts)

    def test_items_that_are_fetched_together_are_the_ones_that_are_fetched_alone(
        self, pulled: dict[str, Pulled]
    ) -> None:
        for each in pulled.values():
            together: dict[int, list[Listed]] = {}
            for listed in each.of(Listed):
                if listed.load_many is not None:
                    together.setdefault(id(listed.load_many), []).append(listed)
            for group in together.values():
                many = group[0].load_many
                assert many is not None
                some = group[: min(many.at_most, 10)]
                alone = Pulled().take(iter([replace(one, load_many=None) for one in some]))
                answer = Pulled().take(iter(many.load([one.external_id for one in some])))
                assert payloads(answer.records) == payloads(alone.records)

    def test_what_belongs_to_another_item_names_one_that_exists(
        self, exporter: BaseExporter, pulled: dict[str, Pulled]
    ) -> None:
        for each in pulled.values():
            for record in each.records.values():
                assert record.parent is None or record.parent in each.records
                assert exporter.owner_of(record.entity, record.external_id) == record.parent
            for children in each.of(Children):
                assert children.parent in each.records

    def test_memberships_name_principals(self, pulled: dict[str, Pulled]) -> None:
        for each in pulled.values():
            for change in each.of(MembershipChange):
                assert is_principal(change.principal)
                assert change.principal.startswith(("group:", "workspace:", "domain:"))
                assert all(map(is_principal, change.members))
                assert change.as_of.tzinfo is not None

    # --- records ------------------------------------------------------------------------------

    def test_records_can_be_kept_and_compared(self, records: list[RawRecord]) -> None:
        keys = [record.key for record in records]
        assert len(keys) == len(set(keys))
        for record in records:
            assert record.key == record_key(record.entity, record.external_id)
            assert ":" not in record.entity
            assert record.fetched_at.tzinfo is not None
            assert record.occurred_at is None or record.occurred_at.tzinfo is not None

    def test_an_item_can_be_asked_for_again(
        self, exporter: BaseExporter, partitions: list[Partition], pulled: dict[str, Pulled]
    ) -> None:
        for partition in partitions:
            for key, record in list(pulled[partition.key].records.items())[:5]:
                answer = exporter.fetch(partition, record.entity, record.external_id)
                if answer is None:
                    continue
                found = {c.record.key: c.record for c in answer if isinstance(c, Upsert)}
                assert payloads(found)[key] == payloads({key: record})[key]

    # --- documents ----------------------------------------------------------------------------

    def test_documents_are_the_same_each_time_and_after_a_round_trip(
        self, exporter: BaseExporter, under_test: ExporterUnderTest, records: list[RawRecord]
    ) -> None:
        replayer = under_test.make()
        for record in records:
            before = orjson.dumps(record.payload)
            first = list(exporter.to_documents(record))
            landed = RawRecord(
                entity=record.entity,
                external_id=record.external_id,
                # As it lands: with its keys in another order.
                payload=orjson.loads(orjson.dumps(record.payload, option=orjson.OPT_SORT_KEYS)),
                url=record.url,
                occurred_at=record.occurred_at,
                version=record.version,
                fetched_at=record.fetched_at,
            )
            assert list(replayer.to_documents(landed)) == first
            assert orjson.dumps(record.payload) == before, "to_documents changed its record"
        replayer.close()

    def test_documents_speak_the_shared_vocabulary(
        self, exporter: BaseExporter, documents: list[Document]
    ) -> None:
        for document in documents:
            metadata = document.metadata
            assert set(metadata) <= set(FIELDS)
            assert all(metadata.get(name) is not None for name in REQUIRED_METADATA)
            assert metadata["source"] == exporter.source
            assert metadata["connection"] == exporter.connection
            assert "\n" not in metadata["title"]
            for name in ("created_at", "updated_at"):
                if metadata.get(name):
                    assert isinstance(parse_iso(metadata[name]), datetime)
            assert orjson.loads(orjson.dumps(metadata)) == metadata
            assert len(content_hash(document)) == 32

    def test_ids_are_unique_short_and_made_of_their_parts(
        self, exporter: BaseExporter, documents: list[Document]
    ) -> None:
        ids = [document.id or "" for document in documents]
        assert len(ids) == len(set(ids))
        for document in documents:
            parts = parse_document_id(document.id or "")
            assert (parts.source, parts.connection) == (exporter.source, exporter.connection)
            assert parts.entity == document.metadata["entity"]
            assert len((document.id or "").encode()) <= MAX_ID_BYTES

    def test_access_is_never_empty_and_normalised(self, documents: list[Document]) -> None:
        for document in documents:
            access = document.metadata["access"]
            assert access
            assert all(map(is_principal, access))
            assert normalize_access(access) == access
            assert access in ([DENY_ALL], [PUBLIC]) or {DENY_ALL, PUBLIC}.isdisjoint(access)
            assert access_hash(access) == access_hash(reversed(access))

    def test_no_secret_shows_anywhere(
        self,
        exporter: BaseExporter,
        under_test: ExporterUnderTest,
        pulled: dict[str, Pulled],
        documents: list[Document],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        exporter.test_connection()
        partitions = list(exporter.partitions(under_test.selection))
        told = [
            repr(exporter),
            repr(exporter.test_connection()),
            repr(vars(type(exporter))),
            *map(repr, partitions),
            *map(repr, documents),
            *(repr(change) for each in pulled.values() for change in each.changes),
            *(repr(record) for each in pulled.values() for record in each.records.values()),
            caplog.text,
        ]
        for secret in under_test.secrets:
            assert not any(secret in text for text in told)

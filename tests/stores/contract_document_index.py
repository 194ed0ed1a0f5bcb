"""What every `DocumentIndex` does. A subclass named `Test...` says how one is opened."""

import threading
from pathlib import Path

import pytest
from contract_document_search import DocumentSearchContract
from langchain_core.documents import Document
from store_samples import a_company, a_document

from stores.base import DocumentIndex, SearchFilter

ODD_IDS = [
    'slack:T1:message:it\'s "quoted"',
    "slack:T1:message:größe 東京 🚀",
    "slack:T1:message:a/b\\c?d=e&f#g%20",
    "slack:T1:message:x'); DROP TABLE documents_entry; --",
    "slack:T1:message:" + "é" * 247,
    "slack:T1:message: with blanks ",
]


class DocumentIndexContract(DocumentSearchContract):
    """Subclass it and say how an index is opened."""

    # Documents

    def test_an_index_that_was_never_written_is_empty(self, index: DocumentIndex) -> None:
        assert index.count() == 0
        assert index.get(["slack:T1:message:1"]) == {}
        assert index.search("fox", limit=5) == []
        assert list(index.iterate()) == []
        index.delete(["slack:T1:message:1"])
        assert index.update_access({"slack:T1:message:1": ["public"]}) == []

    def test_a_document_comes_back_exactly_as_it_was_written(self, index: DocumentIndex) -> None:
        document = a_document(
            "1",
            "# Größe\r\n\t東京タワー 🚀 e\u0301 \u202eabc\u202c\n\n```python\nprint('x')\n```\n",
            title='A "title" with \\ and \' in it',
            url="https://example.com/?a=1&b=%20#c",
            container={"id": "C1", "name": "größe", "url": None},
            author={"id": "U1", "name": "Ann", "email": None},
            extra={
                "int": 9_007_199_254_740_993,
                "negative": -(2**63),
                "float": 0.1,
                "tiny": 5e-324,
                "whole": 1.0,
                "true": True,
                "false": False,
                "none": None,
                "empty": [[], {}, ""],
                "nested": {"a": [{"b": [1, 2.5, "3", None, {"c": "東京"}]}]},
                "0": "digit as key",
                "": "nothing as key",
            },
        )
        assert index.write([document]) == []
        stored = index.get([document.id or ""])[document.id or ""]
        assert stored.id == document.id
        assert stored.page_content == document.page_content
        assert stored.metadata == document.metadata
        assert repr(stored.metadata) == repr(document.metadata)  # 1.0 is not 1, True is not 1

    def test_a_bare_document_comes_back_without_additions(self, index: DocumentIndex) -> None:
        bare = Document(id="x", page_content="", metadata={})
        assert index.write([bare]) == []
        assert index.get(["x"]) == {"x": bare}

    def test_writing_twice_is_writing_once(self, index: DocumentIndex) -> None:
        documents = a_company(30)
        for _ in range(2):
            assert index.write(documents) == []
        assert self.number(index) == 30
        assert len(self.found(index, "budget")) == 30
        stored = index.get([d.id or "" for d in documents])
        assert all(stored[d.id or ""].metadata == d.metadata for d in documents)

    def test_a_document_is_replaced_whole(self, index: DocumentIndex) -> None:
        index.write([a_document("1", "about apples", title="fruit", extra={"old": 1})])
        changed = a_document("1", "about pears", title="harvest", extra={"new": 2}, source="slack")
        index.write([changed])
        assert index.get([changed.id or ""])[changed.id or ""].metadata == changed.metadata
        assert self.found(index, "apples") == self.found(index, "fruit") == set()
        assert self.found(index, "pears") == self.found(index, "harvest") == {changed.id}
        assert self.number(index) == 1

    def test_a_change_of_metadata_alone_is_searched_and_filtered_by(
        self, index: DocumentIndex
    ) -> None:
        index.write([a_document("1", "same text", title="apple", entity="message")])
        index.write([a_document("1", "same text", title="pear", entity="message", version="2")])
        assert self.found(index, "apple") == set()
        assert self.found(index, "pear") == {"slack:T1:message:1"}
        assert self.found(index, "same") == {"slack:T1:message:1"}

    def test_of_one_id_twice_in_a_batch_the_last_is_kept(self, index: DocumentIndex) -> None:
        index.write([a_document("1", "first words"), a_document("1", "second words")])
        assert self.number(index) == 1
        assert self.found(index, "first") == set()
        assert self.found(index, "second") == {"slack:T1:message:1"}

    @pytest.mark.parametrize("identifier", ODD_IDS, ids=range(len(ODD_IDS)))
    def test_any_id_up_to_512_bytes_is_kept_apart(
        self, index: DocumentIndex, identifier: str
    ) -> None:
        assert len(identifier.encode()) <= 512
        other = a_document("other", "text of another")
        odd = Document(id=identifier, page_content="text of the odd", metadata=other.metadata)
        assert index.write([odd, other]) == []
        assert set(index.get([identifier])) == {identifier}
        assert self.found(index, "odd") == {identifier}
        index.update_access({identifier: ["user:ann@x.com"]})
        index.delete([identifier])
        assert index.get([identifier]) == {}
        assert self.number(index) == 1

    def test_deleted_documents_are_gone_from_everything(self, index: DocumentIndex) -> None:
        documents = a_company(40)
        index.write(documents)
        gone = [d.id or "" for d in documents[::2]]
        index.delete([*gone, "slack:T1:message:never-was"])
        left = {d.id for d in documents[1::2]}
        assert self.number(index) == 20
        assert self.found(index, "budget") == left
        assert index.get(gone) == {}
        assert {d.id for d in index.iterate()} == left
        index.delete(gone)
        assert self.number(index) == 20

    def test_a_deleted_document_can_be_written_again(self, index: DocumentIndex) -> None:
        document = a_document("1", "here and gone")
        for _ in range(3):
            index.write([document])
            assert self.found(index, "gone") == {document.id}
            index.delete([document.id or ""])
            assert self.found(index, "gone") == set()

    def test_the_words_of_a_deleted_document_do_not_come_to_another(
        self, index: DocumentIndex
    ) -> None:
        index.write([a_document("1", "apples")])
        index.delete(["slack:T1:message:1"])
        index.write([a_document("2", "pears")])
        assert self.found(index, "apples") == set()
        assert self.found(index, "pears") == {"slack:T1:message:2"}

    def test_thousands_of_documents_in_one_call(self, index: DocumentIndex) -> None:
        documents = [a_document(str(i), f"number n{i} of many") for i in range(3_000)]
        assert index.write(documents) == []
        assert self.number(index) == 3_000
        assert self.found(index, "n2999") == {"slack:T1:message:2999"}
        assert len(index.get([d.id or "" for d in documents])) == 3_000
        assert {d.id for d in index.iterate()} == {d.id for d in documents}
        index.delete([d.id or "" for d in documents[:2_900]])
        assert self.number(index) == 100

    def test_what_was_written_is_there_after_reopening(
        self, index: DocumentIndex, tmp_path: Path
    ) -> None:
        documents = a_company(10)
        index.write(documents)
        index.close()
        index.close()
        again = self.open_index(tmp_path)
        try:
            assert self.number(again) == 10
            assert len(self.found(again, "budget")) == 10
            assert again.get([documents[3].id or ""])[documents[3].id or ""] == documents[3]
        finally:
            again.close()

    def test_a_cleared_index_is_empty_and_can_be_written_again(self, index: DocumentIndex) -> None:
        index.clear()
        documents = a_company()
        for _ in range(2):
            index.write(documents)
            index.clear()
            assert self.number(index) == 0
            assert list(index.iterate()) == []
            assert self.found(index, "budget") == set()
        index.maintain()
        index.write(documents[:3])
        assert self.found(index, "budget") == {d.id for d in documents[:3]}
        assert index.get([documents[2].id or ""]) == {documents[2].id: documents[2]}

    def test_upkeep_changes_no_answer(self, index: DocumentIndex) -> None:
        index.maintain()
        documents = a_company()
        for first in range(0, len(documents), 10):
            index.write(documents[first : first + 10])
        index.delete([d.id or "" for d in documents[::3]])
        kept = {d.id for d in documents} - {d.id for d in documents[::3]}
        before = index.search("budget", limit=1_000) if self.number(index) else []
        index.maintain()
        assert self.found(index, "budget") == kept
        assert index.search("budget", limit=1_000) == before
        assert {d.id for d in index.iterate()} == kept

    # What is refused

    @pytest.mark.parametrize(
        "document",
        [
            Document(id="bad", page_content="half a character \ud800", metadata={}),
            Document(id="bad", page_content="x", metadata={"extra": {"a": "\udfff"}}),
            Document(id="bad", page_content="x", metadata={"extra": {"a": {1, 2}}}),
            Document(id="bad", page_content="x", metadata={"extra": {"a": b"bytes"}}),
            Document(id="bad", page_content="x", metadata={"created_at": "yesterday"}),
            Document(id="bad", page_content="x", metadata={"access": "public"}),
            Document(id="bad", page_content="x", metadata={"access": ["public", 1]}),
            Document(id="bad", page_content="x", metadata={"access": [["public"]]}),
            Document(id="bad", page_content="x", metadata={"container": "general"}),
            Document(id="bad", page_content="x", metadata={"author": {"id": ["U1"]}}),
        ],
        ids=[
            "text",
            "metadata",
            "set",
            "bytes",
            "time",
            "access",
            "number",
            "nested",
            "container",
            "author",
        ],
    )
    def test_a_document_that_cannot_be_stored_is_refused_alone(
        self, index: DocumentIndex, document: Document
    ) -> None:
        failures = index.write([a_document("1"), document, a_document("2")])
        assert [failure.document_id for failure in failures] == ["bad"]
        assert failures[0].reason
        assert self.number(index) == 2

    def test_a_document_without_id_is_refused(self, index: DocumentIndex) -> None:
        (failure,) = index.write([Document(page_content="whose?"), a_document("1")])
        assert "id" in failure.reason
        assert self.number(index) == 1

    # Several at once

    def test_readers_see_whole_documents_while_one_writes(self, index: DocumentIndex) -> None:
        def version(number: int) -> list[Document]:
            return [
                a_document(str(i), f"fox version{number}", version=str(number)) for i in range(50)
            ]

        index.write(version(0))
        stop = threading.Event()
        trouble: list[BaseException | str] = []

        def read() -> None:
            try:
                while not stop.is_set():
                    stored = index.get([f"slack:T1:message:{i}" for i in range(50)])
                    assert len(stored) == 50
                    for document in stored.values():
                        told = document.page_content.rpartition("version")[2]
                        if told != document.metadata["version"]:
                            trouble.append(f"{told} is not {document.metadata['version']}")
                    index.search("fox", limit=10)
                    index.count(SearchFilter(sources=("slack",)))
            except BaseException as error:  # noqa: BLE001  # told to the test
                trouble.append(error)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for number in range(1, 20):
            index.write(version(number))
        stop.set()
        for reader in readers:
            reader.join()
        assert trouble == []
        assert self.found(index, "version19") == {f"slack:T1:message:{i}" for i in range(50)}

    def test_documents_can_be_deleted_while_they_are_listed(self, index: DocumentIndex) -> None:
        index.write([a_document(str(i), "fox") for i in range(1_200)])
        self.settle(index)
        seen = 0
        for document in index.iterate():
            index.delete([document.id or ""])
            seen += 1
        assert seen == 1_200
        assert self.number(index) == 0

"""Every source: killed at each checkpoint and anywhere else, and run again, it ends all the same.

Each source is a sandbox with a small company, and the same one some changes later. So it goes for
stores in one transaction, for stores that commit one by one, for a server, and with documents made
in a process of their own.
"""

from collections.abc import Iterator
from functools import partial
from uuid import uuid4

import pytest
from contract_kill_and_resume import KillAndResume, Rehearsal
from effort import FULL, tries

from faults.rehearsals import embedded, on_a_server, rehearsal_of
from faults.stages import STAGES

pytestmark = pytest.mark.faults


class TestOneFile(KillAndResume):
    """A batch is one transaction of documents, vectors and ledger."""

    random_moments = tries(3, 200)
    most_checkpoints = tries(4, 1_000)
    most_times = tries(1, 2)

    @pytest.fixture(scope="class", params=sorted(STAGES))
    @classmethod
    def rehearsal(cls, request: pytest.FixtureRequest) -> Iterator[Rehearsal]:
        with rehearsal_of(STAGES[request.param]) as rehearsal:
            yield rehearsal


class TestThreeFiles(KillAndResume):
    """Each store commits by itself, as servers do."""

    random_moments = tries(2, 60)
    most_checkpoints = tries(2, 1_000)
    most_times = tries(1, 2)

    @pytest.fixture(scope="class", params=sorted(STAGES) if FULL else ["gmail"])
    @classmethod
    def rehearsal(cls, request: pytest.FixtureRequest) -> Iterator[Rehearsal]:
        opened = partial(embedded, "three files")
        with rehearsal_of(STAGES[request.param], opened) as rehearsal:
            yield rehearsal


@pytest.mark.full
class TestMadeApart(KillAndResume):
    """Documents are made in a process of their own, which ends with the one that was killed."""

    random_moments = 20
    most_checkpoints = 4
    most_times = 1

    @pytest.fixture(scope="class", params=sorted(STAGES))
    @classmethod
    def rehearsal(cls, request: pytest.FixtureRequest) -> Iterator[Rehearsal]:
        with rehearsal_of(STAGES[request.param], apart=True) as rehearsal:
            yield rehearsal


@pytest.mark.full
@pytest.mark.xdist_group("elasticsearch")
class TestElasticsearch(KillAndResume):
    """Documents and vectors are on a server; the others lie in one file."""

    random_moments = 16
    most_checkpoints = 4
    most_times = 1

    @pytest.fixture(scope="class")
    @classmethod
    def rehearsal(cls, elasticsearch_url: str) -> Iterator[Rehearsal]:
        elasticsearch = pytest.importorskip("elasticsearch")
        prefix = f"test-{uuid4().hex[:12]}"
        opened = partial(on_a_server, elasticsearch_url, prefix)
        with rehearsal_of(STAGES["slack"], opened, in_folder=False) as rehearsal:
            yield rehearsal
        with elasticsearch.Elasticsearch(elasticsearch_url) as client:
            for index in list(client.indices.get(index=f"{prefix}*", expand_wildcards="all")):
                client.indices.delete(index=index)
            templates = client.options(ignore_status=404).indices
            templates.delete_index_template(name=f"{prefix}*")

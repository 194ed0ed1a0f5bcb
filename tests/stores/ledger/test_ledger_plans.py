"""The statements of every batch find their rows by an index."""

from typing import Any

import pytest
from ledger_samples import Channel, record

from stores.ledger import (
    claims,
    commits,
    dead_letters,
    extraction_commits,
    extractions,
    landing,
    membership,
    records,
    vectors,
)
from stores.ledger.job_types import JobFilter
from stores.ledger.ledger import Ledger

BY_KEY = "ledger_records_key (connection_id=? AND key=?)"
ANY = JobFilter()
EXTRACTED_BY_KEY = "ledger_raw_extraction_data_key (connection_id=? AND key=?)"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (records._BY_KEYS, BY_KEY),
        (records._PATHS, "INTEGER PRIMARY KEY (rowid=?)"),
        (commits._SEE, BY_KEY),
        (commits._SEE_ELSEWHERE, BY_KEY),
        (commits._DELETE, BY_KEY),
        (commits._SET_DOCUMENTS, BY_KEY),
        (landing._FILES, "ledger_raw_files_path (path=?)"),
        (extractions._BY_KEYS, EXTRACTED_BY_KEY),
        (extraction_commits._SEE, EXTRACTED_BY_KEY),
        (extraction_commits._SEE_ELSEWHERE, EXTRACTED_BY_KEY),
        (extraction_commits._DELETE, EXTRACTED_BY_KEY),
        (extraction_commits._SET_OUTCOME, EXTRACTED_BY_KEY),
        (dead_letters._RESOLVE, "ledger_dead_letters_key (connection_id=? AND key=?)"),
        (claims._first_due(ANY), "ledger_etl_job_queue_open (available_at<?)"),
        (claims._claim(ANY), "ledger_etl_job_queue_open (available_at<?)"),
        (claims._claim(ANY), "INTEGER PRIMARY KEY (rowid=?)"),
        (claims._CLAIM_THESE, "INTEGER PRIMARY KEY (rowid=?)"),
        (claims._DONE, "INTEGER PRIMARY KEY (rowid=?)"),
        (claims._to_dispatch(0), "ledger_etl_job_queue_dispatch (dispatch_after<?)"),
        (vectors._FOUND, "ledger_embeddings_hash (model_id=? AND text_hash=?)"),
        (membership._IDS, "sqlite_autoindex_ledger_principals_1 (name=?)"),
        (membership._REACHED_NAMES, "ledger_members_member (member_id=?)"),
    ],
)
def test_a_statement_looks_rows_up_by_index(
    file_ledger: Ledger, statement: Any, expected: str
) -> None:
    Channel.of(file_ledger).commit(records=[record(f"thread:{n}") for n in range(100)])
    compiled = statement.compile(dialect=file_ledger._backend._writing.dialect)
    with file_ledger._backend.read() as connection:
        parameters = ["[]"] * len(compiled.positiontup)
        sql = f"EXPLAIN QUERY PLAN {compiled}"
        plan = connection.connection.cursor()
        plan.execute(sql, parameters)
        steps = [step[-1] for step in plan.fetchall()]
    assert any(expected in step for step in steps), steps

"""The embedded stores: one SQLite file for documents, vectors and ledger."""

"""Load: document index, vector store, raw landing and ledger. Knows no source."""

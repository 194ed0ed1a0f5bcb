"""Transform: pure functions from an iterator of documents to an iterator of documents."""

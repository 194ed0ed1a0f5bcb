"""Alembic's scripts for the ledger: `versions` holds one module per revision, oldest first.

A new revision gets the next number, and `stores.ledger.schema.MIGRATIONS` names it.
"""

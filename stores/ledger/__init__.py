"""The ledger: what was synced, how far, what failed, who belongs to what."""

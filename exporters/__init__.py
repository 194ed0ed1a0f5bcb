"""Extract: one folder per source, each speaking to one outside system; no store, no Prefect."""

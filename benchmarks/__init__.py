"""Measurements; the figures in docs/performance.md come from here."""

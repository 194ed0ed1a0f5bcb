"""Transformations that only one source needs."""

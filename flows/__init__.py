"""Compositions: one flow per source, and the command line."""

"""Promises broken on purpose, for every source that exists.

A source joins with a stage (`faults.stages`), and gets every suite of this folder by it.
"""

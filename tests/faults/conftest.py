"""Fixtures of the suites of faults."""

import sys
from pathlib import Path

_TASKS = str(Path(__file__).parents[1] / "tasks")
if _TASKS not in sys.path:
    # Their stores and their counting model serve here too.
    sys.path.insert(0, _TASKS)

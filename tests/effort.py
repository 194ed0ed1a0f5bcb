"""How much a test tries: a little in `make test`, everything in `make faults`."""

import os
from typing import Final

FULL: Final = os.environ.get("FAULTS") == "full"
"""Whether everything is tried."""


def tries(few: int, all_of_them: int) -> int:
    """How often something is tried.

    Args:
        few: In `make test`.
        all_of_them: In `make faults`.
    """
    return all_of_them if FULL else few

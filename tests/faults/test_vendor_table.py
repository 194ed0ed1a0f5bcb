"""What the documentation says of vendors' faults is what is tried."""

from pathlib import Path

from faults.vendor.table import rows

_PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def test_the_documentation_has_the_table_that_is_tried() -> None:
    assert rows() in _PAGE.read_text("utf-8"), rows()

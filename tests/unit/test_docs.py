"""Pages that are made from code say what the code says."""

from __future__ import annotations

from ci import failure_table


def test_page_of_failures_is_up_to_date() -> None:
    assert failure_table.PAGE.read_text() == failure_table.render()

"""Pages that are made from code say what the code says."""

from __future__ import annotations

from ci import cost_page, failure_table


def test_page_of_failures_is_up_to_date() -> None:
    assert failure_table.PAGE.read_text() == failure_table.render()


def test_page_of_costs_is_up_to_date() -> None:
    assert cost_page.PAGE.read_text() == cost_page.render()

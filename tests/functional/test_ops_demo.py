"""The demonstration's orders are what they claim to be, and its account of them is honest."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from notifications.email_types import EmailTypes
from notifications.order_event import InvalidOrderEventError, parse
from ops.demo_orders import DemoObserved, DemoOrder, orders, report

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
TYPES = EmailTypes()
ORDERS = orders("f00", NOW)


def by_name(order: DemoOrder) -> str:
    return order.what.replace(" ", "-")


@pytest.mark.parametrize("order", [o for o in ORDERS if o.expected], ids=by_name)
def test_order_is_valid_and_of_now_when_an_email_is_expected(order: DemoOrder) -> None:
    notification = parse(order.body, NOW, TYPES)
    assert notification.order_id == order.order_id
    assert notification.occurred_at == NOW


@pytest.mark.parametrize("order", [o for o in ORDERS if not o.expected], ids=by_name)
def test_order_is_malformed_when_a_refusal_is_expected(order: DemoOrder) -> None:
    with pytest.raises(InvalidOrderEventError):
        parse(order.body, NOW, TYPES)


def test_every_kind_that_the_demonstration_promises_is_there() -> None:
    assert len({order.order_id for order in ORDERS}) == len(ORDERS)
    assert {order.expected for order in ORDERS} == {"DELIVERED", "BOUNCED", "COMPLAINED", None}
    assert [order.copies for order in ORDERS if order.copies > 1] == [3]
    has_tracking = ["tracking" in json.loads(order.body) for order in ORDERS if order.expected]
    assert any(has_tracking)
    assert not all(has_tracking)


def seen(order: DemoOrder, **changes: Any) -> DemoObserved:
    """The order as it should have gone."""
    events = {"1": {"at": "2026-11-24T12:00:01Z", "event": "Send"}}
    events["2"] = {"at": "2026-11-24T12:00:02Z", "event": order.expected_event}
    good: dict[str, Any] = (
        {
            "record": {"status": order.expected, "history": events},
            "mails": [{"accepted_at": 101.5, "html": "<p>Thank you</p>"}],
        }
        if order.expected
        else {"refusal": {"error_field": "(body)"}}
    )
    return DemoObserved(order, published_at=100.0, **(good | changes))


ORDINARY = next(order for order in ORDERS if order.expected == "DELIVERED")
HTML = next(order for order in ORDERS if order.never)
MALFORMED = next(order for order in ORDERS if not order.expected)
OUT_OF_OFFICE = next(order for order in ORDERS if order.what == "out of office")
MAIL = {"accepted_at": 101.5, "html": ""}


def test_nothing_is_complained_about_when_all_went_well() -> None:
    assert [problem for order in ORDERS for problem in seen(order).problems()] == []


@pytest.mark.parametrize(
    ("observed", "said"),
    [
        (seen(ORDINARY, mails=[]), "accepted 0 mails"),
        (seen(ORDINARY, mails=[MAIL, MAIL]), "accepted 2 mails"),
        (seen(ORDINARY, record=None), "status is None"),
        (seen(ORDINARY, record={"status": "SENDING"}), "status is SENDING"),
        (seen(OUT_OF_OFFICE, record={"status": "DELIVERED"}), "lacks the event Bounce"),
        (seen(HTML, mails=[{"accepted_at": 1.0, "html": f"Dear {HTML.never}"}]), "unescaped"),
        (seen(MALFORMED, refusal=None), "not in the dead-letter queue"),
        (seen(MALFORMED, mails=[MAIL]), "accepted 1 mails instead of 0"),
    ],
)
def test_problem_is_named_when_something_is_not_as_expected(observed: DemoObserved, said: str) -> None:
    assert said in " ".join(observed.problems())


def test_report_accounts_for_every_published_order() -> None:
    counts = report([seen(order) for order in ORDERS])
    assert counts["orders"] == sum(order.copies for order in ORDERS)
    assert counts["orders"] == counts["emails"] + counts["duplicates_prevented"] + counts["refused"]
    assert counts["emails"] == counts["delivered"] + counts["bounced"] + counts["complained"]
    assert counts["duplicates_prevented"] == 2
    assert counts["seconds_to_accepted"] == {"p50": 1.5, "p99": 1.5}


def test_report_counts_duplicates_from_what_ses_accepted() -> None:
    assert report([seen(ORDINARY, mails=[MAIL, MAIL, MAIL])])["duplicates_sent"] == 2


def test_report_has_no_times_when_nothing_was_accepted() -> None:
    assert report([seen(MALFORMED)])["seconds_to_accepted"] == {"p50": None, "p99": None}


def test_percentiles_are_the_nearest_ranks() -> None:
    many = [seen(ORDINARY, mails=[{"accepted_at": 100.0 + seconds, "html": ""}]) for seconds in range(1, 101)]
    assert report(many)["seconds_to_accepted"] == {"p50": 50.0, "p99": 99.0}

"""What an event adds to the metrics: each email that ends counts once, as delivered or as not."""

from __future__ import annotations

from typing import Any

import pytest

from notifications.keys import NotificationKey
from notifications.ledger import SesEvent, Status
from notifications.ses_events import TrackedEvent
from notifications.tracking import EventOutcome, Tracked


def recorded(
    kind: str, status: Status | None, outcome: EventOutcome = EventOutcome.RECORDED, **marks: Any
) -> Tracked:
    """An event, and what the notification became by it."""
    ses_event = SesEvent(
        "0a", 1, status or Status.SENT, "m", "2026-11-24T06:00:00Z", "2026-11-24T06:00:00Z", {}
    )
    event = TrackedEvent(NotificationKey("0f" * 16, "order_confirmation"), 1, kind, 0, ses_event, **marks)
    return Tracked(outcome, event, status)


def name_of(value: Any) -> str:
    return f"{value.event.kind} {value.status}" if isinstance(value, Tracked) and value.event else str(value)


@pytest.mark.parametrize(
    ("tracked", "delivered"),
    [
        (recorded("Send", Status.SENT), None),
        (recorded("DeliveryDelay", Status.DELAYED), None),
        (recorded("Delivery", Status.DELIVERED), 1),
        (recorded("Bounce", Status.BOUNCED), 0),
        (recorded("Bounce", Status.SOFT_BOUNCED), 0),
        (recorded("Bounce", Status.SUPPRESSED), 0),
        (recorded("Reject", Status.REJECTED), 0),
        (recorded("Complaint", Status.COMPLAINED), None),
    ],
    ids=name_of,
)
def test_email_counts_as_delivered_or_not_when_it_ends(tracked: Tracked, delivered: int | None) -> None:
    assert tracked.delivered == delivered


def test_delivery_counts_also_when_the_complaint_came_first() -> None:
    assert recorded("Delivery", None).delivered == 1


def test_out_of_office_reply_after_the_delivery_is_no_end() -> None:
    assert recorded("Bounce", None).delivered is None


@pytest.mark.parametrize("outcome", [EventOutcome.REPEATED, EventOutcome.ORPHAN])
def test_event_that_is_not_news_counts_for_nothing(outcome: EventOutcome) -> None:
    repeated = recorded("Delivery", None, outcome, counts_as_hard_bounce=True, counts_as_complaint=True)

    assert (repeated.delivered, repeated.hard_bounces, repeated.complaints) == (None, None, None)


def test_hard_bounce_is_counted_as_ses_counts_it() -> None:
    assert recorded("Bounce", Status.BOUNCED, counts_as_hard_bounce=True).hard_bounces == 1
    assert recorded("Bounce", Status.SUPPRESSED, counts_as_hard_bounce=True).hard_bounces == 1
    assert recorded("Bounce", Status.SUPPRESSED).hard_bounces == 0
    assert recorded("Bounce", Status.SOFT_BOUNCED).hard_bounces is None


def test_complaint_is_counted_as_ses_counts_it() -> None:
    assert recorded("Complaint", Status.COMPLAINED, counts_as_complaint=True).complaints == 1
    assert recorded("Complaint", Status.SUPPRESSED).complaints is None


def test_probe_counts_apart_and_once_delivered() -> None:
    delivered = recorded("Delivery", Status.DELIVERED, synthetic=True, probe=True)
    assert (delivered.delivered, delivered.probes_delivered) == (None, 1)
    assert recorded("Send", Status.SENT, synthetic=True, probe=True).probes_delivered is None
    assert (
        recorded("Delivery", None, EventOutcome.REPEATED, synthetic=True, probe=True).probes_delivered is None
    )
    assert recorded("Delivery", Status.DELIVERED).probes_delivered is None


def test_smoke_order_counts_in_no_rate_and_as_no_probe() -> None:
    endings = (
        recorded("Delivery", Status.DELIVERED, synthetic=True),
        recorded("Bounce", Status.BOUNCED, synthetic=True, counts_as_hard_bounce=True),
        recorded("Bounce", Status.SUPPRESSED, synthetic=True),
        recorded("Complaint", Status.COMPLAINED, synthetic=True, counts_as_complaint=True),
    )
    for ended in endings:
        measured = (ended.delivered, ended.hard_bounces, ended.complaints, ended.probes_delivered)
        assert measured == (None, None, None, None)

"""Reading what SES publishes: the records as AWS documents them, and what else may come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from notifications.keys import NotificationKey
from notifications.ledger import Status
from notifications.ses_events import ForeignEventError, TrackedEvent, UnreadableEventError, read

DOCUMENTED = Path(__file__).parents[2] / "ci" / "emulator" / "tests" / "ses_events"
"""Event records from the SES developer guide; see the README there."""
KEY = NotificationKey("0f" * 16, "order_confirmation")
TAGS = {"order_key": [KEY.order_key], "notification": [KEY.notification], "attempt": ["2"]}
NOW = "2026-11-24T06:00:00.000Z"


def documented(name: str, **payload: Any) -> dict[str, Any]:
    """A documented record, of one of our emails."""
    record: dict[str, Any] = json.loads((DOCUMENTED / f"{name}.json").read_text())
    record["mail"].setdefault("tags", {}).update(TAGS)
    for part in ("bounce", "complaint"):
        if part in record:
            record[part].update(payload)
    return record


def tracked(record: dict[str, Any]) -> TrackedEvent:
    return read(json.dumps(record), NOW)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("send", Status.SENT),
        ("delivery", Status.DELIVERED),
        ("delivery-delay", Status.DELAYED),
        ("bounce", Status.BOUNCED),
        ("complaint", Status.COMPLAINED),
        ("reject", Status.REJECTED),
        ("rendering-failure", Status.REJECTED),
    ],
)
def test_documented_record_is_read(name: str, status: Status) -> None:
    event = tracked(documented(name))
    assert (event.key, event.attempt, event.event.status) == (KEY, 2, status)
    assert event.event.message_id.startswith("EXAMPLE7c191be45")
    assert event.event.entry["event"] == event.kind


def test_event_without_a_time_of_its_own_takes_the_mails() -> None:
    event = tracked(documented("reject"))
    assert event.event.entry["at"] == event.event.sent_at == "2016-10-14T17:38:15.211Z"


@pytest.mark.parametrize(
    ("bounce_type", "subtype", "status", "counts"),
    [
        ("Permanent", "General", Status.BOUNCED, True),
        ("Permanent", "NoEmail", Status.BOUNCED, True),
        ("Permanent", "Suppressed", Status.SUPPRESSED, True),
        ("Permanent", "OnAccountSuppressionList", Status.SUPPRESSED, False),
        ("Permanent", "SomethingNew", Status.BOUNCED, True),
        ("Transient", "General", Status.SOFT_BOUNCED, False),
        ("Transient", "MailboxFull", Status.SOFT_BOUNCED, False),
        ("Undetermined", "Undetermined", Status.SOFT_BOUNCED, False),
        ("SomethingNew", "", Status.SOFT_BOUNCED, False),
    ],
)
def test_bounce_is_told_apart(bounce_type: str, subtype: str, status: Status, counts: bool) -> None:
    event = tracked(documented("bounce", bounceType=bounce_type, bounceSubType=subtype))
    assert (event.event.status, event.counts_as_hard_bounce) == (status, counts)


@pytest.mark.parametrize(
    ("payload", "status", "counts"),
    [
        ({}, Status.COMPLAINED, True),
        ({"complaintFeedbackType": "not-spam"}, Status.SENT, False),
        ({"complaintSubType": "OnAccountSuppressionList"}, Status.SUPPRESSED, False),
        ({"complainedRecipients": []}, Status.COMPLAINED, True),
        ({"complaintFeedbackType": None, "complaintSubType": None}, Status.COMPLAINED, True),
    ],
)
def test_complaint_is_told_apart(payload: dict[str, Any], status: Status, counts: bool) -> None:
    event = tracked(documented("complaint", **payload))
    assert (event.event.status, event.counts_as_complaint) == (status, counts)


def test_event_of_an_unknown_type_shows_that_ses_has_the_message() -> None:
    event = tracked(documented("send") | {"eventType": "SomethingNew"})
    assert event.event.status is Status.SENT
    assert event.event.entry["event"] == "SomethingNew"


def test_copies_of_an_event_have_one_id_and_different_events_have_different_ones() -> None:
    names = ("send", "delivery", "delivery-delay", "bounce", "complaint", "reject", "rendering-failure")
    ids = {name: tracked(documented(name)).event.id for name in names}
    assert ids == {name: tracked(documented(name)).event.id for name in names}
    assert len(set(ids.values())) == len(names)


def test_second_delay_of_a_message_is_another_event() -> None:
    first, second = documented("delivery-delay"), documented("delivery-delay")
    second["deliveryDelay"]["timestamp"] = "2020-06-16T01:25:40.095Z"
    assert tracked(first).event.id != tracked(second).event.id


def test_words_of_a_remote_server_are_cut_short() -> None:
    record = documented("delivery")
    record["delivery"]["smtpResponse"] = "250 " + "x" * 5000
    assert len(tracked(record).event.entry["response"]) == 200  # type: ignore[arg-type]


def test_event_of_somebody_elses_message_is_foreign() -> None:
    record = documented("send")
    del record["mail"]["tags"]["order_key"]
    with pytest.raises(ForeignEventError, match="order_key"):
        tracked(record)


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", "{}", '{"eventType": "Send"}', '{"eventType": "Send", "mail": 1}']
)
def test_what_is_no_event_is_unreadable(body: str) -> None:
    with pytest.raises(UnreadableEventError):
        read(body, NOW)


@pytest.mark.parametrize("value", ["yesterday", 5])
def test_event_with_an_impossible_time_is_unreadable(value: object) -> None:
    record = documented("delivery")
    record["delivery"]["timestamp"] = value
    with pytest.raises(UnreadableEventError):
        tracked(record)

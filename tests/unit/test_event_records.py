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
    "body",
    [
        *("", "{", "[]", "null", "{}", "[" * 100_000, "9" * 5000, '"Successfully validated SNS topic"'),
        *('{"eventType": "Send"}', '{"eventType": "Send", "mail": 1}'),
        '{"eventType": "Send", "mail": {"tags": [1]}}',
    ],
)
def test_what_is_no_event_is_unreadable(body: str) -> None:
    with pytest.raises(UnreadableEventError):
        read(body, NOW)


IMPOSSIBLE_TIMES = ["2099-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "yesterday", "\ud800", 5, None, {}]


@pytest.mark.parametrize("value", IMPOSSIBLE_TIMES)
def test_event_counts_as_of_its_arrival_when_its_own_time_cannot_be(value: object) -> None:
    record = documented("delivery")
    record["delivery"]["timestamp"] = value
    event = tracked(record).event
    assert (event.status, event.entry["at"]) == (Status.DELIVERED, NOW)
    assert read(json.dumps(record), "2026-11-24T07:00:00.000Z").event.id == event.id


@pytest.mark.parametrize("value", IMPOSSIBLE_TIMES)
def test_message_counts_as_accepted_when_its_event_arrived_if_its_time_cannot_be(value: object) -> None:
    record = documented("send")
    record["mail"]["timestamp"] = value
    event = tracked(record)
    assert (event.event.sent_at, event.event.entry["at"]) == (NOW, NOW)
    assert event.sent_at_ms == 1795500000000
    del record["mail"]["timestamp"]
    assert tracked(record).event.sent_at == NOW


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("order_key", ""),
        ("order_key", "0F" * 16),
        ("order_key", "0f" * 15),
        ("order_key", "0f" * 1025),
        ("order_key", "~feedback"),
        ("notification", ""),
        ("notification", "~path"),
        ("notification", "order_confirmation-0F"),
        ("notification", "order_confirmation-" + "0" * 17),
        ("notification", "x" * 51),
        ("notification", "order_confirmation\n"),
        ("attempt", ""),
        ("attempt", "0"),
        ("attempt", "-1"),
        ("attempt", "01"),
        ("attempt", "1.0"),
        ("attempt", "٣"),
        ("attempt", "1000001"),
        ("attempt", "9" * 5000),
    ],
)
def test_event_whose_tags_are_no_key_of_ours_is_unreadable(tag: str, value: str) -> None:
    record = documented("send")
    record["mail"]["tags"][tag] = [value]
    with pytest.raises(UnreadableEventError, match=tag):
        tracked(record)


@pytest.mark.parametrize("tag", ["order_key", "notification", "attempt"])
@pytest.mark.parametrize("value", [KEY.order_key, [], [1], [None], ["a", "b"], {}, None])
def test_tag_that_is_not_a_list_of_one_text_is_unreadable(tag: str, value: object) -> None:
    record = documented("send")
    record["mail"]["tags"][tag] = value
    with pytest.raises(UnreadableEventError, match=tag):
        tracked(record)


@pytest.mark.parametrize("value", [None, 5, "", "x" * 257, "a b", "\ud800"])
def test_event_without_a_usable_message_id_is_unreadable(value: object) -> None:
    record = documented("send")
    record["mail"]["messageId"] = value
    with pytest.raises(UnreadableEventError, match="messageId"):
        tracked(record)


@pytest.mark.parametrize("value", [None, 5, "", "x" * 65, "Send\n", "\ud800"])
def test_event_without_a_usable_kind_is_unreadable(value: object) -> None:
    with pytest.raises(UnreadableEventError, match="eventType"):
        tracked(documented("send") | {"eventType": value})


def test_last_attempt_that_can_be_is_read() -> None:
    record = documented("send")
    record["mail"]["tags"]["attempt"] = ["1000000"]
    assert tracked(record).attempt == 1_000_000


@pytest.mark.parametrize(
    ("name", "part"),
    [("delivery", "delivery"), ("bounce", "bounce"), ("reject", "reject"), ("rendering-failure", "failure")],
)
@pytest.mark.parametrize("value", [None, [], "text"])
def test_event_without_its_payload_is_unreadable(name: str, part: str, value: object) -> None:
    with pytest.raises(UnreadableEventError, match=part):
        tracked(documented(name) | {part: value})


def test_words_of_a_remote_server_are_one_line_that_can_be_stored_and_shown() -> None:
    record = documented(
        "bounce", bouncedRecipients=[{"diagnosticCode": " 550\r\n\x1b[31m\ud800 \u202efull\0"}]
    )
    assert tracked(record).event.entry["response"] == "550   [31m   full"


def test_event_has_the_correlation_id_of_the_message_that_led_to_the_attempt() -> None:
    record = documented("send")
    record["mail"]["tags"]["correlation_id"] = ["checkout-7f3a"]
    assert tracked(record).correlation_id == "checkout-7f3a"


def test_odd_details_are_left_out() -> None:
    record = documented("bounce", bouncedRecipients=[5, {"diagnosticCode": {}, "status": 5}])
    record["mail"] |= {"destination": [None, "ada@example.com"]}
    record["mail"]["tags"]["correlation_id"] = ["ada@example.com"]
    event = tracked(record)
    assert event.event.status is Status.BOUNCED
    assert event.event.entry.keys() == {"at", "event", "attempt", "type", "subtype"}
    assert (event.correlation_id, event.synthetic) == ("", False)


def test_recipient_who_takes_a_complaint_back_or_a_failed_authentication_is_no_complaint() -> None:
    for kind in ("not-spam", "auth-failure"):
        event = tracked(documented("complaint", complaintFeedbackType=kind))
        assert (event.event.status, event.counts_as_complaint) == (Status.SENT, False)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("Successfully validated SNS topic for Amazon SES event publishing.", "validated the topic"),
        ('{"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "x"}', "identity"),
        ('{"notificationType": "Bounce", "mail": {"messageId": "m"}, "bounce": {}}', "identity"),
    ],
)
def test_what_ses_says_on_the_topic_besides_events_is_foreign(body: str, why: str) -> None:
    with pytest.raises(ForeignEventError, match=why):
        read(body, NOW)


def test_sns_envelope_is_unreadable_and_the_reason_is_that_raw_delivery_is_off() -> None:
    envelope = {"Type": "Notification", "MessageId": "m", "TopicArn": "arn", "Message": "{}"}
    with pytest.raises(UnreadableEventError, match="raw message delivery is off"):
        tracked(envelope)

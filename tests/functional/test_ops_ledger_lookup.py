"""`find` reads the ledger and says in plain language what happened."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from notifications.keys import order_key
from notifications.ledger import Status
from ops import ledger_view
from ops.ledger_lookup import find_order
from tests.support.ledger_table import create_ledger_table


def record(**changes: Any) -> dict[str, Any]:
    """A delivered notification as the ledger has it."""
    return {
        "order_key": order_key("A-1"),
        "notification": "order_confirmation",
        "order_id": "A-1",
        "type": "order_confirmation",
        "status": "DELIVERED",
        "attempt": 1,
        "token": "secret-token",
        "recipient": "ada@example.com",
        "recipient_key": "hash",
        "message_id": "m-1",
        "occurred_at": "2026-11-24T06:00:00.000Z",
        "created_at": "2026-11-24T06:00:01.000Z",
        "sent_at": "2026-11-24T06:00:01.200Z",
        "updated_at": "2026-11-24T06:00:03.000Z",
        "history": {
            "b": {"at": "2026-11-24T06:00:02.500Z", "event": "Delivery", "attempt": 1, "response": "250 ok"},
            "a": {"at": "2026-11-24T06:00:01.200Z", "event": "Send", "attempt": 1},
        },
        "resends": 0,
    } | changes


def texts(item: dict[str, Any]) -> list[str]:
    return [moment.text for moment in ledger_view.timeline(item)]


def test_every_status_has_a_meaning() -> None:
    assert ledger_view.MEANINGS.keys() == {status.value for status in Status}


def test_meaning_names_the_status_when_it_is_unknown() -> None:
    assert "TELEPORTED" in ledger_view.meaning(record(status="TELEPORTED"))


def test_timeline_is_in_the_order_of_events_whatever_order_they_are_stored_in() -> None:
    assert texts(record()) == ["Order event received", "Accepted by SES", "Delivered (250 ok)"]


def test_timeline_puts_cause_before_effect_when_events_are_of_the_same_moment() -> None:
    at = "2026-11-24T06:00:02.000Z"
    events = {name: {"at": at, "event": name} for name in ("Complaint", "Delivery", "Send")}
    assert [entry["event"] for entry in ledger_view.history(record(history=events))] == [
        "Send",
        "Delivery",
        "Complaint",
    ]


def test_timeline_shows_acceptance_when_its_event_has_not_come_yet() -> None:
    assert texts(record(status="SENT", history={})) == ["Order event received", "Accepted by SES"]


def test_timeline_shows_the_bounce_with_what_the_server_said() -> None:
    bounce = {
        "at": "2026-11-24T06:00:04Z",
        "event": "Bounce",
        "type": "Permanent",
        "subtype": "General",
        "code": "5.1.1",
        "response": "550 user unknown",
    }
    assert texts(record(status="BOUNCED", history={"a": bounce}))[-1] == (
        "Refused for good (General, 5.1.1, 550 user unknown)"
    )


def test_timeline_shows_the_reason_when_nothing_was_sent() -> None:
    item = record(status="FAILED", reason="MessageRejected", history={}, sent_at=None)
    assert texts(item) == ["Order event received", "Not sent: MessageRejected"]
    assert "MessageRejected" in ledger_view.meaning(item)


def test_timeline_names_later_attempts_and_counts_what_was_not_kept() -> None:
    send = {"at": "2026-11-24T06:00:04Z", "event": "Send", "attempt": 2}
    said = texts(record(history={"a": send}, event_ids={"0a", "0b", "0c"}))
    assert "Accepted by SES, attempt 2" in said
    assert said[-1] == "… and 3 more events"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("abuse", "Reported as spam (abuse)"),
        ("not-spam", "Marked as not spam"),
        ("auth-failure", "Authentication reported as failed"),
    ],
)
def test_timeline_tells_a_complaint_from_what_is_none(kind: str, text: str) -> None:
    complaint = {"at": "2026-11-24T06:00:04Z", "event": "Complaint", "type": kind}
    assert texts(record(history={"a": complaint}))[-1] == text


def test_timeline_shows_events_of_an_unknown_kind() -> None:
    new = {"at": "2026-11-24T06:00:04Z", "event": "Teleported"}
    assert texts(record(history={"a": new}))[-1] == "SES event Teleported"


def test_json_has_the_same_keys_whatever_the_record_lacks() -> None:
    sparse = {"order_key": "k", "notification": "n", "status": "SENDING", "attempt": 1}
    assert ledger_view.as_json(sparse).keys() == ledger_view.as_json(record()).keys()
    assert ledger_view.as_json(sparse)["message_id"] is None
    assert ledger_view.as_json(sparse)["history"] == []


def test_json_has_a_sorted_history_and_none_of_the_ledger_s_inner_workings() -> None:
    document = ledger_view.as_json(record())
    assert [entry["event"] for entry in document["history"]] == ["Send", "Delivery"]
    assert document.keys().isdisjoint({"token", "recipient_key", "fingerprint", "send_by_ms"})


@pytest.fixture
def dynamodb(client: Any) -> Any:
    create_ledger_table(client, "ledger")
    return client


def put(client: Any, item: dict[str, Any]) -> None:
    boto3.resource("dynamodb", region_name="us-east-1").Table("ledger").put_item(Item=item)


def test_find_order_returns_all_notifications_of_the_order_and_of_no_other(dynamodb: Any) -> None:
    put(dynamodb, record())
    put(dynamodb, record(notification="shipping_update-1"))
    put(dynamodb, record(order_key=order_key("A-2"), order_id="A-2"))
    found = find_order(dynamodb, "ledger", "A-1")
    assert [item["notification"] for item in found] == ["order_confirmation", "shipping_update-1"]
    assert found[0] == record()
    assert type(found[0]["history"]["a"]["attempt"]) is int


def test_find_order_returns_everything_when_it_is_more_than_a_page(dynamodb: Any) -> None:
    large = "x" * 300_000
    for number in range(5):
        put(dynamodb, record(notification=f"shipping_update-{number}", reason=large))
    assert len(find_order(dynamodb, "ledger", "A-1")) == 5


def test_find_order_returns_nothing_when_the_order_is_unknown(dynamodb: Any) -> None:
    assert find_order(dynamodb, "ledger", "A-1") == []
